#include "runner.hpp"

#include "base/rng.hpp"
#include "base/time.hpp"
#include "core/planted.hpp"

#include <CLI/CLI.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <unistd.h>

namespace bide::sim {
namespace {

constexpr std::size_t kTailLines = 40;

struct Arguments {
    std::string program;
    const Simulator* simulator = nullptr;
    std::uint64_t seed = 0;
    std::uint64_t seeds = 20'000;
    std::uint64_t from = 1;
    std::uint64_t fresh = 0;
    int bug = 0;
    std::string expect;
    bool one_seed = false;
    bool trace = false;
    bool twice = false;
};

struct Totals {
    std::uint64_t seeds = 0;
    std::uint64_t events = 0;
    std::uint64_t lives = 0;
    std::uint64_t jobs = 0;
    std::uint64_t answers = 0;
};

// A failed CHECK aborts inside the ledger: say which seed it was.
std::array<char, 128> abort_note{};

extern "C" void on_abort(int) {
    const auto length = std::char_traits<char>::length(abort_note.data());
    if (write(STDERR_FILENO, abort_note.data(), length) < 0) _exit(2);
}

std::string replay_command(const Arguments& args, std::uint64_t seed) {
    std::string command = args.program + " --seed " + std::to_string(seed) + " --trace";
    if (args.bug != 0) command += " --bug " + std::to_string(args.bug);
    return command;
}

void report(const Arguments& args, std::uint64_t seed, const RunResult& result) {
    std::printf(
        "seed %llu: %s violated at event %llu: %s\nreplay: %s\n",
        static_cast<unsigned long long>(seed),
        result.violation->guarantee.c_str(),
        static_cast<unsigned long long>(result.events),
        result.violation->what.c_str(),
        replay_command(args, seed).c_str()
    );
}

RunResult run(std::uint64_t seed, const Arguments& args, const Trace& trace) {
    std::snprintf(
        abort_note.data(),
        abort_note.size(),
        "sim: the seed under way was %llu%s\n",
        static_cast<unsigned long long>(seed),
        args.bug != 0 ? ", with a planted bug" : ""
    );
    return args.simulator->run(seed, trace);
}

/// Tells what the seed drew and how it went; of a violation at least the last lines.
int run_one(const Arguments& args) {
    std::deque<std::string> tail;
    const Trace trace([&](const std::string& line) {
        if (args.trace) std::printf("%s\n", line.c_str());
        tail.push_back(line);
        if (tail.size() > kTailLines) tail.pop_front();
    });
    std::printf("%s", args.simulator->describe(args.seed).c_str());
    const RunResult result = run(args.seed, args, trace);
    std::printf(
        "%llu events, %llu lives, %llu jobs ended, %llu answers\n",
        static_cast<unsigned long long>(result.events),
        static_cast<unsigned long long>(result.lives),
        static_cast<unsigned long long>(result.jobs),
        static_cast<unsigned long long>(result.answers)
    );
    if (!result.violation) return 0;
    if (!args.trace) {
        for (const auto& line : tail) std::printf("%s\n", line.c_str());
    }
    report(args, args.seed, result);
    return 1;
}

/// Whether a second run of the seed tells the same story.
bool same_again(std::uint64_t seed, const Arguments& args) {
    std::array<std::string, 2> stories;
    for (auto& story : stories)
        run(seed, args, Trace([&](const std::string& line) { story += line + "\n"; }));
    return stories[0] == stories[1];
}

void print_totals(const Totals& totals, Duration spent) {
    std::printf(
        "%llu seeds, %llu events, %llu crashes and restarts, %llu jobs, %llu answers, %.1f s\n",
        static_cast<unsigned long long>(totals.seeds),
        static_cast<unsigned long long>(totals.events),
        static_cast<unsigned long long>(totals.lives - totals.seeds),
        static_cast<unsigned long long>(totals.jobs),
        static_cast<unsigned long long>(totals.answers),
        static_cast<double>(spent.count()) / 1e6
    );
}

int violated(const Arguments& args, std::uint64_t seed, const RunResult& result, Totals& totals) {
    report(args, seed, result);
    if (args.expect.empty()) return 1;
    const bool expected = result.violation->guarantee == args.expect;
    std::printf(
        "%s after %llu seeds\n",
        expected ? "found, as expected," : "not the guarantee expected,",
        static_cast<unsigned long long>(totals.seeds)
    );
    return expected ? 0 : 1;
}

int run_many(const Arguments& args) {
    const SystemClock clock;
    const Time began = clock.now();
    const Trace silent;
    Totals totals;
    for (std::uint64_t i = 0; i < args.seeds + args.fresh; ++i) {
        // Fresh seeds are short enough to be typed.
        const std::uint64_t seed = i < args.seeds ? args.from + i : os_random() >> 32;
        if (i >= args.seeds)
            std::printf("fresh seed %llu\n", static_cast<unsigned long long>(seed));
        if (args.twice && !same_again(seed, args)) {
            std::printf("seed %llu: two runs differ\n", static_cast<unsigned long long>(seed));
            return 1;
        }
        const RunResult result = run(seed, args, silent);
        ++totals.seeds;
        totals.events += result.events;
        totals.lives += result.lives;
        totals.jobs += result.jobs;
        totals.answers += result.answers;
        if (result.violation) return violated(args, seed, result, totals);
    }
    print_totals(totals, clock.now() - began);
    if (args.expect.empty()) return 0;
    std::printf("no violation of %s found\n", args.expect.c_str());
    return 1;
}

}  // namespace

int main_of(int argc, char** argv, const Simulator& simulator) {
    Arguments args;
    args.program = argv[0];
    args.simulator = &simulator;
    CLI::App app{
        simulator.help +
        "\n\n"
        "  sim                         the usual range of seeds\n"
        "  sim --seed 42               one seed: its options, and the end of a violation\n"
        "  sim --seed 42 --trace       everything that happened in it\n"
        "  sim --seeds 1000000 --from 20001\n"
        "  sim --bug 2                 with a bug planted: must be found\n\n"
        "Exit status: 0 when all guarantees held, 1 when one was broken.\n"};
    auto* seed = app.add_option("--seed", args.seed, "Run this one seed and tell about it");
    app.add_flag("--trace", args.trace, "With --seed: print every event and effect")->needs(seed);
    app.add_option("--seeds", args.seeds, "Run so many seeds")->capture_default_str();
    app.add_option("--from", args.from, "The first of them")->capture_default_str();
    app.add_option("--fresh", args.fresh, "And so many random ones after them");
    app.add_option("--bug", args.bug, "Switch on a planted bug: " + simulator.bugs_help)
        ->check(CLI::IsMember(simulator.bugs));
    app.add_option(
        "--expect", args.expect, "Succeed only if a violation of this guarantee is found: G1 ..."
    );
    app.add_flag("--twice", args.twice, "Run each seed twice and compare the traces");
    CLI11_PARSE(app, argc, argv);

    args.one_seed = seed->count() > 0;
    core::planted_bug = static_cast<core::Bug>(args.bug);
    std::signal(SIGABRT, on_abort);
    return args.one_seed ? run_one(args) : run_many(args);
}

}  // namespace bide::sim
