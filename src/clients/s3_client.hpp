#pragma once

#include "base/body.hpp"
#include "base/rng.hpp"
#include "clients/aws_client.hpp"
#include "wire/result_object.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace bide::clients {

struct S3Put {
    std::string key;
    wire::ObjectFacts facts;
    std::shared_ptr<const Body> body;  ///< null: an object without bytes
    bool if_absent = false;            ///< If-None-Match: *
    std::stop_token stop;
};

enum class S3Made : std::uint8_t { made, was_there };

struct S3Object {
    wire::ObjectFacts facts;
    std::uint64_t size = 0;
    Body body;  ///< of get(); a file when it is larger than the spool's threshold
};

struct S3Page {
    std::vector<std::string> keys;  ///< in their order
    bool more = false;              ///< start after the last of them
};

/// By kind of request, since the start. Written by the client's thread, read by any.
struct S3Counters {
    std::atomic<std::uint64_t> puts{0};  ///< parts of a multipart upload count one by one
    std::atomic<std::uint64_t> gets{0};
    std::atomic<std::uint64_t> heads{0};
    std::atomic<std::uint64_t> deletes{0};
    std::atomic<std::uint64_t> lists{0};
};

/// One bucket of S3, or of what speaks like it. Threads and lifetimes as AwsClient's; `spool` and
/// `pool` outlive it too.
///
/// An object of more than 64 MiB goes up in parts, which are taken back when that fails. A put with
/// if_absent that was answered with 409 (somebody else was putting it) is tried again, until it is
/// known who came first. When an answer was lost, a put with if_absent may say was_there of what it
/// made itself.
class S3Client {
  public:
    S3Client(
        runtime::Executor executor,
        AwsClient& aws,
        runtime::BlockingPool& pool,
        runtime::Spool& spool,
        Rng rng,
        std::string bucket
    );
    ~S3Client();
    S3Client(const S3Client&) = delete;
    S3Client& operator=(const S3Client&) = delete;

    runtime::Task<AwsOutcome<S3Made>> put(S3Put what);
    /// Empty: there is no such object.
    runtime::Task<AwsOutcome<std::optional<S3Object>>> get(std::string key, std::stop_token stop);
    /// Likewise, without the body.
    runtime::Task<AwsOutcome<std::optional<S3Object>>> head(std::string key, std::stop_token stop);
    /// Also when there is no such object.
    runtime::Task<AwsOutcome<void>> remove(std::string key, std::stop_token stop);
    /// Keys that begin with `prefix`, after `start_after` (empty: from the first on).
    runtime::Task<AwsOutcome<S3Page>> list(
        std::string prefix, std::string start_after, std::uint32_t count_max, std::stop_token stop
    );

    const S3Counters& counters() const;
    const std::string& bucket() const;

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
