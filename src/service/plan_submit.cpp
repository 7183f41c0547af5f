// POST and PUT of a job: what its headers say.
#include "service/pages.hpp"
#include "service/understand.hpp"
#include "wire/derived_id.hpp"
#include "wire/job_options.hpp"
#include "wire/query.hpp"

#include <utility>

namespace bide::service {
namespace {

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

/// The queue that the page names, or the query, or the default one.
Result<core::QueueIndex> queue_of(const ContractRules& rules, const Request& request) {
    if (request.route.page == Page::queue_jobs) return find_queue(rules, request.route.name);
    if (request.route.page == Page::job && !request.query.empty()) {
        BIDE_TRY(const wire::Query query, wire::Query::parse(request.query));
        if (const std::string* name = query.find("queue")) return find_queue(rules, *name);
    }
    return find_queue(rules, rules.default_queue);
}

Result<void> take_options(const Request& request, SubmitPlan& plan) {
    const wire::RequestHead& head = request.head;
    if (head.has("bide-priority")) {
        BIDE_TRY(plan.priority, wire::parse_priority(head.field("bide-priority")));
    }
    if (head.has("bide-delay")) {
        BIDE_TRY(plan.delay, wire::parse_delay(head.field("bide-delay")));
    }
    if (head.has("bide-on-disconnect")) {
        BIDE_TRY(plan.wait.on_leave, wire::parse_on_disconnect(head.field("bide-on-disconnect")));
    }
    if (!head.has("bide-deadline")) return success();
    BIDE_TRY(const auto deadline, wire::parse_deadline(head.field("bide-deadline")));
    if (const auto* after = std::get_if<Duration>(&deadline)) plan.deadline_after = *after;
    if (const auto* at = std::get_if<Time>(&deadline)) plan.deadline_at = *at;
    const bool too_soon = plan.deadline_after ? *plan.deadline_after < plan.delay
                                              : plan.deadline_at < request.around.now + plan.delay;
    if (plan.delay > Duration(0) && too_soon)
        return bad("Bide-Deadline is over before Bide-Delay is");
    return success();
}

/// The id that the caller chose, or that its key stands for.
Result<std::optional<JobId>> id_of(
    const ContractRules& rules, const Request& request, core::QueueIndex queue
) {
    const bool keyed = request.head.has("idempotency-key");
    if (request.route.page == Page::job) {
        if (keyed) return bad("PUT names the job by its id; Idempotency-Key is for POST");
        BIDE_TRY(const JobId id, parse_job_id(request.route.name));
        return std::optional(id);
    }
    if (!keyed) return std::optional<JobId>();
    if (request.head.count("idempotency-key") > 1)
        return bad("Idempotency-Key is there more than once");
    BIDE_TRY(
        const std::string key, wire::parse_idempotency_key(request.head.field("idempotency-key"))
    );
    return std::optional(wire::id_of_key(request.caller.tenant, rules.queues.at(queue).name, key));
}

}  // namespace

Result<Plan> plan_submit(const ContractRules& rules, const Request& request) {
    SubmitPlan plan;
    BIDE_TRY(plan.queue, queue_of(rules, request));
    BIDE_TRY(plan.wait, plan_wait(rules, request));
    BIDE_TRY(take_options(request, plan));
    BIDE_TRY(plan.id, id_of(rules, request, plan.queue));
    plan.content_type = std::string(request.head.field("content-type"));
    plan.traceparent = std::string(request.head.field("traceparent"));
    plan.caller = request.caller;
    return Plan(std::move(plan));
}

std::optional<wire::FingerprintMaker> Contract::fingerprint_maker(const SubmitPlan& plan) const {
    if (!plan.id) return std::nullopt;
    return wire::FingerprintMaker(
        plan.caller.tenant, rules_.queues.at(plan.queue).name, plan.content_type
    );
}

core::event::Submit Contract::make_submit(
    SubmitPlan& plan,
    Body body,
    const core::Fingerprint& fingerprint,
    const ports::NewId& id,
    core::WaiterId waiter,
    Time now
) const {
    auto input = std::make_shared<core::JobInput>();
    input->id = plan.id.value_or(id.id);
    input->sequence = id.sequence;
    input->queue = plan.queue;
    input->created = now;
    input->content_type = std::move(plan.content_type);
    input->body = std::move(body);
    input->traceparent = std::move(plan.traceparent);
    input->tenant = plan.caller.tenant;
    input->priority = plan.priority;
    input->fingerprint = fingerprint;

    core::event::Submit submit;
    submit.input = std::move(input);
    submit.wait.id = waiter;
    submit.wait.deadline = now + plan.wait.wait;
    submit.wait.follow = plan.wait.stream ? core::Follow::yes : core::Follow::no;
    submit.wait.on_leave = plan.wait.on_leave;
    submit.not_before = now + plan.delay;
    submit.start_by = plan.deadline_after ? now + *plan.deadline_after : plan.deadline_at;
    submit.origin = plan.id ? core::IdOrigin::caller : core::IdOrigin::fresh;
    return submit;
}

}  // namespace bide::service
