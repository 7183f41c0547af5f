#include "apps/serve.hpp"

#include "apps/signals.hpp"
#include "base/rng.hpp"
#include "cli/flags.hpp"
#include "cli/logging.hpp"
#include "cli/units.hpp"
#include "engines/embedded/engine.hpp"
#include "fronts/http/server.hpp"
#include "handlers/exec/exec.hpp"
#include "handlers/http/http_handler.hpp"
#include "handlers/lambda/lambda.hpp"
#include "handlers/native/native.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/spool.hpp"
#include "runtime/tls.hpp"
#include "service/batch_handler.hpp"
#include "service/contract.hpp"
#include "web/documents.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

namespace bide {
namespace {

using cli::HandlerConfig;

/// An asynchronous handler holds no thread while it waits: many at once are no harm.
constexpr std::uint32_t kAsyncConcurrency = 100'000;

/// Descriptors kept back from connections: store, logs, listening, body files. Handler processes
/// want kDescriptorsPerProcess each, connections to targets a socket and two files of bodies.
constexpr std::uint64_t kDescriptorsReserved = 256;
constexpr std::uint64_t kDescriptorsPerProcess = 8;
constexpr std::uint64_t kDescriptorsPerTarget = 3;

constexpr std::size_t kBlockingThreads = 4;

/// Longer than most handlers in other processes take when they are busy, and short for a client
/// that hears of a crash by its broken connection.
constexpr auto kLinger = std::chrono::milliseconds(50);

/// A few flushes.
constexpr auto kCompany = std::chrono::milliseconds(5);

/// For the last answers to leave after the engine has said its last word.
constexpr auto kLastAnswers = std::chrono::seconds(2);

std::uint32_t processors() {
    return std::max(1U, std::thread::hardware_concurrency());
}

Error config_error(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
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
    return options;
}

/// What handlers share, in the order of their making.
struct Workshop {
    runtime::Spool& spool;
    runtime::BlockingPool& pool;
    exec::ExecThread& exec_thread;
    runtime::WorkThread& http_thread;
    const Clock& clock;
    const Natives& natives;
};

struct Made {
    std::unique_ptr<ports::Handler> handler;
    std::uint32_t concurrency = 1;  ///< when the configuration does not say
};

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
    options.connect_max = handler.http_connect_time;
    options.output_bytes_max = handler.output_bytes_max;
    return options;
}

Result<Made> make_http(const cli::QueueConfig& queue, const Workshop& shop) {
    Result<http::Options> options = http_options(queue.handler);
    if (options.has_error())
        return config_error("queue " + queue.name + ": http: " + options.error().detail);
    options.value().queue_name = queue.name;
    return Made{
        http::make_http_handler(
            shop.http_thread, shop.spool, shop.pool, shop.clock, std::move(options.value())
        ),
        queue.handler.http_connections};
}

Result<Made> make_lambda(const cli::QueueConfig& queue, const Workshop& shop) {
    lambda::Options options;
    options.command = exec_options(queue);
    options.handler = queue.handler.lambda_handler;
    options.silence_max = queue.rules.timeout;
    const std::uint32_t slots = options.command.processes;
    return Made{
        lambda::make_lambda_handler(shop.exec_thread, shop.spool, shop.pool, std::move(options)),
        slots};
}

Result<Made> make_handler(const cli::QueueConfig& queue, Workshop& shop) {
    switch (queue.handler.kind) {
        case HandlerConfig::Kind::exec:
            return Made{
                exec::make_process_handler(
                    shop.exec_thread, shop.spool, shop.pool, exec_options(queue)
                ),
                processors()};
        case HandlerConfig::Kind::pool: {
            exec::Options options = exec_options(queue);
            const std::uint32_t slots = options.processes * options.in_flight;
            return Made{
                exec::make_pool_handler(
                    shop.exec_thread, shop.spool, shop.pool, std::move(options)
                ),
                slots};
        }
        case HandlerConfig::Kind::lambda: return make_lambda(queue, shop);
        case HandlerConfig::Kind::http: return make_http(queue, shop);
        case HandlerConfig::Kind::native: return make_native(queue, shop.natives);
        case HandlerConfig::Kind::none: break;
    }
    return config_error("queue " + queue.name + " has no handler");
}

/// Of the batches: they are to be there as long as the last of their items.
Duration longest_retention(const cli::Config& config) {
    Duration longest{};
    for (const auto& queue : config.queues) longest = std::max(longest, queue.retention);
    return longest;
}

service::AccessRules access_rules(const cli::Config& config) {
    service::AccessRules rules;
    for (const auto& key : config.keys) {
        service::ApiKey known{key.name, key.hash, {}, key.tenant};
        for (const auto& scope : key.scopes) {
            if (scope == "submit") known.scopes.add(service::Scope::submit);
            if (scope == "read") known.scopes.add(service::Scope::read);
            if (scope == "admin") known.scopes.add(service::Scope::admin);
        }
        rules.keys.push_back(std::move(known));
    }
    rules.anonymous = config.server.anonymous;
    rules.loopback = cli::is_loopback(config.server.host);
    return rules;
}

service::ContractRules contract_rules(const cli::Config& config) {
    service::ContractRules rules;
    for (const auto& queue : config.queues) rules.queues.push_back({queue.name, queue.retention});
    // In the order of the engine's queues: last.
    rules.queues.push_back({std::string(service::kBatchQueue), longest_retention(config)});
    rules.default_queue = config.server.default_queue;
    rules.max_wait = config.server.max_wait;
    rules.default_wait = config.server.default_wait;
    rules.at_limit = config.server.at_limit;
    rules.heartbeat = config.server.heartbeat;
    rules.body_bytes_max = config.server.body_max;
    rules.batch_items_max = config.server.batch_items_max;
    rules.cors_origins = config.server.cors_origins;
    rules.access = access_rules(config);
    for (const auto& document : documents()) {
        rules.documents.emplace(
            document.path,
            service::Document{std::string(document.content_type), std::string(document.text)}
        );
    }
    return rules;
}

/// The whole server, its parts in the order in which each may use those above it.
class Assembly {
  public:
    Assembly(const cli::Config& config, const Natives& natives)
        : config_(config), natives_(natives) {}

    Result<void> build();
    void run(Signals& signals);
    void take_down();

  private:
    Result<void> build_queues();
    Result<void> build_front();
    std::uint64_t connections_max() const;
    void announce() const;

    const cli::Config& config_;
    const Natives& natives_;
    std::uint64_t descriptors_ = raise_descriptor_limit();
    SystemClock clock_;
    std::unique_ptr<runtime::Spool> spool_;
    runtime::BlockingPool pool_{kBlockingThreads};
    exec::ExecThread exec_thread_;
    runtime::WorkThread http_thread_{"bide-http"};
    std::vector<std::unique_ptr<ports::Handler>> handlers_;
    std::unique_ptr<service::BatchHandler> batch_handler_;
    engines::embedded::Options engine_options_;
    std::unique_ptr<engines::embedded::Engine> engine_;
    std::unique_ptr<service::Contract> contract_;
    std::unique_ptr<fronts::http::Server> server_;
};

Result<void> Assembly::build() {
    const std::string& data = config_.server.data;
    std::error_code error;
    std::filesystem::create_directories(data, error);
    if (error) return runtime::disk_error("cannot create " + data, error.value());
    BIDE_TRY(spool_, runtime::Spool::open(data + "/bodies", config_.server.inline_max));
    exec_thread_.start();
    http_thread_.start();
    BIDE_TRY(build_queues());
    BIDE_TRY(engine_, engines::embedded::Engine::open(std::move(engine_options_), clock_, pool_));
    // Not before the engine holds the lock: they could be another's, under way.
    BIDE_TRY(spool_->remove_unfinished());
    return build_front();
}

Result<void> Assembly::build_queues() {
    Workshop shop{*spool_, pool_, exec_thread_, http_thread_, clock_, natives_};
    for (const auto& queue : config_.queues) {
        BIDE_TRY(Made made, make_handler(queue, shop));
        engines::embedded::QueueOptions options;
        options.name = queue.name;
        options.rules = queue.rules;
        options.rules.concurrency = queue.concurrency.value_or(made.concurrency);
        options.retention = queue.retention;
        options.handler = made.handler.get();
        engine_options_.queues.push_back(std::move(options));
        handlers_.push_back(std::move(made.handler));
    }
    batch_handler_ = service::make_batch_handler(clock_);
    engines::embedded::QueueOptions batches;
    batches.name = service::kBatchQueue;
    batches.rules = service::batch_queue_rules();
    batches.retention = longest_retention(config_);
    batches.handler = batch_handler_.get();
    engine_options_.queues.push_back(std::move(batches));
    engine_options_.directory = config_.server.data;
    engine_options_.limits.resident_bytes_max = config_.server.memory_max;
    engine_options_.limits.waiters_max = config_.server.waiters_max;
    engine_options_.limits.linger = kLinger;
    engine_options_.limits.company = kCompany;
    engine_options_.tenancy = config_.tenancy;
    engine_options_.log_error = [](const std::string& text) { spdlog::error(text); };
    return success();
}

Result<void> Assembly::build_front() {
    batch_handler_->attach(*engine_);
    contract_ = std::make_unique<service::Contract>(contract_rules(config_), *engine_);

    fronts::http::Options options;
    options.host = config_.server.host;
    options.port = config_.server.port;
    options.threads =
        config_.server.io_threads == 0 ? std::max(1U, processors() / 2) : config_.server.io_threads;
    options.connections_max = connections_max();
    options.header_bytes_max = static_cast<std::uint32_t>(config_.server.header_max);
    options.header_time_max = config_.server.header_time;
    options.body_pause_max = config_.server.body_pause;
    options.idle_time_max = config_.server.idle_time;
    options.write_time_max = config_.server.write_time;
    options.body_pace_min = config_.server.body_pace;
    options.body_memory_max = config_.server.body_memory_max;
    if (!config_.server.tls_cert.empty())
        options.tls = fronts::http::TlsFiles{
            config_.server.tls_cert, config_.server.tls_key, config_.server.http2};
    options.http2 = config_.server.http2;
    options.http2_streams_max = config_.server.http2_streams_max;
    options.log_error = [](const std::string& text) { spdlog::error(text); };
    BIDE_TRY(
        server_,
        fronts::http::Server::listen(
            std::move(options), {*engine_, *contract_, *spool_, pool_, clock_}
        )
    );
    return success();
}

std::uint64_t Assembly::connections_max() const {
    std::uint64_t reserved = kDescriptorsReserved;
    for (const auto& queue : config_.queues) {
        if (queue.handler.kind == HandlerConfig::Kind::native) continue;
        if (queue.handler.kind == HandlerConfig::Kind::http) {
            reserved += kDescriptorsPerTarget * queue.handler.http_connections;
            continue;
        }
        reserved += kDescriptorsPerProcess * queue.concurrency.value_or(processors());
    }
    const std::uint64_t possible =
        descriptors_ > 2 * reserved ? descriptors_ - reserved : descriptors_ / 2;
    const std::uint64_t wanted = config_.server.connections_max;
    if (wanted == 0) return possible;
    if (wanted > possible)
        spdlog::warn(
            "connections_max {} needs more open files than the limit of {}: using {}",
            wanted,
            descriptors_,
            possible
        );
    return std::min(wanted, possible);
}

void Assembly::announce() const {
    const bool ipv6 = config_.server.host.find(':') != std::string::npos;
    std::printf(
        ipv6 ? "listening on %s://[%s]:%u\n" : "listening on %s://%s:%u\n",
        config_.server.tls_cert.empty() ? "http" : "https",
        config_.server.host.c_str(),
        static_cast<unsigned>(server_->port())
    );
    std::fflush(stdout);
    spdlog::info(
        "bide {} serves {} queue(s), data in {}",
        cli::kVersion,
        config_.queues.size(),
        config_.server.data
    );
}

void Assembly::run(Signals& signals) {
    engine_->start();
    server_->start();
    announce();
    spdlog::info("{}: draining; a second signal stops at once", signals.wait());
    server_->stop_accepting();
    std::thread drain([this, &signals] {
        engine_->drain(config_.server.drain_time);
        signals.wake();
    });
    if (const char* name = signals.wait(); name != nullptr) {
        spdlog::warn("{}: stopping at once", name);
        engine_->stop_now();
    }
    drain.join();
    server_->stop(kLastAnswers);
    spdlog::info("stopped");
}

/// From the last to the first; also after a build that failed half-way.
void Assembly::take_down() {
    if (engine_) engine_->stop();
    exec_thread_.stop();
    http_thread_.stop();
    exec_thread_.join();
    http_thread_.join();
    handlers_.clear();
    pool_.join();
    server_.reset();
    contract_.reset();
    engine_.reset();
}

}  // namespace

int serve(const cli::Config& config, const Natives& natives) {
    cli::start_logging(config.server.log_level);
    id_hash_seed = os_random();
    Signals signals;
    Assembly assembly(config, natives);
    const Result<void> built = assembly.build();
    if (built.has_error())
        spdlog::error("cannot start: {}", built.error().detail);
    else
        assembly.run(signals);
    assembly.take_down();
    if (!built.has_error()) return 0;
    return built.error().code == Code::bad_request ? 2 : 1;
}

}  // namespace bide
