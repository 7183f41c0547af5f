#pragma once

#include "base/rng.hpp"
#include "core/consumer.hpp"
#include "core/rendezvous.hpp"

#include <string>
#include <vector>

namespace bide::sim_aws {

/// How often of 1000 calls one of the services goes wrong.
struct Trouble {
    unsigned refused = 0;   ///< nothing is done, and the caller is told that it failed
    unsigned in_doubt = 0;  ///< it is done, and the caller is told that it failed
    unsigned slow = 0;      ///< it takes up to `slow_max`
    bool outages = false;   ///< now and then nothing works for a while

    bool none() const { return refused + in_doubt + slow == 0 && !outages; }
};

/// Everything about one run that is not decided on the way; drawn from the seed alone. Each fault
/// and each habit is on in some seeds and off in others.
struct Options {
    std::vector<core::QueueRules> queues;
    core::RendezvousLimits front_limits;
    core::ConsumerLimits worker_limits;
    unsigned fronts = 1;
    unsigned workers = 1;
    bool functions = false;     ///< workers are functions: they have a message for some time only
    Duration function_max{};    ///< which is up to this
    unsigned receives_max = 3;  ///< of a message, before it goes to the dead-letter queue

    // clients
    unsigned actions = 0;
    Duration gap_max{};
    unsigned burst_max = 1;
    unsigned names = 0;  ///< keys and ids that callers choose and use again and again
    bool disconnects = false;
    bool leave_wishes = false;
    bool cancels = false;
    bool followers = false;
    bool delays = false;
    bool deadlines = false;
    bool reuses_ids = false;  ///< submits under ids that were jobs' of other people
    Duration wait_max{};

    // handlers: weights of how an attempt goes by itself
    unsigned succeeds = 1;
    unsigned retries = 0;
    unsigned fails = 0;
    unsigned never_ends = 0;
    bool ignores_stop = false;
    Duration run_max{};

    // services
    Trouble store;
    Trouble queue;
    Trouble cache;
    Duration slow_max{};
    Duration latency_max{};
    unsigned tries = 1;          ///< of the clients, of one call
    unsigned copies = 0;         ///< of 100 messages received, those that others may get as well
    unsigned undead = 0;         ///< of 100 messages removed, those that come again
    unsigned notices_lost = 0;   ///< of 100
    unsigned notices_late = 0;   ///< likewise
    unsigned notices_twice = 0;  ///< likewise
    unsigned large_inputs = 0;   ///< of 100 bodies, those that go by way of the store
    unsigned large_results = 0;  ///< of 100 results, those too large for a notice
    bool deaf = false;           ///< subscriptions are lost, and it takes seconds to notice
    bool cuts = false;           ///< a worker loses its own connection to the cache
    bool flushes = false;        ///< the cache forgets everything
    Duration tick_late_max{};

    // faults of processes
    unsigned front_crashes = 0;
    unsigned worker_crashes = 0;
    unsigned restarts = 0;  ///< graceful ones

    /// A notice that the cache took reaches who is subscribed, soon.
    bool notices_come() const { return notices_lost == 0 && notices_late == 0; }
    /// Nothing comes between a worker and the messages it has received.
    bool holds_keep() const {
        const bool calm = queue.refused + queue.in_doubt + queue.slow + copies + undead == 0;
        return calm && !queue.outages && !ignores_stop && !functions &&
               worker_crashes + restarts == 0;
    }
};

Options draw_options(Rng& rng);

/// Several lines, for a person.
std::string describe(const Options& options);

}  // namespace bide::sim_aws
