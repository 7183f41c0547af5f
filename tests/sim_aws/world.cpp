#include "world.hpp"

#include "sim/violation.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace bide::sim_aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Far beyond what the longest run needs; past it something goes round in circles.
constexpr std::uint64_t kEventsMax = 300'000;

}  // namespace

World::World(std::uint64_t seed, const sim::Trace& trace)
    : rng_(seed),
      options_(draw_options(rng_)),
      trace_(trace),
      net_(options_, rng_, timeline_),
      services_(options_, rng_),
      bus_(options_, rng_, net_),
      checkers_(options_, services_),
      clients_(options_, rng_, net_, checkers_, [this] { return some_front(); }),
      surroundings_{
          options_,
          rng_,
          net_,
          services_,
          bus_,
          checkers_,
          trace_,
          [this](const core::Answer& answer) { clients_.answered(answer); },
          [this] {
              for (auto& worker : workers_) {
                  if (worker) worker->receive();
              }
          }},
      fronts_(options_.fronts),
      workers_(options_.workers + 1),
      actions_left_(options_.actions) {
    plan_faults();
}

/// Faults strike at random events, not times, so that every step is as likely to be hit.
void World::plan_faults() {
    const auto plan = [&](unsigned count, Fault fault) {
        for (; count > 0; --count) faults_.push_back({rng_.below(25 * options_.actions), fault});
    };
    plan(options_.front_crashes, Fault::front_crash);
    plan(options_.worker_crashes, Fault::worker_crash);
    plan(options_.restarts, Fault::restart);
    if (options_.deaf) plan(static_cast<unsigned>(1 + rng_.below(3)), Fault::deaf);
    if (options_.flushes) plan(static_cast<unsigned>(1 + rng_.below(3)), Fault::flush);
    if (options_.cuts) plan(static_cast<unsigned>(1 + rng_.below(3)), Fault::cut);
    plan(static_cast<unsigned>(rng_.below(3)), Fault::outage);
    std::sort(faults_.begin(), faults_.end(), [](const auto& a, const auto& b) {
        return a.at_event > b.at_event;
    });
}

sim::RunResult World::run() {
    try {
        for (std::size_t i = 0; i < fronts_.size(); ++i) start_front(i);
        for (std::size_t i = 0; i < workers_.size(); ++i) start_worker(i);
        client_acts();
        while (!settled() && next_event())
            sim::require(++result_.events < kEventsMax, "G2", "the jobs do not come to an end");
        checkers_.settled();
        sim::require(settled(), "G7", "something is left though all is over");
    } catch (const sim::Violation& violation) {
        result_.violation = violation;
    }
    result_.jobs = services_.s3.results.size();
    result_.answers = checkers_.answers();
    return result_;
}

/// Nobody waits, and nothing is left in memory or in the queue.
bool World::settled() const {
    return healed_ && !checkers_.anybody_waits() && services_.sqs.empty() &&
           std::all_of(
               workers_.begin(), workers_.end(), [](const auto& worker) { return worker->idle(); }
           ) &&
           std::all_of(fronts_.begin(), fronts_.end(), [](const auto& front) {
               const auto& rendezvous = front->rendezvous();
               return rendezvous.waiters() == 0 && rendezvous.jobs() == 0;
           });
}

Process* World::next_to_tick() {
    Process* first = nullptr;
    const auto look = [&first](Process* process) {
        if (process != nullptr && (first == nullptr || process->next_tick() < first->next_tick()))
            first = process;
    };
    for (auto& front : fronts_) look(front.get());
    for (auto& worker : workers_) look(worker.get());
    return first;
}

bool World::next_event() {
    const Time planned = timeline_.next();
    Process* ticking = next_to_tick();
    const Time tick = ticking ? ticking->next_tick() : kNever;
    if (planned == kNever && tick == kNever) return false;
    timeline_.advance(std::min(planned, tick));
    trace_.line([&] {
        return "#" + std::to_string(result_.events) + " at " +
               std::to_string(timeline_.now().time_since_epoch().count() % 1'000'000'000'000);
    });
    if (tick <= planned) {
        ticking->tick();
    } else {
        auto entry = timeline_.pop();
        if (entry.life == Timeline::kAnyLife || net_.lives(entry.life)) entry.act();
    }
    checkers_.time_passes(timeline_.now());
    if (!healed_) strike();
    return true;
}

void World::client_acts() {
    if (actions_left_ == 0) return;
    clients_.act();
    const auto more = [this] { client_acts(); };
    const auto well = [this] { heal(); };
    if (--actions_left_ == 0)
        net_.later(Timeline::kAnyLife, net_.any_time(seconds(20)), well);
    else
        net_.later(Timeline::kAnyLife, net_.any_time(options_.gap_max), more);
}

Front* World::some_front() {
    std::vector<Front*> up;
    for (auto& front : fronts_) {
        if (front) up.push_back(front.get());
    }
    return up.empty() ? nullptr : up[rng_.below(up.size())];
}

// --- faults ------------------------------------------------------------------------------------

void World::strike() {
    if (faults_.empty() || faults_.back().at_event > result_.events) return;
    const Fault fault = faults_.back().fault;
    faults_.pop_back();
    strike(fault);
}

void World::strike(Fault fault) {
    switch (fault) {
        case Fault::front_crash: return kill_front(rng_.below(fronts_.size()));
        case Fault::worker_crash: return kill_worker(rng_.below(workers_.size()));
        case Fault::restart: return restart_one();
        case Fault::outage: return outage();
        case Fault::flush:
            trace_.line([] { return std::string("    the cache forgets everything"); });
            return services_.marks.flush();
        case Fault::cut: return cut_worker(rng_.below(workers_.size()));
        case Fault::deaf: break;
    }
    const auto index = rng_.below(fronts_.size());
    if (!fronts_[index]) return;
    trace_.line([] { return std::string("    a subscription breaks"); });
    fronts_[index]->deafen();
    net_.later(fronts_[index]->life(), net_.any_time(seconds(8)), [this, index] {
        if (!net_.down(Service::cache)) fronts_[index]->reconnect();
    });
}

void World::outage() {
    std::vector<Service> may;
    if (options_.store.outages) may.push_back(Service::store);
    if (options_.queue.outages) may.push_back(Service::queue);
    if (options_.cache.outages) may.push_back(Service::cache);
    if (may.empty()) return;
    const Service service = may[rng_.below(may.size())];
    const Duration span = net_.any_time(seconds(15));
    trace_.line([&] {
        static constexpr const char* kNames[] = {"queue", "store", "cache"};
        return std::string("    an outage of the ") + kNames[static_cast<int>(service)];
    });
    net_.outage(service, timeline_.now() + span);
    if (service != Service::cache) return;
    for (auto& front : fronts_) {
        if (front) front->deafen();
    }
    for (auto& worker : workers_) {
        if (worker) worker->lose_cache();
    }
    net_.later(Timeline::kAnyLife, span + milliseconds(1), [this] {
        for (auto& front : fronts_) {
            if (front) front->reconnect();
        }
        for (auto& worker : workers_) {
            if (worker) worker->find_cache();
        }
    });
}

/// The fronts' subscriptions stand meanwhile, so that none of them doubts.
void World::cut_worker(std::size_t index) {
    if (!workers_[index]) return;
    const Life life = workers_[index]->life();
    trace_.line([&] { return "    worker " + std::to_string(life) + " loses the cache"; });
    workers_[index]->lose_cache();
    net_.later(life, net_.any_time(seconds(8)), [this, index] { workers_[index]->find_cache(); });
}

void World::kill_front(std::size_t index) {
    if (!fronts_[index]) return;
    const Life life = fronts_[index]->life();
    trace_.line([&] { return "    CRASH of front " + std::to_string(life); });
    fronts_[index].reset();
    clients_.front_died(life);
    net_.later(Timeline::kAnyLife, net_.any_time(seconds(3)), [this, index] {
        if (!fronts_[index]) start_front(index);
    });
}

void World::kill_worker(std::size_t index) {
    if (!workers_[index]) return;
    trace_.line([&] { return "    CRASH of worker " + std::to_string(workers_[index]->life()); });
    checkers_.worker_died(workers_[index]->life());
    workers_[index].reset();
    net_.later(Timeline::kAnyLife, net_.any_time(seconds(3)), [this, index] {
        if (!workers_[index]) start_worker(index);
    });
}

void World::start_front(std::size_t index) {
    ++result_.lives;
    fronts_[index] = std::make_unique<Front>(surroundings_);
    if (net_.down(Service::cache)) fronts_[index]->deafen();
    trace_.line([&] { return "    front " + std::to_string(fronts_[index]->life()) + " starts"; });
}

void World::start_worker(std::size_t index) {
    ++result_.lives;
    using Role = core::Consumer::Role;
    const bool last = index + 1 == workers_.size();
    workers_[index] =
        std::make_unique<Worker>(surroundings_, last ? Role::dead_letters : Role::work);
    trace_.line([&] {
        return "    worker " + std::to_string(workers_[index]->life()) + " starts" +
               (last ? " with dead letters" : "");
    });
    // It takes messages before it has the cache.
    if (options_.cuts && rng_.chance(1, 2))
        cut_worker(index);
    else
        workers_[index]->find_cache();
    workers_[index]->receive();
}

void World::restart_one() {
    const auto index = rng_.below(fronts_.size() + workers_.size());
    if (index < fronts_.size()) return drain_front(index);
    drain_worker(index - fronts_.size());
}

/// It goes when it has answered everybody, or when somebody loses patience.
void World::drain_front(std::size_t index) {
    if (!fronts_[index] || fronts_[index]->draining()) return;
    fronts_[index]->drain();
    const Life life = fronts_[index]->life();
    net_.later(life, options_.front_limits.grace + seconds(1), [this, index] {
        kill_front(index);
    });
}

void World::drain_worker(std::size_t index) {
    if (!workers_[index] || workers_[index]->draining()) return;
    workers_[index]->drain();
    const Life life = workers_[index]->life();
    net_.later(life, net_.any_time(seconds(5)), [this, index, life] {
        workers_[index]->halt();
        net_.later(life, seconds(5), [this, index] { kill_worker(index); });
    });
}

/// Who is down or on its way out is started anew.
void World::heal() {
    trace_.line([] { return std::string("    all is well from now on"); });
    healed_ = true;
    net_.heal();
    services_.sqs.heal();
    faults_.clear();
    for (std::size_t i = 0; i < fronts_.size(); ++i) {
        if (fronts_[i] && fronts_[i]->draining()) {
            const Life life = fronts_[i]->life();
            fronts_[i].reset();
            clients_.front_died(life);
        }
        if (!fronts_[i]) start_front(i);
        fronts_[i]->reconnect();
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (workers_[i] && workers_[i]->draining()) {
            checkers_.worker_died(workers_[i]->life());
            workers_[i].reset();
        }
        if (!workers_[i]) start_worker(i);
        workers_[i]->find_cache();
        workers_[i]->heal();
        workers_[i]->receive();
    }
    checkers_.healed(timeline_.now());
    clients_.last_round();
}

}  // namespace bide::sim_aws
