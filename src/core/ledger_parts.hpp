#pragma once

#include "core/fair_line.hpp"
#include "core/ledger.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>
#include <string>

/// What the ledger's source files share; nobody else includes it.
namespace bide::core {

struct Ledger::TimerOwner : Timer {
    enum class Kind : std::uint8_t { job, waiter };
    explicit TimerOwner(Kind of) : kind(of) {}
    Kind kind;
};

struct Ledger::Waiter : TimerOwner, boost::intrusive::list_base_hook<> {
    Waiter(const Wait& wait, Job& of)
        : TimerOwner(Kind::waiter),
          id(wait.id),
          job(&of),
          follow(wait.follow),
          on_leave(wait.on_leave) {}
    WaiterId id;
    Job* job;
    Follow follow;
    OnLeave on_leave;
    bool told = false;      ///< a follower: that the job is accepted
    bool replayed = false;  ///< its submission found the job there already
    /// Set when its time is over and only the commit is still missing; the timer is then the
    /// grace period.
    bool due = false;
    Answer::Kind due_kind = Answer::Kind::open;
};

using UnhurriedHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

/// The one hook of a job that is in line is its entry's.
struct Ledger::Job : TimerOwner, FairLine::Entry {
    Job() : TimerOwner(Kind::job) {}
    JobId id;
    std::int64_t sequence = 0;
    JobState state = JobState::ready;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;      ///< started
    std::uint32_t attempts_max = 0;  ///< 0: as the queue's rules say
    std::uint32_t news = 0;
    std::uint32_t followers = 0;
    Time created{};
    Time ready_since{};
    Time not_before{};
    Time start_by = kNever;
    Time started{};
    std::uint64_t input_bytes = 0;
    Fingerprint fingerprint{};
    std::shared_ptr<const JobInput> input;  ///< null once let go
    std::shared_ptr<const Outcome> outcome;
    std::shared_ptr<const std::string> progress;
    boost::intrusive::list<Waiter, boost::intrusive::constant_time_size<false>> waiters;
    bool named = false;       ///< the id is a caller's
    bool row_exists = false;  ///< an open row is in the store, or in the group under way
    bool reopened = false;    ///< redriven, and that is not yet taken for writing
    bool durable = false;     ///< that row's commit returned
    bool dirty = false;       ///< in dirty_, not yet taken
    UnhurriedHook unhurried;  ///< in unhurried_ instead
};

/// Changes that need no commit of their own yet.
struct Ledger::Unhurried {
    using Jobs = boost::intrusive::list<
        Job,
        boost::intrusive::member_hook<Job, UnhurriedHook, &Job::unhurried>,
        boost::intrusive::constant_time_size<false>>;
    Jobs submitted;              ///< LedgerLimits::linger; since ready_since, the oldest first
    Jobs finished;               ///< LedgerLimits::company
    Time finished_due = kNever;  ///< when the first of them has waited long enough
};

struct Ledger::Queue {
    QueueRules rules;
    QueueCounts counts;
    QueueTotals totals;
    FairLine ready;
    std::uint64_t open_bytes = 0;
    std::uint64_t open = 0;
    double mean_run_us = 0;  ///< of attempts that ended, moving average over about 16
    bool paused = false;
};

inline Error store_failed(Retry retry, std::string detail) {
    return {Code::store_failed, retry, std::move(detail)};
}

inline Error store_stopped(Retry retry) {
    return store_failed(
        retry, "the store failed and the server stopped answering; see /readyz and the server's log"
    );
}

/// Unsafe: the job there is goes on.
inline Error too_many_waiters(Retry retry) {
    return {
        Code::overloaded,
        retry,
        "as many callers wait as may wait; ask without waiting, or later",
        1};
}

}  // namespace bide::core
