#include "options.hpp"

#include <array>
#include <initializer_list>

namespace bide::sim_aws {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

template <class T>
T one_of(Rng& rng, std::initializer_list<T> values) {
    return values.begin()[rng.below(values.size())];
}

core::QueueRules draw_rules(Rng& rng) {
    core::QueueRules rules;
    rules.concurrency = one_of(rng, {1U, 2U, 4U});
    rules.depth_max = one_of<std::uint64_t>(rng, {3, 1000, 1000, 1000});
    rules.timeout = milliseconds(one_of(rng, {300, 2000, 20'000}));
    rules.retry.attempts_max = one_of(rng, {1U, 2U, 3U});
    rules.retry.backoff_base = milliseconds(one_of(rng, {0, 50, 500}));
    rules.retry.backoff_max = milliseconds(one_of(rng, {50, 3000}));
    return rules;
}

void draw_limits(Options& options, Rng& rng) {
    options.front_limits.waiters_max = one_of<std::uint64_t>(rng, {4, 1000, 1000});
    options.front_limits.rescue_trusted = seconds(one_of(rng, {2, 10, 30}));
    options.front_limits.rescue_min = milliseconds(one_of(rng, {50, 250}));
    options.front_limits.rescue_max = milliseconds(one_of(rng, {500, 5000}));
    options.front_limits.claim_patience = milliseconds(one_of(rng, {100, 1000, 5000}));
    options.front_limits.grace = milliseconds(one_of(rng, {500, 10'000}));
    options.worker_limits.lease = milliseconds(one_of(rng, {1000, 5000, 30'000}));
    options.worker_limits.store_pause = milliseconds(one_of(rng, {20, 200}));
    options.worker_limits.store_pause_max = milliseconds(one_of(rng, {200, 5000}));
}

void draw_clients(Options& options, Rng& rng) {
    options.actions = static_cast<unsigned>(5 + rng.below(40));
    options.gap_max = milliseconds(one_of(rng, {20, 200, 2000}));
    options.burst_max = one_of(rng, {1U, 1U, 3U});
    if (rng.chance(2, 3)) options.names = static_cast<unsigned>(1 + rng.below(4));
    options.disconnects = rng.chance(1, 2);
    options.leave_wishes = rng.chance(1, 3);
    options.cancels = rng.chance(1, 3);
    options.followers = rng.chance(1, 3);
    options.delays = rng.chance(1, 4);
    options.deadlines = rng.chance(1, 4);
    options.reuses_ids = rng.chance(1, 4);
    options.wait_max = milliseconds(one_of(rng, {200, 2000, 60'000}));
}

void draw_handlers(Options& options, Rng& rng) {
    options.succeeds = static_cast<unsigned>(1 + rng.below(4));
    options.retries = static_cast<unsigned>(rng.below(3));
    options.fails = static_cast<unsigned>(rng.below(2));
    options.never_ends = static_cast<unsigned>(rng.below(2));
    options.ignores_stop = rng.chance(1, 3);
    options.run_max = milliseconds(one_of(rng, {5, 100, 1000, 8000}));
}

Trouble draw_trouble(Rng& rng) {
    Trouble trouble;
    if (rng.chance(1, 3)) return trouble;
    trouble.refused = one_of(rng, {0U, 20U, 200U});
    trouble.in_doubt = one_of(rng, {0U, 20U, 200U});
    trouble.slow = one_of(rng, {0U, 50U, 300U});
    trouble.outages = rng.chance(1, 4);
    return trouble;
}

void draw_services(Options& options, Rng& rng) {
    options.store = draw_trouble(rng);
    options.queue = draw_trouble(rng);
    options.cache = draw_trouble(rng);
    options.slow_max = milliseconds(one_of(rng, {300, 3000, 12'000}));
    options.latency_max = milliseconds(one_of(rng, {2, 20, 100}));
    options.tries = one_of(rng, {1U, 1U, 3U});
    options.copies = one_of(rng, {0U, 0U, 5U, 30U});
    options.undead = one_of(rng, {0U, 0U, 5U, 20U});
    options.notices_lost = one_of(rng, {0U, 0U, 10U, 60U});
    options.notices_late = one_of(rng, {0U, 10U, 60U});
    options.notices_twice = one_of(rng, {0U, 20U});
    options.large_inputs = one_of(rng, {0U, 30U});
    options.large_results = one_of(rng, {0U, 30U});
    options.deaf = rng.chance(1, 3);
    options.flushes = rng.chance(1, 3);
    options.cuts = rng.chance(1, 3);
    options.tick_late_max = milliseconds(one_of(rng, {0, 0, 5, 50}));
}

const char* yes(bool on) {
    return on ? "yes" : "no";
}

std::string describe(const char* name, const Trouble& trouble) {
    using std::to_string;
    return std::string(name) + ": of 1000 refused " + to_string(trouble.refused) + ", in doubt " +
           to_string(trouble.in_doubt) + ", slow " + to_string(trouble.slow) + "; outages " +
           yes(trouble.outages) + "\n";
}

}  // namespace

Options draw_options(Rng& rng) {
    Options options;
    for (auto count = 1 + rng.below(2); count > 0; --count)
        options.queues.push_back(draw_rules(rng));
    draw_limits(options, rng);
    options.fronts = static_cast<unsigned>(1 + rng.below(3));
    options.workers = static_cast<unsigned>(1 + rng.below(3));
    options.functions = rng.chance(1, 4);
    options.function_max = milliseconds(one_of(rng, {500, 5000, 60'000}));
    std::uint32_t attempts = 1;
    for (const auto& rules : options.queues)
        attempts = std::max(attempts, rules.retry.attempts_max);
    options.receives_max = attempts + static_cast<unsigned>(rng.below(3));
    draw_clients(options, rng);
    draw_handlers(options, rng);
    draw_services(options, rng);
    if (rng.chance(1, 2)) options.front_crashes = static_cast<unsigned>(1 + rng.below(5));
    if (rng.chance(1, 2)) options.worker_crashes = static_cast<unsigned>(1 + rng.below(5));
    if (rng.chance(1, 3)) options.restarts = static_cast<unsigned>(1 + rng.below(3));
    return options;
}

std::string describe(const Options& options) {
    using bide::to_string;
    using std::to_string;
    std::string text;
    for (const auto& rules : options.queues) {
        text += "queue: concurrency " + to_string(rules.concurrency) + ", depth " +
                to_string(rules.depth_max) + ", timeout " + to_string(rules.timeout) +
                ", attempts " + to_string(rules.retry.attempts_max) + "\n";
    }
    const auto& front = options.front_limits;
    text += to_string(options.fronts) + " fronts: waiters " + to_string(front.waiters_max) +
            ", rescue " + to_string(front.rescue_trusted) + ", without trust " +
            to_string(front.rescue_min) + " to " + to_string(front.rescue_max) + ", patience " +
            to_string(front.claim_patience) + ", grace " + to_string(front.grace) + "\n";
    text += to_string(options.workers) + " workers: lease " +
            to_string(options.worker_limits.lease) + ", receives " +
            to_string(options.receives_max) + ", functions " + yes(options.functions) + ", for " +
            to_string(options.function_max) + "\n";
    text += "clients: " + to_string(options.actions) + " actions, gap " +
            to_string(options.gap_max) + ", burst " + to_string(options.burst_max) + ", names " +
            to_string(options.names) + ", wait " + to_string(options.wait_max) + ", disconnects " +
            yes(options.disconnects) + ", wishes " + yes(options.leave_wishes) + ", cancels " +
            yes(options.cancels) + ", followers " + yes(options.followers) + ", delays " +
            yes(options.delays) + ", deadlines " + yes(options.deadlines) + ", ids of others " +
            yes(options.reuses_ids) + "\n";
    text += "handlers: succeed:retry:fail:never " + to_string(options.succeeds) + ":" +
            to_string(options.retries) + ":" + to_string(options.fails) + ":" +
            to_string(options.never_ends) + ", run " + to_string(options.run_max) +
            ", ignore stop " + yes(options.ignores_stop) + "\n";
    text += describe("store", options.store) + describe("queue", options.queue) +
            describe("cache", options.cache);
    text += "calls: latency " + to_string(options.latency_max) + ", slow " +
            to_string(options.slow_max) + ", tries " + to_string(options.tries) +
            ", timers late by " + to_string(options.tick_late_max) + "\n";
    text += "of 100: messages copied " + to_string(options.copies) + ", undead " +
            to_string(options.undead) + ", notices lost " + to_string(options.notices_lost) +
            ", late " + to_string(options.notices_late) + ", twice " +
            to_string(options.notices_twice) + ", large inputs " + to_string(options.large_inputs) +
            ", results " + to_string(options.large_results) + "\n";
    text += "faults: subscriptions lost " + std::string(yes(options.deaf)) + ", by workers " +
            yes(options.cuts) + ", cache flushed " + yes(options.flushes) + ", crashes of fronts " +
            to_string(options.front_crashes) + ", of workers " + to_string(options.worker_crashes) +
            ", restarts " + to_string(options.restarts) + "\n";
    return text;
}

}  // namespace bide::sim_aws
