// A wait told as Server-Sent Events.
#include "service/contract.hpp"
#include "service/cors.hpp"
#include "service/pages.hpp"
#include "wire/utf8.hpp"

#include <boost/json/serialize.hpp>

#include <utility>

namespace bide::service {
namespace {

namespace json = boost::json;
using core::Answer;

/// An EventSource that lost its connection comes again after this many milliseconds.
constexpr std::string_view kReconnect = "retry: 1000\n\n";

/// Names the latest that was said. The count begins anew with the process, so that the attempts
/// are needed, too.
std::string news_id(const core::JobFacts& facts) {
    return std::to_string(facts.news) + '-' + std::to_string(facts.attempts);
}

std::string event(std::string_view name, std::string_view id, std::string_view data) {
    std::string text = "event: " + std::string(name) + '\n';
    if (!id.empty()) text += "id: " + std::string(id) + '\n';
    // A line break in the data would end it: JSON has none but by the handler's own writing.
    for (std::size_t begin = 0;;) {
        const std::size_t end = data.find_first_of("\r\n", begin);
        text += "data: " + std::string(data.substr(begin, end - begin)) + '\n';
        if (end == std::string_view::npos) break;
        begin = end + 1;
    }
    return text + '\n';
}

std::string accepted_event(const View& view, const core::JobFacts& facts, core::JobState state) {
    const std::string page = page_of(facts.id);
    return event(
        "accepted",
        {},
        json::serialize(json::object{
            {"id", to_string(facts.id)},
            {"queue", name_of(view.rules, facts.queue)},
            {"state", core::to_string(state)},
            {"links", {{"self", page}, {"result", page + "/result"}}}})
    );
}

std::string attempt_event(const core::JobFacts& facts) {
    const json::object data{{"attempt", facts.attempts}, {"attempts_max", facts.attempts_max}};
    return event("attempt", news_id(facts), json::serialize(data));
}

std::string retry_event(const core::JobFacts& facts) {
    const json::object data{{"attempt", facts.attempts}, {"at", to_rfc3339(facts.not_before)}};
    return event("retry", news_id(facts), json::serialize(data));
}

std::string progress_event(const core::JobFacts& facts) {
    return event("progress", news_id(facts), facts.progress ? *facts.progress : "null");
}

/// What happened before this caller followed, unless it has been told.
std::string earlier_news(const WaitPlan& wait, const core::JobFacts& facts) {
    if (facts.attempts == 0 || wait.last_event_id == news_id(facts)) return {};
    if (facts.state == core::JobState::scheduled) return retry_event(facts);
    std::string text;
    if (facts.state == core::JobState::running) text += attempt_event(facts);
    if (facts.progress) text += progress_event(facts);
    return text;
}

std::string news_event(const Answer& answer) {
    switch (answer.what) {
        case Answer::News::attempt: return attempt_event(answer.facts);
        case Answer::News::retry: return retry_event(answer.facts);
        case Answer::News::progress: break;
    }
    return progress_event(answer.facts);
}

std::string end_event(const Problem& problem) {
    return event("end", {}, json::serialize(to_json(problem)));
}

}  // namespace

wire::Reply Contract::stream_head(const Caller& caller, const Answer& first) const {
    const View view{rules_, engine_};
    wire::Reply reply;
    reply.headers.add("Content-Type", "text/event-stream");
    reply.headers.add("Cache-Control", "no-store");
    // Proxies that collect an answer before they pass it on would defeat it.
    reply.headers.add("X-Accel-Buffering", "no");
    add_job_headers(reply.headers, view, first);
    reply.headers.add("Location", page_of(first.facts.id));
    add_cors(reply, caller.cors_origin);
    return reply;
}

/// Also for a job that was done before anybody could say that it is accepted.
std::string Contract::stream_opening(const Answer& first) const {
    const View view{rules_, engine_};
    const core::JobState state = first.outcome ? first.outcome->state : first.facts.state;
    return std::string(kReconnect) + accepted_event(view, first.facts, state);
}

std::string Contract::event_text(const WaitPlan& wait, const Answer& answer, Time) const {
    switch (answer.kind) {
        case Answer::Kind::accepted: return earlier_news(wait, answer.facts);
        case Answer::Kind::news: return news_event(answer);
        case Answer::Kind::finished:
            return event(
                "result", "done", '{' + outcome_members(answer.facts.id, *answer.outcome) + '}'
            );
        case Answer::Kind::open:
        case Answer::Kind::draining: return end_event(wait_over_problem(answer));
        case Answer::Kind::refused: return end_event(problem_of(answer.error));
        case Answer::Kind::unknown:
        case Answer::Kind::applied:
        case Answer::Kind::listed: break;
    }
    return {};
}

}  // namespace bide::service
