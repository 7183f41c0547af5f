#pragma once

#include "base/rng.hpp"
#include "core/ledger.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bide::sim {

/// Everything about one run that is not decided on the way; drawn from the seed alone. Each fault
/// and each habit of the clients is on in some seeds and off in others, so that every pair of them
/// also meets without the rest.
struct Options {
    std::vector<core::QueueRules> queues;
    core::LedgerLimits limits;
    core::Tenancy tenancy;  ///< of "a", "b", ...; nobody's jobs are a share of their own
    Duration retention{};

    // clients
    unsigned actions = 0;  ///< of clients in phase 1; an action may submit or join several times
    Duration gap_max{};    ///< between two actions
    unsigned burst_max = 1;
    bool disconnects = false;
    bool delays = false;
    bool deadlines = false;
    bool cancels = false;
    bool redrives = false;
    bool pauses = false;
    bool priorities = false;
    bool followers = false;
    bool leave_wishes = false;
    unsigned names = 0;  ///< ids that callers choose, and use again and again
    bool lulls = false;  ///< now and then a minute in which nobody comes
    Duration wait_max{};
    std::uint64_t body_bytes_max = 0;

    // handlers: weights of how an attempt goes by itself
    unsigned succeeds = 1;
    unsigned retries = 0;
    unsigned fails = 0;
    unsigned never_ends = 0;
    bool ignores_stop = false;  ///< may go on after a stop, for long
    bool succeeds_though_stopped = false;
    bool tells_progress = false;
    Duration run_max{};

    // store and driver
    Duration take_delay_max{};  ///< until the writer looks for work
    Duration commit_max{};      ///< of one commit
    Duration load_max{};        ///< of one read
    Duration tick_late_max{};   ///< how late a timer may fire
    std::size_t group_count_max = 1;
    std::uint64_t group_bytes_max = 1;

    // faults, at random events of phase 1
    unsigned crashes = 0;
    unsigned restarts = 0;  ///< graceful ones: Drain, Halt, exit
    unsigned commit_failures = 0;
    bool read_errors = false;   ///< when a claim is looked up
    bool clock_jumps = false;   ///< while the process is down
    bool reconfigures = false;  ///< another limit or concurrency after a restart
};

Options draw_options(Rng& rng);

/// The rules of the queues and tenants for another life, when they change.
void redraw_rules(Options& options, Rng& rng);

/// Several lines, for a person.
std::string describe(const Options& options);

}  // namespace bide::sim
