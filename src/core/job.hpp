#pragma once

#include "base/body.hpp"
#include "base/id.hpp"
#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bide::core {

/// The number of a queue in the server's configuration; names live at the edges.
using QueueIndex = std::uint32_t;

/// The values are stored: never renumber.
enum class JobState : std::uint8_t {
    scheduled = 0,  ///< waits for its time: a delay, or the backoff before another attempt
    ready = 1,      ///< waits for a free handler
    running = 2,    ///< an attempt holds the lease
    succeeded = 3,
    failed = 4,  ///< after the last attempt; the dead-letter state
    cancelled = 5,
    expired = 6,  ///< not started before its deadline
};

constexpr bool is_final(JobState state) {
    return state >= JobState::succeeded;
}

std::string_view to_string(JobState state);

/// Why a state changes, and what is written when it does.
enum class Cause : std::uint8_t {
    submitted,
    due,
    leased,
    returned,
    retried,
    exhausted,
    cancelled,
    deadline,
    recovered,
    redriven,
};

enum class DurableWrite : std::uint8_t {
    none,    ///< known from memory and rebuilt at start
    open,    ///< the job's row among the open jobs
    finish,  ///< the outcome, and the open row goes, in one commit
    reopen,  ///< the open row comes back and the outcome goes, in one commit
};

struct Transition {
    std::optional<JobState> from;  ///< empty: the job comes into being
    JobState to;
    Cause cause;
    DurableWrite write;
};

/// Every transition there is; docs/architecture.md shows the same table and a test compares them.
std::span<const Transition> transitions();
/// The one from `from` to `to` for this cause, or null.
const Transition* find_transition(std::optional<JobState> from, JobState to, Cause cause);

std::string_view to_string(Cause cause);
std::string_view to_string(DurableWrite write);

/// What kind of failure an outcome is. Stored: never renumber.
enum class FailureKind : std::uint8_t {
    none = 0,
    handler = 1,    ///< the handler kept failing
    timeout = 2,    ///< the last attempt ran out of time
    cancelled = 3,  ///< DELETE, or the caller's wish on disconnect
    expired = 4,
    lost = 5,      ///< the handler went away without an answer
    rejected = 6,  ///< the handler said that it will never go better
};

std::string_view to_string(FailureKind kind);

/// What a request was about: a hash of queue, content type and body. Zero: nobody will ask.
using Fingerprint = std::array<std::uint8_t, 16>;

/// Among the ready jobs of one tenant in one queue, the higher goes first.
constexpr std::uint8_t kPriorities = 10;
constexpr std::uint8_t kPriorityDefault = 4;

/// A job as posted. Immutable and shared: the ledger, the store and the handler hold it at once.
struct JobInput {
    JobId id;
    std::int64_t sequence = 0;  ///< of the store: grows with each job, whoever chose the id
    QueueIndex queue = 0;
    Time created{};
    std::string content_type;
    Body body;
    std::string traceparent;  ///< W3C, as received; empty when there was none
    std::string tenant;       ///< empty: nobody's
    std::uint8_t priority = kPriorityDefault;
    Fingerprint fingerprint{};
};

/// How a job ended: the one record that every waiter gets (G3). Immutable once the ledger made it.
struct Outcome {
    JobState state = JobState::failed;
    FailureKind kind = FailureKind::none;
    std::uint16_t status = 0;  ///< HTTP status the handler chose; 0: follows from state and kind
    std::string content_type;
    Body body;
    std::string detail;  ///< of a failure, for a person: reason, and the tail of what it logged
    std::uint32_t attempts = 0;
    QueueIndex queue = 0;
    std::string tenant;
    Time created{};
    Time started{};  ///< of the last attempt; the epoch when there was none
    Time finished{};
};

/// A job that has ended, as the store has it.
struct StoredJob {
    std::shared_ptr<const Outcome> outcome;
    std::int64_t sequence = 0;
    Fingerprint fingerprint{};
    std::uint8_t priority = kPriorityDefault;
    std::uint64_t input_bytes = 0;  ///< of a failed one's input, kept for a redrive
    Time expires{};                 ///< when retention removes it
};

}  // namespace bide::core
