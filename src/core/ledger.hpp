#pragma once

#include "base/error.hpp"
#include "base/id.hpp"
#include "base/rng.hpp"
#include "core/job.hpp"
#include "core/retry.hpp"
#include "core/timer_queue.hpp"

#include <boost/intrusive/list.hpp>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace bide::core {

/// Names one wait. The driver makes them; unique among the live ones.
using WaiterId = std::uint64_t;

struct Wait {
    WaiterId id = 0;
    Time deadline{};  ///< not after now: answer as soon as the job is durable ("202")
};

struct QueueRules {
    std::uint32_t concurrency = 1;               ///< attempts running at once; 0: nothing starts
    std::uint64_t depth_max = 100'000;           ///< jobs not yet finished
    std::uint64_t bytes_max = 1ULL << 40;        ///< sum of their input bodies
    Duration timeout = std::chrono::minutes(5);  ///< lease of one attempt
    RetryPolicy retry{};
};

struct LedgerLimits {
    /// Input bodies kept in memory over all queues; past it, the bodies of durable jobs are let go
    /// and read from the store when their turn comes.
    std::uint64_t resident_bytes_max = 256ULL << 20;
    /// How long a wait may outlast its deadline for want of a commit (G5).
    Duration commit_grace = std::chrono::seconds(10);
};

/// How one attempt went, as the handler tells it.
struct AttemptResult {
    enum class Verdict : std::uint8_t {
        success,
        retry,  ///< may go better another time
        fail,   ///< never will
    };
    Verdict verdict = Verdict::retry;
    FailureKind kind = FailureKind::handler;  ///< when not a success; with fail: rejected
    std::uint16_t status = 0;
    std::string content_type;
    Body body;
    std::string detail;
    Duration retry_after{};  ///< at least this long before the next attempt
};

/// What is known of a job that has not ended, or of one that has.
struct JobFacts {
    JobId id;
    JobState state = JobState::ready;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;  ///< started so far
    Time created{};
    Time not_before{};
    Time started{};              ///< of the last attempt
    std::uint64_t position = 0;  ///< jobs of its queue before it, when ready; an estimate
};

namespace event {

/// A new job, under an id never used before.
struct Submit {
    std::shared_ptr<const JobInput> input;
    Wait wait;
    Time not_before{};       ///< start no sooner
    Time start_by = kNever;  ///< expire if not started by then
};
/// Another waiter for a job.
struct Join {
    JobId job;
    Wait wait;
};
/// The waiter's client is gone, or it no longer cares.
struct Leave {
    WaiterId waiter;
};
struct AttemptEnded {
    JobId job;
    std::uint32_t attempt = 0;
    QueueIndex queue = 0;
    AttemptResult result;
};
/// Ends the job now; the waiter is answered when that is durable.
struct Cancel {
    JobId job;
    Wait wait;
};
/// The group last taken by take_writes() is durable.
struct Committed {};
/// It is not, and never will be: nothing is answered with success from here on.
struct CommitFailed {};
/// Some timer may be due.
struct Tick {};
/// An open job found in the store at start.
struct Recovered {
    JobId job;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;
    Time created{};
    Time not_before{};
    Time start_by = kNever;
    std::uint64_t input_bytes = 0;
};
/// Accept and start nothing more; who waits for a job that is not running is answered.
struct Drain {};
/// After Drain: stop what runs and answer everybody. Stopped jobs stay open in the store.
struct Halt {};

}  // namespace event

using Event = std::variant<
    event::Submit,
    event::Join,
    event::Leave,
    event::AttemptEnded,
    event::Cancel,
    event::Committed,
    event::CommitFailed,
    event::Tick,
    event::Recovered,
    event::Drain,
    event::Halt>;

struct StartAttempt {
    JobId job;
    QueueIndex queue = 0;
    std::uint32_t attempt = 0;
    std::uint32_t attempts_max = 0;
    std::shared_ptr<const JobInput> input;  ///< null: read it from the store
    Time deadline{};                        ///< end of the lease
};

struct StopAttempt {
    JobId job;
    std::uint32_t attempt = 0;
};

struct Answer {
    enum class Kind : std::uint8_t {
        finished,  ///< outcome is set and durable
        open,      ///< the job is durable and goes on; the wait is over
        draining,  ///< as open, but because the server stops
        unknown,   ///< not in the ledger: finished before, or never there. Ask the store
        refused,   ///< error says why
    };
    WaiterId waiter = 0;
    Kind kind = Kind::refused;
    JobFacts facts;
    std::shared_ptr<const Outcome> outcome;
    Error error;
    bool fresh = true;  ///< finished: by the commit that just returned, not found in the store
};

/// What the driver must do, in any order among the kinds; each list in its order.
struct Effects {
    std::vector<StartAttempt> starts;
    std::vector<StopAttempt> stops;
    std::vector<Answer> answers;

    void clear() {
        starts.clear();
        stops.clear();
        answers.clear();
    }
};

/// One change to the store.
struct Write {
    DurableWrite kind = DurableWrite::open;
    JobId job;
    /// Whether a row of this job is already among the open ones: `open` then updates attempts
    /// and not_before, `finish` removes it.
    bool row_exists = false;
    /// open, first time: the job. finish of a failed job: its input, kept for redrive; null when
    /// memory let it go, then it is in the open row. Else null.
    std::shared_ptr<const JobInput> input;
    std::shared_ptr<const Outcome> outcome;  ///< finish
    std::uint32_t attempts = 0;
    Time not_before{};
    Time start_by = kNever;
};

struct QueueCounts {
    std::uint64_t scheduled = 0;
    std::uint64_t ready = 0;
    std::uint64_t running = 0;  ///< attempts that hold a slot, abandoned ones included
};

/// The rules of bide on one machine: which job runs when, what must be durable before what, and
/// who is told. A state machine without I/O, threads or clock: the embedded engine drives it under
/// one lock, the simulator in virtual time (tests/sim), and both only through
///
///     step(event, now, effects);   take_writes(...) -> store -> step(Committed)
///
/// Memory changes at once, but nobody is answered before the commit that carries the answer
/// returned (G1, G2). One group of writes is under way at a time. A job that finishes before its
/// input was taken for writing is written once, as finished. Not thread-safe.
class Ledger {
  public:
    Ledger(const std::vector<QueueRules>& queues, LedgerLimits limits, std::uint64_t seed);
    ~Ledger();
    Ledger(const Ledger&) = delete;
    Ledger& operator=(const Ledger&) = delete;

    /// Appends to `effects`. `now` never decreases.
    void step(Event&& event, Time now, Effects& effects);

    bool has_writes() const { return next_dirty_ < dirty_.size(); }
    bool commit_under_way() const { return !in_flight_.empty(); }

    /// Appends the next group, at most `count_max` writes, and about `bytes_max` of bodies, and
    /// holds it as under way until Committed or CommitFailed. Call only when none is under way.
    void take_writes(std::size_t count_max, std::uint64_t bytes_max, std::vector<Write>& group);

    /// When the next Tick is needed; kNever when nothing waits for a time.
    Time next_timer() const { return timers_.next(); }

    const QueueCounts& counts(QueueIndex queue) const;
    std::size_t open_jobs() const { return jobs_.size(); }
    std::size_t waiters() const { return waiters_.size(); }
    std::uint64_t resident_bytes() const { return resident_bytes_; }
    bool failed() const { return failed_; }
    /// Nothing runs and nothing is to be written: after Drain, it is safe to end the process.
    bool idle() const;

  private:
    struct Job;
    struct Waiter;
    struct Queue;
    struct TimerOwner;

    void on(event::Submit& event, Time now, Effects& effects);
    void on(event::Join& event, Time now, Effects& effects);
    void on(event::Leave& event, Time now, Effects& effects);
    void on(event::AttemptEnded& event, Time now, Effects& effects);
    void on(event::Cancel& event, Time now, Effects& effects);
    void on(event::Committed& event, Time now, Effects& effects);
    void on(event::CommitFailed& event, Time now, Effects& effects);
    void on(event::Tick& event, Time now, Effects& effects);
    void on(event::Recovered& event, Time now, Effects& effects);
    void on(event::Drain& event, Time now, Effects& effects);
    void on(event::Halt& event, Time now, Effects& effects);

    Job& add_job(const JobId& id, QueueIndex queue, Time created, std::uint64_t input_bytes);
    void enter_queue(Job& job, Cause cause, Time now);
    void move(Job& job, JobState to, Cause cause);
    void start_ready(Queue& queue, Time now, Effects& effects);
    void end_attempt(Job& job, AttemptResult&& result, Time now, Effects& effects);
    void finish(
        Job& job, JobState state, Cause cause, AttemptResult&& result, Time now, Effects& effects
    );
    void answer_finished(Job& job, Effects& effects);
    void forget(Waiter& waiter);
    void stop_running(Job& job, Effects& effects);
    void mark_dirty(Job& job);
    void let_input_go(Job& job);
    void arm_job_timer(Job& job);
    void job_timer_due(Job& job, Time now, Effects& effects);
    void waiter_due(Waiter& waiter, Time now, Effects& effects);
    void add_waiter(Job& job, const Wait& wait, Time now, Effects& effects);
    void answer(Waiter& waiter, Answer&& answer, Effects& effects);
    void answer_open_or_wait_for_commit(
        Waiter& waiter, Answer::Kind kind, Time now, Effects& effects
    );
    void answer_everybody_draining(Job& job, Time now, Effects& effects);
    JobFacts facts(const Job& job) const;
    void refuse(WaiterId waiter, Error error, Effects& effects) const;
    void answer_unknown(const JobId& id, WaiterId waiter, Effects& effects) const;
    std::int64_t retry_after_s(const Queue& queue) const;

    std::vector<std::unique_ptr<Queue>> queues_;
    LedgerLimits limits_;
    Rng rng_;
    std::unordered_map<JobId, std::unique_ptr<Job>> jobs_;
    std::unordered_map<WaiterId, std::unique_ptr<Waiter>> waiters_;
    TimerQueue timers_;
    std::vector<Job*> dirty_;  ///< to be written, in order; those before next_dirty_ are taken
    std::size_t next_dirty_ = 0;
    std::vector<std::pair<Job*, DurableWrite>> in_flight_;  ///< being written
    std::uint64_t resident_bytes_ = 0;
    bool draining_ = false;
    bool halted_ = false;
    bool failed_ = false;
};

}  // namespace bide::core
