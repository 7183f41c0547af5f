#include "handlers/exec/line_protocol.hpp"

#include "handlers/exec/command.hpp"
#include "wire/utf8.hpp"

#include <cstddef>
#include <utility>

namespace bide::exec {
namespace {

constexpr std::size_t kExcerptBytes = 120;

core::AttemptResult to_failure(const wire::PoolAnswer& answer, std::size_t detail_bytes_max) {
    const std::string_view said = *answer.error;
    core::AttemptResult result = failure(
        answer.retry ? Verdict::retry : Verdict::fail,
        core::FailureKind::handler,
        wire::to_printable(said.substr(0, detail_bytes_max))
    );
    if (answer.status >= 400) result.status = answer.status;
    return result;
}

std::string excerpt(std::string_view line) {
    std::string text = wire::to_printable(line.substr(0, kExcerptBytes));
    if (line.size() > kExcerptBytes) text += "...";
    return text;
}

}  // namespace

wire::PoolRequest make_request(const ports::Attempt& attempt, std::string_view queue) {
    wire::PoolRequest request;
    request.id = attempt.input->id;
    request.queue = queue;
    request.attempt = attempt.number;
    request.attempts_max = attempt.attempts_max;
    request.deadline_s = deadline_seconds(attempt.deadline);
    request.content_type = attempt.input->content_type;
    request.traceparent = attempt.input->traceparent;
    request.body = attempt.input->body.bytes;
    if (const auto& file = attempt.input->body.file) request.body_file = file->path();
    return request;
}

core::AttemptResult to_result(wire::PoolAnswer&& answer, const Options& options) {
    if (answer.error) return to_failure(answer, options.stderr_tail_bytes);
    if (answer.body.size() > options.output_bytes_max) return output_too_large(options);
    core::AttemptResult result;
    result.verdict = Verdict::success;
    result.kind = core::FailureKind::none;
    result.status = answer.status;
    result.content_type = std::move(answer.content_type);
    if (result.content_type.empty()) result.content_type = options.content_type;
    result.body.bytes = std::move(answer.body);
    return result;
}

std::string wrote_no_answer(const Error& error, std::string_view line) {
    return "wrote a line that is no answer (" + error.detail + "): " + excerpt(line) +
           "; stdout is for answers only, log to stderr";
}

std::string wrote_too_long_a_line(const Options& options) {
    return "wrote a line of more than " + std::to_string(options.line_bytes_max) + " bytes";
}

std::string answered_a_stranger(JobId job) {
    return "answered a job it does not have: " + to_string(job);
}

}  // namespace bide::exec
