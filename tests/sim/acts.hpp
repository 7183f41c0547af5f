#pragma once

#include "core/ledger.hpp"
#include "timeline.hpp"

#include <cstdint>
#include <variant>

namespace bide::sim {

/// A request under a caller's id: which of the callers' names, and which of the bodies that are
/// sent under it.
struct Request {
    unsigned name = 0;
    unsigned variant = 0;
};

/// What can be scheduled to happen.
namespace act {

struct ClientActs {};
struct ClientLeaves {
    core::WaiterId waiter;
};
struct ClientJoins {
    JobId job;
};
/// The same request again, under the same id.
struct ClientResubmits {
    Request request;
};
/// The read of the store for a claim, and when the ledger learns of it.
struct ClaimRead {
    JobId job;
};
struct ClaimLookedUp {
    core::event::LookedUp what;
};
/// The attempt says how far it is.
struct Progresses {
    std::uint64_t serial;
};
/// The read of the store for a wait that the ledger answered with "unknown".
struct LookedUp {
    JobId job;
};
struct InputLoaded {
    JobId job;
    std::uint64_t serial;
};
struct AttemptEnds {
    std::uint64_t serial;
    std::uint32_t plan;  ///< of that attempt; an older plan is void
};
struct WritesTaken {};
/// The group is in the store; nobody was told yet.
struct GroupApplied {};
struct GroupAcknowledged {};
struct Halt {};
struct Crash {};
struct Restart {};
struct Heal {};

}  // namespace act

using Act = std::variant<
    act::ClientActs,
    act::ClientLeaves,
    act::ClientJoins,
    act::ClientResubmits,
    act::ClaimRead,
    act::ClaimLookedUp,
    act::Progresses,
    act::LookedUp,
    act::InputLoaded,
    act::AttemptEnds,
    act::WritesTaken,
    act::GroupApplied,
    act::GroupAcknowledged,
    act::Halt,
    act::Crash,
    act::Restart,
    act::Heal>;

using Timeline = TimelineOf<Act>;

}  // namespace bide::sim
