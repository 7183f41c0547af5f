#pragma once

#include "base/time.hpp"
#include "clients/lambda_runtime.hpp"
#include "ports/engine.hpp"
#include "runtime/asio.hpp"
#include "runtime/blocking_pool.hpp"
#include "service/contract.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace bide::fronts::lambda {

class Exchange;

struct Options {
    /// The entry calls the function for a streamed answer: every answer is one.
    bool streaming = false;
    /// How long the entry lets an answer be without a byte, from the request on.
    Duration idle_limit = std::chrono::seconds(28);
    /// With streaming: who takes JSON and is still waiting at idle_limit is sent 200 and white
    /// space, and then the result.
    bool whitespace = false;
    Duration whitespace_pause = std::chrono::seconds(15);
    /// Answers are under way so long before the invocation's deadline.
    Duration margin = std::chrono::seconds(1);
};

/// The front function: an event of an HTTP entry is a request under the HTTP contract, and what the
/// contract answers goes back in the entry's form. A process has one invocation at a time, or as
/// many as Lambda says.
///
/// All on one executor but for deliver(). It must outlive the engine's run, and its executor's.
class Front final : public ports::AnswerSink {
  public:
    struct Parts {
        ports::Engine& engine;
        const service::Contract& contract;
        runtime::BlockingPool& pool;
        const Clock& clock;
    };

    Front(Options options, Parts parts, runtime::Executor executor);

    /// A clients::LambdaFunction.
    runtime::Task<void> invoke(clients::LambdaInvocation invocation, clients::LambdaAnswer& answer);

    void deliver(std::vector<core::Answer>&& answers) override;

    /// All exchanges look at the clock: a manual one has moved.
    void look_at_clock();

    // For exchanges:
    const Options& options() const { return options_; }
    const Parts& parts() const { return parts_; }
    const runtime::Executor& executor() const { return executor_; }
    std::uint64_t waiting() const { return waiting_.size(); }
    /// A wait that is about to begin; its answers go to `exchange` until forget().
    core::WaiterId expect(Exchange& exchange);
    void forget(core::WaiterId waiter) { waiting_.erase(waiter); }

  private:
    void hand_out(std::vector<core::Answer>&& answers);

    Options options_;
    Parts parts_;
    runtime::Executor executor_;
    std::uint8_t sink_number_;
    std::uint64_t next_waiter_ = 0;
    std::unordered_map<core::WaiterId, Exchange*> waiting_;
};

}  // namespace bide::fronts::lambda
