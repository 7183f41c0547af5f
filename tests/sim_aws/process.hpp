#pragma once

#include "base/rng.hpp"
#include "bus.hpp"
#include "checkers.hpp"
#include "net.hpp"
#include "options.hpp"
#include "services.hpp"
#include "sim/trace.hpp"

#include <functional>

namespace bide::sim_aws {

/// What fronts and workers live in; outlives them, and so do calls to services whose caller dies.
struct Surroundings {
    const Options& options;
    Rng& rng;
    Net& net;
    Services& services;
    Bus& bus;
    Checkers& checkers;
    const sim::Trace& trace;
    /// A caller got its answer.
    std::function<void(const core::Answer&)> answered;
    /// There may be messages for workers.
    std::function<void()> queue_changed;
};

/// One life of a front or a worker.
class Process : public Listener {
  public:
    explicit Process(const Surroundings& world) : world_(world), life_(world.net.birth()) {
        world_.bus.enter(life_, *this);
    }
    ~Process() override {
        world_.bus.exit(life_);
        world_.net.death(life_);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    Life life() const { return life_; }
    /// When the next timer of its state machine fires; kNever: not at all.
    Time next_tick() const { return tick_at_; }
    virtual void tick() = 0;

  protected:
    /// Timers may fire late, so that other events find them overdue.
    void plan_tick(Time timer) {
        if (timer == timer_) return;
        timer_ = timer;
        tick_at_ = timer == kNever ? kNever : timer + world_.net.any_time(late_max());
    }
    void timer_fired() { timer_ = tick_at_ = kNever; }
    Duration late_max() const {
        return world_.net.healed() ? Duration(0) : world_.options.tick_late_max;
    }
    Time now() const { return world_.net.now(); }
    bool cache_works() const { return !world_.net.down(Service::cache); }

    const Surroundings& world_;

  private:
    Life life_;
    Time timer_ = kNever;
    Time tick_at_ = kNever;
};

}  // namespace bide::sim_aws
