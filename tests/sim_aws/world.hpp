#pragma once

#include "base/rng.hpp"
#include "bus.hpp"
#include "checkers.hpp"
#include "clients.hpp"
#include "front.hpp"
#include "net.hpp"
#include "options.hpp"
#include "services.hpp"
#include "sim/runner.hpp"
#include "sim/trace.hpp"
#include "worker.hpp"

#include <memory>
#include <vector>

namespace bide::sim_aws {

/// One run: fronts and workers that share nothing but a queue, a store and a cache, with their
/// clients and handlers, in virtual time and all drawn from one seed. What bide must survive here:
///
/// - the queue gives messages out in any order, to several, again after they were removed and when
///   a lease is over, and those received too often to the dead-letter queue;
/// - the store refuses, is slow, or does what it was asked and says that it did not;
/// - the same of the queue and the cache, and outages of each;
/// - notices get lost, late and doubled; a front's subscription breaks and it does not notice for
///   seconds; the cache forgets every mark;
/// - a process dies at any event, with calls under way that are done, or not; or it drains and is
///   started again;
/// - handlers end when they like, never, or long after they were stopped;
/// - clients come to any front, leave, cancel, ask for jobs that never were, send the same request
///   again under its key to another front, and others under it, also under ids of other jobs.
///
/// Phase 1 does all that for a while. Then the world heals, but for notices, which may still get
/// lost: everything that was promised must come to its end, and everybody be told of it in time.
class World {
  public:
    World(std::uint64_t seed, const sim::Trace& trace);

    /// Never throws: a broken guarantee is in the result.
    sim::RunResult run();

    const Options& options() const { return options_; }

  private:
    enum class Fault : std::uint8_t {
        front_crash,
        worker_crash,
        restart,
        deaf,
        flush,
        cut,
        outage
    };
    struct Planned {
        std::uint64_t at_event;
        Fault fault;
    };

    void plan_faults();
    bool next_event();
    Process* next_to_tick();
    void strike();
    void strike(Fault fault);
    void outage();
    void cut_worker(std::size_t index);
    void kill_front(std::size_t index);
    void kill_worker(std::size_t index);
    void start_front(std::size_t index);
    void start_worker(std::size_t index);
    void restart_one();
    void drain_front(std::size_t index);
    void drain_worker(std::size_t index);
    void client_acts();
    void heal();
    Front* some_front();
    bool settled() const;

    Rng rng_;
    Options options_;
    const sim::Trace& trace_;
    Timeline timeline_;
    Net net_;
    Services services_;
    Bus bus_;
    Checkers checkers_;
    Clients clients_;
    Surroundings surroundings_;
    std::vector<std::unique_ptr<Front>> fronts_;    ///< null: down
    std::vector<std::unique_ptr<Worker>> workers_;  ///< the last one answers for dead letters
    std::vector<Planned> faults_;                   ///< the next one last
    unsigned actions_left_;
    bool healed_ = false;
    sim::RunResult result_;
};

}  // namespace bide::sim_aws
