#include "core/ledger.hpp"

#include "base/check.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {

#ifdef BIDE_PLANTED_BUGS
Bug planted_bug = Bug::none;
#endif

namespace intrusive = boost::intrusive;

struct Ledger::TimerOwner : Timer {
    enum class Kind : std::uint8_t { job, waiter };
    explicit TimerOwner(Kind of) : kind(of) {}
    Kind kind;
};

struct Ledger::Waiter : TimerOwner, intrusive::list_base_hook<> {
    Waiter(WaiterId waiter_id, Job& of) : TimerOwner(Kind::waiter), id(waiter_id), job(&of) {}
    WaiterId id;
    Job* job;
    /// Set when its time is over and only the commit is still missing; the timer is then the
    /// grace period.
    bool due = false;
    Answer::Kind due_kind = Answer::Kind::open;
};

struct Ledger::Job : TimerOwner, intrusive::list_base_hook<> {
    Job() : TimerOwner(Kind::job) {}
    JobId id;
    JobState state = JobState::ready;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;  ///< started
    Time created{};
    Time not_before{};
    Time start_by = kNever;
    Time started{};
    std::uint64_t input_bytes = 0;
    std::uint64_t ticket = 0;               ///< its number in the queue's order of arrival
    std::shared_ptr<const JobInput> input;  ///< null once let go
    std::shared_ptr<const Outcome> outcome;
    intrusive::list<Waiter> waiters;
    bool row_exists = false;  ///< an open row is in the store, or in the group under way
    bool durable = false;     ///< that row's commit returned
    bool dirty = false;       ///< in dirty_, not yet taken
};

struct Ledger::Queue {
    QueueRules rules;
    QueueCounts counts;
    intrusive::list<Job> ready;
    std::uint64_t open_bytes = 0;
    std::uint64_t open = 0;
    std::uint64_t next_ticket = 0;
    double mean_run_us = 0;  ///< of attempts that ended, moving average over about 16
};

namespace {

Error store_failed(Retry retry, std::string detail) {
    return {Code::store_failed, retry, std::move(detail)};
}

Error store_stopped(Retry retry) {
    return store_failed(
        retry, "the store failed and the server stopped answering; see /readyz and the server's log"
    );
}

}  // namespace

Ledger::Ledger(const std::vector<QueueRules>& queues, LedgerLimits limits, std::uint64_t seed)
    : limits_(limits), rng_(seed) {
    for (const auto& rules : queues) {
        queues_.push_back(std::make_unique<Queue>());
        queues_.back()->rules = rules;
    }
}

Ledger::~Ledger() {
    for (auto& queue : queues_) queue->ready.clear();
    for (auto& [id, job] : jobs_) job->waiters.clear();
}

void Ledger::step(Event&& event, Time now, Effects& effects) {
    std::visit([&](auto& what) { on(what, now, effects); }, event);
}

const QueueCounts& Ledger::counts(QueueIndex queue) const {
    return queues_.at(queue)->counts;
}

bool Ledger::idle() const {
    if (has_writes() || commit_under_way()) return false;
    return std::all_of(queues_.begin(), queues_.end(), [](const auto& queue) {
        return queue->counts.running == 0;
    });
}

// --- events -----------------------------------------------------------------------------------

void Ledger::on(event::Submit& event, Time now, Effects& effects) {
    const auto& input = event.input;
    Queue& queue = *queues_.at(input->queue);
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::safe), effects);
    if (draining_) {
        return refuse(
            event.wait.id,
            {Code::shutting_down, Retry::safe, "the server is shutting down", 1},
            effects
        );
    }
    if (queue.open >= queue.rules.depth_max ||
        queue.open_bytes + input->body.size() > queue.rules.bytes_max) {
        return refuse(
            event.wait.id,
            {Code::overloaded, Retry::safe, "the queue is full", retry_after_s(queue)},
            effects
        );
    }
    Job& job = add_job(input->id, input->queue, input->created, input->body.size());
    job.input = input;
    resident_bytes_ += input->body.bytes.size();
    job.not_before = event.not_before;
    job.start_by = event.start_by;
    enter_queue(job, Cause::submitted, now);
    mark_dirty(job);
    add_waiter(job, event.wait, now, effects);
    start_ready(queue, now, effects);
}

void Ledger::on(event::Join& event, Time now, Effects& effects) {
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end()) {
        return answer_unknown(event.job, event.wait.id, effects);
    }
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::unsafe), effects);
    if (planted(Bug::join_misses_commit) && is_final(found->second->state)) return;
    add_waiter(*found->second, event.wait, now, effects);
}

void Ledger::on(event::Leave& event, Time, Effects&) {
    const auto found = waiters_.find(event.waiter);
    if (found == waiters_.end()) return;
    forget(*found->second);
}

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
        const bool cut_short = halted_ && event.result.verdict != AttemptResult::Verdict::success;
        if (!cut_short) end_attempt(job, std::move(event.result), now, effects);
        if (draining_ && !is_final(job.state)) answer_everybody_draining(job, now, effects);
    }
    start_ready(queue, now, effects);
}

void Ledger::on(event::Cancel& event, Time now, Effects& effects) {
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end()) {
        return answer_unknown(event.job, event.wait.id, effects);
    }
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::unsafe), effects);
    Job& job = *found->second;
    if (!is_final(job.state)) {
        if (job.state == JobState::running) stop_running(job, effects);
        AttemptResult result;
        result.kind = FailureKind::cancelled;
        result.detail = "the job was cancelled";
        finish(job, JobState::cancelled, Cause::cancelled, std::move(result), now, effects);
    }
    add_waiter(job, event.wait, now, effects);
}

void Ledger::on(event::Committed&, Time, Effects& effects) {
    for (const auto& [job, kind] : std::exchange(in_flight_, {})) {
        if (kind == DurableWrite::finish) {
            answer_finished(*job, effects);
            let_input_go(*job);
            jobs_.erase(job->id);
            continue;
        }
        job->durable = true;
        // When it has finished meanwhile, the next commit brings the better answer.
        if (is_final(job->state)) continue;
        for (auto next = job->waiters.begin(); next != job->waiters.end();) {
            Waiter& waiter = *next++;
            if (waiter.due) answer(waiter, {0, waiter.due_kind, facts(*job), nullptr, {}}, effects);
        }
        if (resident_bytes_ > limits_.resident_bytes_max && job->state != JobState::running)
            let_input_go(*job);
    }
}

void Ledger::on(event::CommitFailed&, Time, Effects& effects) {
    failed_ = true;
    in_flight_.clear();
    dirty_.clear();
    next_dirty_ = 0;
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
    for (auto& queue : queues_) start_ready(*queue, now, effects);
}

void Ledger::on(event::Recovered& event, Time now, Effects&) {
    Job& job = add_job(event.job, event.queue, event.created, event.input_bytes);
    job.attempts = event.attempts;
    job.not_before = event.not_before;
    if (event.attempts == 0) job.start_by = event.start_by;  // a retry is not late work
    job.row_exists = true;
    job.durable = true;
    enter_queue(job, Cause::recovered, now);
}

void Ledger::on(event::Drain&, Time now, Effects& effects) {
    draining_ = true;
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

Ledger::Job& Ledger::add_job(
    const JobId& id, QueueIndex queue_index, Time created, std::uint64_t input_bytes
) {
    auto owned = std::make_unique<Job>();
    Job& job = *owned;
    const bool fresh = jobs_.emplace(id, std::move(owned)).second;
    CHECK(fresh);
    Queue& queue = *queues_.at(queue_index);
    job.id = id;
    job.queue = queue_index;
    job.created = created;
    job.input_bytes = input_bytes;
    job.ticket = queue.next_ticket++;
    ++queue.open;
    queue.open_bytes += input_bytes;
    return job;
}

/// `job` is new: puts it where its time says.
void Ledger::enter_queue(Job& job, Cause cause, Time now) {
    Queue& queue = *queues_.at(job.queue);
    const JobState state = job.not_before > now ? JobState::scheduled : JobState::ready;
    const auto table = transitions();
    CHECK(std::any_of(table.begin(), table.end(), [&](const Transition& row) {
        return !row.from && row.to == state && row.cause == cause;
    }));
    job.state = state;
    if (state == JobState::ready) {
        queue.ready.push_back(job);
        ++queue.counts.ready;
    } else {
        ++queue.counts.scheduled;
    }
    arm_job_timer(job);
}

/// The only place where the state of a job changes.
void Ledger::move(Job& job, JobState to, Cause cause) {
    const auto table = transitions();
    const auto row = std::find_if(table.begin(), table.end(), [&](const Transition& candidate) {
        return candidate.from == job.state && candidate.to == to && candidate.cause == cause;
    });
    CHECK(row != table.end());

    Queue& queue = *queues_.at(job.queue);
    if (job.state == JobState::ready) {
        queue.ready.erase(queue.ready.iterator_to(job));
        --queue.counts.ready;
    }
    if (job.state == JobState::scheduled) --queue.counts.scheduled;
    job.state = to;
    if (to == JobState::ready) {
        queue.ready.push_back(job);
        ++queue.counts.ready;
    }
    if (to == JobState::scheduled) ++queue.counts.scheduled;
    if (row->write != DurableWrite::none) mark_dirty(job);
    arm_job_timer(job);
}

void Ledger::start_ready(Queue& queue, Time now, Effects& effects) {
    if (draining_ || failed_) return;
    while (!queue.ready.empty() && queue.counts.running < queue.rules.concurrency) {
        Job& job = queue.ready.front();
        if (job.start_by <= now) {
            job_timer_due(job, now, effects);
            continue;
        }
        job.started = now;
        job.start_by = kNever;  // a retry is not late work
        move(job, JobState::running, Cause::leased);
        ++job.attempts;
        ++queue.counts.running;
        effects.starts.push_back(
            {job.id,
             job.queue,
             job.attempts,
             queue.rules.retry.attempts_max,
             job.input,
             now + queue.rules.timeout}
        );
    }
}

void Ledger::end_attempt(Job& job, AttemptResult&& result, Time now, Effects& effects) {
    using enum AttemptResult::Verdict;
    const RetryPolicy& policy = queues_.at(job.queue)->rules.retry;
    if (result.verdict == success)
        return finish(job, JobState::succeeded, Cause::returned, std::move(result), now, effects);
    if (result.verdict == fail && result.kind == FailureKind::handler)
        result.kind = FailureKind::rejected;
    if (result.verdict == fail || job.attempts >= policy.attempts_max)
        return finish(job, JobState::failed, Cause::exhausted, std::move(result), now, effects);
    job.not_before = now + backoff(policy, job.attempts, result.retry_after, rng_);
    move(job, JobState::scheduled, Cause::retried);
}

/// Decides the one outcome of a job (G2, G3); it counts from the commit on.
void Ledger::finish(
    Job& job, JobState state, Cause cause, AttemptResult&& result, Time now, Effects& effects
) {
    CHECK(job.outcome == nullptr);
    Queue& queue = *queues_.at(job.queue);
    move(job, state, cause);
    --queue.open;
    queue.open_bytes -= job.input_bytes;

    auto outcome = std::make_shared<Outcome>();
    outcome->state = state;
    outcome->kind = state == JobState::succeeded ? FailureKind::none : result.kind;
    outcome->status = result.status;
    outcome->content_type = std::move(result.content_type);
    outcome->body = std::move(result.body);
    outcome->detail = std::move(result.detail);
    outcome->attempts = job.attempts;
    outcome->queue = job.queue;
    outcome->created = job.created;
    outcome->started = job.started;
    outcome->finished = now;
    job.outcome = std::move(outcome);
    // A dead letter keeps its input, so that it can be redriven.
    if (state != JobState::failed) let_input_go(job);
    if (planted(Bug::answer_before_commit)) answer_finished(job, effects);
}

void Ledger::answer_finished(Job& job, Effects& effects) {
    while (!job.waiters.empty()) {
        answer(
            job.waiters.front(), {0, Answer::Kind::finished, facts(job), job.outcome, {}}, effects
        );
    }
}

/// The attempt keeps its slot until the handler says that it really ended.
void Ledger::stop_running(Job& job, Effects& effects) {
    effects.stops.push_back({job.id, job.attempts});
}

void Ledger::mark_dirty(Job& job) {
    if (job.dirty) return;
    job.dirty = true;
    dirty_.push_back(&job);
}

void Ledger::let_input_go(Job& job) {
    if (!job.input) return;
    resident_bytes_ -= job.input->body.bytes.size();
    job.input.reset();
}

// --- writes -----------------------------------------------------------------------------------

void Ledger::take_writes(
    std::size_t count_max, std::uint64_t bytes_max, std::vector<Write>& group
) {
    CHECK(in_flight_.empty());
    std::uint64_t bytes = 0;
    for (std::size_t count = 0; has_writes() && count < count_max && bytes < bytes_max; ++count) {
        Job& job = *dirty_[next_dirty_++];
        job.dirty = false;
        Write write;
        write.job = job.id;
        write.row_exists = job.row_exists;
        write.start_by = job.start_by;
        write.not_before = job.not_before;
        if (job.outcome) {
            write.kind = DurableWrite::finish;
            write.outcome = job.outcome;
            write.attempts = job.attempts;
            write.input = job.input;
            bytes += job.outcome->body.bytes.size();
        } else {
            write.kind = DurableWrite::open;
            // A lease is not written: only attempts that ended count after a crash.
            write.attempts = job.attempts - (job.state == JobState::running ? 1 : 0);
            if (!job.row_exists) write.input = job.input;
            job.row_exists = true;
        }
        if (write.input) bytes += write.input->body.bytes.size();
        in_flight_.emplace_back(&job, write.kind);
        group.push_back(std::move(write));
    }
    // Under an unbroken backlog the list is never empty: what is taken must go all the same.
    if (next_dirty_ >= dirty_.size() / 2) {
        dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(next_dirty_));
        next_dirty_ = 0;
    }
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
        stop_running(job, effects);
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
    if (job.state == JobState::scheduled) move(job, JobState::ready, Cause::due);
}

void Ledger::waiter_due(Waiter& waiter, Time now, Effects& effects) {
    if (waiter.due) {
        answer(
            waiter,
            {0,
             Answer::Kind::refused,
             facts(*waiter.job),
             nullptr,
             store_failed(Retry::unsafe, "the store did not confirm the job in time")},
            effects
        );
        return;
    }
    answer_open_or_wait_for_commit(waiter, Answer::Kind::open, now, effects);
}

// --- waiters ----------------------------------------------------------------------------------

void Ledger::add_waiter(Job& job, const Wait& wait, Time now, Effects& effects) {
    auto owned = std::make_unique<Waiter>(wait.id, job);
    Waiter& waiter = *owned;
    const bool fresh = waiters_.emplace(wait.id, std::move(owned)).second;
    CHECK(fresh);
    job.waiters.push_back(waiter);
    // Nothing that happens to such a job before the exit would end the wait (G5).
    const bool stands_still =
        draining_ && !is_final(job.state) && (halted_ || job.state != JobState::running);
    if (stands_still)
        answer_open_or_wait_for_commit(waiter, Answer::Kind::draining, now, effects);
    else if (wait.deadline <= now)
        answer_open_or_wait_for_commit(waiter, Answer::Kind::open, now, effects);
    else
        timers_.arm(waiter, wait.deadline);
}

/// Fills in who is told, and forgets the waiter: it is answered once.
void Ledger::answer(Waiter& waiter, Answer&& answer, Effects& effects) {
    answer.waiter = waiter.id;
    effects.answers.push_back(std::move(answer));
    forget(waiter);
}

void Ledger::forget(Waiter& waiter) {
    timers_.disarm(waiter);
    waiter.job->waiters.erase(waiter.job->waiters.iterator_to(waiter));
    waiters_.erase(waiter.id);
}

/// The answer names the job's id, so the job must be durable first (G2).
void Ledger::answer_open_or_wait_for_commit(
    Waiter& waiter, Answer::Kind kind, Time now, Effects& effects
) {
    Job& job = *waiter.job;
    const bool durable = job.durable || planted(Bug::accept_before_commit);
    if (durable && !is_final(job.state))
        return answer(waiter, {0, kind, facts(job), nullptr, {}}, effects);
    if (waiter.due) return;
    waiter.due = true;
    waiter.due_kind = kind;
    timers_.arm(waiter, now + limits_.commit_grace);
}

void Ledger::answer_everybody_draining(Job& job, Time now, Effects& effects) {
    for (auto next = job.waiters.begin(); next != job.waiters.end();) {
        Waiter& waiter = *next++;
        answer_open_or_wait_for_commit(waiter, Answer::Kind::draining, now, effects);
    }
}

JobFacts Ledger::facts(const Job& job) const {
    const Queue& queue = *queues_.at(job.queue);
    JobFacts known{
        job.id, job.state, job.queue, job.attempts, job.created, job.not_before, job.started, 0};
    if (job.state == JobState::ready && job.ticket > queue.ready.front().ticket)
        known.position = job.ticket - queue.ready.front().ticket;
    return known;
}

void Ledger::refuse(WaiterId waiter, Error error, Effects& effects) const {
    effects.answers.push_back({waiter, Answer::Kind::refused, {}, nullptr, std::move(error)});
}

void Ledger::answer_unknown(const JobId& id, WaiterId waiter, Effects& effects) const {
    JobFacts named;
    named.id = id;
    effects.answers.push_back({waiter, Answer::Kind::unknown, named, nullptr, {}});
}

/// When the backlog should be gone, from the queue's length and recent run times.
std::int64_t Ledger::retry_after_s(const Queue& queue) const {
    const double slots = std::max<double>(1, queue.rules.concurrency);
    const double seconds = static_cast<double>(queue.open) * queue.mean_run_us / slots / 1e6;
    return std::clamp(static_cast<std::int64_t>(seconds) + 1, std::int64_t{1}, std::int64_t{3600});
}

}  // namespace bide::core
