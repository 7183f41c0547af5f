#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/asio.hpp"

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
    std::string arn;      ///< of the function as it was called
    std::string payload;  ///< the event: JSON, up to 6 MiB
};

/// The answer to one invocation: respond(), or fail(), or open(), any number of write() and then
/// close() or break_off(). On the runtime's thread. An error means that Lambda did not take it.
class LambdaAnswer {
  public:
    virtual runtime::Task<Result<void>> respond(std::string json) = 0;
    /// `type` is Category.Reason, like Function.BadEvent.
    virtual runtime::Task<Result<void>> fail(std::string type, std::string message) = 0;

    /// Begins a streamed HTTP answer. `prelude`: JSON with statusCode, headers, multiValueHeaders,
    /// cookies; what parts it from the body is added.
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
};

}  // namespace bide::clients
