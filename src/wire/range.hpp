#pragma once

#include "wire/message.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace bide::wire {

/// What a Range field asks of a body (RFC 9110, 14).
struct RangeWish {
    enum class Kind : std::uint8_t {
        whole,          ///< no range, several, another unit, or not understood: all of it
        part,           ///< 206
        unsatisfiable,  ///< 416
    };
    Kind kind = Kind::whole;
    ByteRange part{};
};

RangeWish parse_range(std::string_view value, std::uint64_t size);

/// Whether an If-None-Match field names the strong `etag` (quotes included), or everything.
bool none_match_names(std::string_view value, std::string_view etag);

}  // namespace bide::wire
