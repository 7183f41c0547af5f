#include "core/job.hpp"

#include "base/check.hpp"

#include <array>

namespace bide::core {
namespace {

using enum JobState;

// running -> ready|scheduled writes the open row only for its attempt count and backoff; a lease
// itself is never written: after a crash the job is ready again with the attempts known by then.
constexpr std::array kTransitions{
    Transition{std::nullopt, scheduled, Cause::submitted, DurableWrite::open},
    Transition{std::nullopt, ready, Cause::submitted, DurableWrite::open},
    Transition{std::nullopt, scheduled, Cause::recovered, DurableWrite::none},
    Transition{std::nullopt, ready, Cause::recovered, DurableWrite::none},
    Transition{scheduled, ready, Cause::due, DurableWrite::none},
    Transition{scheduled, cancelled, Cause::cancelled, DurableWrite::finish},
    Transition{scheduled, expired, Cause::deadline, DurableWrite::finish},
    Transition{ready, running, Cause::leased, DurableWrite::none},
    Transition{ready, cancelled, Cause::cancelled, DurableWrite::finish},
    Transition{ready, expired, Cause::deadline, DurableWrite::finish},
    Transition{running, succeeded, Cause::returned, DurableWrite::finish},
    Transition{running, failed, Cause::exhausted, DurableWrite::finish},
    Transition{running, scheduled, Cause::retried, DurableWrite::open},
    Transition{running, cancelled, Cause::cancelled, DurableWrite::finish},
    Transition{failed, ready, Cause::redriven, DurableWrite::reopen},
};

constexpr std::size_t kFroms = 8;  // the states, and none
constexpr std::size_t kTos = 7;
constexpr std::size_t kCauses = 10;

constexpr std::size_t place_of(std::optional<JobState> from, JobState to, Cause cause) {
    const std::size_t begin = from ? static_cast<std::size_t>(*from) : kFroms - 1;
    return (begin * kTos + static_cast<std::size_t>(to)) * kCauses +
           static_cast<std::size_t>(cause);
}

/// By place: the row's number, from 1 on, or 0. Each job goes through several.
constexpr auto kRows = [] {
    std::array<std::uint8_t, kFroms * kTos * kCauses> rows{};
    for (std::size_t i = 0; i < kTransitions.size(); ++i) {
        const Transition& row = kTransitions[i];
        rows[place_of(row.from, row.to, row.cause)] = static_cast<std::uint8_t>(i + 1);
    }
    return rows;
}();

}  // namespace

std::span<const Transition> transitions() {
    return kTransitions;
}

const Transition* find_transition(std::optional<JobState> from, JobState to, Cause cause) {
    const std::uint8_t row = kRows.at(place_of(from, to, cause));
    return row == 0 ? nullptr : &kTransitions[row - 1U];
}

std::string_view to_string(JobState state) {
    switch (state) {
        case scheduled: return "scheduled";
        case ready: return "ready";
        case running: return "running";
        case succeeded: return "succeeded";
        case failed: return "failed";
        case cancelled: return "cancelled";
        case expired: return "expired";
    }
    UNREACHABLE("a state outside the enum");
}

std::string_view to_string(Cause cause) {
    switch (cause) {
        case Cause::submitted: return "submitted";
        case Cause::due: return "due";
        case Cause::leased: return "leased";
        case Cause::returned: return "returned";
        case Cause::retried: return "retried";
        case Cause::exhausted: return "exhausted";
        case Cause::cancelled: return "cancelled";
        case Cause::deadline: return "deadline";
        case Cause::recovered: return "recovered";
        case Cause::redriven: return "redriven";
    }
    UNREACHABLE("a cause outside the enum");
}

std::string_view to_string(DurableWrite write) {
    switch (write) {
        case DurableWrite::none: return "none";
        case DurableWrite::open: return "open";
        case DurableWrite::finish: return "finish";
        case DurableWrite::reopen: return "reopen";
    }
    UNREACHABLE("a write outside the enum");
}

std::string_view to_string(FailureKind kind) {
    switch (kind) {
        case FailureKind::none: return "none";
        case FailureKind::handler: return "handler";
        case FailureKind::timeout: return "timeout";
        case FailureKind::cancelled: return "cancelled";
        case FailureKind::expired: return "expired";
        case FailureKind::lost: return "lost";
        case FailureKind::rejected: return "rejected";
    }
    UNREACHABLE("a kind outside the enum");
}

}  // namespace bide::core
