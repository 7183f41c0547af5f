#pragma once

#include "base/error.hpp"
#include "base/id.hpp"
#include "core/event.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bide::core {

/// What is known of a job that has not ended, or of one that has.
struct JobFacts {
    JobId id;
    JobState state = JobState::ready;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;  ///< started so far
    std::uint32_t attempts_max = 0;
    std::uint8_t priority = kPriorityDefault;
    Time created{};
    Time not_before{};
    Time started{};              ///< of the last attempt
    std::uint64_t position = 0;  ///< jobs of its queue before it, when ready; an estimate
    std::uint32_t news = 0;      ///< counts what followers are told, within one process life
    std::shared_ptr<const std::string> progress;  ///< the handler's last word (JSON), or null
    std::string tenant;
};

/// Of a job that has ended.
JobFacts facts_of(const JobId& id, const Outcome& outcome);

/// Where a tenant's rate stands; burst 0: it has none.
struct RateFacts {
    std::uint32_t burst = 0;
    std::uint32_t window_s = 0;   ///< in which a whole burst comes back
    std::uint32_t remaining = 0;  ///< submissions possible now
    std::uint32_t reset_s = 0;    ///< until the burst is whole again
};

/// Some jobs of a queue, as asked for by state.
struct JobPage {
    struct Entry {
        JobFacts facts;
        std::shared_ptr<const Outcome> outcome;  ///< without its body; null: not ended
    };
    std::vector<Entry> jobs;
    std::int64_t next = 0;       ///< cursor of the page after it; 0: there is none
    std::uint64_t redriven = 0;  ///< of a redrive of a queue: how many
};

struct StartAttempt {
    JobId job;
    std::int64_t sequence = 0;
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
        applied,   ///< SetPaused: it is durable
        listed,    ///< from an engine: page is set
        accepted,  ///< to a follower, once: the job is durable. The wait goes on
        news,      ///< to a follower: `what` happened. The wait goes on
    };
    enum class News : std::uint8_t { attempt, retry, progress };

    WaiterId waiter = 0;
    Kind kind = Kind::refused;
    JobFacts facts;
    std::shared_ptr<const Outcome> outcome;
    Error error;
    bool fresh = true;      ///< finished: by the commit that just returned, not found in the store
    bool replayed = false;  ///< to a Submit that found its job there already
    News what = News::attempt;
    RateFacts rate{};                       ///< to a Submit
    std::shared_ptr<const JobPage> page{};  ///< listed

    /// Whether the wait is over with it.
    bool last() const { return kind != Kind::accepted && kind != Kind::news; }
};

/// What the driver must do, in any order among the kinds; each list in its order.
struct Effects {
    std::vector<StartAttempt> starts;
    std::vector<StopAttempt> stops;
    std::vector<Answer> answers;
    std::vector<JobId> lookups;  ///< read the store, and step LookedUp for each

    void clear() {
        starts.clear();
        stops.clear();
        answers.clear();
        lookups.clear();
    }
};

/// One change to the store.
struct Write {
    DurableWrite kind = DurableWrite::open;
    JobId job;
    std::int64_t sequence = 0;
    /// The id is not the engine's own: it must be found by itself, not by its sequence.
    bool named = false;
    /// Whether a row of this job is already among the open ones: `open` then updates attempts
    /// and not_before, `finish` removes it.
    bool row_exists = false;
    /// open, first time: the job. finish of a failed job: its input, kept for redrive; null when
    /// memory let it go, then it is in the open row. Else null.
    std::shared_ptr<const JobInput> input;
    std::shared_ptr<const Outcome> outcome;  ///< finish
    std::uint32_t attempts = 0;
    std::uint32_t attempts_max = 0;  ///< 0: as the queue's rules say
    Time not_before{};
    Time start_by = kNever;
    Fingerprint fingerprint{};
    std::uint8_t priority = kPriorityDefault;
};

struct PauseWrite {
    QueueIndex queue = 0;
    bool paused = false;
};

/// What one commit makes durable, in this order.
struct WriteGroup {
    std::vector<Write> jobs;
    std::vector<PauseWrite> pauses;

    bool empty() const { return jobs.empty() && pauses.empty(); }
    void clear() {
        jobs.clear();
        pauses.clear();
    }
};

struct QueueCounts {
    std::uint64_t scheduled = 0;
    std::uint64_t ready = 0;
    std::uint64_t running = 0;  ///< attempts that hold a slot, abandoned ones included
};

/// What happened in a queue since the start of the process.
struct QueueTotals {
    std::uint64_t submitted = 0;
    std::uint64_t replayed = 0;  ///< submissions that found their job there already
    std::uint64_t refused_full = 0;
    std::uint64_t refused_rate = 0;      ///< over the tenant's rate or depth
    std::uint64_t refused_deadline = 0;  ///< could not have started in time
    std::uint64_t attempts = 0;
    std::uint64_t retries = 0;
    std::uint64_t redriven = 0;
    std::uint64_t succeeded = 0;
    std::uint64_t failed = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t expired = 0;
    double queued_s = 0;    ///< sum over attempts, from ready to started
    std::uint64_t ran = 0;  ///< attempts that ended with their lease
    double running_s = 0;   ///< sum over these
};

}  // namespace bide::core
