#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace bide::wire {

/// What a caller gets when its wait is over and the job is not.
enum class AtLimit : std::uint8_t {
    accepted,  ///< 202 and the status document
    redirect,  ///< 303 to the result's URL, which waits on
    timeout,   ///< 504
};

/// "accepted", "redirect" or "timeout".
Result<AtLimit> parse_at_limit(std::string_view text);

/// The preferences of RFC 7240 that bide knows. Unknown ones are ignored, as the RFC says; a known
/// one with a value that cannot be is an error: ignoring it would change what the answer means.
struct Preferences {
    std::optional<std::int64_t> wait_s;
    bool respond_async = false;
    std::optional<AtLimit> at_limit;
};

/// `value` is the Prefer field, several lines joined by commas. Of a repeated preference the first
/// counts.
Result<Preferences> parse_prefer(std::string_view value);

}  // namespace bide::wire
