// The rules of a job's life: order, attempts, outcomes, timers.
#include "base/check.hpp"
#include "core/ledger_parts.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {

#ifdef BIDE_PLANTED_BUGS
Bug planted_bug = Bug::none;
#endif

namespace {

/// A failed job whose retention ends sooner cannot be redriven any more: its row could be gone
/// before the redrive is written.
constexpr auto kRedriveMargin = std::chrono::minutes(1);

double seconds(Duration span) {
    return static_cast<double>(span.count()) / 1e6;
}

}  // namespace

Ledger::Ledger(
    const std::vector<QueueRules>& queues, LedgerLimits limits, std::uint64_t seed, Tenancy tenancy
)
    : limits_(limits),
      rng_(seed),
      tenants_(std::move(tenancy)),
      unhurried_(std::make_unique<Unhurried>()) {
    for (const auto& rules : queues) {
        queues_.push_back(std::make_unique<Queue>());
        queues_.back()->rules = rules;
    }
}

Ledger::~Ledger() {
    for (auto& queue : queues_) queue->ready.clear();
    unhurried_->submitted.clear();
    unhurried_->finished.clear();
    for (auto& [id, job] : jobs_) job->waiters.clear();
}

void Ledger::step(Event&& event, Time now, Effects& effects) {
    now_ = now;
    std::visit([&](auto& what) { on(what, now, effects); }, event);
}

Time Ledger::next_timer() const {
    return std::min(timers_.next(), unhurried_until());
}

const QueueCounts& Ledger::counts(QueueIndex queue) const {
    return queues_.at(queue)->counts;
}

const QueueTotals& Ledger::totals(QueueIndex queue) const {
    return queues_.at(queue)->totals;
}

bool Ledger::paused(QueueIndex queue) const {
    return queues_.at(queue)->paused;
}

bool Ledger::idle() const {
    if (has_writes() || !unhurried_->submitted.empty() || !unhurried_->finished.empty())
        return false;
    if (commit_under_way() || !claims_.empty()) return false;
    return std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) {
        return queue->counts.running == 0;
    });
}

// --- events -----------------------------------------------------------------------------------

void Ledger::on(event::AttemptEnded& event, Time now, Effects& effects) {
    Queue& queue = *queues_.at(event.queue);
    CHECK(queue.counts.running > 0);
    --queue.counts.running;
    if (failed_) return;

    const auto found = jobs_.find(event.job);
    const bool current = found != jobs_.end() && found->second->state == JobState::running &&
                         found->second->attempts == event.attempt;
    const bool late_but_taken = planted(Bug::late_result_counts) && found != jobs_.end() &&
                                found->second->state == JobState::running;
    // G6: an attempt that lost its lease has nothing to say any more.
    if (current || late_but_taken) {
        Job& job = *found->second;
        const auto run_us = static_cast<double>((now - job.started).count());
        queue.mean_run_us += (run_us - queue.mean_run_us) / 16;
        ++queue.totals.ran;
        queue.totals.running_s += run_us / 1e6;
        const bool cut_short = halted_ && event.result.verdict != AttemptResult::Verdict::success;
        if (!cut_short) end_attempt(job, std::move(event.result), now, effects);
        if (draining_ && !is_final(job.state)) answer_everybody_draining(job, now, effects);
    }
    const auto abandoned = abandoned_.find(event.job);
    if (!current && abandoned != abandoned_.end() && --abandoned->second == 0)
        abandoned_.erase(abandoned);
    start_ready(queue, now, effects);
}

void Ledger::on(event::Cancel& event, Time now, Effects& effects) {
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end()) return answer_unknown(event.job, event.wait.id, effects);
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::unsafe), effects);
    Job& job = *found->second;
    if (!is_final(job.state)) cancel_now(job, now, effects);
    begin_wait(add_waiter(job, event.wait), event.wait, now, effects);
    start_ready(*queues_.at(job.queue), now, effects);  // the tenant may have another lease
}

void Ledger::on(event::SetPaused& event, Time, Effects& effects) {
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::safe), effects);
    pauses_.push_back(event);
}

void Ledger::on(event::Committed&, Time now, Effects& effects) {
    effects.answers.reserve(effects.answers.size() + in_flight_.size());
    for (const auto& [job, kind] : std::exchange(in_flight_, {}))
        committed(*job, kind, now, effects);
    const auto changes = std::exchange(pauses_in_flight_, {});
    for (const auto& change : changes) {
        queues_.at(change.queue)->paused = change.paused;
        effects.answers.push_back({change.wait.id, Answer::Kind::applied, {}, nullptr, {}});
    }
    // Only now: what was resumed may have been paused again in the same commit.
    for (const auto& change : changes) start_ready(*queues_.at(change.queue), now, effects);
}

void Ledger::committed(Job& job, DurableWrite kind, Time now, Effects& effects) {
    if (kind == DurableWrite::finish) {
        answer_finished(job, effects);
        return let_job_go(job);
    }
    job.durable = true;
    // When it has finished meanwhile, the next commit brings the better answer.
    if (is_final(job.state)) return;
    for (auto next = job.waiters.begin(); next != job.waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.follow == Follow::yes && !waiter.told) tell_accepted(waiter, effects);
        if (waiter.due) answer_open_or_wait_for_commit(waiter, waiter.due_kind, now, effects);
    }
    if (job.state == JobState::running || resident_bytes_ > limits_.resident_bytes_max)
        let_input_go(job);
}

void Ledger::on(event::CommitFailed&, Time, Effects& effects) {
    failed_ = true;
    in_flight_.clear();
    hurry_submitted(kNever);
    hurry_finished();
    dirty_.clear();
    next_dirty_ = 0;
    for (auto* changes : {&pauses_, &pauses_in_flight_}) {
        for (const auto& change : std::exchange(*changes, {}))
            refuse(change.wait.id, store_stopped(Retry::safe), effects);
    }
    for (auto& [id, job] : jobs_) {
        timers_.disarm(*job);
        if (job->state == JobState::running) stop_running(*job, effects);
        while (!job->waiters.empty()) {
            answer(
                job->waiters.front(),
                {0, Answer::Kind::refused, facts(*job), nullptr, store_stopped(Retry::unsafe)},
                effects
            );
        }
    }
}

void Ledger::on(event::Tick&, Time now, Effects& effects) {
    while (Timer* due = timers_.pop_due(now)) {
        auto* owner = static_cast<TimerOwner*>(due);
        if (owner->kind == TimerOwner::Kind::job)
            job_timer_due(*static_cast<Job*>(owner), now, effects);
        else
            waiter_due(*static_cast<Waiter*>(owner), now, effects);
    }
    hurry_due(now);
    for (auto& queue : queues_) start_ready(*queue, now, effects);
}

void Ledger::on(event::Recovered& event, Time now, Effects&) {
    Job& job = add_job(
        {event.job,
         event.sequence,
         event.queue,
         event.created,
         event.input_bytes,
         event.tenant,
         event.priority,
         event.fingerprint},
        now
    );
    job.attempts = event.attempts;
    job.attempts_max = event.attempts_max;
    job.not_before = event.not_before;
    if (event.attempts == 0) job.start_by = event.start_by;  // a retry is not late work
    job.row_exists = true;
    job.durable = true;
    recover_due_time(job, now);
    enter_queue(job, Cause::recovered, now);
}

/// A clock that was ahead when the time was stored may have been put right since: nobody asked for
/// a longer wait than this.
void Ledger::recover_due_time(Job& job, Time now) {
    if (job.attempts == 0) {
        // A delay, which begins anew: not stored, or what it was could not be told any more.
        const Time begins = std::min(job.created, now);
        job.not_before -= job.created - begins;
        return;
    }
    const Time latest = now + pause_max(queues_.at(job.queue)->rules.retry);
    if (job.not_before <= latest) return;
    job.not_before = latest;
    mark_dirty(job);  // or many restarts would put it off for ever
}

void Ledger::on(event::RecoveredPause& event, Time, Effects&) {
    queues_.at(event.queue)->paused = !planted(Bug::pause_forgotten);
}

void Ledger::on(event::Drain&, Time now, Effects& effects) {
    draining_ = true;
    hurry_submitted(kNever);
    hurry_finished();
    for (auto& [id, job] : jobs_) {
        if (job->state == JobState::scheduled || job->state == JobState::ready)
            answer_everybody_draining(*job, now, effects);
    }
}

void Ledger::on(event::Halt&, Time now, Effects& effects) {
    draining_ = true;
    halted_ = true;
    for (auto& [id, job] : jobs_) {
        if (is_final(job->state)) continue;
        if (job->state == JobState::running) {
            timers_.disarm(*job);
            stop_running(*job, effects);
        }
        answer_everybody_draining(*job, now, effects);
    }
}

// --- the life of a job ------------------------------------------------------------------------

Ledger::Job& Ledger::add_job(const NewJob& facts, Time now) {
    // A size of the allocator's; with a few bytes more each job would take 320.
    static_assert(sizeof(Job) <= 256);
    auto owned = std::make_unique<Job>();
    Job& job = *owned;
    const bool fresh = jobs_.emplace(facts.id, std::move(owned)).second;
    CHECK(fresh);
    Queue& queue = *queues_.at(facts.queue);
    Tenant& tenant = tenants_.at(facts.tenant, now);
    job.id = facts.id;
    job.sequence = facts.sequence;
    job.queue = facts.queue;
    job.created = facts.created;
    job.input_bytes = facts.input_bytes;
    job.priority = facts.priority;
    job.fingerprint = facts.fingerprint;
    job.lane = &queue.ready.hold(facts.tenant, tenant);
    ++queue.open;
    queue.open_bytes += facts.input_bytes;
    ++tenant.open;
    return job;
}

/// The job is durable as what it became, and everybody knows.
void Ledger::let_job_go(Job& job) {
    let_input_go(job);
    queues_.at(job.queue)->ready.release(*job.lane);
    jobs_.erase(JobId(job.id));
}

/// `job` is new: puts it where its time says.
void Ledger::enter_queue(Job& job, Cause cause, Time now) {
    Queue& queue = *queues_.at(job.queue);
    const JobState state = job.not_before > now ? JobState::scheduled : JobState::ready;
    const auto from = cause == Cause::redriven ? std::optional(JobState::failed) : std::nullopt;
    CHECK(find_transition(from, state, cause) != nullptr);
    job.state = state;
    if (state == JobState::ready) {
        job.ready_since = now;
        queue.ready.push(job);
        ++queue.counts.ready;
    } else {
        ++queue.counts.scheduled;
    }
    arm_job_timer(job);
}

/// The only place where the state of a job changes.
void Ledger::move(Job& job, JobState to, Cause cause, Time now) {
    const Transition* const row = find_transition(job.state, to, cause);
    CHECK(row != nullptr);

    Queue& queue = *queues_.at(job.queue);
    if (job.state == JobState::ready) {
        if (to == JobState::running)
            queue.ready.lease(job);
        else
            queue.ready.remove(job);
        --queue.counts.ready;
    }
    if (job.state == JobState::running) queue.ready.lease_over(*job.lane);
    if (job.state == JobState::scheduled) --queue.counts.scheduled;
    job.state = to;
    if (to == JobState::ready) {
        job.ready_since = now;
        queue.ready.push(job);
        ++queue.counts.ready;
    }
    if (to == JobState::scheduled) ++queue.counts.scheduled;
    if (is_final(to))
        await_company(job, now);
    else if (row->write != DurableWrite::none)
        mark_dirty(job);
    arm_job_timer(job);
}

void Ledger::start_ready(Queue& queue, Time now, Effects& effects) {
    if (draining_ || failed_ || queue.paused) return;
    while (queue.counts.running < queue.rules.concurrency) {
        auto* next = queue.ready.front();
        if (next == nullptr) return;
        Job& job = *static_cast<Job*>(next);
        if (job.start_by <= now) {
            job_timer_due(job, now, effects);
            continue;
        }
        job.started = now;
        job.start_by = kNever;  // a retry is not late work
        move(job, JobState::running, Cause::leased, now);
        ++job.attempts;
        ++queue.counts.running;
        ++queue.totals.attempts;
        queue.totals.queued_s += seconds(now - job.ready_since);
        job.progress = nullptr;
        effects.starts.push_back(
            {job.id,
             job.sequence,
             job.queue,
             job.attempts,
             attempts_max(job),
             job.input,
             now + queue.rules.timeout}
        );
        if (job.durable) let_input_go(job);
        tell_news(job, Answer::News::attempt, effects);
    }
}

std::uint32_t Ledger::attempts_max(const Job& job) const {
    return job.attempts_max != 0 ? job.attempts_max
                                 : queues_.at(job.queue)->rules.retry.attempts_max;
}

void Ledger::end_attempt(Job& job, AttemptResult&& result, Time now, Effects& effects) {
    using enum AttemptResult::Verdict;
    Queue& queue = *queues_.at(job.queue);
    if (result.verdict == success)
        return finish(job, JobState::succeeded, Cause::returned, std::move(result), now, effects);
    if (result.verdict == fail && result.kind == FailureKind::handler)
        result.kind = FailureKind::rejected;
    if (result.verdict == fail || job.attempts >= attempts_max(job))
        return finish(job, JobState::failed, Cause::exhausted, std::move(result), now, effects);
    job.not_before = now + backoff(queue.rules.retry, job.attempts, result.retry_after, rng_);
    ++queue.totals.retries;
    move(job, JobState::scheduled, Cause::retried, now);
    tell_news(job, Answer::News::retry, effects);
}

/// Decides the one outcome of a job (G2, G3); it counts from the commit on.
void Ledger::finish(
    Job& job, JobState state, Cause cause, AttemptResult&& result, Time now, Effects& effects
) {
    CHECK(job.outcome == nullptr);
    Queue& queue = *queues_.at(job.queue);
    move(job, state, cause, now);
    --queue.open;
    queue.open_bytes -= job.input_bytes;
    --job.lane->tenant->open;
    switch (state) {
        case JobState::succeeded: ++queue.totals.succeeded; break;
        case JobState::failed: ++queue.totals.failed; break;
        case JobState::cancelled: ++queue.totals.cancelled; break;
        default: ++queue.totals.expired; break;
    }

    auto outcome = std::make_shared<Outcome>();
    outcome->state = state;
    outcome->kind = state == JobState::succeeded ? FailureKind::none : result.kind;
    outcome->status = result.status;
    outcome->content_type = std::move(result.content_type);
    outcome->body = std::move(result.body);
    outcome->detail = std::move(result.detail);
    outcome->attempts = job.attempts;
    outcome->queue = job.queue;
    outcome->tenant = job.lane->name;
    outcome->created = job.created;
    outcome->started = job.started;
    outcome->finished = now;
    job.outcome = std::move(outcome);
    // A dead letter keeps its input, so that it can be redriven.
    if (state != JobState::failed) let_input_go(job);
    if (planted(Bug::answer_before_commit)) answer_finished(job, effects);
}

void Ledger::cancel_now(Job& job, Time now, Effects& effects) {
    if (job.state == JobState::running) abandon_running(job, effects);
    AttemptResult result;
    result.kind = FailureKind::cancelled;
    result.detail = "the job was cancelled";
    finish(job, JobState::cancelled, Cause::cancelled, std::move(result), now, effects);
}

/// A failed job gets another round of attempts; their numbers go on, so that what an attempt of
/// before the failure still says stays a thing of the past (G6).
void Ledger::reopen(
    const event::Redrive& event, const StoredJob& found, Time now, Effects& effects
) {
    const Outcome& outcome = *found.outcome;
    if (draining_ || found.expires < now + kRedriveMargin) {
        const bool going = draining_;
        return refuse(
            event.wait.id,
            {going ? Code::shutting_down : Code::gone,
             going ? Retry::safe : Retry::never,
             going ? "the server is shutting down" : "the failed job is about to be removed",
             going ? 1 : 0},
            effects
        );
    }
    Queue& queue = *queues_.at(outcome.queue);
    Job& job = add_job(
        {event.job,
         found.sequence,
         outcome.queue,
         outcome.created,
         found.input_bytes,
         outcome.tenant,
         found.priority,
         found.fingerprint},
        now
    );
    job.attempts = outcome.attempts;
    job.attempts_max = outcome.attempts + queue.rules.retry.attempts_max;
    job.reopened = true;
    ++queue.totals.redriven;
    enter_queue(job, Cause::redriven, now);
    mark_dirty(job);
    begin_wait(add_waiter(job, event.wait), event.wait, now, effects);
    start_ready(queue, now, effects);
}

/// The attempt keeps its slot until the handler says that it really ended.
void Ledger::stop_running(Job& job, Effects& effects) {
    effects.stops.push_back({job.id, job.attempts});
}

/// It also loses its lease.
void Ledger::abandon_running(Job& job, Effects& effects) {
    stop_running(job, effects);
    ++abandoned_[job.id];
}

/// Who wants it again reads it from the store, or has it: a handler at work, the outcome's write.
void Ledger::let_input_go(Job& job) {
    if (!job.input) return;
    resident_bytes_ -= job.input->body.bytes.size();
    job.input.reset();
}

// --- timers -----------------------------------------------------------------------------------

/// Each job has one timer, and its state says what for.
void Ledger::arm_job_timer(Job& job) {
    switch (job.state) {
        case JobState::scheduled: return timers_.arm(job, std::min(job.not_before, job.start_by));
        case JobState::ready: return timers_.arm(job, job.start_by);
        case JobState::running:
            return timers_.arm(job, job.started + queues_.at(job.queue)->rules.timeout);
        default: return timers_.disarm(job);
    }
}

void Ledger::job_timer_due(Job& job, Time now, Effects& effects) {
    if (job.state == JobState::running) {
        abandon_running(job, effects);
        AttemptResult result;
        result.kind = FailureKind::timeout;
        result.detail = "the handler did not finish within " +
                        bide::to_string(queues_.at(job.queue)->rules.timeout);
        end_attempt(job, std::move(result), now, effects);
        if (draining_ && !is_final(job.state)) answer_everybody_draining(job, now, effects);
        return;
    }
    if (job.start_by <= now) {
        AttemptResult result;
        result.kind = FailureKind::expired;
        result.detail = "the job was not started before its deadline";
        return finish(job, JobState::expired, Cause::deadline, std::move(result), now, effects);
    }
    if (job.state == JobState::scheduled) move(job, JobState::ready, Cause::due, now);
}

}  // namespace bide::core
