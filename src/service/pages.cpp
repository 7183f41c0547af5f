#include "service/pages.hpp"

#include "wire/base64.hpp"
#include "wire/json_text.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace bide::service {
namespace {

namespace json = boost::json;

/// Results up to here are told inside event streams and batches, larger ones by their address.
constexpr std::uint64_t kInlineMax = 64 * 1024;

/// Whole ones as an integer: 300, not 3E2.
json::value seconds(Duration span) {
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(span);
    if (whole == span) return std::int64_t{whole.count()};
    return static_cast<double>(span.count()) / 1e6;
}

/// What a handler said of itself, as it said it.
json::value parsed(const std::string& text) {
    json::error_code failed;
    json::parse_options options;
    options.max_depth = 128;
    json::value value = json::parse(text, failed, {}, options);
    if (failed) return json::value(wire::to_printable(text));
    return value;
}

std::string_view type_of(const core::Outcome& outcome) {
    if (outcome.content_type.empty()) return "application/octet-stream";
    return outcome.content_type;
}

}  // namespace

std::string page_of(const JobId& job) {
    return "/jobs/" + to_string(job);
}
std::string result_page_of(const JobId& job) {
    std::string page;
    page.reserve(64);
    append_result_page(page, job);
    return page;
}
void append_result_page(std::string& text, const JobId& job) {
    text += "/jobs/";
    append(text, job);
    text += "/result";
}
std::string batch_page_of(const JobId& batch) {
    return "/batches/" + to_string(batch);
}

wire::Reply problem(Code code, std::string detail) {
    return to_reply(problem_of(Error{code, Retry::never, std::move(detail)}));
}

wire::Reply text_page(std::uint16_t status, std::string text) {
    wire::Reply reply;
    reply.status = status;
    reply.headers.add("Content-Type", "text/plain; charset=utf-8");
    reply.body.bytes = std::move(text);
    return reply;
}

wire::Reply json_page(std::uint16_t status, const json::object& document) {
    wire::Reply reply;
    reply.status = status;
    reply.headers.add("Content-Type", "application/json");
    reply.body.bytes = json::serialize(document) + "\n";
    return reply;
}

std::optional<core::QueueIndex> batch_queue(const ContractRules& rules) {
    for (std::size_t i = rules.queues.size(); i-- > 0;) {
        if (rules.queues[i].name == kBatchQueue) return static_cast<core::QueueIndex>(i);
    }
    return std::nullopt;
}

std::string_view name_of(const ContractRules& rules, core::QueueIndex queue) {
    if (queue >= rules.queues.size() || rules.queues[queue].name == kBatchQueue) return {};
    return rules.queues[queue].name;
}

Time expiry_of(const ContractRules& rules, const core::Outcome& outcome) {
    if (outcome.queue >= rules.queues.size()) return outcome.finished;
    return outcome.finished + rules.queues[outcome.queue].retention;
}

json::object job_document(
    const View& view, const core::JobFacts& facts, const core::Outcome* outcome
) {
    const std::string page = page_of(facts.id);
    const core::JobState state = outcome ? outcome->state : facts.state;
    json::object document{
        {"id", to_string(facts.id)},
        {"queue", name_of(view.rules, facts.queue)},
        {"state", core::to_string(state)},
        {"attempts", outcome ? outcome->attempts : facts.attempts},
    };
    if (!outcome && facts.attempts_max != 0) document["attempts_max"] = facts.attempts_max;
    if (!outcome) document["priority"] = facts.priority;
    if (!facts.tenant.empty()) document["tenant"] = facts.tenant;
    document["created"] = to_rfc3339(facts.created);
    if (facts.started != Time{}) document["started"] = to_rfc3339(facts.started);
    if (state == core::JobState::scheduled) document["not_before"] = to_rfc3339(facts.not_before);
    if (state == core::JobState::ready) document["position"] = facts.position;
    if (!outcome && facts.progress) document["progress"] = parsed(*facts.progress);
    if (outcome) {
        document["finished"] = to_rfc3339(outcome->finished);
        document["expires"] = to_rfc3339(expiry_of(view.rules, *outcome));
        document["result_bytes"] = outcome->body.size();
        if (outcome->kind != core::FailureKind::none) {
            document["failure"] = {
                {"kind", core::to_string(outcome->kind)},
                {"detail", wire::to_printable(outcome->detail)}};
        }
    }
    document["links"] = {{"self", page}, {"result", page + "/result"}};
    return document;
}

json::object queue_document(
    const View& view, core::QueueIndex queue, const ports::QueueFacts& facts
) {
    const QueueSide& side = view.rules.queues.at(queue);
    const std::string page = "/queues/" + side.name;
    const core::QueueTotals& totals = facts.totals;
    return {
        {"name", side.name},
        {"default", side.name == view.rules.default_queue},
        {"paused", facts.paused},
        {"jobs",
         {{"scheduled", facts.counts.scheduled},
          {"ready", facts.counts.ready},
          {"running", facts.counts.running}}},
        {"since_start",
         {{"submitted", totals.submitted},
          {"replayed", totals.replayed},
          {"succeeded", totals.succeeded},
          {"failed", totals.failed},
          {"cancelled", totals.cancelled},
          {"expired", totals.expired},
          {"attempts", totals.attempts},
          {"retries", totals.retries},
          {"refused", totals.refused_full + totals.refused_rate + totals.refused_deadline}}},
        {"limits",
         {{"concurrency", facts.rules.concurrency},
          {"depth_max", facts.rules.depth_max},
          {"bytes_max", facts.rules.bytes_max},
          {"timeout_s", seconds(facts.rules.timeout)},
          {"attempts_max", facts.rules.retry.attempts_max},
          {"retention_s", seconds(side.retention)}}},
        {"links", {{"self", page}, {"jobs", page + "/jobs"}}},
    };
}

json::object batch_document(const core::Answer& answer) {
    const core::JobFacts& facts = answer.facts;
    const std::string page = batch_page_of(facts.id);
    const core::JobState state = answer.outcome ? answer.outcome->state : facts.state;
    json::object document{{"id", to_string(facts.id)}};
    // Told by its handler (batch_handler.hpp): on the way as progress, in the end as result.
    json::value told;
    if (answer.outcome)
        told = parsed(answer.outcome->body.bytes);
    else if (facts.progress)
        told = parsed(*facts.progress);
    if (const json::object* members = told.if_object()) {
        if (const json::value* items = members->if_contains("items")) {
            document["items"] = *items;
            const json::value* done = members->if_contains("done");
            document["done"] = done ? *done : *items;
        }
        if (answer.outcome) document["summary"] = told;
    }
    document["state"] = core::to_string(state);
    document["links"] = {{"self", page}, {"results", page + "/results"}};
    return document;
}

void add_job_headers(wire::HeaderLines& headers, const View& view, const core::Answer& answer) {
    headers.add_own("Bide-Job-Id", [&](std::string& text) { append(text, answer.facts.id); });
    headers.add("Bide-Attempts", answer.outcome ? answer.outcome->attempts : answer.facts.attempts);
    headers.add_own("Bide-Durability", view.engine.durability());
    if (answer.replayed) headers.add_own("Bide-Replayed", "true");
    if (!answer.outcome) return;
    headers.add_own("Bide-Expires", [&](std::string& text) {
        append_rfc3339(text, expiry_of(view.rules, *answer.outcome));
    });
}

bool has_own_page(const core::Outcome& outcome) {
    if (outcome.state == core::JobState::succeeded) return true;
    return outcome.status != 0 && outcome.body.size() > 0;
}

wire::Reply outcome_page(const JobId& job, const core::Outcome& outcome) {
    if (!has_own_page(outcome)) return to_reply(problem_of(job, outcome));
    wire::Reply reply;
    reply.status = outcome.status == 0 ? 200 : outcome.status;
    const std::string_view type = type_of(outcome);
    reply.headers.add("Content-Type", type);
    reply.headers.add_own("X-Content-Type-Options", "nosniff");
    // A result that a browser would run must not act as a page of this server (/ui/ is one).
    const auto says = [type](std::string_view word) {
        return std::search(type.begin(), type.end(), word.begin(), word.end(), [](char a, char b) {
                   return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b;
               }) != type.end();
    };
    if (says("ml") && (says("html") || says("xml")))
        reply.headers.add("Content-Security-Policy", "sandbox");
    if (reply.status >= 400) reply.headers.add("Bide-Error-Source", "handler");
    reply.body = outcome.body;
    return reply;
}

std::string outcome_members(const JobId& job, const core::Outcome& outcome) {
    const wire::Reply page = outcome_page(job, outcome);
    const std::string_view type =
        has_own_page(outcome) ? type_of(outcome) : "application/problem+json";
    std::string text = R"("id":")" + to_string(job) + R"(","state":")";
    text += core::to_string(outcome.state);
    text += R"(","status":)" + std::to_string(page.status) + R"(,"content_type":)";
    wire::append_json_string(text, wire::to_printable(type));
    text += R"(,"attempts":)" + std::to_string(outcome.attempts);
    if (!page.body.file && page.body.size() <= kInlineMax) {
        const std::string& bytes = page.body.bytes;
        if (wire::is_utf8(bytes)) {
            text += R"(,"body":)";
            wire::append_json_string(text, bytes);
        } else {
            text += R"(,"body_base64":")";
            wire::append_base64(text, bytes);
            text += '"';
        }
    }
    text += R"(,"result":")" + result_page_of(job) + '"';
    return text;
}

Problem wait_over_problem(const core::Answer& answer) {
    const JobId& id = answer.facts.id;
    if (answer.kind == core::Answer::Kind::draining) {
        Problem stopping = problem_of(
            {Code::shutting_down,
             Retry::unsafe,
             "the server is shutting down; the job is stored and goes on after the restart",
             1}
        );
        stopping.job = id;
        return stopping;
    }
    return {
        "wait-over",
        kWaitOver,
        504,
        "the job goes on; its result will be at " + result_page_of(id),
        Retry::unsafe,
        Source::bide,
        id,
        0};
}

}  // namespace bide::service
