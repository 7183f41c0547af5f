#pragma once

#include "acts.hpp"
#include "base/id.hpp"
#include "base/rng.hpp"
#include "checkers.hpp"
#include "clients.hpp"
#include "core/ledger.hpp"
#include "handlers.hpp"
#include "options.hpp"
#include "store.hpp"
#include "trace.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace bide::sim {

/// The slowest commit once all is well.
constexpr Duration kPatience = std::chrono::milliseconds(20);

/// What a process life works with; outlives it.
struct Surroundings {
    const Options& options;
    Rng& rng;
    Timeline& timeline;
    Store& store;
    Checkers& checkers;
    Clients& clients;
    const Trace& trace;
};

/// One life of the server: a ledger and its driver, doing what the embedded engine does. Destroying
/// it is the crash; the store's fate of a group under way is decided by the world then.
class Process {
  public:
    enum class Commits : std::uint8_t { work, fail };

    /// `skew` is what its clock is off by.
    Process(const Surroundings& world, std::uint32_t life, Duration skew);

    /// Learns the open jobs from the store.
    void recover();
    void heal();
    void resume_queues() { feed_all(world_.clients.resume_all(now())); }
    /// The next group will not become durable, or not in this life.
    void fail_next_commit() { next_commit_ = Commits::fail; }

    void happens(Act&& act);
    void client_acts();
    void drain() { feed(core::event::Drain{}); }
    void tick() { feed(core::event::Tick{}); }

    /// When, in world time, the ledger's next timer fires; kNever: not at all.
    Time next_tick() const { return tick_at_; }
    const core::Ledger& ledger() const { return ledger_; }
    bool healthy() const { return !ledger_.failed() && !draining_; }
    bool halted() const { return halted_; }
    std::uint32_t life() const { return life_; }
    Time now() const { return world_.timeline.now() + skew_; }
    /// Writes that may or may not have reached the disk, should it crash now.
    const core::WriteGroup& in_doubt() const { return in_doubt_; }
    bool settled() const;

  private:
    Duration any_time(Duration max);
    void feed(core::Event&& event);
    void feed_all(std::vector<core::Event>&& events);
    void carry_out();
    void answered(const core::Answer& answer);
    void plan_writes();
    void plan_tick();

    void on(act::ClientLeaves& act);
    void on(act::ClientJoins& act);
    void on(act::ClientResubmits& act);
    void on(act::ClaimRead& act);
    void on(act::ClaimLookedUp& act);
    void on(act::LookedUp& act);
    void on(act::Progresses& act);
    void on(act::InputLoaded& act);
    void on(act::AttemptEnds& act);
    void on(act::WritesTaken& act);
    void on(act::GroupApplied& act);
    void on(act::GroupAcknowledged& act);
    void on(act::Halt& act);
    template <class Other>
    void on(Other&) {}

    Surroundings world_;
    std::uint32_t life_;
    Duration skew_;
    IdMaker ids_;
    core::Ledger ledger_;
    Handlers handlers_;
    core::Effects effects_;
    core::WriteGroup in_doubt_;
    std::size_t lookups_ = 0;  ///< reads of the store under way for unknown jobs
    Commits next_commit_ = Commits::work;
    bool take_planned_ = false;
    bool draining_ = false;
    bool halted_ = false;
    bool healed_ = false;
    Time timer_ = kNever;  ///< the ledger's, for which tick_at_ was drawn
    Time tick_at_ = kNever;
};

}  // namespace bide::sim
