// bide front: HTTP in, SQS, S3 and Redis behind it.
#include "engines/aws/front.hpp"

#include "apps/aws_side.hpp"
#include "apps/http_side.hpp"
#include "apps/serve.hpp"
#include "apps/signals.hpp"
#include "apps/workshop.hpp"
#include "base/rng.hpp"
#include "cli/flags.hpp"
#include "cli/logging.hpp"
#include "engines/aws/worker.hpp"
#include "fronts/http/server.hpp"
#include "service/batch_handler.hpp"
#include "service/contract.hpp"

#include <spdlog/spdlog.h>

#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

namespace bide {
namespace {

namespace aws = engines::aws;

/// For the last answers to leave after the engine has said its last word.
constexpr auto kLastAnswers = std::chrono::seconds(2);

/// The parts in the order in which each may use those above it.
class Assembly {
  public:
    explicit Assembly(const cli::Config& config) : config_(config), shop_(no_natives_, clock_) {}

    Result<void> build(std::stop_token stop);
    void run(Signals& signals);
    void take_down();

  private:
    Result<void> build_engine();
    Result<void> build_batches();

    const cli::Config& config_;
    std::uint64_t descriptors_ = raise_descriptor_limit();
    SystemClock clock_;
    Natives no_natives_;
    Workshop shop_;
    runtime::WorkThread thread_{"bide-aws"};
    std::unique_ptr<aws::Services> services_;
    std::unique_ptr<service::BatchHandler> batch_handler_;
    std::unique_ptr<aws::Front> engine_;
    /// Batches are jobs like others, and it is fronts that do them: they wait for other jobs.
    std::unique_ptr<aws::Worker> batches_;
    std::unique_ptr<service::Contract> contract_;
    std::unique_ptr<fronts::http::Server> server_;
};

Result<void> Assembly::build(std::stop_token stop) {
    BIDE_TRY(shop_.open_passing(config_, "front"));
    thread_.start();
    aws::ServicesOptions options = services_options(config_);
    options.give_up = std::move(stop);
    BIDE_TRY(
        services_,
        aws::Services::open(std::move(options), thread_, shop_.pool(), shop_.spool(), clock_)
    );
    BIDE_TRY(build_engine());
    BIDE_TRY(build_batches());
    service::ContractRules rules = contract_rules(config_);
    rules.takes_batches = batches_ != nullptr;
    contract_ = std::make_unique<service::Contract>(std::move(rules), *engine_);
    BIDE_TRY(
        server_,
        fronts::http::Server::listen(
            server_options(config_, descriptors_),
            {*engine_, *contract_, shop_.spool(), shop_.pool(), clock_}
        )
    );
    return success();
}

Result<void> Assembly::build_engine() {
    BIDE_TRY(auto options, front_options(config_, *services_));
    engine_ = std::make_unique<aws::Front>(std::move(options), *services_);
    return success();
}

Result<void> Assembly::build_batches() {
    batch_handler_ = service::make_batch_handler(clock_);
    batch_handler_->attach(*engine_);
    aws::WorkerOptions options;
    BIDE_TRY(auto queue, batch_queue_options(config_, *services_));
    if (queue.url.empty()) return success();
    queue.handler = batch_handler_.get();
    options.queues.push_back(std::move(queue));
    options.limits.lease = config_.aws.lease;
    batches_ = std::make_unique<aws::Worker>(std::move(options), *services_);
    return success();
}

void Assembly::run(Signals& signals) {
    engine_->start();
    if (batches_) batches_->start();
    server_->start();
    announce_address(config_, server_->port());
    announce_dashboard(config_, server_->port());
    spdlog::info(
        "bide {} fronts {} queue(s) in {}",
        cli::kVersion,
        config_.queues.size(),
        services_->place().region
    );
    spdlog::info("{}: draining; a second signal stops at once", signals.wait());
    server_->stop_accepting();
    std::thread drain([this, &signals] {
        engine_->drain(config_.server.drain_time);
        server_->stop(kLastAnswers);
        if (batches_) batches_->drain(Duration(0));
        signals.wake();
    });
    if (const char* name = signals.wait(); name != nullptr) {
        spdlog::warn("{}: stopping at once", name);
        engine_->stop_now();
        if (batches_) batches_->stop_now();
    }
    drain.join();
    spdlog::info("stopped");
}

/// From the last to the first; also after a build that failed half-way. Until an engine has stopped
/// it may answer, though nobody listens any more.
void Assembly::take_down() {
    if (batches_) batches_->stop();
    if (engine_) engine_->stop();
    batch_handler_.reset();
    batches_.reset();
    engine_.reset();
    services_.reset();
    thread_.stop();
    thread_.join();
    shop_.close();
    // The pool's last task may be a body's, and goes back to its connection. What is left of
    // connections asks nothing of the engine.
    server_.reset();
    contract_.reset();
}

}  // namespace

int front(const cli::Config& config) {
    cli::start_logging(config.server.log_level);
    id_hash_seed = os_random();
    Signals signals;
    Assembly assembly(config);
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
