#pragma once

#include "base/rng.hpp"
#include "core/rendezvous.hpp"
#include "net.hpp"

#include <map>

namespace bide::sim_aws {

/// A process that listens to the cache's channels.
struct Listener {
    virtual ~Listener() = default;
    virtual bool connected() const = 0;
    virtual bool listens_to(const JobId& job) const = 0;
    virtual void hear(core::told::Noticed&& notice) = 0;
    virtual void hear_cancel(const JobId& job) = 0;
};

/// Pub/sub: a message reaches who listens at that moment, late, twice, or not at all.
class Bus {
  public:
    Bus(const Options& options, Rng& rng, Net& net) : options_(options), rng_(rng), net_(net) {}

    void enter(Life life, Listener& listener) { listeners_[life] = &listener; }
    void exit(Life life) { listeners_.erase(life); }

    /// On a front's own channel.
    void publish_to(Life front, const core::told::Noticed& notice) {
        const auto found = listeners_.find(front);
        if (found != listeners_.end() && found->second->connected())
            deliver(front, [notice](Listener& listener) { hear(listener, notice, true); });
    }
    /// On the job's channel.
    void publish(const core::told::Noticed& notice) {
        for (const auto& [life, listener] : listeners_) {
            if (!listener->connected() || !listener->listens_to(notice.job)) continue;
            deliver(life, [notice](Listener& to) { hear(to, notice, false); });
        }
    }
    void publish_cancel(const JobId& job) {
        for (const auto& [life, listener] : listeners_) {
            if (listener->connected()) deliver(life, [job](Listener& to) { to.hear_cancel(job); });
        }
    }

  private:
    static void hear(Listener& listener, core::told::Noticed notice, bool direct) {
        notice.direct = direct;
        listener.hear(std::move(notice));
    }

    template <class Tell>
    void deliver(Life life, Tell tell) {
        if (net_.down(Service::cache)) return;
        const bool well = net_.healed();
        // In the healed world they still get lost now and then: liveness must not hang on them.
        if (rng_.chance(options_.notices_lost, 100)) return;
        const bool twice = !well && rng_.chance(options_.notices_twice, 100);
        for (int copy = twice ? 2 : 1; copy > 0; --copy) {
            const bool late = !well && rng_.chance(options_.notices_late, 100);
            const Duration way = late ? net_.any_time(options_.slow_max) : net_.latency();
            net_.later(life, way, [this, life, tell] {
                const auto found = listeners_.find(life);
                if (found != listeners_.end() && found->second->connected()) tell(*found->second);
            });
        }
    }

    const Options& options_;
    Rng& rng_;
    Net& net_;
    std::map<Life, Listener*> listeners_;
};

}  // namespace bide::sim_aws
