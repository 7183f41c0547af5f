#include "service/contract.hpp"

#include "service/problem.hpp"
#include "wire/utf8.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace bide::service {
namespace {

using core::Answer;

constexpr std::string_view kJobs = "/jobs/";
constexpr std::string_view kQueues = "/queues/";

/// Longer targets are refused before this: no page has one.
constexpr std::size_t kTargetMax = 8192;

wire::Reply problem(Code code, std::string detail) {
    return to_reply(problem_of(Error{code, Retry::never, std::move(detail)}));
}

wire::Reply wrong_method(std::string_view method, std::string_view allowed) {
    wire::Reply reply = problem(
        Code::method_not_allowed,
        std::string(method) + " does not apply here; allowed: " + std::string(allowed)
    );
    reply.headers.add("Allow", allowed);
    return reply;
}

wire::Reply text_page(std::uint16_t status, std::string text) {
    wire::Reply reply;
    reply.status = status;
    reply.headers.add("Content-Type", "text/plain; charset=utf-8");
    reply.body.bytes = std::move(text);
    return reply;
}

/// The path of a target in origin form, or in the absolute form that proxies use (RFC 9112, 3.2).
std::string_view path_of(std::string_view target) {
    target = target.substr(0, target.find('?'));
    const auto scheme = target.find("://");
    if (target.starts_with('/') || scheme == std::string_view::npos) return target;
    const auto path = target.find('/', scheme + 3);
    return path == std::string_view::npos ? "/" : target.substr(path);
}

bool is_read(std::string_view method) {
    return method == "GET" || method == "HEAD";
}

/// Milliseconds with three decimals. By hand: printing doubles was seen high in the profile.
void append_ms(std::string& text, Duration span) {
    const std::int64_t us = std::max<std::int64_t>(span.count(), 0);
    const std::int64_t fraction = us % 1000;
    text += std::to_string(us / 1000);
    text += '.';
    text += static_cast<char>('0' + fraction / 100);
    text += static_cast<char>('0' + fraction / 10 % 10);
    text += static_cast<char>('0' + fraction % 10);
}

/// Server-Timing for a result: in the queue, in the handler, and from there until the commit had
/// returned and the answer was written; the last only for who waited.
std::string server_timing(const core::Outcome& outcome, Time now, bool waited) {
    const bool ran = outcome.attempts > 0;
    std::string text = "queue;dur=";
    append_ms(text, (ran ? outcome.started : outcome.finished) - outcome.created);
    text += ", run;dur=";
    append_ms(text, ran ? outcome.finished - outcome.started : Duration(0));
    if (waited) {
        text += ", store;dur=";
        append_ms(text, now - outcome.finished);
    }
    return text;
}

std::string page_of(const JobId& job) {
    return std::string(kJobs) + to_string(job);
}
std::string result_page_of(const JobId& job) {
    return page_of(job) + "/result";
}

}  // namespace

Contract::Contract(ContractRules rules, const ports::Engine& engine)
    : rules_(std::move(rules)), engine_(engine) {}

// --- understanding ----------------------------------------------------------------------------

Plan Contract::understand(const wire::RequestHead& head) const {
    if (head.target.size() > kTargetMax) {
        return problem(
            Code::target_too_long,
            "the request target is longer than " + std::to_string(kTargetMax) + " bytes"
        );
    }
    const std::string_view path = path_of(head.target);
    if (path == "/") {
        if (is_read(head.method)) return usage_page();
        if (head.method == "POST") return understand_submit(head, rules_.default_queue);
        return wrong_method(head.method, "GET, HEAD, POST");
    }
    if (path == "/healthz" || path == "/readyz") {
        if (!is_read(head.method)) return wrong_method(head.method, "GET, HEAD");
        return health_page(path);
    }
    if (path.starts_with(kJobs)) return understand_job_page(head, path);
    if (path.starts_with(kQueues) && path.ends_with("/jobs") && path.size() > kQueues.size() + 5) {
        if (head.method != "POST") return wrong_method(head.method, "POST");
        return understand_submit(
            head, path.substr(kQueues.size(), path.size() - kQueues.size() - 5)
        );
    }
    return problem(Code::not_found, "there is no such page; GET / lists what there is");
}

Plan Contract::understand_submit(const wire::RequestHead& head, std::string_view queue) const {
    const auto found = std::find(rules_.queues.begin(), rules_.queues.end(), queue);
    if (found == rules_.queues.end()) {
        std::string names;
        for (const auto& name : rules_.queues) names += (names.empty() ? "" : ", ") + name;
        return problem(
            Code::not_found,
            queue.empty()
                ? "there is no default queue; POST to /queues/{queue}/jobs, one of: " + names
                : "there is no queue of this name; there are: " + names
        );
    }
    auto wait = plan_wait(head);
    if (wait.has_error()) return to_reply(problem_of(wait.error()));
    return SubmitPlan{
        static_cast<core::QueueIndex>(found - rules_.queues.begin()),
        std::string(head.field("content-type")),
        std::string(head.field("traceparent")),
        std::move(wait.value())};
}

Plan Contract::understand_job_page(const wire::RequestHead& head, std::string_view path) const {
    using What = AskPlan::What;
    constexpr std::string_view kResult = "/result";
    std::string_view id_text = path.substr(kJobs.size());
    const bool result = id_text.ends_with(kResult);
    if (result) id_text.remove_suffix(kResult.size());

    AskPlan plan;
    plan.what = result ? What::result : What::status;
    if (!result && head.method == "DELETE")
        plan.what = What::cancel;
    else if (!is_read(head.method))
        return wrong_method(head.method, result ? "GET, HEAD" : "GET, HEAD, DELETE");

    auto id = parse_job_id(id_text);
    if (id.has_error()) return to_reply(problem_of(id.error()));
    plan.job = id.value();
    auto wait = plan_wait(head);
    if (wait.has_error()) return to_reply(problem_of(wait.error()));
    plan.wait = std::move(wait.value());
    if (plan.what == What::status) plan.wait.wait = Duration(0);
    if (plan.what == What::cancel) plan.wait.wait = rules_.max_wait;
    return plan;
}

/// Who said nothing about waiting waits as long as the server lets it, and must not take a 2xx for
/// done when that is over; who asked for a limit gets 202 there, or what it asked for.
Result<WaitPlan> Contract::plan_wait(const wire::RequestHead& head) const {
    WaitPlan plan;
    plan.wait = rules_.max_wait;
    const std::string value = head.joined("prefer");
    if (value.empty()) return plan;
    BIDE_TRY(const wire::Preferences wishes, wire::parse_prefer(value));
    const auto applied = [&plan](const std::string& what) {
        plan.applied += (plan.applied.empty() ? "" : ", ") + what;
    };
    if (wishes.respond_async) {
        plan.wait = Duration(0);
        plan.at_limit = wire::AtLimit::accepted;
        applied("respond-async");
    }
    if (wishes.wait_s) {
        const auto max_s = std::chrono::duration_cast<std::chrono::seconds>(rules_.max_wait);
        const auto seconds =
            std::chrono::seconds(std::min(*wishes.wait_s, std::int64_t{max_s.count()}));
        plan.wait = seconds;
        plan.at_limit = wire::AtLimit::accepted;
        applied("wait=" + std::to_string(seconds.count()));
    }
    if (wishes.at_limit) {
        plan.at_limit = *wishes.at_limit;
        constexpr std::array kNames{"accepted", "redirect", "timeout"};
        applied(std::string("at-limit=") + kNames.at(static_cast<std::size_t>(*wishes.at_limit)));
    }
    return plan;
}

wire::Reply Contract::health_page(std::string_view path) const {
    if (path == "/healthz") return text_page(200, "ok\n");
    const ports::EngineHealth health = engine_.health();
    if (health.ready) return text_page(200, "ready\n");
    wire::Reply reply = text_page(503, "not ready: " + health.reason + "\n");
    reply.headers.add("Retry-After", "1");
    return reply;
}

wire::Reply Contract::usage_page() const {
    std::string queues;
    for (const auto& name : rules_.queues) {
        queues += "  " + name;
        if (name == rules_.default_queue) queues += "  (the default)";
        queues += "\n";
    }
    return text_page(
        200,
        "This is bide: post a job, and the answer is its result.\n\n"
        "  POST /                        a job for the default queue; waits\n"
        "  POST /queues/{queue}/jobs     a job for that queue; waits\n"
        "  GET /jobs/{id}                how a job stands\n"
        "  GET /jobs/{id}/result         its result; waits\n"
        "  DELETE /jobs/{id}             cancel it\n"
        "  GET /healthz, /readyz\n\n"
        "  Prefer: wait=10               wait at most 10 s, then 202\n"
        "  Prefer: respond-async         202 at once\n\n"
        "Queues:\n" +
            queues
    );
}

// --- answering --------------------------------------------------------------------------------

wire::Reply Contract::answer(const SubmitPlan& plan, const Answer& answer, Time now) const {
    if (answer.kind == Answer::Kind::refused) return to_reply(problem_of(answer.error));
    // Who asked not to wait gets the same shape however fast the job was.
    if (plan.wait.wait == Duration(0) && answer.kind != Answer::Kind::draining)
        return wait_over(plan.wait, answer);
    return result_page(plan.wait, answer, now);
}

wire::Reply Contract::answer(const AskPlan& plan, const Answer& answer, Time now) const {
    if (answer.kind == Answer::Kind::refused) return to_reply(problem_of(answer.error));
    switch (plan.what) {
        case AskPlan::What::result: return result_page(plan.wait, answer, now);
        case AskPlan::What::status: return status_page(200, answer);
        case AskPlan::What::cancel: break;
    }
    return cancel_page(answer);
}

void Contract::add_job_headers(wire::HeaderLines& headers, const Answer& answer) const {
    const auto& facts = answer.facts;
    headers.add("Bide-Job-Id", to_string(facts.id));
    headers.add("Bide-Attempts", answer.outcome ? answer.outcome->attempts : facts.attempts);
    headers.add("Bide-Durability", engine_.durability());
}

wire::Reply Contract::result_page(const WaitPlan& wait, const Answer& answer, Time now) const {
    if (answer.kind != Answer::Kind::finished) return wait_over(wait, answer);
    const core::Outcome& outcome = *answer.outcome;
    const bool has_page = outcome.state == core::JobState::succeeded || outcome.status != 0;
    wire::Reply reply;
    if (has_page) {
        reply.status = outcome.status == 0 ? 200 : outcome.status;
        reply.headers.add(
            "Content-Type",
            outcome.content_type.empty() ? "application/octet-stream" : outcome.content_type
        );
        if (reply.status >= 400) reply.headers.add("Bide-Error-Source", "handler");
        reply.body = outcome.body;
    } else {
        reply = to_reply(problem_of(answer.facts.id, outcome));
    }
    add_job_headers(reply.headers, answer);
    reply.headers.add("Content-Location", result_page_of(answer.facts.id));
    reply.headers.add("Server-Timing", server_timing(outcome, now, answer.fresh));
    if (!wait.applied.empty()) reply.headers.add("Preference-Applied", wait.applied);
    return reply;
}

/// The job goes on, and the caller learns where; the job is durable (G2).
wire::Reply Contract::wait_over(const WaitPlan& wait, const Answer& answer) const {
    const JobId& id = answer.facts.id;
    wire::Reply reply;
    if (answer.kind == Answer::Kind::draining) {
        Problem stopping = problem_of(
            {Code::shutting_down,
             Retry::unsafe,
             "the server is shutting down; the job is stored and goes on after the restart",
             1}
        );
        stopping.job = id;
        reply = to_reply(stopping);
    } else if (wait.at_limit == wire::AtLimit::accepted) {
        reply = status_page(202, answer);
        if (!wait.applied.empty()) reply.headers.add("Preference-Applied", wait.applied);
        return reply;
    } else if (wait.at_limit == wire::AtLimit::redirect) {
        reply.status = 303;
        reply.headers.add("Location", result_page_of(id));
        add_job_headers(reply.headers, answer);
        reply.headers.add("Preference-Applied", wait.applied);
        return reply;
    } else {
        reply = to_reply(
            {"wait-over",
             "The wait is over, the job is not",
             504,
             "the job goes on; its result will be at " + result_page_of(id),
             Retry::unsafe,
             Source::bide,
             id,
             0}
        );
    }
    if (!wait.applied.empty()) reply.headers.add("Preference-Applied", wait.applied);
    add_job_headers(reply.headers, answer);
    reply.headers.add("Location", page_of(id));
    return reply;
}

wire::Reply Contract::status_page(std::uint16_t status, const Answer& answer) const {
    namespace json = boost::json;
    const core::JobFacts& facts = answer.facts;
    const std::string page = page_of(facts.id);
    const core::JobState state = answer.outcome ? answer.outcome->state : facts.state;
    json::object document{
        {"id", to_string(facts.id)},
        {"queue", facts.queue < rules_.queues.size() ? rules_.queues[facts.queue] : ""},
        {"state", core::to_string(state)},
        {"attempts", facts.attempts},
        {"created", to_rfc3339(facts.created)},
    };
    if (facts.started != Time{}) document["started"] = to_rfc3339(facts.started);
    if (state == core::JobState::scheduled) document["not_before"] = to_rfc3339(facts.not_before);
    if (state == core::JobState::ready) document["position"] = facts.position;
    if (answer.outcome) {
        document["finished"] = to_rfc3339(answer.outcome->finished);
        document["result_bytes"] = answer.outcome->body.size();
        if (answer.outcome->kind != core::FailureKind::none) {
            document["failure"] = {
                {"kind", core::to_string(answer.outcome->kind)},
                {"detail", wire::to_printable(answer.outcome->detail)}};
        }
    }
    document["links"] = {{"self", page}, {"result", page + "/result"}};

    wire::Reply reply;
    reply.status = status;
    reply.headers.add("Content-Type", "application/json");
    add_job_headers(reply.headers, answer);
    reply.headers.add("Location", page);
    reply.body.bytes = json::serialize(document) + "\n";
    return reply;
}

/// The job ended by this request, or had ended in the same way before: the same answer. It ended
/// otherwise: 409.
wire::Reply Contract::cancel_page(const Answer& answer) const {
    if (answer.kind != Answer::Kind::finished) return wait_over({}, answer);
    if (answer.outcome->state == core::JobState::cancelled) return status_page(200, answer);
    Problem finished = problem_of(
        {Code::conflict,
         Retry::never,
         "the job has already " + std::string(core::to_string(answer.outcome->state)),
         0}
    );
    finished.job = answer.facts.id;
    wire::Reply reply = to_reply(finished);
    add_job_headers(reply.headers, answer);
    reply.headers.add("Location", page_of(answer.facts.id));
    return reply;
}

}  // namespace bide::service
