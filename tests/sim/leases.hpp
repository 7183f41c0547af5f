#pragma once

#include "core/ledger.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace bide::sim {

/// G6: the result of an attempt that lost its lease is never the outcome; the numbers of a job's
/// attempts grow within a process life, over redrives too; no more attempts run than the queue's
/// concurrency, no more leases than the tenant's, and a job runs twice at once only after it lost a
/// lease.
class G6 {
  public:
    struct Limits {
        const core::QueueRules* rules = nullptr;
        std::uint32_t attempts_max = 0;
        bool reconfigured = false;  ///< attempts_max may have been larger before
        std::string tenant;
        std::uint32_t tenant_concurrency = 0;  ///< 0: no limit
    };

    /// Returns the attempt's serial, by which results name it.
    std::uint64_t started(const core::StartAttempt& start, Time now, const Limits& limits);
    void stopped(const core::StopAttempt& stop);
    /// A stop by Halt takes no lease: the job can run nowhere else, and a success still counts. A
    /// failure does not.
    void halted(const core::StopAttempt& stop);
    void ended(const core::event::AttemptEnded& ended);
    void decided(const JobId& job, const core::Outcome& outcome, std::uint32_t attempts_max) const;
    /// A lease ends with its time.
    void nobody_overstays(Time now, Duration slack) const;
    /// At an exit with nothing left to write: the attempts that a job's row counts.
    void counted(const JobId& job, std::uint32_t attempts) const;
    void crashed();
    /// The id has another job from now on.
    void born_again(const JobId& job) { latest_.erase(job); }
    /// Its failure was not for good.
    void redriven(const JobId& job);

    /// Whether the attempt is still entitled to run.
    bool lost(std::uint64_t serial) const { return attempts_.at(serial).lost; }
    /// Whether an attempt of the job runs that will be waited for.
    bool runs(const JobId& job) const;
    /// Whether any attempt of it runs, with a lease or without.
    bool holds(const JobId& job) const;
    /// Whether this attempt runs with its lease.
    bool current(const JobId& job, std::uint32_t number) const;
    const JobId& job_of(std::uint64_t serial) const { return attempts_.at(serial).job; }
    /// Attempts that hold a slot, abandoned ones included.
    std::uint64_t running(core::QueueIndex queue) const;
    /// Those of them that hold a lease.
    std::uint64_t leased(core::QueueIndex queue) const;

  private:
    struct Attempt {
        JobId job;
        core::QueueIndex queue;
        std::uint32_t number;
        Time deadline;
        std::string tenant;
        bool running = true;
        bool lost = false;
        bool halted = false;
        core::AttemptResult::Verdict verdict = core::AttemptResult::Verdict::retry;
    };

    Attempt* find(const JobId& job, std::uint32_t number);
    void decided_by_attempt(
        const JobId& job, const core::Outcome& outcome, std::uint32_t attempts_max
    ) const;

    std::vector<Attempt> attempts_;  ///< of all lives; the serial is the place
    std::vector<std::uint64_t> running_;
    std::unordered_map<JobId, std::uint64_t> latest_;  ///< of this life
};

}  // namespace bide::sim
