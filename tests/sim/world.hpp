#pragma once

#include "acts.hpp"
#include "base/rng.hpp"
#include "checkers.hpp"
#include "clients.hpp"
#include "options.hpp"
#include "process.hpp"
#include "runner.hpp"
#include "store.hpp"
#include "trace.hpp"
#include "violation.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bide::sim {

/// One run: a server that lives and dies in virtual time, its clients, its handlers and its disk,
/// all drawn from one seed. What bide must survive here:
///
/// - the process dies at any event; a group under way is then in the store wholly or not at all,
///   also when it was there already but nobody had been told;
/// - a commit fails; the group may still come to light after the restart;
/// - commits take seconds, longer than waiters have patience, and timers fire late;
/// - handlers end when they like, never, late, or with success after they were stopped;
/// - clients come in bursts, leave, come back, cancel, redrive, and ask for jobs that never were;
/// - they send the same request again under the same id, at once and after lost answers, and others
///   under it, before and after retention; reads of the store for it take their time or fail;
/// - queues are paused and resumed; tenants share them, within limits of their own;
/// - queues are full, inputs are let go from memory and must be read again;
/// - the clock is set, back too, and the configuration changes, while the process is down;
/// - the server is drained, halted and started again in the midst of it.
///
/// Phase 1 does all that for a while. Then the world heals: no more faults, handlers end. From
/// then on everything must come to its end: every open job to an outcome, every waiter to an
/// answer.
class World {
  public:
    World(std::uint64_t seed, const Trace& trace);

    /// Never throws: a broken guarantee is in the result.
    RunResult run();

    const Options& options() const { return options_; }

  private:
    enum class Fault : std::uint8_t { crash, restart, commit_failure };
    struct PlannedFault {
        std::uint64_t at_event;
        Fault fault;
    };

    void plan_faults();
    void run_until_settled();
    bool next_event();
    void happens(Timeline::Entry&& entry);
    void strike();
    void crash();
    void exit_cleanly();
    void die();
    void restart();
    void client_acts();
    void heal();
    Duration gap_max();
    Duration any_time(Duration max);

    Rng rng_;
    Options options_;
    const Trace& trace_;
    Timeline timeline_;
    Store store_;
    Checkers checkers_;
    Clients clients_;
    std::unique_ptr<Process> process_;
    std::vector<PlannedFault> faults_;  ///< the next one last
    unsigned actions_left_;
    bool healed_ = false;
    Duration skew_{};
    RunResult result_;
};

}  // namespace bide::sim
