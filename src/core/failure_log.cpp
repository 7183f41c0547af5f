#include "core/failure_log.hpp"

#include <chrono>
#include <utility>

namespace bide::core {
namespace {

/// The reason without what follows it on lines of its own, "; its last words:" and the like.
std::string_view reason_of(const Outcome& outcome) {
    const std::string_view first =
        std::string_view(outcome.detail).substr(0, outcome.detail.find('\n'));
    return first.ends_with(':') ? first.substr(0, first.rfind("; ")) : first;
}

}  // namespace

std::optional<std::string> FailureLog::line(
    const JobId& job, std::string_view queue, const Outcome& outcome, Time now
) {
    if (outcome.state != JobState::failed) return std::nullopt;
    // Also when the clock went back: else nothing were told until it has caught up.
    if (now < second_ || now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        lines_ = 0;
    }
    if (lines_ == kLinesMax) {
        ++left_out_;
        return std::nullopt;
    }
    ++lines_;
    std::string text = "job " + to_string(job) + " of queue " + std::string(queue) +
                       " failed, attempts: " + std::to_string(outcome.attempts) + ", " +
                       std::string(to_string(outcome.kind));
    const std::string_view reason = reason_of(outcome);
    if (!reason.empty()) text += ": " + std::string(reason);
    if (left_out_ > 0)
        text += " (" + std::to_string(std::exchange(left_out_, 0)) + " more failed, not logged)";
    return text;
}

}  // namespace bide::core
