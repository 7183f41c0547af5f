#pragma once

#include "core/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// The facts of a job as words: in the envelope, in notices and in the metadata of objects.

std::string to_hex(const core::Fingerprint& fingerprint);
std::optional<core::Fingerprint> parse_fingerprint(std::string_view text);

/// "succeeded", "failed", "cancelled" or "expired".
std::optional<core::JobState> parse_final_state(std::string_view text);
std::optional<core::FailureKind> parse_failure_kind(std::string_view text);

/// No time that is written down is later: the end of the year 9999.
constexpr Time kTimeMax{std::chrono::seconds(253'402'300'799)};

}  // namespace bide::wire
