#pragma once

#include "base/time.hpp"

#include <optional>
#include <string_view>

namespace bide::wire {

/// A date of HTTP (RFC 9110, 5.6.7) in any of its three forms: "Sun, 06 Nov 1994 08:49:37 GMT" and
/// the two obsolete ones. A year of two digits is the one nearest to `now`, but at most 50 years
/// ahead.
std::optional<Time> parse_http_date(std::string_view text, Time now);

/// The value of Retry-After, seconds or a date, as time from now: never negative, at most a day,
/// for a peer's mistake should not park a job for good. Nothing when it is neither.
std::optional<Duration> parse_retry_after(std::string_view text, Time now);

}  // namespace bide::wire
