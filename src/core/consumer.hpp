#pragma once

#include "base/id.hpp"
#include "base/rng.hpp"
#include "core/effect.hpp"
#include "core/event.hpp"
#include "core/job.hpp"
#include "core/rules.hpp"
#include "core/timer_queue.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace bide::core {

/// The driver's name for one receipt of a message. Never used twice.
using Receipt = std::uint64_t;

struct ConsumerLimits {
    /// How long a received message is hidden from others; extended while its job is under way, so
    /// that the death of a worker costs no more than this.
    Duration lease = std::chrono::seconds(30);
    /// Between two tries to store a result, doubled up to the maximum. The result is kept and its
    /// lease extended until it is stored.
    Duration store_pause = std::chrono::milliseconds(200);
    Duration store_pause_max = std::chrono::seconds(5);
};

/// What a Consumer is told by its driver. AttemptEnded and Progress come from the handlers.
namespace consumed {

/// A message. `input` is null when its body is still to be fetched.
struct Received {
    Receipt receipt = 0;
    JobId job;
    QueueIndex queue = 0;
    std::shared_ptr<const JobInput> input{};
    std::uint32_t receives = 1;  ///< how often the queue has given it out, this time included
    Time created{};
    Time not_before{};
    Time start_by = kNever;
    Time end_by =
        kNever;  ///< an attempt that this receipt starts ends by then, whatever its queue allows
    std::string tenant{};
    Fingerprint fingerprint{};
    bool cancelled = false;  ///< somebody said so
    std::string refused{};   ///< not empty: why it cannot be a job of this queue
};
/// The answer to wants::Fetch.
struct Fetched {
    Receipt receipt = 0;
    std::shared_ptr<const JobInput> input{};  ///< null: it is not there
    std::optional<Error> error{};             ///< it could not be read now
};
/// The answer to wants::Store.
struct Stored {
    Receipt receipt = 0;
    /// What the store has now: this result, or the one that was there before it.
    std::shared_ptr<const Outcome> outcome{};
    std::optional<Error> error{};
};
/// The queue took the lease away: it may be running elsewhere, too.
struct LeaseLost {
    Receipt receipt = 0;
};
/// The message cannot be held any longer: the driver gives it back now, whatever becomes of it.
struct TimeUp {
    Receipt receipt = 0;
};
/// Somebody has stored that the job is cancelled.
struct CancelHeard {
    JobId job;
    bool if_queued = false;
};

}  // namespace consumed

/// What a Consumer wants done.
namespace wants {

struct Fetch {
    Receipt receipt = 0;
};
struct Start {
    Receipt receipt = 0;
    JobId job;
    QueueIndex queue = 0;
    std::uint32_t attempt = 0;
    std::uint32_t attempts_max = 0;
    std::shared_ptr<const JobInput> input;
    Time deadline{};
};
/// The message stays hidden for another lease.
struct Extend {
    Receipt receipt = 0;
    Duration lease{};
};
/// Durably, and only if the job has no result yet (G3).
struct Store {
    Receipt receipt = 0;
    JobId job;
    std::shared_ptr<const Outcome> outcome;
    Fingerprint fingerprint{};
    std::shared_ptr<const JobInput> keep{};  ///< of a failed job: for a redrive, before the result
};
/// Tell who waits. A hint: that it fails does not matter.
struct Publish {
    Receipt receipt = 0;
    JobId job;
    std::shared_ptr<const Outcome> outcome;
};
/// Likewise.
struct News {
    Receipt receipt = 0;
    JobId job;
    Answer::News what = Answer::News::attempt;
    std::uint32_t attempt = 0;
    std::string progress;
};
/// The message is done with.
struct Remove {
    Receipt receipt = 0;
};
/// The message is for others, or for later: not before `pause` is over.
struct HandBack {
    Receipt receipt = 0;
    Duration pause{};
    /// It was not its time: send it anew with this delay, so that nothing is counted as an attempt.
    bool anew = false;
};

}  // namespace wants

struct ConsumerEffects {
    std::vector<wants::Fetch> fetches;
    std::vector<wants::Start> starts;
    std::vector<StopAttempt> stops;
    std::vector<wants::Extend> extends;
    std::vector<wants::Store> stores;
    std::vector<wants::Publish> publishes;
    std::vector<wants::News> news;
    std::vector<wants::Remove> removes;
    std::vector<wants::HandBack> hand_backs;

    void clear() { *this = {}; }
};

using ConsumerEvent = std::variant<
    consumed::Received,
    consumed::Fetched,
    consumed::Stored,
    consumed::LeaseLost,
    consumed::TimeUp,
    consumed::CancelHeard,
    event::AttemptEnded,
    event::Progress,
    event::Tick,
    event::Drain,
    event::Halt>;

/// The rules of a worker: from a message to a stored result. A state machine without I/O, threads
/// or clock, driven as Rendezvous is.
///
/// The order is: run, store the result if there is none, publish, remove the message. A crash at
/// any point leaves the message, and it comes again (G2, G6); whatever is stored first is the
/// result (G3). How often a message was received is the number of its attempt; the last one's
/// failure is stored, and so is that of messages whose workers died every time, when the queue
/// gives them to the dead-letter queue.
class Consumer {
  public:
    enum class Role : std::uint8_t {
        work,
        dead_letters,  ///< answers for jobs whose workers died: nothing is run
    };
    Consumer(std::vector<QueueRules> queues, ConsumerLimits limits, std::uint64_t seed, Role role);
    ~Consumer();
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;

    /// Appends to `effects`. `now` never decreases.
    void step(ConsumerEvent&& event, Time now, ConsumerEffects& effects);

    /// How many more messages of the queue there is room for.
    std::uint32_t room(QueueIndex queue) const;
    Time next_timer() const { return timers_.next(); }
    /// Nothing is under way: after Drain or Halt, it is safe to end the process.
    bool idle() const { return jobs_.empty() && abandoned_.empty(); }

    QueueCounts counts(QueueIndex queue) const;
    const QueueTotals& totals(QueueIndex queue) const { return totals_.at(queue); }

  private:
    struct Job;
    struct Abandoned;

    void on(consumed::Received& event);
    void on(consumed::Fetched& event);
    void on(consumed::Stored& event);
    void on(consumed::LeaseLost& event);
    void on(consumed::TimeUp& event);
    void on(consumed::CancelHeard& event);
    void on(event::AttemptEnded& event);
    void on(event::Progress& event);
    void on(event::Tick& event);
    void on(event::Drain& event);
    void on(event::Halt& event);

    Job* find(const JobId& job);
    std::vector<Job*> all_jobs();
    Job* find(Receipt receipt);
    void begin(Job& job);
    void start(Job& job);
    void end_attempt(Job& job, AttemptResult&& result);
    void store(Job& job, JobState state, FailureKind kind, AttemptResult&& result);
    void ask_store(Job& job);
    void stop(Job& job);
    void hand_back(Job& job, Duration pause, bool anew);
    void let_go(Job& job);
    void arm(Job& job);
    void due(Job& job);
    Time end_of(const Job& job) const;
    std::uint32_t attempts_max(const Job& job) const;

    std::vector<QueueRules> queues_;
    ConsumerLimits limits_;
    Rng rng_;
    Role role_;
    std::unordered_map<JobId, std::unique_ptr<Job>> jobs_;
    std::unordered_map<Receipt, Job*> receipts_;
    std::vector<std::uint32_t> slots_;  ///< taken, by queue; abandoned attempts hold theirs
    std::vector<QueueTotals> totals_;
    /// Attempts whose result no longer counts and that have not ended.
    std::unordered_map<JobId, Abandoned> abandoned_;
    TimerQueue timers_;
    bool draining_ = false;
    bool halted_ = false;
    Time now_{};                          ///< of the step under way
    ConsumerEffects* effects_ = nullptr;  ///< likewise
};

}  // namespace bide::core
