#include "apps/serve.hpp"

#include "apps/http_side.hpp"
#include "apps/signals.hpp"
#include "apps/workshop.hpp"
#include "base/rng.hpp"
#include "cli/flags.hpp"
#include "cli/logging.hpp"
#include "cli/units.hpp"
#include "engines/embedded/engine.hpp"
#include "fronts/http/server.hpp"
#include "service/batch_handler.hpp"
#include "service/contract.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <thread>
#include <utility>

namespace bide {
namespace {

/// Longer than most handlers in other processes take when they are busy, and short for a client
/// that hears of a crash by its broken connection.
constexpr auto kLinger = std::chrono::milliseconds(50);

/// A few flushes.
constexpr auto kCompany = std::chrono::milliseconds(5);

/// For the last answers to leave after the engine has said its last word.
constexpr auto kLastAnswers = std::chrono::seconds(2);

/// The whole server, its parts in the order in which each may use those above it.
class Assembly {
  public:
    Assembly(const cli::Config& config, const Natives& natives)
        : config_(config), shop_(natives, clock_) {}

    Result<void> build();
    void run(Signals& signals);
    void take_down();

  private:
    Result<void> build_queues();
    Result<void> build_front();
    void announce() const;

    const cli::Config& config_;
    std::uint64_t descriptors_ = raise_descriptor_limit();
    SystemClock clock_;
    Workshop shop_;
    std::unique_ptr<service::BatchHandler> batch_handler_;
    engines::embedded::Options engine_options_;
    std::unique_ptr<engines::embedded::Engine> engine_;
    std::unique_ptr<service::Contract> contract_;
    std::unique_ptr<fronts::http::Server> server_;
};

Result<void> Assembly::build() {
    BIDE_TRY(shop_.open(config_.server.data, config_.server.inline_max));
    BIDE_TRY(build_queues());
    BIDE_TRY(
        engine_, engines::embedded::Engine::open(std::move(engine_options_), clock_, shop_.pool())
    );
    // Not before the engine holds the lock: they could be another's, under way.
    BIDE_TRY(shop_.spool().remove_unfinished());
    return build_front();
}

Result<void> Assembly::build_queues() {
    for (const auto& queue : config_.queues) {
        BIDE_TRY(const Workshop::Made made, shop_.make(queue));
        engines::embedded::QueueOptions options;
        options.name = queue.name;
        options.rules = queue.rules;
        options.rules.concurrency = made.concurrency;
        options.retention = queue.retention;
        options.handler = made.handler;
        engine_options_.queues.push_back(std::move(options));
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
    engine_options_.log_warning = [](const std::string& text) { spdlog::warn(text); };
    return success();
}

Result<void> Assembly::build_front() {
    batch_handler_->attach(*engine_);
    contract_ = std::make_unique<service::Contract>(contract_rules(config_), *engine_);
    BIDE_TRY(
        server_,
        fronts::http::Server::listen(
            server_options(config_, descriptors_),
            {*engine_, *contract_, shop_.spool(), shop_.pool(), clock_}
        )
    );
    return success();
}

void Assembly::announce() const {
    announce_address(config_, server_->port());
    announce_dashboard(config_, server_->port());
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
    shop_.close();
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
