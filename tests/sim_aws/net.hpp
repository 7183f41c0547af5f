#pragma once

#include "base/rng.hpp"
#include "options.hpp"
#include "services.hpp"
#include "sim/timeline.hpp"

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

namespace bide::sim_aws {

using Timeline = sim::TimelineOf<std::function<void()>>;

enum class Service : std::uint8_t { queue, store, cache };

/// Calls of processes to services: they take their time, fail, are done though the caller is told
/// that they failed, and are done or not when the caller dies meanwhile. What a process awaits dies
/// with it.
class Net {
  public:
    Net(const Options& options, Rng& rng, Timeline& timeline)
        : options_(options), rng_(rng), timeline_(timeline) {}

    Life birth() {
        live_.insert(next_life_);
        return next_life_++;
    }
    void death(Life life) { live_.erase(life); }
    bool lives(Life life) const { return live_.contains(life); }

    /// `reply` gets what `perform` returned, or nothing when the caller does not know.
    template <class Perform, class Reply>
    void call(Life life, Service service, Perform perform, Reply reply) {
        try_call(life, service, std::move(perform), std::move(reply), healed_ ? 3 : options_.tries);
    }
    void later(Life life, Duration delay, std::function<void()> act) {
        timeline_.after(delay, std::move(act), life);
    }
    Duration any_time(Duration max) {
        return Duration(rng_.below(static_cast<std::uint64_t>(max.count()) + 1));
    }
    Duration latency() { return any_time(healed_ ? kSwift : options_.latency_max); }

    /// Nothing works until then.
    void outage(Service service, Time until) { down_until_[index(service)] = until; }
    bool down(Service service) const {
        return !healed_ && down_until_[index(service)] > timeline_.now();
    }
    /// One process alone loses the cache.
    void cut(Life life) { cut_.insert(life); }
    void mend(Life life) { cut_.erase(life); }
    bool reaches_cache(Life life) const {
        return !down(Service::cache) && (healed_ || !cut_.contains(life));
    }
    void heal() { healed_ = true; }
    bool healed() const { return healed_; }
    Time now() const { return timeline_.now(); }

    /// A call's way, once all is well.
    static constexpr Duration kSwift = std::chrono::milliseconds(20);

  private:
    static std::size_t index(Service service) { return static_cast<std::size_t>(service); }

    const Trouble& trouble(Service service) const {
        if (service == Service::queue) return options_.queue;
        return service == Service::store ? options_.store : options_.cache;
    }
    Duration way(Service service) {
        const bool slow = !healed_ && rng_.chance(trouble(service).slow, 1000);
        return slow ? any_time(options_.slow_max) : latency();
    }

    template <class Perform, class Reply>
    void try_call(Life life, Service service, Perform perform, Reply reply, unsigned tries) {
        auto arrives = [this, life, service, perform, reply, tries]() mutable {
            // It may not have left the caller before that died.
            if (!lives(life) && rng_.chance(1, 2)) return;
            std::optional<std::invoke_result_t<Perform&>> result;
            const bool refused =
                !healed_ && (down(service) || (service == Service::cache && cut_.contains(life)) ||
                             rng_.chance(trouble(service).refused, 1000));
            if (!refused) result = perform();
            if (!healed_ && rng_.chance(trouble(service).in_doubt, 1000)) result.reset();
            auto returns = [this, life, service, perform, reply, tries, result]() mutable {
                if (result || tries <= 1) return reply(std::move(result));
                try_call(life, service, std::move(perform), std::move(reply), tries - 1);
            };
            later(life, way(service), std::move(returns));
        };
        timeline_.after(way(service), std::move(arrives), Timeline::kAnyLife);
    }

    const Options& options_;
    Rng& rng_;
    Timeline& timeline_;
    std::set<Life> live_;
    std::set<Life> cut_;
    Life next_life_ = 1;
    std::array<Time, 3> down_until_{};
    bool healed_ = false;
};

}  // namespace bide::sim_aws
