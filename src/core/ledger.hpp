#pragma once

#include "base/id.hpp"
#include "base/rng.hpp"
#include "core/effect.hpp"
#include "core/event.hpp"
#include "core/job.hpp"
#include "core/rules.hpp"
#include "core/tenants.hpp"
#include "core/timer_queue.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace bide::core {

/// The rules of bide on one machine: which job runs when, what must be durable before what, and
/// who is told. A state machine without I/O, threads or clock: the embedded engine drives it under
/// one lock, the simulator in virtual time (tests/sim), and both only through
///
///     step(event, now, effects);   take_writes(...) -> store -> step(Committed)
///
/// Memory changes at once, but nobody is answered before the commit that carries the answer
/// returned (G1, G2). One group of writes is under way at a time. A job that finishes before its
/// input was taken for writing is written once, as finished; LedgerLimits::linger gives it the
/// time.
///
/// The ledger knows open jobs only. A submission under a caller's id, or a redrive, that finds no
/// open job is a *claim* on the id: the store is read (Effects::lookups) and every further claim on
/// it waits for LookedUp, so that between the look and what follows from it nothing can happen to
/// the id (G4). Not thread-safe.
class Ledger {
  public:
    Ledger(
        const std::vector<QueueRules>& queues,
        LedgerLimits limits,
        std::uint64_t seed,
        Tenancy tenancy = {}
    );
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// Appends to `effects`. `now` never decreases.
    void step(Event&& event, Time now, Effects& effects);

    bool has_writes() const { return next_dirty_ < dirty_.size() || !pauses_.empty(); }
    bool commit_under_way() const { return !in_flight_.empty() || !pauses_in_flight_.empty(); }

    /// Appends the next group, of about `count_max` writes at most, and about `bytes_max` of
    /// bodies, and holds it as under way until Committed or CommitFailed. Call only when none is
    /// under way.
    void take_writes(std::size_t count_max, std::uint64_t bytes_max, WriteGroup& group);

    /// When the next Tick is needed; kNever when nothing waits for a time.
    Time next_timer() const;

    const QueueCounts& counts(QueueIndex queue) const;
    const QueueTotals& totals(QueueIndex queue) const;
    bool paused(QueueIndex queue) const;
    /// What is known of an open job; empty when it is not open.
    std::optional<JobFacts> find(const JobId& job) const;
    std::size_t open_jobs() const { return jobs_.size(); }
    std::size_t waiters() const { return waiters_.size(); }
    std::uint64_t resident_bytes() const { return resident_bytes_; }
    bool failed() const { return failed_; }
    /// Nothing runs and nothing is to be written: after Drain, it is safe to end the process.
    bool idle() const;

  private:
    struct Job;
    struct Unhurried;
    struct Waiter;
    struct Queue;
    struct TimerOwner;
    using Claimant = std::variant<event::Submit, event::Redrive>;

    void on(event::Submit& event, Time now, Effects& effects);
    void on(event::Join& event, Time now, Effects& effects);
    void on(event::Leave& event, Time now, Effects& effects);
    void on(event::AttemptEnded& event, Time now, Effects& effects);
    void on(event::Progress& event, Time now, Effects& effects);
    void on(event::Cancel& event, Time now, Effects& effects);
    void on(event::Redrive& event, Time now, Effects& effects);
    void on(event::LookedUp& event, Time now, Effects& effects);
    void on(event::SetPaused& event, Time now, Effects& effects);
    void on(event::Committed& event, Time now, Effects& effects);
    void on(event::CommitFailed& event, Time now, Effects& effects);
    void on(event::Tick& event, Time now, Effects& effects);
    void on(event::Recovered& event, Time now, Effects& effects);
    void on(event::RecoveredPause& event, Time now, Effects& effects);
    void on(event::Drain& event, Time now, Effects& effects);
    void on(event::Halt& event, Time now, Effects& effects);

    // ledger.cpp: the life of a job
    struct NewJob {
        JobId id;
        std::int64_t sequence;
        QueueIndex queue;
        Time created;
        std::uint64_t input_bytes;
        const std::string& tenant;
        std::uint8_t priority;
        Fingerprint fingerprint;
    };
    Job& add_job(const NewJob& facts, Time now);
    void accept(event::Submit& event, Time now, Effects& effects);
    std::optional<Error> admit(const event::Submit& event, Tenant& tenant, Time now);
    void recover_due_time(Job& job, Time now);
    void enter_queue(Job& job, Cause cause, Time now);
    void move(Job& job, JobState to, Cause cause, Time now);
    void start_ready(Queue& queue, Time now, Effects& effects);
    void end_attempt(Job& job, AttemptResult&& result, Time now, Effects& effects);
    void finish(
        Job& job, JobState state, Cause cause, AttemptResult&& result, Time now, Effects& effects
    );
    void cancel_now(Job& job, Time now, Effects& effects);
    void reopen(const event::Redrive& event, const StoredJob& found, Time now, Effects& effects);
    void stop_running(Job& job, Effects& effects);
    void abandon_running(Job& job, Effects& effects);
    void let_input_go(Job& job);
    void let_job_go(Job& job);
    std::uint32_t attempts_max(const Job& job) const;
    void arm_job_timer(Job& job);
    void job_timer_due(Job& job, Time now, Effects& effects);
    void committed(Job& job, DurableWrite kind, Time now, Effects& effects);
    Duration backlog(const Queue& queue, std::uint8_t priority) const;

    // ledger_writes.cpp: what is written, and when
    void mark_dirty(Job& job);
    void await_company(Job& job, Time now);
    void hurry(Job& job);
    void hurry_submitted(Time until);
    void hurry_finished();
    Time unhurried_until() const;
    void hurry_due(Time now);
    Write write_of(Job& job, DurableWrite kind) const;

    // ledger_waiters.cpp: who waits, and who is told
    void claim(const JobId& id, Claimant&& claimant, Effects& effects);
    void attach(Job& job, const event::Submit& event, Time now, Effects& effects);
    void claimed(event::Submit& event, const StoredJob* found, Time now, Effects& effects);
    void claimed(event::Redrive& event, const StoredJob* found, Time now, Effects& effects);
    bool too_many_wait(const Wait& wait, Time now) const;
    Waiter& add_waiter(Job& job, const Wait& wait);
    void begin_wait(Waiter& waiter, const Wait& wait, Time now, Effects& effects);
    void answer(Waiter& waiter, Answer&& answer, Effects& effects);
    void answer_finished(Job& job, Effects& effects);
    void answer_open_or_wait_for_commit(
        Waiter& waiter, Answer::Kind kind, Time now, Effects& effects
    );
    void answer_everybody_draining(Job& job, Time now, Effects& effects);
    void tell_accepted(Waiter& waiter, Effects& effects);
    void tell_news(Job& job, Answer::News what, Effects& effects);
    void waiter_due(Waiter& waiter, Time now, Effects& effects);
    void forget(Waiter& waiter);
    JobFacts facts(const Job& job) const;
    void refuse(WaiterId waiter, Error error, Effects& effects) const;
    void answer_unknown(const JobId& id, WaiterId waiter, Effects& effects) const;

    std::vector<std::unique_ptr<Queue>> queues_;
    LedgerLimits limits_;
    Rng rng_;
    Tenants tenants_;
    std::unordered_map<JobId, std::unique_ptr<Job>> jobs_;
    std::unordered_map<WaiterId, std::unique_ptr<Waiter>> waiters_;
    std::unordered_map<JobId, std::vector<Claimant>> claims_;
    /// Attempts that lost their lease and have not ended, by job. While there is one, no other job
    /// takes the id: its attempts would have the same numbers (G6).
    std::unordered_map<JobId, std::uint32_t> abandoned_;
    TimerQueue timers_;
    Time now_{};               ///< of the step under way
    std::vector<Job*> dirty_;  ///< to be written, in order; those before next_dirty_ are taken
    std::size_t next_dirty_ = 0;
    std::unique_ptr<Unhurried> unhurried_;                  ///< will be dirty_ in time
    std::vector<std::pair<Job*, DurableWrite>> in_flight_;  ///< being written
    std::vector<event::SetPaused> pauses_;                  ///< to be written
    std::vector<event::SetPaused> pauses_in_flight_;
    std::uint64_t resident_bytes_ = 0;
    bool draining_ = false;
    bool halted_ = false;
    bool failed_ = false;
};

}  // namespace bide::core
