#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/event.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace bide::wire {

/// The longest that a job can be put off.
constexpr Duration kDelayMax = std::chrono::hours(24 * 30);

/// Idempotency-Key: a string of structured fields ("...", RFC 8941) or the bare text; 1 to 255
/// printable ASCII characters either way.
Result<std::string> parse_idempotency_key(std::string_view value);

/// The token of `Authorization: Bearer TOKEN` (RFC 6750); empty when it is not one.
std::optional<std::string_view> parse_bearer(std::string_view value);

/// Bide-Delay: seconds, decimals allowed.
Result<Duration> parse_delay(std::string_view value);

/// Bide-Deadline: seconds from the acceptance, or a time of RFC 3339.
Result<std::variant<Duration, Time>> parse_deadline(std::string_view value);

/// Bide-Priority: 0 to 9.
Result<std::uint8_t> parse_priority(std::string_view value);

/// Bide-On-Disconnect: continue, cancel or cancel-if-queued.
Result<core::OnLeave> parse_on_disconnect(std::string_view value);

/// Bide-Tenant: 1 to 64 of A-Z a-z 0-9 '.' '_' '-'.
Result<std::string> parse_tenant(std::string_view value);

/// 2026-11-23T06:44:29.123Z, or with an offset in place of the Z. Years 1970 to 9999
/// of UTC.
std::optional<Time> parse_rfc3339(std::string_view text);

}  // namespace bide::wire
