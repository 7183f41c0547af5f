#pragma once

#include "admission.hpp"
#include "core/ledger.hpp"
#include "fairness.hpp"
#include "leases.hpp"
#include "record.hpp"
#include "store.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace bide::sim {

/// A finished answer leaves only when its outcome is in the durable store.
struct G1 {
    void answered(const core::Answer& answer, const JobRecord& record) const;
};

/// Whatever was accepted is in the store from then on, until its retention ends, and ends in
/// exactly one outcome.
struct G2 {
    void answered(const core::Answer& answer, const Store& store, JobRecord& record) const;
    void unknown(const JobId& job, const Store& store) const;
    void not_found(const JobId& job, const Records& records) const;
    void kept(const Store& store, const Records& records) const;
    void all_ended(const Store& store, const Records& records) const;
};

/// The same outcome for every waiter, ever; only a failure that was redriven makes way for another.
/// (The store reports an outcome written twice.)
class G3 {
  public:
    void seen(const JobId& job, const core::Outcome& outcome);
    void redriven(const JobId& job, const JobRecord& record);
    void born_again(const JobId& job) { outcomes_.erase(job); }

  private:
    std::unordered_map<JobId, core::Outcome> outcomes_;
};

/// Every waiter is answered exactly once, by its deadline and commit_grace, unless it left or its
/// process died. One that waits for a look into the store has its time from then on. A follower is
/// told that the job is accepted before it is told anything else of it.
class G5 {
  public:
    enum class Asked : std::uint8_t { submit, join, cancel, redrive, pause };
    struct Open {
        Asked asked = Asked::join;
        JobId job;
        Time limit;
        core::Wait wait;
        core::Fingerprint fingerprint{};  ///< of a submission
        bool told = false;                ///< a follower: accepted
        std::uint32_t news = 0;
    };

    void began(const Open& open);
    /// Returns the wait, which is over unless the answer says otherwise.
    Open answered(const core::Answer& answer);
    void ended_open(const Open& open, const core::Answer& answer) const;
    std::optional<Open> left(core::WaiterId waiter);
    void no_limit(core::WaiterId waiter) { set_limit(waiter, kNever); }
    void limit(core::WaiterId waiter, Time slack_from, Duration slack);
    bool awaited(const JobId& job) const;
    /// Of this attempt of the job: everybody who follows it was told in this step.
    void all_told(
        const JobId& job, core::Answer::News what, const std::vector<core::Answer>& answers
    ) const;
    void nobody_overdue(Time now) const;
    void nobody_waits(std::string_view when) const;
    /// A drained server keeps only those waiting whose job runs, or is still looked for.
    void only_running_awaited(const G6& leases) const;
    void crashed();

  private:
    static void follows(Open& open, const core::Answer& answer);
    void set_limit(core::WaiterId waiter, Time limit);

    std::unordered_map<core::WaiterId, Open> open_;
    std::set<std::pair<Time, core::WaiterId>> by_limit_;
};

/// The same request under the same id: one job and its answers, from its birth to the end of its
/// retention. Another request under that id is refused and gets nothing of it, and a new job takes
/// the place of an old one only after retention removed that. Each claim has a read under way.
class G4 {
  public:
    struct Claim {
        core::WaiterId waiter = 0;
        std::optional<core::event::Submit> submit;  ///< empty: a redrive
    };
    void claimed(const JobId& job, Claim claim);
    void left(const JobId& job, core::WaiterId waiter);
    std::vector<Claim> looked_up(const JobId& job);
    /// After each step: these reads were asked for.
    void asked(const std::vector<JobId>& lookups);
    void born(const JobId& job, const Store& store) const;
    void answered(const core::Answer& answer, const G5::Open& open, const JobRecord& record) const;
    void refused(const core::Answer& answer, const G5::Open& open, const JobRecord* record) const;
    void crashed() { claims_.clear(); }

  private:
    struct Claims {
        std::vector<Claim> claims;
        bool read = false;
    };
    std::unordered_map<JobId, Claims> claims_;
};

/// A job whose waiter went away ends all the same, and by a cancellation only if somebody asked for
/// one or its last waiter left with that wish.
class G8 {
  public:
    void left(const G5::Open& open, const G5& waits, const core::Ledger& ledger, JobRecord& record);
    void after(const core::Ledger& ledger);
    void decided(const JobId& job, const core::Outcome& outcome, const JobRecord& record) const;
    void born_again(const JobId& job) { left_.erase(job); }
    /// What was not durable yet had not been accepted, and is forgiven.
    void crashed(const Store& store);
    void all_ended(const Store& store, const Records& records) const;

  private:
    std::unordered_set<JobId> left_;
    struct Leaving {
        JobId job;
        bool cancels;
    };
    std::optional<Leaving> leaving_;
};

/// All of them, fed by the process and the world with what they see.
class Checkers {
  public:
    explicit Checkers(const Store& store) : store_(store) {}

    struct LifeRules {
        const std::vector<core::QueueRules>* queues = nullptr;
        const core::Tenancy* tenancy = nullptr;
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
    void taken(const core::WriteGroup& group);
    /// `removed`: by retention, in the same commit.
    void applied(const core::WriteGroup& group, const std::vector<JobId>& removed);
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
    enum class Step : std::uint8_t {
        other,
        submit,
        redrive,
        looked_up,
        committed,
        recovered,
        halt
    };

    void before_claim(
        Step step,
        const JobId& job,
        std::vector<G4::Claim>&& claims,
        const core::Ledger& ledger,
        Time now
    );
    void before_recovery(const core::event::Recovered& event, Time now);
    void began(G5::Asked asked, const core::Wait& wait, const JobId& job, Time now);
    void take_stock(const core::Ledger& ledger, const core::Effects& effects);
    void takes(const G4::Claim& creator);
    void check_shares(const core::Ledger& ledger, const core::Effects& effects);
    void answered(const core::Answer& answer, Time now);
    void redrive_refused(const core::Answer& answer, Time now) const;
    void started(const core::StartAttempt& start, Time now);
    std::uint64_t open_bytes_max(const core::event::Submit& submit) const;
    std::uint32_t attempts_max(const JobRecord& record) const;

    const Store& store_;
    LifeRules rules_;
    bool draining_ = false;
    Records records_;
    std::vector<JobId> open_;  ///< in the ledger, and some that were lately
    G1 g1_;
    G2 g2_;
    G3 g3_;
    G4 g4_;
    G5 g5_;
    G6 g6_;
    G7 g7_;
    G8 g8_;
    Fairness fairness_;
    Pauses pauses_;
    std::uint64_t answers_ = 0;
    std::vector<std::uint64_t> serials_;

    // of the step under way
    Step step_ = Step::other;
    JobId job_;
    std::vector<G4::Claim> claims_;
    std::shared_ptr<const core::StoredJob> found_;
    bool was_open_ = false;
    bool reopened_ = false;
    Time due_max_{};           ///< of the job that is recovered
    bool progressed_ = false;  ///< job_ said how far it is
};

}  // namespace bide::sim
