#pragma once

#include "cli/config.hpp"
#include "engines/aws/front.hpp"
#include "engines/aws/services.hpp"
#include "fronts/lambda/front.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/work_thread.hpp"
#include "service/contract.hpp"

#include <cstdint>
#include <memory>

namespace bide {

/// What a front is made of where Lambda invokes it.
class FunctionFront {
  public:
    /// `services` runs on `thread`; all parts outlive it.
    static Result<std::unique_ptr<FunctionFront>> make(
        const cli::Config& config,
        engines::aws::Services& services,
        runtime::WorkThread& thread,
        runtime::BlockingPool& pool,
        const Clock& clock
    );

    runtime::Task<void> invoke(clients::LambdaInvocation invocation, clients::LambdaAnswer& answer);
    /// Lets go of what the engine has under way. What it said last is then on the thread.
    void stop();

  private:
    std::unique_ptr<engines::aws::Front> engine_;
    std::unique_ptr<service::Contract> contract_;
    std::unique_ptr<fronts::lambda::Front> front_;
    std::uint64_t logged_rescues_ = 0;
};

}  // namespace bide
