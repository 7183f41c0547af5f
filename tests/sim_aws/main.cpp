// The deterministic simulator of fronts and workers over the services of AWS; world.hpp says what
// they are put through.
#include "sim/runner.hpp"
#include "world.hpp"

int main(int argc, char** argv) {
    using namespace bide;
    sim::Simulator simulator;
    simulator.help =
        "Runs fronts and workers of the aws engine, each the rules of bide for one process, in\n"
        "virtual time over a model of SQS, S3 and Redis that fails in all the ways these may,\n"
        "with crashes and impatient clients, and checks every guarantee of docs/invariants.md.\n"
        "One seed draws everything and replays exactly.";
    simulator.bugs = {9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    simulator.bugs_help =
        "9 never looks without a notice,\n"
        "10 tells ids before they are claimed, 11 removes messages before results are stored,\n"
        "12 does not compare claims, 13 takes every claimed job for sent,\n"
        "14 takes an older look for the answer, 15 publishes its own result though another is\n"
        "stored, 16 gives the slot of what does not stop to another, 17 cancels for one who "
        "leaves\n"
        "though others wait, 18 holds a message for one lease only, "
        "19 forgets a notice that the cache did not take, 20 repeats a look that could not read\n"
        "as late as one that found nothing";
    simulator.describe = [](std::uint64_t seed) {
        return describe(sim_aws::World(seed, sim::Trace()).options());
    };
    simulator.run = [](std::uint64_t seed, const sim::Trace& trace) {
        return sim_aws::World(seed, trace).run();
    };
    return sim::main_of(argc, argv, simulator);
}
