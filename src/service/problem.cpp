#include "service/problem.hpp"

#include "base/check.hpp"
#include "wire/utf8.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <utility>

namespace bide::service {

namespace json = boost::json;

namespace {

/// Where no backlog says when to come again: somebody has to mend something first.
constexpr std::int64_t kRetryAfterUnknown_s = 5;

struct Row {
    std::uint16_t status;
    std::string_view title;
};

Row row_of(Code code) {
    switch (code) {
        case Code::bad_request: return {400, "The request is not understood"};
        case Code::unauthenticated: return {401, "An API key is needed"};
        case Code::forbidden: return {403, "The API key does not go so far"};
        case Code::not_found: return {404, "Not found"};
        case Code::method_not_allowed: return {405, "The method does not apply here"};
        case Code::not_acceptable: return {406, "There is nothing that Accept allows"};
        case Code::request_timeout: return {408, "The request did not come in time"};
        case Code::conflict: return {409, "The job is not in a state for this"};
        case Code::gone: return {410, "The result is no longer kept"};
        case Code::too_large: return {413, "The body is too large"};
        case Code::target_too_long: return {414, "The request target is too long"};
        case Code::unsupported_media_type: return {415, "The content type is not understood here"};
        case Code::range_not_satisfiable: return {416, "The range is not in the result"};
        case Code::expectation_failed: return {417, "The expectation cannot be met"};
        case Code::key_reused: return {422, "The key or id belongs to another request"};
        case Code::rate_limited: return {429, "The tenant is at its limit"};
        case Code::headers_too_large: return {431, "The header section is too large"};
        case Code::internal: return {500, "A bug in bide"};
        case Code::not_implemented: return {501, "Not offered here"};
        case Code::overloaded: return {503, "The server is at its limit"};
        case Code::shutting_down: return {503, "The server is shutting down"};
        case Code::store_failed: return {503, "The store cannot make anything durable"};
    }
    UNREACHABLE("a code outside the enum");
}

struct FailureRow {
    std::string_view type;
    std::uint16_t status;
    std::string_view title;
};

FailureRow row_of(core::FailureKind kind) {
    switch (kind) {
        case core::FailureKind::handler: return {"handler-failed", 502, "The handler failed"};
        case core::FailureKind::rejected:
            return {"handler-rejected", 502, "The handler cannot do this job"};
        case core::FailureKind::timeout:
            return {"handler-timeout", 504, "The handler did not finish in time"};
        case core::FailureKind::lost:
            return {"handler-lost", 502, "The handler went away without an answer"};
        case core::FailureKind::cancelled: return {"job-cancelled", 409, "The job was cancelled"};
        case core::FailureKind::expired:
            return {"job-expired", 504, "The job was not started before its deadline"};
        case core::FailureKind::none: break;
    }
    UNREACHABLE("a success is not a problem");
}

Retry retry_of(const core::Outcome& outcome) {
    if (outcome.kind == core::FailureKind::rejected) return Retry::never;
    // Never started: sent again it runs once. Else the handler has run at least once already.
    return outcome.attempts == 0 ? Retry::safe : Retry::unsafe;
}

Problem plain(std::string_view type, std::string_view title, std::uint16_t status) {
    Problem problem;
    problem.type = type;
    problem.title = title;
    problem.status = status;
    return problem;
}

constexpr std::array kFailures{
    core::FailureKind::handler,
    core::FailureKind::rejected,
    core::FailureKind::timeout,
    core::FailureKind::lost,
    core::FailureKind::cancelled,
    core::FailureKind::expired,
};

}  // namespace

std::optional<Problem> problem_of_type(std::string_view type) {
    for (auto code = Code{}; code <= Code::internal;
         code = static_cast<Code>(static_cast<std::uint8_t>(code) + 1)) {
        if (to_string(code) == type) return problem_of(Error{code, Retry::never, {}});
    }
    for (const auto kind : kFailures) {
        const FailureRow row = row_of(kind);
        if (row.type == type) return plain(row.type, row.title, row.status);
    }
    if (type == "wait-over") return plain("wait-over", kWaitOver, 504);
    if (type == "not-carried") return plain("not-carried", kNotCarried, 501);
    return std::nullopt;
}

std::uint16_t status_of(Code code) {
    return row_of(code).status;
}

Problem problem_of(const Error& error) {
    const Row row = row_of(error.code);
    return {
        to_string(error.code),
        row.title,
        row.status,
        error.detail,
        error.retry,
        Source::bide,
        std::nullopt,
        error.retry_after_s};
}

Problem problem_of(const JobId& job, const core::Outcome& outcome) {
    const FailureRow row = row_of(outcome.kind);
    const bool ours =
        outcome.kind == core::FailureKind::cancelled || outcome.kind == core::FailureKind::expired;
    return {
        row.type,
        row.title,
        outcome.status != 0 ? outcome.status : row.status,
        outcome.detail,
        retry_of(outcome),
        ours ? Source::bide : Source::handler,
        job,
        0};
}

json::object to_json(const Problem& problem) {
    json::object document{
        {"type", "/errors/" + std::string(problem.type)},
        {"title", problem.title},
        {"status", problem.status},
        {"detail", wire::to_printable(problem.detail)},
        {"retry", to_string(problem.retry)},
    };
    if (problem.job) document["job"] = to_string(*problem.job);
    return document;
}

wire::Reply to_reply(const Problem& problem) {
    wire::Reply reply;
    reply.status = problem.status;
    reply.headers.add("Content-Type", "application/problem+json");
    reply.headers.add("Bide-Error-Source", problem.source == Source::bide ? "bide" : "handler");
    if (problem.status == 401) reply.headers.add("WWW-Authenticate", "Bearer realm=\"bide\"");
    const bool comes_again = problem.status == 429 || problem.status == 503;
    const auto after = problem.retry_after_s > 0 ? problem.retry_after_s : kRetryAfterUnknown_s;
    if (comes_again || problem.retry_after_s > 0)
        reply.headers.add("Retry-After", static_cast<std::uint64_t>(after));
    reply.body.bytes = json::serialize(to_json(problem)) + "\n";
    return reply;
}

}  // namespace bide::service
