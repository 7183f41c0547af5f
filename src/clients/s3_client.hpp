#pragma once

#include "base/body.hpp"
#include "base/rng.hpp"
#include "clients/aws_client.hpp"
#include "wire/result_object.hpp"
#include "wire/s3.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

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

using S3Page = wire::S3Page;

struct S3Options {
    std::uint64_t whole_max = 64U << 20;  ///< a larger object goes up in parts
    std::uint64_t part_bytes = 16U << 20;
    unsigned uploads_max = 4;  ///< in parts, at once: each has one part in memory
    int conflicts_max = 8;     ///< tries of a conditional put that meets another
    Duration backoff_base = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(2);
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
/// `pool` outlive it too. The coroutines end by themselves, sooner by their stop tokens: they are
/// not to be cancelled.
///
/// A large object goes up in parts, which are taken back when that fails. A put with if_absent that
/// was answered with 409 (somebody else was putting it) is tried again, until it is known who came
/// first. When an answer was lost, a put with if_absent may say was_there of what it made itself.
///
/// A body of any size may be on its way for long; that it moves is watched by the HttpClient
/// (HttpClientOptions::head_max, pause_max).
class S3Client {
  public:
    S3Client(
        runtime::Executor executor,
        AwsClient& aws,
        runtime::BlockingPool& pool,
        runtime::Spool& spool,
        Rng rng,
        std::string bucket,
        S3Options options = {}
    );
    ~S3Client();
    S3Client(const S3Client&) = delete;
    S3Client& operator=(const S3Client&) = delete;

    runtime::Task<AwsOutcome<S3Made>> put(S3Put what);
    /// Empty: there is no such object. (Who may not list the bucket is told 403 instead.)
    runtime::Task<AwsOutcome<std::optional<S3Object>>> get(
        const std::string& key, std::stop_token stop
    );
    /// Likewise, without the body.
    runtime::Task<AwsOutcome<std::optional<S3Object>>> head(
        const std::string& key, std::stop_token stop
    );
    /// Succeeds when there is no such object, too.
    runtime::Task<AwsOutcome<void>> remove(std::string key, std::stop_token stop);
    /// Keys that begin with `prefix`, after `start_after` (empty: from the first on).
    runtime::Task<AwsOutcome<S3Page>> list(
        std::string prefix, std::string start_after, std::uint32_t count_max, std::stop_token stop
    );

    const S3Counters& counters() const;
    const std::string& bucket() const;

  private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace bide::clients
