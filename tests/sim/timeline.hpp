#pragma once

#include "base/time.hpp"
#include "core/ledger.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace bide::sim {

/// What can be scheduled to happen.
/// A request under a caller's id: which of the callers' names, and which of the bodies that are
/// sent under it.
struct Request {
    unsigned name = 0;
    unsigned variant = 0;
};

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

/// Virtual time and what is to happen in it. What belongs to a process life dies with it.
class Timeline {
  public:
    static constexpr std::uint32_t kAnyLife = 0;

    struct Entry {
        Time at;
        std::uint64_t number;  ///< breaks ties, in the order of scheduling
        std::uint32_t life;
        Act act;
    };

    Time now() const { return now_; }
    void advance(Time to) { now_ = std::max(now_, to); }

    void after(Duration delay, Act act, std::uint32_t life) {
        entries_.push_back({now_ + delay, next_number_++, life, std::move(act)});
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    /// kNever when nothing is to happen.
    Time next() const { return entries_.empty() ? kNever : entries_.front().at; }

    Entry pop() {
        std::pop_heap(entries_.begin(), entries_.end(), later);
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        return entry;
    }

  private:
    static bool later(const Entry& a, const Entry& b) {
        return std::pair(a.at, a.number) > std::pair(b.at, b.number);
    }

    Time now_{std::chrono::hours(24 * 365 * 56)};
    std::uint64_t next_number_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace bide::sim
