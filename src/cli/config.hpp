#pragma once

#include "base/time.hpp"
#include "core/ledger.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bide::cli {

/// How a queue's jobs are done.
struct HandlerConfig {
    enum class Kind : std::uint8_t { none, exec, pool, http, native };
    Kind kind = Kind::none;
    std::vector<std::string> argv;          ///< exec, pool
    std::string native;                     ///< the name of a native handler
    std::string url;                        ///< http
    std::vector<std::string> http_headers;  ///< "Name: value", sent besides
    std::uint32_t http_connections = 64;
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
    std::uint32_t processes = 0;  ///< of a pool; 0: one per processor
    std::uint32_t in_flight = 1;  ///< of a pool: jobs sent ahead to one process
};

struct QueueConfig {
    std::string name;
    HandlerConfig handler;
    core::QueueRules rules;
    std::optional<std::uint32_t> concurrency;  ///< not said: what suits the handler
    Duration retention = std::chrono::hours(24);
};

struct ServerConfig {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;
    std::string data = "bide-data";
    std::string default_queue;          ///< empty: the only queue, if there is one only
    std::uint32_t io_threads = 0;       ///< 0: half of the processors, at least one
    std::uint32_t connections_max = 0;  ///< 0: what the limit on open files allows
    Duration max_wait = std::chrono::minutes(15);
    Duration drain_time = std::chrono::seconds(30);
    Duration header_time = std::chrono::seconds(10);
    Duration body_pause = std::chrono::seconds(30);
    Duration idle_time = std::chrono::seconds(75);
    std::uint64_t body_max = 5ULL << 30;
    std::uint64_t header_max = 16 * 1024;
    std::uint64_t inline_max = 256 * 1024;    ///< larger bodies are files
    std::uint64_t memory_max = 256ULL << 20;  ///< for the bodies of jobs that wait
    std::string log_level = "info";
};

/// Everything `bide serve` wants to know.
struct Config {
    ServerConfig server;
    std::vector<QueueConfig> queues;
};

}  // namespace bide::cli
