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
#include <unordered_map>
#include <variant>
#include <vector>

namespace bide::core {

struct RendezvousLimits {
    /// Waits held at once, of whatever kind: even who wants to know something at once waits for the
    /// store. Past it everybody is refused.
    std::uint64_t waiters_max = 1'000'000;
    /// Between two looks at the store for one job, while notices are known to come.
    Duration rescue_trusted = std::chrono::seconds(30);
    /// While they are not: a quarter of what the wait has taken so far, within these.
    Duration rescue_min = std::chrono::milliseconds(250);
    Duration rescue_max = std::chrono::seconds(5);
    /// How long another front has to send what it has claimed, before this one sends it too.
    Duration claim_patience = std::chrono::seconds(5);
    /// How long a wait may outlast its deadline while its job is still being claimed or sent (G5).
    Duration grace = std::chrono::seconds(10);
};

/// What a Rendezvous is told by its driver of the services it cannot see itself.
namespace told {

/// The answer to wanted::Claim: the claim that is in the store now.
struct Claimed {
    JobId job;
    Fingerprint fingerprint{};  ///< of the claim that is there
    bool made = false;          ///< by this very call: nobody had it before
    bool sent = false;          ///< known to be in the queue, or to have been
    Time at{};                  ///< when it was made
    std::optional<Error> error{};
};
/// The answer to wanted::Send: whether the queue has it.
struct Sent {
    JobId job;
    std::optional<Error> error{};
};
/// The answer to wanted::Look.
struct Looked {
    enum class Found : std::uint8_t {
        result,   ///< outcome is set
        claim,    ///< no result, but the job exists: facts and fingerprint are set
        nothing,  ///< neither
        unknown,  ///< could not be read: error says why
    };
    JobId job;
    Found found = Found::nothing;
    std::shared_ptr<const Outcome> outcome{};
    JobFacts facts{};
    Fingerprint fingerprint{};  ///< of the claim, or of the job whose result it is
    bool sent = false;          ///< claim: known to be in the queue, or to have been
    /// Claim: what was kept with it, if the job is not known to be in the queue. Its sender may
    /// have died before it sent it.
    std::shared_ptr<const JobInput> input{};
    Time start_by = kNever;  ///< likewise
    std::optional<Error> error{};
};
/// A notice came. A hint only: it may be lost, late, doubled (G5).
struct Noticed {
    enum class What : std::uint8_t {
        result,  ///< outcome is set: the bytes that the store has
        look,    ///< the result is there, too large for a notice
        attempt,
        retry,
        progress,
    };
    JobId job;
    What what = What::look;
    bool direct = true;  ///< on this front's own channel, not the job's
    std::shared_ptr<const Outcome> outcome{};
    std::uint32_t attempt = 0;
    std::shared_ptr<const std::string> progress{};
};
/// The answer to wanted::Cancel: what the store has now. Neither: the job runs, and only a queued
/// one was to be cancelled.
struct Cancelled {
    JobId job;
    std::shared_ptr<const Outcome> outcome{};
    std::optional<Error> error{};
};
/// Whether notices are known to come. When trust is gained everything is looked at once.
struct Trust {
    bool trusted = false;
};

}  // namespace told

/// What a Rendezvous wants done. Each but watch, unwatch and forward is answered by one event.
namespace wanted {

/// Make the claim on an id durable, unless there is one.
struct Claim {
    JobFacts facts;
    Fingerprint fingerprint{};
    /// Of a job whose id somebody knows and that is not in the queue yet: kept with the claim, so
    /// that who asks for the job can send it should this front die first. Else null.
    std::shared_ptr<const JobInput> input{};
    Time start_by = kNever;  ///< likewise
};
/// Into the queue.
struct Send {
    std::shared_ptr<const JobInput> input;
    Time not_before{};
    Time start_by = kNever;
    bool promised = false;  ///< others may wait for it: say on the job's own channel what happens
    bool kept = false;      ///< with its claim, too: from now on that has to be known as sent
    bool body_stored = false;  ///< for the claim, which was made here: a large one is there
};
struct Look {
    JobId job;
    std::optional<QueueIndex> queue;  ///< empty: not known, any
    /// Without a result, the claim says that the job exists, and the mark whether it was sent.
    bool claim_too = false;
};
/// Store this outcome unless there is one, and tell whoever runs the job.
struct Cancel {
    JobId job;
    std::shared_ptr<const Outcome> outcome;
    Fingerprint fingerprint{};
    bool if_queued = false;
};
/// A result that came to this front while others may wait for it: pass it on to the job's channel.
struct Forward {
    JobId job;
    std::shared_ptr<const Outcome> outcome;  ///< null: too large for a notice
};

}  // namespace wanted

struct RendezvousEffects {
    std::vector<wanted::Claim> claims;
    std::vector<wanted::Send> sends;
    std::vector<wanted::Look> looks;
    std::vector<wanted::Cancel> cancels;
    std::vector<wanted::Forward> forwards;
    std::vector<JobId> watches;    ///< listen to the job's own channel; before any look for it
    std::vector<JobId> unwatches;  ///< no longer
    std::vector<Answer> answers;

    void clear() { *this = {}; }
};

using RendezvousEvent = std::variant<
    event::Submit,
    event::Join,
    event::Leave,
    event::Cancel,
    event::Tick,
    event::Drain,
    told::Claimed,
    told::Sent,
    told::Looked,
    told::Noticed,
    told::Cancelled,
    told::Trust>;

/// The rules of a front whose jobs are done elsewhere: who waits for which job, what must be
/// durable before who is told, and when the store is asked because no notice came. A state machine
/// without I/O, threads or clock; the aws engine drives it on one thread, the simulator in virtual
/// time (tests/sim_aws).
///
/// Register the wait, send, then wait for a notice; the store is the truth (G5). A job whose id
/// is told to anybody before its end is *claimed* first: a small object in the store, made only if
/// there is none, that says whose request the id belongs to (G2, G4). A blocked caller that gets
/// its result costs no claim; a wait that ends before has its claim made then.
class Rendezvous {
  public:
    Rendezvous(
        std::vector<QueueRules> queues,
        RendezvousLimits limits,
        std::uint64_t seed,
        Tenancy tenancy = {}
    );
    ~Rendezvous();
    Rendezvous(const Rendezvous&) = delete;
    Rendezvous& operator=(const Rendezvous&) = delete;

    /// Appends to `effects`. `now` never decreases.
    void step(RendezvousEvent&& event, Time now, RendezvousEffects& effects);

    /// When the next Tick is needed; kNever when nothing waits for a time.
    Time next_timer() const { return timers_.next(); }

    std::size_t waiters() const { return waiters_.size(); }
    /// Jobs that somebody here waits for, or asked something about that is not answered yet.
    std::size_t jobs() const { return meetings_.size(); }
    /// Jobs of a queue that somebody here waits for.
    std::uint64_t open(QueueIndex queue) const { return open_.at(queue); }
    const QueueTotals& totals(QueueIndex queue) const { return totals_.at(queue); }
    /// Results found by looking though a notice should have come.
    std::uint64_t rescues() const { return rescues_; }
    bool trusted() const { return trusted_; }

  private:
    struct Meeting;
    struct Waiter;
    struct TimerOwner;

    void on(event::Submit& event);
    void on(event::Join& event);
    void on(event::Leave& event);
    void on(event::Cancel& event);
    void on(event::Tick& event);
    void on(event::Drain& event);
    void on(told::Claimed& event);
    void on(told::Sent& event);
    void on(told::Looked& event);
    void on(told::Noticed& event);
    void on(told::Cancelled& event);
    void on(told::Trust& event);

    std::optional<Error> admit(const event::Submit& event, Tenant& tenant);
    Meeting* find(const JobId& job);
    Meeting& add_meeting(const JobId& job);
    void drop(Meeting& meeting);
    void drop_if_idle(Meeting& meeting);
    void uncount(Meeting& meeting);
    void know(Meeting& meeting, const JobFacts& facts, const Fingerprint& fingerprint);
    void take(Meeting& meeting, const event::Submit& submit);
    void join_same(Meeting& meeting, const event::Submit& event);
    void take_found(Meeting& meeting, told::Looked& found);
    void nothing_found(Meeting& meeting, const std::optional<Error>& error);
    void refuse_others(Meeting& meeting, const Fingerprint& fingerprint);
    void claim_failed(Meeting& meeting, const Error& error);
    void compare_claimants(Meeting& meeting, const told::Claimed& claim);
    void want_claim(Meeting& meeting);
    void want_look(Meeting& meeting);
    void want_cancel(Meeting& meeting, bool if_queued);
    void watch(Meeting& meeting);
    void send(Meeting& meeting);
    void accepted(Meeting& meeting);
    void not_sent_yet(Meeting& meeting, const told::Looked& found);
    void finish(Meeting& meeting, std::shared_ptr<const Outcome> outcome, bool fresh);
    void settle(Meeting& meeting);
    void arm(Meeting& meeting);
    void meeting_due(Meeting& meeting);

    Waiter& add_waiter(Meeting& meeting, const Wait& wait);
    void add_claimant(Meeting& meeting, event::Submit&& submit);
    bool too_many_wait() const { return waiters_.size() >= limits_.waiters_max; }
    void end_wait(Waiter& waiter, Answer::Kind kind);
    void waiter_due(Waiter& waiter);
    void answer(Waiter& waiter, Answer&& answer);
    void refuse(WaiterId waiter, Error error);
    void refuse_claimants(Meeting& meeting, const Error& error);
    void refuse_all(Meeting& meeting, const Error& error);
    void tell_news(Meeting& meeting, Answer::News what);
    void forget(Waiter& waiter);

    std::vector<QueueRules> queues_;
    RendezvousLimits limits_;
    Rng rng_;
    Tenants tenants_;
    std::unordered_map<JobId, std::unique_ptr<Meeting>> meetings_;
    std::unordered_map<WaiterId, std::unique_ptr<Waiter>> waiters_;
    std::vector<std::uint64_t> open_;
    std::vector<QueueTotals> totals_;
    TimerQueue timers_;
    std::uint64_t rescues_ = 0;
    bool trusted_ = false;
    bool draining_ = false;
    Time now_{};                            ///< of the step under way
    RendezvousEffects* effects_ = nullptr;  ///< likewise
};

}  // namespace bide::core
