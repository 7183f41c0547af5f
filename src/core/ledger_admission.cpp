// Which submissions are taken, and why the others are not.
#include "core/ledger_parts.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {
namespace {

std::int64_t whole_seconds(Duration span) {
    const auto s = std::chrono::duration_cast<std::chrono::seconds>(span).count() + 1;
    return std::clamp<std::int64_t>(s, 1, 3600);
}

}  // namespace

void Ledger::on(event::Submit& event, Time now, Effects& effects) {
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::safe), effects);
    if (event.origin == IdOrigin::fresh) return accept(event, now, effects);
    const JobId id = event.input->id;
    const auto open = jobs_.find(id);
    if (open != jobs_.end()) return attach(*open->second, event, now, effects);
    const bool unused = event.origin == IdOrigin::unused && !claims_.contains(id);
    if (unused || planted(Bug::claim_skips_store)) return accept(event, now, effects);
    claim(id, std::move(event), effects);
}

void Ledger::accept(event::Submit& event, Time now, Effects& effects) {
    const auto& input = event.input;
    Tenant& tenant = tenants_.at(input->tenant, now);
    if (auto error = admit(event, tenant, now)) {
        refuse(event.wait.id, std::move(*error), effects);
        effects.answers.back().rate = tenant.rate(now);
        return;
    }
    Queue& queue = *queues_.at(input->queue);
    ++queue.totals.submitted;
    if (tenant.rules.rate > 0) tenant.take_token();
    Job& job = add_job(
        {input->id,
         input->sequence,
         input->queue,
         input->created,
         input->body.size(),
         input->tenant,
         input->priority,
         input->fingerprint},
        now
    );
    job.named = event.origin != IdOrigin::fresh;
    job.input = input;
    resident_bytes_ += input->body.bytes.size();
    job.not_before = event.not_before;
    job.start_by = event.start_by;
    enter_queue(job, Cause::submitted, now);
    if (limits_.linger > Duration(0) && job.state == JobState::ready)
        unhurried_->submitted.push_back(job);
    else
        mark_dirty(job);
    begin_wait(add_waiter(job, event.wait), event.wait, now, effects);
    start_ready(queue, now, effects);
}

/// Why not, if the job cannot be taken. What is refused leaves nothing behind (G7).
std::optional<Error> Ledger::admit(const event::Submit& event, Tenant& tenant, Time now) {
    const JobInput& input = *event.input;
    Queue& queue = *queues_.at(input.queue);
    if (draining_) return Error{Code::shutting_down, Retry::safe, "the server is shutting down", 1};
    if (too_many_wait(event.wait, now)) return too_many_waiters(Retry::safe);
    if (abandoned_.count(input.id) != 0) {
        return Error{
            Code::overloaded,
            Retry::safe,
            "an attempt of the job that had this id before is still being stopped",
            1};
    }
    const Duration ahead = backlog(queue, 0);
    if (tenant.rules.depth_max != 0 && tenant.open >= tenant.rules.depth_max) {
        ++queue.totals.refused_rate;
        return Error{
            Code::rate_limited,
            Retry::safe,
            "the tenant has as many open jobs as it may have",
            whole_seconds(ahead)};
    }
    if (queue.open >= queue.rules.depth_max ||
        queue.open_bytes + input.body.size() > queue.rules.bytes_max) {
        ++queue.totals.refused_full;
        return Error{Code::overloaded, Retry::safe, "the queue is full", whole_seconds(ahead)};
    }
    const Duration wait = backlog(queue, input.priority);
    if (event.start_by != kNever && !queue.paused && now + wait > event.start_by) {
        ++queue.totals.refused_deadline;
        return Error{
            Code::overloaded,
            Retry::safe,
            "the job could not start before its deadline: the jobs before it are estimated to "
            "take " +
                bide::to_string(wait),
            whole_seconds(wait)};
    }
    if (!tenant.may_submit(now)) {
        ++queue.totals.refused_rate;
        return Error{
            Code::rate_limited,
            Retry::safe,
            "the tenant submits faster than its rate",
            tenant.next_token_s(now)};
    }
    return std::nullopt;
}

/// How long a job of this priority would wait for its start, from the queue's length and recent
/// run times; zero when nothing is known.
Duration Ledger::backlog(const Queue& queue, std::uint8_t priority) const {
    if (queue.counts.running < queue.rules.concurrency) return Duration(0);
    const double slots = std::max<double>(1, queue.rules.concurrency);
    const double ahead = static_cast<double>(queue.ready.ready_from(priority)) + 1;
    return Duration(static_cast<std::int64_t>(std::min(ahead * queue.mean_run_us / slots, 1e15)));
}

}  // namespace bide::core
