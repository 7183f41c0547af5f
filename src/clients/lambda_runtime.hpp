#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/asio.hpp"
#include "runtime/blocking_pool.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

/// One event for this function, as Lambda's Runtime API hands it out.
struct LambdaInvocation {
    std::string id;       ///< of the invocation
    Time deadline{};      ///< on the system clock: the process is stopped or frozen then
    std::string trace;    ///< X-Ray's header; may be empty
    std::string payload;  ///< the event: JSON, up to 6 MiB
};

/// The answer to one invocation: respond(), or fail(), or open(), any number of write() and then
/// close() or break_off(). On the runtime's thread. An error means that Lambda did not take it.
class LambdaAnswer {
  public:
    /// Code::too_large: it is over Lambda's limit of 6 MiB and 100 bytes, and the invocation
    /// failed.
    virtual runtime::Task<Result<void>> respond(std::string json) = 0;
    /// `type` is Category.Reason, like Function.BadEvent.
    virtual runtime::Task<Result<void>> fail(std::string type, std::string message) = 0;

    /// Begins a streamed HTTP answer. `prelude`: JSON with statusCode, headers, multiValueHeaders,
    /// cookies; what parts it from the body is added. After an error no other call may follow: the
    /// invocation is failed if it still can be.
    virtual runtime::Task<Result<void>> open(std::string prelude) = 0;
    /// Returns when the piece is on its way. Not empty.
    virtual runtime::Task<Result<void>> write(std::string_view piece) = 0;
    virtual runtime::Task<Result<void>> close() = 0;
    /// Ends it as failed: the caller sees a body that was cut off.
    virtual runtime::Task<Result<void>> break_off(std::string type, std::string message) = 0;

  protected:
    ~LambdaAnswer() = default;
};

/// What the process does with an event. Must answer; what it leaves unanswered is failed for it.
using LambdaFunction = std::function<runtime::Task<void>(LambdaInvocation, LambdaAnswer&)>;

struct LambdaRuntimeOptions {
    std::string address;            ///< HOST:PORT, of AWS_LAMBDA_RUNTIME_API
    std::uint32_t concurrency = 1;  ///< invocations at once (AWS_LAMBDA_MAX_CONCURRENCY)
    std::function<void(const std::string&)> log;
    Duration answer_max = std::chrono::seconds(10);  ///< for Lambda to take a response or an error
    /// For it to take a piece of a streamed one. It takes no more than its caller does.
    Duration pause_max = std::chrono::minutes(5);
};

/// The client of Lambda's Runtime API (2018-06-01) and its loop: asks for an invocation, hands it
/// to the function, sends the answer. `concurrency` of these go on at once.
///
/// Asking has no limit on time: the process may be frozen meanwhile. Its connection may be dead
/// when it goes on; then the question is asked again, on a fresh one. So it is when Lambda's answer
/// makes no sense; after several of those in a row, or a 500, serve() ends, and so should the
/// process. An answer of ours may be sent twice, when a kept connection broke under it: Lambda
/// refuses the second.
///
/// All of it, making and destroying included, on the executor's one thread. When serve() and
/// fail_init() have returned it may be destroyed. `pool` and `clock` outlive it.
class LambdaRuntime {
  public:
    LambdaRuntime(
        runtime::Executor executor,
        runtime::BlockingPool& pool,
        const Clock& clock,
        LambdaRuntimeOptions options
    );
    ~LambdaRuntime();
    LambdaRuntime(const LambdaRuntime&) = delete;
    LambdaRuntime& operator=(const LambdaRuntime&) = delete;

    /// Once. Returns after stop(), or with the reason why it cannot go on; the invocations that
    /// were under way have been answered.
    runtime::Task<Result<void>> serve(LambdaFunction function);
    /// No further invocation; those under way go on.
    void stop();

    /// Says that there will be no serve(). `type` is Category.Reason, like Runtime.ConfigInvalid.
    runtime::Task<Result<void>> fail_init(std::string type, std::string message);

    struct Shared;

  private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
