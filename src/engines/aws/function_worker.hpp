#pragma once

#include "clients/lambda_runtime.hpp"
#include "engines/aws/worker.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace bide::engines::aws {

/// A worker, or the consumer of dead letters, as a Lambda function: an event of SQS is answered
/// with the messages that are to come again. What is done is stored and published by then, since
/// the process is frozen after the answer: nothing of it may be left to do.
///
/// Threads, and the order of its end, as Worker; invocations are given to it on the services'
/// thread, several at once if they come so.
class FunctionWorker {
  public:
    /// The lease of `options` is not used: Lambda's event source holds the messages.
    FunctionWorker(WorkerOptions options, Services& services);

    void start() { worker_.start(); }
    void stop_now() { worker_.stop_now(); }
    /// No invocation is under way.
    void stop() { worker_.stop(); }

    runtime::Task<void> invoke(clients::LambdaInvocation invocation, clients::LambdaAnswer& answer);

  private:
    std::optional<core::QueueIndex> queue_of(std::string_view arn) const;
    Worker::BroughtLimits limits_for(Time deadline) const;

    Services& services_;
    std::vector<std::string> queues_;  ///< names of the SQS queues, by index
    Worker worker_;
};

}  // namespace bide::engines::aws
