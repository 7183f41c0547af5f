#include "apps/workshop.hpp"

#include "handlers/exec/command.hpp"
#include "handlers/http/http_handler.hpp"
#include "handlers/lambda/lambda.hpp"
#include "handlers/native/native.hpp"
#include "runtime/process.hpp"
#include "runtime/tls.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace bide {
namespace {

using cli::HandlerConfig;

/// An asynchronous handler holds no thread while it waits: many at once are no harm.
constexpr std::uint32_t kAsyncConcurrency = 100'000;

/// Store, logs, listening, body files, threads. Handler processes want kDescriptorsPerProcess each,
/// connections to targets a socket and two files of bodies.
constexpr std::uint64_t kDescriptorsReserved = 256;
constexpr std::uint64_t kDescriptorsPerProcess = 8;
constexpr std::uint64_t kDescriptorsPerTarget = 3;

/// What handlers are made of.
struct Parts {
    runtime::Spool& spool;
    runtime::BlockingPool& pool;
    exec::ExecThreads& exec_threads;
    runtime::WorkThread& http_thread;
    const Clock& clock;
    const Natives& natives;
};

struct Made {
    std::unique_ptr<ports::Handler> handler;
    std::uint32_t concurrency = 1;
};

Error config_error(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

exec::Options exec_options(const cli::QueueConfig& queue) {
    const HandlerConfig& handler = queue.handler;
    exec::Options options;
    options.argv = handler.argv;
    options.queue_name = queue.name;
    if (!handler.environment.empty()) options.environment = handler.environment;
    options.working_directory = handler.working_directory;
    options.grace = handler.grace;
    options.memory_bytes_max = handler.memory_bytes_max;
    options.cpu_seconds_max = handler.cpu_seconds_max;
    options.files_max = handler.files_max;
    options.output_bytes_max = handler.output_bytes_max;
    options.content_type = handler.content_type;
    options.processes = handler.processes == 0 ? processors() : handler.processes;
    options.in_flight = handler.in_flight;
    options.batch = handler.batch;
    options.batch_window = handler.batch_window;
    return options;
}

Result<Made> make_native(const cli::QueueConfig& queue, const Natives& natives) {
    const std::string& name = queue.handler.native;
    if (const auto found = natives.async.find(name); found != natives.async.end())
        return Made{native::make_async_handler(found->second, queue.name), kAsyncConcurrency};
    if (const auto found = natives.blocking.find(name); found != natives.blocking.end()) {
        const std::uint32_t threads = queue.concurrency.value_or(processors());
        return Made{native::make_handler(found->second, queue.name, threads), threads};
    }
    std::string known;
    for (const auto& [other, function] : natives.async) known += " " + other;
    for (const auto& [other, function] : natives.blocking) known += " " + other;
    return config_error(
        "queue " + queue.name + ": no native handler \"" + name +
        "\" in this program; there are:" + known
    );
}

Result<http::Options> http_options(const HandlerConfig& handler) {
    http::Options options;
    BIDE_TRY(options.url, runtime::parse_http_url(handler.url));
    for (const auto& line : handler.http_headers) {
        BIDE_TRY(http::check_header(line));
    }
    if (!options.url.tls && !handler.http_ca.empty())
        return config_error("http_ca is for https, the URL is http");
    if (options.url.tls) {
        BIDE_TRY(options.tls, runtime::make_tls_client_context(handler.http_ca));
    }
    options.headers = handler.http_headers;
    options.connections_max = handler.http_connections;
    options.http2 = handler.http2;
    options.connect_max = handler.http_connect_time;
    options.output_bytes_max = handler.output_bytes_max;
    return options;
}

Result<Made> make_http(const cli::QueueConfig& queue, const Parts& parts) {
    Result<http::Options> options = http_options(queue.handler);
    if (options.has_error())
        return config_error("queue " + queue.name + ": http: " + options.error().detail);
    options.value().queue_name = queue.name;
    return Made{
        http::make_http_handler(
            parts.http_thread, parts.spool, parts.pool, parts.clock, std::move(options.value())
        ),
        queue.handler.http_connections};
}

Result<Made> make_lambda(const cli::QueueConfig& queue, const Parts& parts) {
    lambda::Options options;
    options.command = exec_options(queue);
    options.handler = queue.handler.lambda_handler;
    options.silence_max = queue.rules.timeout;
    const std::uint32_t slots = options.command.processes * options.command.batch;
    return Made{
        lambda::make_lambda_handler(
            parts.exec_threads.first(), parts.spool, parts.pool, std::move(options)
        ),
        slots};
}

Made make_batches(const cli::QueueConfig& queue, const Parts& parts) {
    exec::Options options = exec_options(queue);
    const std::uint32_t slots = options.processes * options.batch;
    return Made{
        exec::make_batch_handler(
            parts.exec_threads.first(), parts.spool, parts.pool, std::move(options)
        ),
        slots};
}

Result<Made> make_handler(const cli::QueueConfig& queue, const Parts& parts) {
    switch (queue.handler.kind) {
        case HandlerConfig::Kind::exec:
            if (queue.handler.batch > 1) return make_batches(queue, parts);
            return Made{
                exec::make_process_handler(
                    parts.exec_threads, parts.spool, parts.pool, exec_options(queue)
                ),
                processors()};
        case HandlerConfig::Kind::pool: {
            exec::Options options = exec_options(queue);
            const std::uint32_t slots = options.processes * options.in_flight;
            return Made{
                exec::make_pool_handler(
                    parts.exec_threads.first(), parts.spool, parts.pool, std::move(options)
                ),
                slots};
        }
        case HandlerConfig::Kind::lambda: return make_lambda(queue, parts);
        case HandlerConfig::Kind::http: return make_http(queue, parts);
        case HandlerConfig::Kind::native: return make_native(queue, parts.natives);
        case HandlerConfig::Kind::none: break;
    }
    return config_error("queue " + queue.name + " has no handler");
}

/// For its owner only, as bodies pass through; those above it, and one that is there, as they are.
Result<void> make_private_directory(const std::filesystem::path& named) {
    // "data/" has an empty name after its last slash.
    const std::filesystem::path path = named.has_filename() ? named : named.parent_path();
    std::error_code error;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
    if (error) return runtime::disk_error("cannot create " + named.string(), error.value());
    if (::mkdir(path.c_str(), 0700) == 0) return success();
    const int reason = errno;
    if (reason == EEXIST && std::filesystem::is_directory(path, error)) return success();
    return runtime::disk_error("cannot create " + named.string(), reason);
}

/// Only told, not refused: it may be put there later, and each attempt looks again.
void warn_of_missing(const cli::QueueConfig& queue) {
    using Kind = HandlerConfig::Kind;
    const Kind kind = queue.handler.kind;
    if (kind != Kind::exec && kind != Kind::pool && kind != Kind::lambda) return;
    const Result<void> there = runtime::check_program(exec::Command(exec_options(queue)).spec());
    if (there.has_error()) spdlog::warn("queue {}: {}", queue.name, there.error().detail);
}

}  // namespace

std::uint32_t processors() {
    return std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

std::uint64_t descriptors_reserved(const cli::Config& config) {
    std::uint64_t reserved = kDescriptorsReserved;
    for (const auto& queue : config.queues) {
        const HandlerConfig::Kind kind = queue.handler.kind;
        if (kind == HandlerConfig::Kind::native || kind == HandlerConfig::Kind::none) continue;
        if (kind == HandlerConfig::Kind::http) {
            // Over HTTP/2 the attempts share a connection, but the files of bodies are their own.
            const std::uint32_t connections = queue.handler.http_connections;
            const std::uint64_t attempts =
                queue.handler.http2 ? queue.concurrency.value_or(connections) : connections;
            reserved += kDescriptorsPerTarget * attempts;
            continue;
        }
        reserved += kDescriptorsPerProcess * queue.concurrency.value_or(processors());
    }
    return reserved;
}

Result<void> Workshop::open(const std::string& data, std::uint64_t inline_bytes_max) {
    BIDE_TRY(make_private_directory(data));
    BIDE_TRY(spool_, runtime::Spool::open(data + "/bodies", inline_bytes_max));
    exec_threads_.start();
    http_thread_.start();
    return success();
}

Result<void> Workshop::open_passing(const cli::Config& config, const std::string& program) {
    const std::filesystem::path data = config.server.data;
    const std::string prefix = program + "-";
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(data, error)) {
        const std::string name = entry.path().filename();
        if (!name.starts_with(prefix)) continue;
        const long pid = std::strtol(name.c_str() + prefix.size(), nullptr, 10);
        const bool gone = pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
        std::error_code ignored;
        if (gone) std::filesystem::remove_all(entry.path(), ignored);
    }
    BIDE_TRY(make_private_directory(data));
    passing_ = data / (prefix + std::to_string(::getpid()));
    return open(passing_, config.server.inline_max);
}

Result<Workshop::Made> Workshop::make(const cli::QueueConfig& queue) {
    const Parts parts{*spool_, pool_, exec_threads_, http_thread_, clock_, natives_};
    BIDE_TRY(auto made, make_handler(queue, parts));
    warn_of_missing(queue);
    handlers_.push_back(std::move(made.handler));
    return Made{handlers_.back().get(), queue.concurrency.value_or(made.concurrency)};
}

void Workshop::close() {
    exec_threads_.stop();
    http_thread_.stop();
    exec_threads_.join();
    http_thread_.join();
    handlers_.clear();
    pool_.join();
    std::error_code ignored;
    if (!passing_.empty()) std::filesystem::remove_all(passing_, ignored);
}

}  // namespace bide
