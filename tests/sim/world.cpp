#include "world.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace bide::sim {
namespace {

using std::chrono::milliseconds;

// Far beyond what the longest run needs; past it something goes round in circles.
constexpr std::uint64_t kEventsMax = 50'000;

}  // namespace

World::World(std::uint64_t seed, const Trace& trace)
    : rng_(seed),
      options_(draw_options(rng_)),
      trace_(trace),
      store_(options_.retention),
      checkers_(store_),
      clients_(options_, rng_, timeline_),
      actions_left_(options_.actions) {
    plan_faults();
}

/// Faults strike at random events, not times, so that every step is as likely to be hit.
void World::plan_faults() {
    const auto plan = [&](unsigned count, Fault fault) {
        for (; count > 0; --count) faults_.push_back({rng_.below(5 * options_.actions), fault});
    };
    plan(options_.crashes, Fault::crash);
    plan(options_.restarts, Fault::restart);
    plan(options_.commit_failures, Fault::commit_failure);
    std::sort(faults_.begin(), faults_.end(), [](const auto& a, const auto& b) {
        return a.at_event > b.at_event;
    });
}

RunResult World::run() {
    try {
        restart();
        client_acts();
        run_until_settled();
        checkers_.settled(process_->ledger());
    } catch (const Violation& violation) {
        result_.violation = violation;
    }
    result_.jobs = store_.finished_count();
    result_.answers = checkers_.answers();
    return result_;
}

void World::run_until_settled() {
    while (!(healed_ && process_ && process_->healthy() && process_->settled())) {
        if (!next_event()) {
            // Nothing is planned any more: what has not ended by now never will.
            checkers_.settled(process_->ledger());
            return;
        }
        require(++result_.events < kEventsMax, "G2", "the jobs do not come to an end");
    }
}

bool World::next_event() {
    const Time planned = timeline_.next();
    const Time tick = process_ ? process_->next_tick() : kNever;
    if (planned == kNever && tick == kNever) return false;
    timeline_.advance(std::min(planned, tick));
    trace_.line([&] {
        return "#" + std::to_string(result_.events) + " at " +
               std::to_string(timeline_.now().time_since_epoch().count() % 1'000'000'000);
    });
    if (tick <= planned)
        process_->tick();
    else
        happens(timeline_.pop());
    if (process_) {
        checkers_.time_passes(timeline_.now() + skew_);
        if (process_->halted() && process_->ledger().idle()) exit_cleanly();
    }
    if (!healed_) strike();
    return true;
}

void World::happens(Timeline::Entry&& entry) {
    if (entry.life != Timeline::kAnyLife && (!process_ || entry.life != result_.lives)) return;
    if (std::holds_alternative<act::ClientActs>(entry.act)) return client_acts();
    if (std::holds_alternative<act::Crash>(entry.act)) return crash();
    if (std::holds_alternative<act::Restart>(entry.act)) return restart();
    if (std::holds_alternative<act::Heal>(entry.act)) return heal();
    if (process_) process_->happens(std::move(entry.act));
}

void World::strike() {
    if (faults_.empty() || faults_.back().at_event > result_.events || !process_) return;
    const Fault fault = faults_.back().fault;
    faults_.pop_back();
    if (fault == Fault::crash) return crash();
    if (!process_->healthy()) return;
    if (fault == Fault::commit_failure) return process_->fail_next_commit();
    process_->drain();
    timeline_.after(any_time(milliseconds(300)), act::Halt{}, process_->life());
    // Handlers that ignore everything are left behind in the end.
    timeline_.after(milliseconds(2000), act::Crash{}, process_->life());
}

/// The group under way reached the disk, or it did not.
void World::crash() {
    const auto& in_doubt = process_->in_doubt();
    const bool survives = !in_doubt.empty() && rng_.chance(1, 2);
    trace_.line([&] {
        return std::string("    CRASH") + (in_doubt.empty() ? ""
                                           : survives       ? ", the group under way survives"
                                                            : ", the group under way is lost");
    });
    if (survives) {
        checkers_.applied(in_doubt, store_.apply(in_doubt, process_->now()));
    }
    die();
}

void World::exit_cleanly() {
    trace_.line([] { return std::string("    exit"); });
    checkers_.exited_cleanly(process_->ledger());
    die();
}

void World::die() {
    process_.reset();
    checkers_.died();
    clients_.crashed();
    if (options_.clock_jumps) skew_ += any_time(milliseconds(2000)) - milliseconds(1000);
    if (options_.reconfigures) redraw_rules(options_, rng_);
    timeline_.after(any_time(milliseconds(200)), act::Restart{}, Timeline::kAnyLife);
}

void World::restart() {
    ++result_.lives;
    process_ = std::make_unique<Process>(
        Surroundings{options_, rng_, timeline_, store_, checkers_, clients_, trace_},
        static_cast<std::uint32_t>(result_.lives),
        skew_
    );
    trace_.line([&] { return "    life " + std::to_string(result_.lives); });
    checkers_.born(
        {&options_.queues,
         &options_.tenancy,
         options_.limits.commit_grace + 2 * options_.tick_late_max,
         options_.tick_late_max,
         options_.reconfigures}
    );
    if (healed_) process_->heal();
    process_->recover();
    if (healed_) process_->resume_queues();
}

void World::client_acts() {
    if (actions_left_ == 0) return;
    if (process_) process_->client_acts();
    if (process_ && rng_.chance(1, 8)) process_->tick();  // early ones do no harm
    if (--actions_left_ == 0)
        timeline_.after(any_time(milliseconds(1000)), act::Heal{}, Timeline::kAnyLife);
    else
        timeline_.after(any_time(gap_max()), act::ClientActs{}, Timeline::kAnyLife);
}

Duration World::gap_max() {
    return options_.lulls && rng_.chance(1, 6) ? std::chrono::minutes(2) : options_.gap_max;
}

/// A server that stopped answering or is on its way out needs one more restart to be well.
void World::heal() {
    trace_.line([] { return std::string("    all is well from now on"); });
    healed_ = true;
    clients_.heal();
    if (!process_) return;
    process_->heal();
    if (process_->healthy())
        process_->resume_queues();
    else
        crash();
}

Duration World::any_time(Duration max) {
    return Duration(rng_.below(static_cast<std::uint64_t>(max.count()) + 1));
}

}  // namespace bide::sim
