#pragma once

#include "core/ledger.hpp"
#include "leases.hpp"
#include "store.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bide::sim {

/// What the clients know of a job they posted: the checkers' memory, which no crash touches.
struct JobRecord {
    std::string body;
    core::QueueIndex queue = 0;
    Time not_before{};
    Time start_by = kNever;
    bool started = false;  ///< once, in any life
    bool refused = false;
    bool accepted = false;      ///< an answer named it as accepted (G2)
    bool cancel_asked = false;  ///< a DELETE came in, whether or not it was answered
};
using Records = std::unordered_map<JobId, JobRecord>;

/// A finished answer leaves only when its outcome is in the durable store.
struct G1 {
    void answered(const core::Answer& answer, const Store& store) const;
};

/// Whatever was accepted is in the store from then on, and ends in exactly one outcome.
struct G2 {
    void answered(const core::Answer& answer, const Store& store, JobRecord& record) const;
    void unknown(const JobId& job, const Store& store) const;
    void not_found(const JobId& job, const Records& records) const;
    void kept(const Store& store, const Records& records) const;
    void all_ended(const Store& store, const Records& records) const;
};

/// The same outcome for every waiter, ever. (The store reports an outcome written twice.)
class G3 {
  public:
    void seen(const JobId& job, const core::Outcome& outcome);

  private:
    std::unordered_map<JobId, core::Outcome> outcomes_;
};

/// Every waiter is answered exactly once, by its deadline and commit_grace, unless it left or its
/// process died.
class G5 {
  public:
    struct Open {
        JobId job;
        Time limit;
    };

    void began(const core::Wait& wait, const JobId& job, Time limit);
    /// Returns the job whose wait it was.
    JobId answered(core::WaiterId waiter);
    /// Null when the wait had ended before.
    const Open* left(core::WaiterId waiter);
    void nobody_overdue(Time now) const;
    void nobody_waits(std::string_view when) const;
    /// A drained server keeps only those waiting whose job runs.
    void only_running_awaited(const G6& leases) const;
    void crashed();

  private:
    std::unordered_map<core::WaiterId, Open> open_;
    std::set<std::pair<Time, core::WaiterId>> by_limit_;
    Open last_left_{};
};

/// A full queue refuses, a queue with room does not, and a refusal leaves nothing behind.
class G7 {
  public:
    void before(const core::event::Submit& submit, const core::Ledger& ledger, const G6& leases);
    void after(
        const core::Ledger& ledger,
        const std::vector<core::Answer>& answers,
        const core::QueueRules& rules,
        std::uint64_t open_bytes_max
    ) const;

  private:
    struct Sizes {
        std::size_t jobs;
        std::size_t waiters;
        std::uint64_t resident_bytes;
        bool has_writes;
        bool operator==(const Sizes&) const = default;
    };
    static Sizes sizes(const core::Ledger& ledger);

    core::WaiterId waiter_ = 0;
    std::uint64_t body_bytes_ = 0;
    bool has_deadline_ = false;  ///< may be refused for an estimate
    std::uint64_t open_before_ = 0;
    Sizes before_{};
};

/// A job whose waiter went away ends all the same, and not by a cancellation nobody asked for.
class G8 {
  public:
    void left(const JobId& job) { left_.insert(job); }
    void decided(const JobId& job, const core::Outcome& outcome, const JobRecord& record) const;
    /// What was not durable yet had not been accepted, and is forgiven.
    void crashed(const Store& store);
    void all_ended(const Store& store) const;

  private:
    std::unordered_set<JobId> left_;
};

/// All of them, fed by the process and the world with what they see.
class Checkers {
  public:
    explicit Checkers(const Store& store) : store_(store) {}

    struct LifeRules {
        const std::vector<core::QueueRules>* queues = nullptr;
        Duration wait_slack{};   ///< commit_grace, and how late timers may be
        Duration lease_slack{};  ///< how late timers may be
        bool reconfigured = false;
    };
    void born(LifeRules rules);
    void died();

    /// Around each step of the ledger.
    void before(const core::Event& event, const core::Ledger& ledger, Time now);
    void after(const core::Ledger& ledger, core::Effects& effects, Time now);

    /// The serials of effects.starts, in their order.
    const std::vector<std::uint64_t>& serials() const { return serials_; }
    void taken(const std::vector<core::Write>& group);
    void applied(const std::vector<core::Write>& group);
    /// What the store held for a wait that the ledger did not know; null: nothing.
    void looked_up(const JobId& job, const Store::Finished* finished);
    void input_loaded(std::uint64_t serial, const core::JobInput* input) const;
    void exited_cleanly(const core::Ledger& ledger) const;
    void time_passes(Time now) const {
        g5_.nobody_overdue(now);
        g6_.nobody_overstays(now, rules_.lease_slack);
    }
    void settled(const core::Ledger& ledger) const;
    std::uint64_t answers() const { return answers_; }

  private:
    void began(const core::Wait& wait, const JobId& job, Time now);
    void answered(const core::Answer& answer);
    void started(const core::StartAttempt& start, Time now);
    std::uint64_t open_bytes_max(core::QueueIndex queue, const JobId& but) const;

    const Store& store_;
    LifeRules rules_;
    bool draining_ = false;
    Records records_;
    G1 g1_;
    G2 g2_;
    G3 g3_;
    G5 g5_;
    G6 g6_;
    G7 g7_;
    G8 g8_;
    std::uint64_t answers_ = 0;
    std::vector<std::uint64_t> serials_;
    enum class Step : std::uint8_t { other, submit, halt } step_ = Step::other;
    core::QueueIndex submit_queue_ = 0;
    JobId submit_job_;
};

}  // namespace bide::sim
