#pragma once

#include "core/rendezvous.hpp"
#include "options.hpp"
#include "services.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>

namespace bide::sim_aws {

/// Asks after every step whether the guarantees of docs/invariants.md hold for fronts and workers
/// that share nothing but the services. A breach is thrown (sim::Violation).
class Checkers {
  public:
    Checkers(const Options& options, const Services& services)
        : options_(options), services_(services) {}

    enum class Ask : std::uint8_t { submit, join, cancel };
    struct Waiting {
        Life front = 0;
        Ask ask = Ask::join;
        JobId job;
        core::Wait wait;
        Time begun{};
        core::Fingerprint fingerprint{};  ///< submit
        std::string body;                 ///< likewise
        core::QueueIndex queue = 0;       ///< likewise
        bool fresh = false;               ///< likewise: the id is new
        bool told = false;                ///< a follower
    };

    void begun(core::WaiterId waiter, Waiting waiting);
    void sent(const Envelope& envelope) const;
    void answered(const core::Answer& answer, Time now);
    void left(core::WaiterId waiter);
    void front_died(Life front);
    /// A worker has a result to tell a front of, and goes on trying while it lives.
    void owed(Life worker, Life front, const JobId& job, Time now);
    void worker_died(Life worker);
    /// A process has its connections to the cache; or has not.
    void reaches_cache(Life life, Time now) { reached_.emplace(life, now); }
    void loses_cache(Life life) { reached_.erase(life); }
    /// A front asks a service something about a job; and hears what came of it.
    void asks(Life front, const JobId& job) { ++asked_[{front, job}].under_way; }
    void hears(Life front, const JobId& job, Time now);
    /// Whether the look it heard of told it anything.
    void could_read(Life front, const JobId& job, bool could);
    /// A front plans anew when it looks next.
    void trust_changed(Life front, Time now) { replanned_[front] = now; }
    void stepped(const core::Rendezvous& front) const;
    void time_passes(Time now);
    void healed(Time now) { healed_at_ = now; }
    /// The end: everything promised has come to its outcome, and nobody waits.
    void settled() const;

    bool anybody_waits() const { return !waits_.empty(); }
    std::uint64_t answers() const { return answers_; }
    const std::map<JobId, Time>& promised() const { return promised_; }
    /// Of a job that somebody submitted.
    std::optional<core::QueueIndex> queue_of(const JobId& job) const;

  private:
    void finished(const Waiting& waiting, const core::Answer& answer);
    void promise(const Waiting& waiting, const JobId& job, Time now);
    void refused(const Waiting& waiting, const core::Answer& answer);
    void not_given_up(const Waiting& waiting, Time now) const;
    void same_request(const Waiting& waiting) const;
    void told_soon(const Waiting& waiting, Time now) const;
    void asks_again(const Waiting& waiting, Time now) const;
    bool anybody_waits(Life front, const JobId& job) const;
    void forget_if_alone(Life front, const JobId& job);
    Duration patience() const;

    const Options& options_;
    const Services& services_;
    std::map<core::WaiterId, Waiting> waits_;
    std::map<JobId, Time> promised_;  ///< whose id was told as its own, and when first
    std::map<JobId, std::shared_ptr<const core::Outcome>> told_;
    std::set<JobId> not_taken_;  ///< new jobs whose callers were told that they will not run
    std::set<JobId> cancels_wanted_;
    std::map<JobId, core::QueueIndex> queues_;
    struct Owed {
        Life worker = 0;
        Life front = 0;
        Time at{};
    };
    std::multimap<JobId, Owed> owed_;
    struct Asked {
        unsigned under_way = 0;
        bool unread = false;  ///< the last look told nothing
        Time heard{};
    };
    std::map<std::pair<Life, JobId>, Asked> asked_;
    std::map<Life, Time> replanned_;
    std::map<Life, Time> reached_;  ///< since when
    Time healed_at_ = kNever;
    std::uint64_t answers_ = 0;
};

}  // namespace bide::sim_aws
