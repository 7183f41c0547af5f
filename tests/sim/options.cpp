#include "options.hpp"

namespace bide::sim {
namespace {

using std::chrono::milliseconds;

/// Uniform over a few magnitudes, so that small and large values are equally usual.
template <class T>
T one_of(Rng& rng, std::initializer_list<T> values) {
    return values.begin()[rng.below(values.size())];
}

core::QueueRules draw_rules(Rng& rng) {
    core::QueueRules rules;
    rules.concurrency = one_of(rng, {1U, 1U, 2U, 4U});
    rules.depth_max = one_of<std::uint64_t>(rng, {1, 4, 20, 1000, 1000});
    rules.bytes_max = one_of<std::uint64_t>(rng, {1 << 30, 1 << 30, 1 << 30, 400});
    rules.timeout = milliseconds(one_of(rng, {20, 100, 500}));
    rules.retry.attempts_max = one_of(rng, {1U, 2U, 3U, 5U});
    rules.retry.backoff_base = milliseconds(one_of(rng, {0, 1, 50}));
    rules.retry.backoff_max = milliseconds(one_of(rng, {1, 50, 400}));
    // Of up to 100 ms that handlers ask for.
    rules.retry.asked_max = milliseconds(one_of(rng, {0, 60, 1000}));
    return rules;
}

/// The tenants' names stay, so that who was known before is known after a reconfiguration.
void draw_tenants(core::Tenancy& tenancy, unsigned count, Rng& rng) {
    for (unsigned i = 0; i < count; ++i) {
        core::TenantRules rules;
        rules.weight = one_of(rng, {0.25, 1.0, 1.0, 3.0});
        rules.concurrency = one_of(rng, {0U, 0U, 1U, 2U});
        rules.depth_max = one_of<std::uint64_t>(rng, {0, 0, 0, 4});
        rules.rate = one_of(rng, {0.0, 0.0, 0.0, 20.0});
        rules.burst = one_of(rng, {1U, 5U});
        tenancy.named[std::string(1, static_cast<char>('a' + i))] = rules;
    }
}

void draw_clients(Options& options, Rng& rng) {
    options.actions = static_cast<unsigned>(5 + rng.below(60));
    options.gap_max = milliseconds(one_of(rng, {2, 20, 100}));
    options.burst_max = one_of(rng, {1U, 1U, 3U, 6U});
    options.disconnects = rng.chance(1, 2);
    options.delays = rng.chance(1, 3);
    options.deadlines = rng.chance(1, 3);
    options.cancels = rng.chance(1, 3);
    options.redrives = rng.chance(1, 3);
    options.pauses = rng.chance(1, 5);
    options.priorities = rng.chance(1, 3);
    options.followers = rng.chance(1, 3);
    options.leave_wishes = rng.chance(1, 3);
    if (rng.chance(1, 2)) options.names = static_cast<unsigned>(1 + rng.below(4));
    options.lulls = rng.chance(1, 3);
    options.wait_max = milliseconds(one_of(rng, {10, 200, 2000}));
    options.body_bytes_max = one_of<std::uint64_t>(rng, {1, 60, 200});
}

void draw_handlers(Options& options, Rng& rng) {
    options.succeeds = static_cast<unsigned>(rng.below(6));
    options.retries = static_cast<unsigned>(rng.below(4));
    options.fails = static_cast<unsigned>(rng.below(2));
    options.never_ends = static_cast<unsigned>(rng.below(3));
    if (options.succeeds + options.retries + options.fails + options.never_ends == 0)
        options.succeeds = 1;
    options.ignores_stop = rng.chance(1, 2);
    options.succeeds_though_stopped = rng.chance(1, 2);
    options.tells_progress = options.followers && rng.chance(1, 2);
    options.run_max = milliseconds(one_of(rng, {0, 5, 50, 150, 600}));
}

void draw_driver(Options& options, Rng& rng) {
    options.take_delay_max = milliseconds(one_of(rng, {0, 1, 40}));
    options.commit_max = milliseconds(one_of(rng, {0, 2, 20, 20, 200, 3000}));
    options.load_max = milliseconds(one_of(rng, {0, 2, 50}));
    options.tick_late_max = milliseconds(one_of(rng, {0, 0, 1, 30}));
    options.group_count_max = one_of<std::size_t>(rng, {1, 3, 1000});
    options.group_bytes_max = one_of<std::uint64_t>(rng, {1, 300, 1 << 20});
}

void draw_faults(Options& options, Rng& rng) {
    if (rng.chance(2, 3)) options.crashes = static_cast<unsigned>(1 + rng.below(4));
    if (rng.chance(1, 3)) options.restarts = static_cast<unsigned>(1 + rng.below(2));
    if (rng.chance(1, 6)) options.commit_failures = 1;
    options.read_errors = rng.chance(1, 4);
    options.clock_jumps = rng.chance(1, 3);
    options.reconfigures = rng.chance(1, 5);
}

const char* yes(bool on) {
    return on ? "yes" : "no";
}

}  // namespace

Options draw_options(Rng& rng) {
    Options options;
    for (auto count = 1 + rng.below(3); count > 0; --count)
        options.queues.push_back(draw_rules(rng));
    if (rng.chance(1, 2))
        draw_tenants(options.tenancy, static_cast<unsigned>(1 + rng.below(3)), rng);
    // Under a minute no dead letter can be redriven, a little above it some can.
    using std::chrono::seconds;
    options.retention = one_of<Duration>(
        rng, {milliseconds(300), seconds(5), seconds(62), seconds(90), std::chrono::hours(1)}
    );
    options.limits.resident_bytes_max = one_of<std::uint64_t>(rng, {0, 100, 1000, 1 << 20});
    options.limits.commit_grace = milliseconds(one_of(rng, {0, 50, 1000, 10'000}));
    options.limits.linger = milliseconds(one_of(rng, {0, 2, 50, 1000}));
    options.limits.company = milliseconds(one_of(rng, {0, 0, 5, 100}));
    draw_clients(options, rng);
    draw_handlers(options, rng);
    draw_driver(options, rng);
    draw_faults(options, rng);
    return options;
}

void redraw_rules(Options& options, Rng& rng) {
    for (auto& rules : options.queues) rules = draw_rules(rng);
    draw_tenants(options.tenancy, static_cast<unsigned>(options.tenancy.named.size()), rng);
}

std::string describe(const Options& options) {
    using bide::to_string;
    using std::to_string;
    std::string text;
    for (const auto& rules : options.queues) {
        text += "queue: concurrency " + to_string(rules.concurrency) + ", depth " +
                to_string(rules.depth_max) + ", bytes " + to_string(rules.bytes_max) +
                ", timeout " + to_string(rules.timeout) + ", attempts " +
                to_string(rules.retry.attempts_max) + ", backoff " +
                to_string(rules.retry.backoff_base) + " to " + to_string(rules.retry.backoff_max) +
                ", or asked for " + to_string(rules.retry.asked_max) + "\n";
    }
    for (const auto& [name, rules] : options.tenancy.named) {
        text += "tenant " + name + ": weight " + to_string(rules.weight) + ", concurrency " +
                to_string(rules.concurrency) + ", depth " + to_string(rules.depth_max) + ", rate " +
                to_string(rules.rate) + ", burst " + to_string(rules.burst) + "\n";
    }
    text += "limits: retention " + to_string(options.retention) + ", resident bytes " +
            to_string(options.limits.resident_bytes_max) + ", commit grace " +
            to_string(options.limits.commit_grace) + ", linger " +
            to_string(options.limits.linger) + ", company " + to_string(options.limits.company) +
            "\n";
    text += "clients: " + to_string(options.actions) + " actions, gap " +
            to_string(options.gap_max) + ", burst " + to_string(options.burst_max) + ", wait " +
            to_string(options.wait_max) + ", disconnects " + yes(options.disconnects) +
            ", delays " + yes(options.delays) + ", deadlines " + yes(options.deadlines) +
            ", cancels " + yes(options.cancels) + ", redrives " + yes(options.redrives) +
            ", pauses " + yes(options.pauses) + ", priorities " + yes(options.priorities) +
            ", followers " + yes(options.followers) + ", wishes on leaving " +
            yes(options.leave_wishes) + ", names " + to_string(options.names) + ", lulls " +
            yes(options.lulls) + "\n";
    text += "handlers: succeed:retry:fail:never " + to_string(options.succeeds) + ":" +
            to_string(options.retries) + ":" + to_string(options.fails) + ":" +
            to_string(options.never_ends) + ", run " + to_string(options.run_max) +
            ", ignore stop " + yes(options.ignores_stop) + ", succeed though stopped " +
            yes(options.succeeds_though_stopped) + ", tell progress " +
            yes(options.tells_progress) + "\n";
    text += "store: take delay " + to_string(options.take_delay_max) + ", commit " +
            to_string(options.commit_max) + ", read " + to_string(options.load_max) + ", group " +
            to_string(options.group_count_max) + " writes or " +
            to_string(options.group_bytes_max) + " bytes, timers late by up to " +
            to_string(options.tick_late_max) + "\n";
    text += "faults: crashes " + to_string(options.crashes) + ", restarts " +
            to_string(options.restarts) + ", failing commits " +
            to_string(options.commit_failures) + ", reads " + yes(options.read_errors) +
            ", clock jumps " + yes(options.clock_jumps) + ", reconfigured " +
            yes(options.reconfigures) + "\n";
    return text;
}

}  // namespace bide::sim
