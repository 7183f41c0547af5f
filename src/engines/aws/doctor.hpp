#pragma once

#include "engines/aws/doctor_rules.hpp"
#include "engines/aws/services.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bide::engines::aws {

struct DoctorOptions {
    struct Queue {
        QueueNeeds needs;
        std::string sqs;           ///< URL or name
        std::string dead_letters;  ///< likewise; empty: nobody looks there
    };
    std::vector<Queue> queues;
    // Whose rights are examined:
    bool front = true;
    bool worker = true;
    bool batches = false;  ///< fronts take them
    Duration retention{};  ///< the longest of the queues
};

/// Looks at all that fronts and workers need: who we are, the clock, queues, buckets, the cache, in
/// this order. Tells each finding when it is made, on the services' thread. Blocks until the end;
/// every wait has a limit.
///
/// Writes one small object below each prefix that bide uses, and removes it; sets a mark in the
/// cache that goes by itself within a minute. Nothing is sent to a queue, nothing received from it.
void examine(
    Services& services, DoctorOptions options, const std::function<void(const Finding&)>& tell
);

}  // namespace bide::engines::aws
