#include "apps/function_front.hpp"

#include "apps/aws_side.hpp"
#include "apps/http_side.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace bide {

Result<std::unique_ptr<FunctionFront>> FunctionFront::make(
    const cli::Config& config,
    engines::aws::Services& services,
    runtime::WorkThread& thread,
    runtime::BlockingPool& pool,
    const Clock& clock
) {
    auto made = std::make_unique<FunctionFront>();
    BIDE_TRY(auto options, front_options(config, services));
    options.may_freeze = true;
    made->engine_ = std::make_unique<engines::aws::Front>(std::move(options), services);
    service::ContractRules rules = contract_rules(config);
    rules.access.loopback = false;  // it listens nowhere: callers come from elsewhere
    made->contract_ = std::make_unique<service::Contract>(std::move(rules), *made->engine_);
    fronts::lambda::Options entry;
    entry.streaming = config.lambda.streaming;
    entry.idle_limit = config.lambda.idle_limit;
    entry.whitespace = config.lambda.whitespace;
    made->front_ = std::make_unique<fronts::lambda::Front>(
        entry,
        fronts::lambda::Front::Parts{*made->engine_, *made->contract_, pool, clock},
        thread.executor()
    );
    made->engine_->start();
    return made;
}

runtime::Task<void> FunctionFront::invoke(
    clients::LambdaInvocation invocation, clients::LambdaAnswer& answer
) {
    co_await front_->invoke(std::move(invocation), answer);
    // Nobody asks a function for its metrics; deploy/terraform/alarms.tf counts these lines.
    const std::uint64_t rescues = engine_->rescues();
    if (rescues != std::exchange(logged_rescues_, rescues))
        spdlog::warn("rescued: a result was found without a notice");
}

void FunctionFront::stop() {
    engine_->stop_now();
    engine_->stop();
}

}  // namespace bide
