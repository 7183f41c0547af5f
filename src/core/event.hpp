#pragma once

#include "base/error.hpp"
#include "base/id.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace bide::core {

/// Names one wait. The driver makes them; unique among the live ones.
using WaiterId = std::uint64_t;

/// What becomes of the job when this waiter's client goes away and nobody else waits for it.
enum class OnLeave : std::uint8_t { go_on, cancel, cancel_if_queued };

/// Whether the waiter is told of what happens on the way (Answer::accepted, Answer::news).
enum class Follow : std::uint8_t { no, yes };

struct Wait {
    WaiterId id = 0;
    Time deadline{};  ///< not after now: answer as soon as the job is durable ("202")
    Follow follow = Follow::no;
    OnLeave on_leave = OnLeave::go_on;
};

/// How one attempt went, as the handler tells it.
struct AttemptResult {
    enum class Verdict : std::uint8_t {
        success,
        retry,  ///< may go better another time
        fail,   ///< never will
    };
    Verdict verdict = Verdict::retry;
    FailureKind kind = FailureKind::handler;  ///< when not a success; with fail: rejected
    std::uint16_t status = 0;
    std::string content_type;
    Body body;
    std::string detail;
    Duration retry_after{};  ///< at least this long before the next attempt
};

enum class IdOrigin : std::uint8_t {
    fresh,   ///< made by the engine, never used before
    caller,  ///< chosen by the caller or derived from its key: a job of this id may be there
    unused,  ///< as caller, and in this very step the driver knows that the store has none
};

namespace event {

/// A new job. Under a caller's id it joins the job that is there, if it is the same request (G4).
struct Submit {
    std::shared_ptr<const JobInput> input;
    Wait wait;
    Time not_before{};       ///< start no sooner
    Time start_by = kNever;  ///< expire if not started by then
    IdOrigin origin = IdOrigin::fresh;
};
/// Another waiter for a job.
struct Join {
    JobId job;
    Wait wait;
};
/// The waiter's client is gone, or it no longer cares.
struct Leave {
    WaiterId waiter;
};
struct AttemptEnded {
    JobId job;
    std::uint32_t attempt = 0;
    QueueIndex queue = 0;
    AttemptResult result;
};
/// What a running attempt says of itself, for who follows and for the status page; not durable.
struct Progress {
    JobId job;
    std::uint32_t attempt = 0;
    std::string json;
};
/// Ends the job now; the waiter is answered when that is durable.
struct Cancel {
    JobId job;
    Wait wait;
};
/// A failed job is to run again; the waiter is answered when that is durable.
struct Redrive {
    JobId job;
    Wait wait;
};
/// What the store holds under an id that Effects::lookups asked for: a job that has ended, or
/// nothing, or it could not be read.
struct LookedUp {
    JobId job;
    std::shared_ptr<const StoredJob> found;
    std::optional<Error> error;
};
/// The queue starts nothing, or starts again, from the commit of it on.
struct SetPaused {
    QueueIndex queue = 0;
    bool paused = false;
    Wait wait;
};
/// The group last taken by take_writes() is durable.
struct Committed {};
/// It is not, and never will be: nothing is answered with success from here on.
struct CommitFailed {};
/// Some timer may be due.
struct Tick {};
/// An open job found in the store at start.
struct Recovered {
    JobId job;
    std::int64_t sequence = 0;
    QueueIndex queue = 0;
    std::uint32_t attempts = 0;
    std::uint32_t attempts_max = 0;  ///< 0: as the queue's rules say
    Time created{};
    Time not_before{};
    Time start_by = kNever;
    std::uint64_t input_bytes = 0;
    std::string tenant;
    std::uint8_t priority = kPriorityDefault;
    Fingerprint fingerprint{};
};
/// A queue that was paused when the process before this one ended.
struct RecoveredPause {
    QueueIndex queue = 0;
};
/// Accept and start nothing more; who waits for a job that is not running is answered.
struct Drain {};
/// After Drain: stop what runs and answer everybody. Stopped jobs stay open in the store.
struct Halt {};

}  // namespace event

using Event = std::variant<
    event::Submit,
    event::Join,
    event::Leave,
    event::AttemptEnded,
    event::Progress,
    event::Cancel,
    event::Redrive,
    event::LookedUp,
    event::SetPaused,
    event::Committed,
    event::CommitFailed,
    event::Tick,
    event::Recovered,
    event::RecoveredPause,
    event::Drain,
    event::Halt>;

}  // namespace bide::core
