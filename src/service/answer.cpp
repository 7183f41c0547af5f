// From an engine's answer to a reply.
#include "service/contract.hpp"
#include "service/cors.hpp"
#include "service/pages.hpp"
#include "wire/query.hpp"
#include "wire/range.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace bide::service {
namespace {

namespace json = boost::json;
using core::Answer;
using What = AskPlan::What;

/// Milliseconds with three decimals. By hand: printing doubles was seen high in the profile.
void append_ms(std::string& text, Duration span) {
    const std::int64_t us = std::max<std::int64_t>(span.count(), 0);
    const std::int64_t fraction = us % 1000;
    std::array<char, 24> digits{};
    char* end = std::to_chars(digits.data(), digits.data() + 20, us / 1000).ptr;
    *end++ = '.';
    *end++ = static_cast<char>('0' + fraction / 100);
    *end++ = static_cast<char>('0' + fraction / 10 % 10);
    *end++ = static_cast<char>('0' + fraction % 10);
    text.append(digits.data(), end);
}

/// Server-Timing for a result: in the queue, in the handler, and from there until the commit had
/// returned and the answer was written; the last only for who waited.
void append_timing(std::string& text, const core::Outcome& outcome, Time now, bool waited) {
    const bool ran = outcome.attempts > 0;
    text += "queue;dur=";
    append_ms(text, (ran ? outcome.started : outcome.finished) - outcome.created);
    text += ", run;dur=";
    append_ms(text, ran ? outcome.finished - outcome.started : Duration(0));
    if (waited) {
        text += ", store;dur=";
        append_ms(text, now - outcome.finished);
    }
}

/// A job has one result (G3), but after a redrive it may have another: the end's time tells them
/// apart.
std::string etag_of(const core::Outcome& outcome) {
    return '"' + std::to_string(outcome.finished.time_since_epoch().count()) + '"';
}

void add_applied(wire::Reply& reply, const WaitPlan& wait) {
    if (!wait.applied.empty()) reply.headers.add("Preference-Applied", wait.applied);
}

void add_rate(wire::Reply& reply, const core::RateFacts& rate) {
    if (rate.burst == 0) return;
    reply.headers.add(
        "RateLimit-Policy",
        "\"tenant\";q=" + std::to_string(rate.burst) + ";w=" + std::to_string(rate.window_s)
    );
    reply.headers.add(
        "RateLimit",
        "\"tenant\";r=" + std::to_string(rate.remaining) + ";t=" + std::to_string(rate.reset_s)
    );
}

wire::Reply status_page(const View& view, std::uint16_t status, const Answer& answer) {
    wire::Reply reply = json_page(status, job_document(view, answer.facts, answer.outcome.get()));
    add_job_headers(reply.headers, view, answer);
    reply.headers.add("Location", page_of(answer.facts.id));
    return reply;
}

/// The job goes on, and the caller learns where; the job is durable (G2).
wire::Reply wait_over(const View& view, const WaitPlan& wait, const Answer& answer) {
    const JobId& id = answer.facts.id;
    wire::Reply reply;
    if (answer.kind != Answer::Kind::draining && wait.at_limit == wire::AtLimit::accepted) {
        reply = status_page(view, 202, answer);
    } else if (answer.kind != Answer::Kind::draining && wait.at_limit == wire::AtLimit::redirect) {
        reply.status = 303;
        reply.headers.add("Location", result_page_of(id));
        add_job_headers(reply.headers, view, answer);
    } else {
        reply = to_reply(wait_over_problem(answer));
        add_job_headers(reply.headers, view, answer);
        reply.headers.add("Location", page_of(id));
    }
    add_applied(reply, wait);
    return reply;
}

wire::Reply result_page(const View& view, const WaitPlan& wait, const Answer& answer, Time now) {
    if (answer.kind != Answer::Kind::finished) return wait_over(view, wait, answer);
    const core::Outcome& outcome = *answer.outcome;
    wire::Reply reply = outcome_page(answer.facts.id, outcome);
    add_job_headers(reply.headers, view, answer);
    if (has_own_page(outcome)) reply.headers.add_own("ETag", etag_of(outcome));
    reply.headers.add_own("Content-Location", [&](std::string& text) {
        append_result_page(text, answer.facts.id);
    });
    reply.headers.add_own("Server-Timing", [&](std::string& text) {
        append_timing(text, outcome, now, answer.fresh);
    });
    add_applied(reply, wait);
    return reply;
}

/// GET of a result: what its conditions and its range make of it. Only a 200 has either.
wire::Reply stored_result_page(
    const View& view, const AskPlan& plan, const Answer& answer, Time now
) {
    wire::Reply reply = result_page(view, plan.wait, answer, now);
    if (answer.kind != Answer::Kind::finished || reply.status != 200) return reply;
    static const AskPlan::Conditions none;
    const AskPlan::Conditions& asked = plan.conditions ? *plan.conditions : none;
    const std::string etag = etag_of(*answer.outcome);
    if (wire::none_match_names(asked.if_none_match, etag)) {
        reply.status = 304;
        reply.body = {};
        return reply;
    }
    reply.headers.add("Accept-Ranges", "bytes");
    // If-Range with a date never holds: there is no Last-Modified to compare it with.
    if (asked.range.empty() || (!asked.if_range.empty() && asked.if_range != etag)) return reply;
    const std::uint64_t size = reply.body.size();
    const wire::RangeWish wish = wire::parse_range(asked.range, size);
    if (wish.kind == wire::RangeWish::Kind::whole) return reply;
    if (wish.kind == wire::RangeWish::Kind::unsatisfiable) {
        wire::Reply refused = problem(
            Code::range_not_satisfiable, "the result has " + std::to_string(size) + " bytes"
        );
        add_job_headers(refused.headers, view, answer);
        refused.headers.add("Content-Range", "bytes */" + std::to_string(size));
        return refused;
    }
    const std::uint64_t first = wish.part.offset;
    reply.status = 206;
    reply.range = wish.part;
    reply.headers.add(
        "Content-Range",
        "bytes " + std::to_string(first) + '-' + std::to_string(first + wish.part.length - 1) +
            '/' + std::to_string(size)
    );
    return reply;
}

/// The job ended by this request, or had ended in the same way before: the same answer. It ended
/// otherwise: 409.
wire::Reply cancel_page(const View& view, const Answer& answer) {
    if (answer.kind != Answer::Kind::finished) return wait_over(view, {}, answer);
    if (answer.outcome->state == core::JobState::cancelled) return status_page(view, 200, answer);
    Problem finished = problem_of(
        {Code::conflict,
         Retry::never,
         "the job has already " + std::string(core::to_string(answer.outcome->state)),
         0}
    );
    finished.job = answer.facts.id;
    wire::Reply reply = to_reply(finished);
    add_job_headers(reply.headers, view, answer);
    reply.headers.add("Location", page_of(answer.facts.id));
    return reply;
}

wire::Reply batch_page(const View& view, const Answer& answer) {
    wire::Reply reply = json_page(200, batch_document(answer));
    reply.headers.add("Bide-Durability", view.engine.durability());
    return reply;
}

wire::Reply list_page(const View& view, const AskPlan& plan, const Answer& answer) {
    json::array jobs;
    for (const auto& entry : answer.page->jobs)
        jobs.push_back(job_document(view, entry.facts, entry.outcome.get()));
    json::object document{{"jobs", std::move(jobs)}};
    std::string next;
    if (answer.page->next != 0) {
        next = "/queues/" + std::string(name_of(view.rules, plan.queue)) + "/jobs?";
        if (plan.state) next += "state=" + std::string(core::to_string(*plan.state)) + '&';
        next += "limit=" + std::to_string(plan.count_max) +
                "&cursor=" + std::to_string(answer.page->next);
        document["next"] = next;
    }
    wire::Reply reply = json_page(200, document);
    if (!next.empty()) reply.headers.add("Link", '<' + next + ">; rel=\"next\"");
    return reply;
}

wire::Reply redriven_page(const Answer& answer) {
    return json_page(200, {{"redriven", answer.page->redriven}, {"more", answer.page->next != 0}});
}

wire::Reply queue_page(const View& view, core::QueueIndex queue) {
    const ports::EngineFacts facts = view.engine.facts();
    return json_page(200, queue_document(view, queue, facts.queues.at(queue)));
}

/// Whose job it is decides who sees it, and the jobs that are batches have pages of their own.
bool visible(const View& view, const Caller& caller, What what, const Answer& answer) {
    if (what == What::list || what == What::redrive_queue || what == What::set_paused) return true;
    if (answer.kind == Answer::Kind::unknown) return false;
    const bool about_a_job = answer.facts.id != JobId{};
    if (!about_a_job) return true;
    const bool refused = answer.kind == Answer::Kind::refused;
    // Only a conflict tells something of a job.
    if (refused && answer.error.code != Code::conflict) return true;
    const bool is_batch = answer.facts.queue == batch_queue(view.rules);
    if (!refused && is_batch != (what == What::batch_status)) return false;
    return caller.sees_all || answer.facts.tenant == caller.tenant;
}

wire::Reply not_found(What what) {
    return problem(
        Code::not_found,
        what == What::batch_status ? "there is no batch with this id"
                                   : "there is no job with this id"
    );
}

wire::Reply refusal(const View& view, const Answer& answer) {
    Problem why = problem_of(answer.error);
    // A job that is not there is told as one that the caller may not see.
    const bool about_a_job = answer.facts.id != JobId{} && answer.error.code != Code::not_found;
    if (about_a_job) why.job = answer.facts.id;
    wire::Reply reply = to_reply(why);
    if (about_a_job && answer.error.code == Code::conflict) {
        add_job_headers(reply.headers, view, answer);
        reply.headers.add("Location", page_of(answer.facts.id));
    }
    add_rate(reply, answer.rate);
    return reply;
}

wire::Reply submit_page(const View& view, const WaitPlan& wait, const Answer& answer, Time now) {
    if (answer.kind == Answer::Kind::refused) return refusal(view, answer);
    // Who asked not to wait gets the same shape however fast the job was.
    const bool receipt = wait.wait == Duration(0) && wait.at_limit == wire::AtLimit::accepted &&
                         answer.kind != Answer::Kind::draining;
    wire::Reply reply =
        receipt ? wait_over(view, wait, answer) : result_page(view, wait, answer, now);
    add_rate(reply, answer.rate);
    return reply;
}

wire::Reply page_for(const View& view, const AskPlan& plan, const Answer& answer, Time now) {
    switch (plan.what) {
        case What::result: return stored_result_page(view, plan, answer, now);
        case What::status: return status_page(view, 200, answer);
        case What::redrive: return status_page(view, 202, answer);
        case What::cancel: return cancel_page(view, answer);
        case What::batch_status: return batch_page(view, answer);
        case What::list: return list_page(view, plan, answer);
        case What::redrive_queue: return redriven_page(answer);
        case What::set_paused: break;
    }
    return queue_page(view, plan.queue);
}

}  // namespace

wire::Reply Contract::answer(const WaitTerms& submitted, const Answer& answer, Time now) const {
    wire::Reply reply = submit_page(View{rules_, engine_}, submitted.wait, answer, now);
    add_cors(reply, submitted.caller.cors_origin);
    return reply;
}

wire::Reply Contract::answer(const AskPlan& plan, const Answer& answer, Time now) const {
    const View view{rules_, engine_};
    wire::Reply reply;
    if (!visible(view, plan.caller, plan.what, answer))
        reply = not_found(plan.what);
    else if (answer.kind == Answer::Kind::refused)
        reply = refusal(view, answer);
    else
        reply = page_for(view, plan, answer, now);
    add_cors(reply, plan.caller.cors_origin);
    return reply;
}

wire::Reply Contract::refuse(const Caller& caller, const Error& error) const {
    wire::Reply reply = to_reply(problem_of(error));
    add_cors(reply, caller.cors_origin);
    return reply;
}

wire::Reply Contract::not_carried(const Caller& caller, const Answer& answer, std::string why)
    const {
    const JobId& id = answer.facts.id;
    wire::Reply reply = to_reply(
        {"not-carried", kNotCarried, 501, std::move(why), Retry::unsafe, Source::bide, id, 0}
    );
    add_job_headers(reply.headers, View{rules_, engine_}, answer);
    reply.headers.add("Content-Location", result_page_of(id));
    reply.headers.add("Location", page_of(id));
    add_cors(reply, caller.cors_origin);
    return reply;
}

wire::Reply Contract::begin_json(const Caller& caller) const {
    wire::Reply reply;
    reply.headers.add("Content-Type", "application/json");
    reply.headers.add("Cache-Control", "no-store");
    reply.headers.add("X-Content-Type-Options", "nosniff");
    add_cors(reply, caller.cors_origin);
    return reply;
}

bool Contract::next_step(AskPlan& plan, const Answer& answer) const {
    if (!plan.look_first) return false;
    plan.look_first = false;
    return answer.kind != Answer::Kind::refused &&
           visible(View{rules_, engine_}, plan.caller, plan.what, answer);
}

bool Contract::opens_stream(const Caller& caller, const Answer& first) const {
    return first.kind != Answer::Kind::refused &&
           visible(View{rules_, engine_}, caller, What::result, first);
}

}  // namespace bide::service
