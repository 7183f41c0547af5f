// The deterministic simulator of bide's protocol; world.hpp says what it puts the ledger through.
#include "runner.hpp"
#include "world.hpp"

int main(int argc, char** argv) {
    using namespace bide::sim;
    Simulator simulator;
    simulator.help =
        "Runs the ledger, the rules of bide, in virtual time under crashes, failing commits,\n"
        "stubborn handlers and impatient clients, and checks every guarantee of\n"
        "docs/invariants.md. One seed draws everything and replays exactly.";
    simulator.bugs = {1, 2, 3, 4, 5, 6, 7, 8};
    simulator.bugs_help =
        "1 answers before the commit,\n"
        "2 takes late results, 3 forgets who joins a finished job, 4 accepts before the commit,\n"
        "5 does not compare requests, 6 does not look an id up, 7 forgets pauses at a restart,\n"
        "8 ignores the tenants' weights";
    simulator.describe = [](std::uint64_t seed) {
        return describe(World(seed, Trace()).options());
    };
    simulator.run = [](std::uint64_t seed, const Trace& trace) { return World(seed, trace).run(); };
    return main_of(argc, argv, simulator);
}
