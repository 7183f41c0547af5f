#pragma once

#include "core/ledger.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace bide::sim {

/// What the callers know of a job: the checkers' memory, which no crash touches. It begins when the
/// ledger takes the job. Under a caller's id one job may follow another: the record is then made
/// anew.
struct JobRecord {
    std::string body;
    std::string tenant;
    core::QueueIndex queue = 0;
    core::Fingerprint fingerprint{};
    std::uint8_t priority = 0;
    bool named = false;          ///< under a caller's id
    core::WaiterId creator = 0;  ///< the wait of the submission that made it
    Time not_before{};
    Duration delay{};  ///< as the caller asked
    Time start_by = kNever;
    std::uint32_t attempts_max = 0;  ///< since a redrive; 0: as the queue's rules say
    bool started = false;            ///< once, in any life
    bool accepted = false;           ///< an answer named it as accepted (G2)
    bool cancel_asked = false;       ///< a DELETE came in, or the last waiter left wishing it
    bool stored = false;             ///< its outcome was durable, and no redrive came since
    bool redriven = false;           ///< and that is not durable yet
    bool gone = false;               ///< removed by retention
};
using Records = std::unordered_map<JobId, JobRecord>;

}  // namespace bide::sim
