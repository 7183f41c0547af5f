#pragma once

#include "handlers/exec/exec.hpp"
#include "ports/handler.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace bide::lambda {

/// The largest buffered response, as the real service has it. A streamed one may be as large as
/// command.output_bytes_max.
constexpr std::uint64_t kPayloadBytesMax = (6ULL << 20) + 100;

struct Options {
    exec::Options command;                     ///< in_flight and line_bytes_max are of no use here
    std::string handler = "function.handler";  ///< _HANDLER
    /// A process that does not ask for an invocation for so long is ended: after its start, and
    /// after each answer.
    Duration silence_max = std::chrono::minutes(5);
};

/// `processes` long-lived processes that fetch their jobs from the Lambda Runtime API, version
/// 2018-06-01, which each of them finds on a loopback port of its own: AWS_LAMBDA_RUNTIME_API. A
/// job is an SQS event of one record (wire/lambda_event.hpp), with command.batch over 1 up to so
/// many are one event; what the answer means stands in wire/lambda_result.hpp. Errors are retried.
///
/// Supervised as the processes of an exec pool (handlers/exec/exec.hpp). One event at a time each;
/// stopping all its jobs ends the process. The lifetimes of the arguments are as there, too.
///
/// Limits on what a process sends: 16 connections, heads of kHeadBytesMax, bodies of
/// kPayloadBytesMax or, streamed, output_bytes_max; past that 413 and a job that fails for good.
std::unique_ptr<ports::Handler> make_lambda_handler(
    exec::ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
);

}  // namespace bide::lambda
