#pragma once

#include "base/rng.hpp"
#include "clients/credentials.hpp"
#include "runtime/http_client.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace bide::clients {

struct AwsRequest {
    std::string service;  ///< signing name and endpoint: "sqs", "s3", "sts"
    std::string method = "POST";
    std::string bucket;      ///< S3: goes into the host name or before the path
    std::string path = "/";  ///< raw, with the slash at its front; encoded by the client
    wire::NameValues query;  ///< raw
    wire::NameValues headers;
    /// Null: none. A file's bytes are streamed, over https unsigned (S3), over http hashed before.
    std::shared_ptr<const Body> body;
    /// Sending it twice does no harm beyond what the caller lives with anyway. False: it is only
    /// sent again when the service did not take it, or said so.
    bool idempotent = true;
    /// Beside 2xx: answers to return as they are, such as 404 and 412.
    std::vector<std::uint16_t> final_statuses;
    std::stop_token stop;
    runtime::Spool* spool = nullptr;  ///< for large answers
    std::uint64_t response_bytes_max = 16U << 20;
    Duration time_max = std::chrono::seconds(30);  ///< of one try; long polls say more
};

struct AwsFailure {
    enum class Kind : std::uint8_t {
        stopped,      ///< by the stop token, or because the client was closed
        credentials,  ///< none, or refused; the detail says what was tried
        refused,      ///< the service said no: the same request will fail again
        throttled,    ///< too many requests, still after all tries
        unavailable,  ///< 5xx, or no connection
        timeout,
        malformed,  ///< an answer that makes no sense, or is too large
        storage,    ///< a file of ours could not be read or written
    };
    Kind kind = Kind::unavailable;
    std::uint16_t status = 0;  ///< of the last answer; 0: there was none
    std::string code;          ///< the service's: "QueueDoesNotExist", "NoSuchKey"
    std::string detail;        ///< for a person
    /// Whether the service may have done what was asked, in this try or one before it.
    bool may_have_happened = false;
};

using AwsResult = BOOST_OUTCOME_V2_NAMESPACE::
    basic_result<runtime::HttpResponse, AwsFailure, BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

/// A value, or why AWS did not give it.
template <class T>
using AwsOutcome = BOOST_OUTCOME_V2_NAMESPACE::
    basic_result<T, AwsFailure, BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

struct AwsOptions {
    AwsPlace place;
    int attempts_max = 3;
    Duration backoff_base = std::chrono::milliseconds(50);  ///< after what may be gone at once
    Duration throttle_base = std::chrono::seconds(1);       ///< after throttling
    Duration backoff_max = std::chrono::seconds(20);
};

/// Written by the client's thread, read by any.
struct AwsCounters {
    std::atomic<std::uint64_t> calls{0};  ///< of send()
    std::atomic<std::uint64_t> tries{0};  ///< requests sent
    std::atomic<std::uint64_t> throttled{0};
    std::atomic<std::uint64_t> failed{0};  ///< calls that ended as an AwsFailure
};

/// Signs requests, sends them, and sends them again by the rules of AWS's "standard" retry: up to
/// attempts_max tries, exponential backoff with full jitter, and a bucket of 500 tokens, so that
/// retries cannot multiply the load on a service that is down. A skewed clock is noticed by the
/// service's answer and compensated; expired credentials are renewed once. Credentials without a
/// key id sign nothing.
///
/// On the one thread of the HttpClient's executor. `http`, `pool`, `credentials` and `clock`
/// outlive it. Calls that are under way when it goes end as stopped, without touching these again
/// once their requests have ended (HttpClient::close()).
class AwsClient {
  public:
    AwsClient(
        runtime::Executor executor,
        runtime::HttpClient& http,
        runtime::BlockingPool& pool,
        CredentialsProvider& credentials,
        const Clock& clock,
        Rng rng,
        AwsOptions options
    );
    ~AwsClient();
    AwsClient(const AwsClient&) = delete;
    AwsClient& operator=(const AwsClient&) = delete;

    runtime::Task<AwsResult> send(AwsRequest request);

    const AwsCounters& counters() const;
    /// What the service's clock is ahead of ours, as far as it has told.
    Duration clock_offset() const;

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
