// bide worker: does what is in SQS.
#include "apps/aws_side.hpp"
#include "apps/http_side.hpp"
#include "apps/serve.hpp"
#include "apps/signals.hpp"
#include "apps/worker_pages.hpp"
#include "apps/workshop.hpp"
#include "base/rng.hpp"
#include "cli/flags.hpp"
#include "cli/logging.hpp"
#include "engines/aws/worker.hpp"
#include "fronts/http/server.hpp"
#include "service/contract.hpp"

#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

namespace bide {
namespace {

namespace aws = engines::aws;

/// The parts in the order in which each may use those above it.
class Assembly {
  public:
    Assembly(const cli::Config& config, const Natives& natives)
        : config_(config), shop_(natives, clock_) {}

    Result<void> build(std::stop_token stop);
    void run(Signals& signals);
    void take_down();

  private:
    Result<void> build_workers();
    Result<void> build_pages();

    const cli::Config& config_;
    std::uint64_t descriptors_ = raise_descriptor_limit();
    SystemClock clock_;
    Workshop shop_;
    runtime::WorkThread thread_{"bide-aws"};
    std::unique_ptr<aws::Services> services_;
    std::unique_ptr<aws::Worker> worker_;
    std::unique_ptr<aws::Worker> dead_letters_;
    std::unique_ptr<WorkerPages> pages_;
    std::unique_ptr<service::Contract> contract_;
    std::unique_ptr<fronts::http::Server> server_;
};

Result<void> Assembly::build(std::stop_token stop) {
    BIDE_TRY(shop_.open_passing(config_, "worker"));
    thread_.start();
    aws::ServicesOptions options = services_options(config_);
    options.give_up = std::move(stop);
    BIDE_TRY(
        services_,
        aws::Services::open(std::move(options), thread_, shop_.pool(), shop_.spool(), clock_)
    );
    BIDE_TRY(build_workers());
    if (config_.aws.worker_listen.empty()) return success();
    return build_pages();
}

Result<void> Assembly::build_workers() {
    BIDE_TRY(auto work, worker_options(config_, shop_, *services_));
    BIDE_TRY(auto dead, dead_letter_options(config_, *services_));
    worker_ = std::make_unique<aws::Worker>(std::move(work), *services_);
    dead_letters_ = std::make_unique<aws::Worker>(std::move(dead), *services_);
    return success();
}

/// /healthz, /readyz and /metrics, by the front's own server.
Result<void> Assembly::build_pages() {
    pages_ = std::make_unique<WorkerPages>(*worker_, *services_);
    service::ContractRules rules = contract_rules(config_);
    rules.default_queue.clear();
    rules.takes_batches = false;
    contract_ = std::make_unique<service::Contract>(std::move(rules), *pages_);
    BIDE_TRY(
        server_,
        fronts::http::Server::listen(
            server_options(config_, descriptors_),
            {*pages_, *contract_, shop_.spool(), shop_.pool(), clock_}
        )
    );
    return success();
}

void Assembly::run(Signals& signals) {
    worker_->start();
    dead_letters_->start();
    if (server_) {
        server_->start();
        announce_address(config_, server_->port());
    }
    std::printf("receiving from %zu queues\n", config_.queues.size());
    std::fflush(stdout);
    spdlog::info("bide {} works in {}", cli::kVersion, services_->place().region);
    spdlog::info("{}: draining; a second signal stops at once", signals.wait());
    std::thread drain([this, &signals] {
        std::thread dead([this] { dead_letters_->drain(config_.server.drain_time); });
        worker_->drain(config_.server.drain_time);
        dead.join();
        signals.wake();
    });
    if (const char* name = signals.wait(); name != nullptr) {
        spdlog::warn("{}: stopping at once", name);
        worker_->stop_now();
        dead_letters_->stop_now();
    }
    drain.join();
    if (server_) server_->stop(Duration(0));
    spdlog::info("stopped");
}

/// From the last to the first; also after a build that failed half-way.
void Assembly::take_down() {
    if (worker_) worker_->stop();
    if (dead_letters_) dead_letters_->stop();
    shop_.close();
    // Only now: the pool's last task may be a body's, and goes back to its connection.
    server_.reset();
    contract_.reset();
    pages_.reset();
    worker_.reset();
    dead_letters_.reset();
    services_.reset();
    thread_.stop();
    thread_.join();
}

}  // namespace

int work(const cli::Config& config, const Natives& natives) {
    cli::start_logging(config.server.log_level);
    id_hash_seed = os_random();
    Signals signals;
    Assembly assembly(config, natives);
    const Result<void> built = signals.watch([&assembly](std::stop_token stop) {
        return assembly.build(std::move(stop));
    });
    if (built.has_error())
        spdlog::error("cannot start: {}", built.error().detail);
    else
        assembly.run(signals);
    assembly.take_down();
    if (!built.has_error()) return 0;
    return built.error().code == Code::bad_request ? 2 : 1;
}

}  // namespace bide
