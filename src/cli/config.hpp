#pragma once

#include "base/time.hpp"
#include "core/rules.hpp"
#include "wire/prefer.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bide::cli {

/// Which program is being configured: they share the file, and want different parts of it.
enum class Program : std::uint8_t {
    serve,     ///< everything in one process
    front,     ///< HTTP only, jobs go to SQS
    worker,    ///< does what is in SQS
    doctor,    ///< looks whether the two could
    function,  ///< a Lambda function: as a front, or as a worker
};

/// The most jobs of one run: as many as SQS gives out in one call, and as Lambda's own default. The
/// bodies of a batch are in memory once more while it is handed over.
constexpr std::uint32_t kBatchMax = 10;

/// An engine tells answers to 256 places (ports::make_waiter_id): the batches and the redriving of
/// whole queues are two, and each thread for connections is one.
constexpr std::uint32_t kIoThreadsMax = 254;

/// How a queue's jobs are done.
struct HandlerConfig {
    enum class Kind : std::uint8_t { none, exec, pool, lambda, http, native };
    Kind kind = Kind::none;
    std::vector<std::string> argv;                    ///< exec, pool, lambda
    std::string native;                               ///< the name of a native handler
    std::string lambda_handler = "function.handler";  ///< told to a Lambda function
    std::string url;                                  ///< http
    std::vector<std::string> http_headers;            ///< "Name: value", sent besides
    std::uint32_t http_connections = 64;
    bool http2 = false;   ///< all attempts on one connection
    std::string http_ca;  ///< file of the only CAs to trust; empty: the system's
    Duration http_connect_time = std::chrono::seconds(10);
    std::string content_type = "application/octet-stream";  ///< of results that name none
    std::vector<std::string> environment;                   ///< names let through; empty: default
    std::string working_directory;
    Duration grace = std::chrono::seconds(2);
    std::uint64_t memory_bytes_max = 0;
    std::uint64_t cpu_seconds_max = 0;
    std::uint64_t files_max = 0;
    std::uint64_t output_bytes_max = 1ULL << 30;
    std::uint32_t processes = 0;  ///< pool, lambda, batches of exec; 0: one per processor
    std::uint32_t in_flight = 1;  ///< of a pool: jobs sent ahead to one process
    std::uint32_t batch = 1;      ///< exec, lambda: jobs for one run of the handler, at most
    Duration batch_window{};      ///< how long fewer than those wait for company
};

struct QueueConfig {
    std::string name;
    HandlerConfig handler;
    core::QueueRules rules;
    std::optional<std::uint32_t> concurrency;  ///< not said: what suits the handler
    Duration retention = std::chrono::hours(24);
    std::string sqs;           ///< URL or name of the SQS queue: of `bide front` and `bide worker`
    std::string dead_letters;  ///< likewise of its dead-letter queue; empty: nobody looks there
};

/// Where `bide front` and `bide worker` find what they share.
struct AwsConfig {
    std::string region;   ///< empty: as AWS's own tools find it
    std::string profile;  ///< likewise
    std::string incoming_bucket;
    std::string outgoing_bucket;
    std::string redis;              ///< redis:// or rediss:// URL; empty: no cache
    std::string redis_ca;           ///< file of the only CAs to trust
    std::string redis_iam;          ///< name of the ElastiCache that lets us in by IAM; empty: none
    bool redis_serverless = false;  ///< of redis_iam: it is a serverless cache
    std::string batches;            ///< URL or name of the SQS queue of batches; empty: no batches
    Duration lease = std::chrono::seconds(30);
    std::uint64_t inline_max = 192U << 10;  ///< of a body in a message
    std::string worker_listen;              ///< HOST:PORT of a worker's health pages; empty: none
};

/// What a front that is a Lambda function is called through.
struct LambdaConfig {
    bool streaming = false;                          ///< for streamed answers
    Duration idle_limit = std::chrono::seconds(28);  ///< a silent answer lasts there
    bool whitespace = false;                         ///< breaks the silence before JSON
};

struct ServerConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::string data = "bide-data";
    std::string default_queue;          ///< empty: the only queue, if there is one only
    std::string default_queue_place;    ///< "FILE:LINE" that names it
    std::uint32_t io_threads = 0;       ///< 0: half of the processors, at least one
    std::uint32_t connections_max = 0;  ///< 0: what the limit on open files allows
    Duration max_wait = std::chrono::minutes(15);
    std::optional<Duration> default_wait;  ///< of callers that say nothing; not said: max_wait
    wire::AtLimit at_limit = wire::AtLimit::timeout;  ///< what those get then
    Duration heartbeat = std::chrono::seconds(15);    ///< of event streams
    std::uint64_t batch_items_max = 100'000;
    std::vector<std::string> cors_origins;  ///< "*": every one
    bool anonymous = false;                 ///< submit and read without a key
    Duration drain_time = std::chrono::seconds(30);
    Duration header_time = std::chrono::seconds(10);
    Duration body_pause = std::chrono::seconds(30);
    Duration idle_time = std::chrono::seconds(75);
    Duration write_time = std::chrono::seconds(60);
    std::uint64_t body_max = 5ULL << 30;
    std::uint64_t header_max = 16 * 1024;
    std::uint64_t inline_max = 256 * 1024;  ///< larger bodies are files
    std::uint64_t waiters_max = 1'000'000;
    std::uint64_t memory_max = 256ULL << 20;      ///< for the bodies of jobs that wait
    std::uint64_t body_memory_max = 64ULL << 20;  ///< for bodies on their way
    std::uint64_t body_pace = 1024;               ///< least, in bytes per second
    std::string tls_cert;                         ///< PEM; empty: plain HTTP
    std::string tls_key;
    bool http2 = true;
    std::uint32_t http2_streams_max = 1000;  ///< requests under way on one connection
    std::string log_level = "info";
};

/// An API key: the hash of what the client sends, and what it may do.
struct KeyConfig {
    std::string name;
    std::array<std::uint8_t, 32> hash{};  ///< SHA-256
    std::vector<std::string> scopes;      ///< of submit, read, admin
    std::string tenant;                   ///< empty: of nobody in particular
};

/// Everything a program of bide wants to know.
struct Config {
    ServerConfig server;
    std::vector<QueueConfig> queues;
    std::vector<KeyConfig> keys;
    core::Tenancy tenancy;
    AwsConfig aws;
    LambdaConfig lambda;
    std::string examined_as;  ///< of `bide doctor`: "front", "worker" or, empty, both
};

}  // namespace bide::cli
