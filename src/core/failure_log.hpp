#pragma once

#include "base/id.hpp"
#include "base/time.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::core {

/// What an operator reads of jobs that have failed for good: a line for each, and ten lines in a
/// second at most, for all jobs of a queue may fail at once. Of the detail the first line
/// only: what a handler logged or a target answered may have something of a body, and the outcome
/// has it. Not thread-safe.
class FailureLog {
  public:
    static constexpr std::uint32_t kLinesMax = 10;  ///< in a second

    /// Nothing when the outcome is none of `failed`, or this second has had its lines; the next
    /// line says how many were left out.
    std::optional<std::string> line(
        const JobId& job, std::string_view queue, const Outcome& outcome, Time now
    );

  private:
    Time second_{};  ///< when the second began
    std::uint32_t lines_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace bide::core
