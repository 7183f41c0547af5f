#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bide::wire {

/// Whether all of it is well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, surrogates
/// or values past U+10FFFF.
bool is_utf8(std::string_view bytes);

/// What a program logged, made fit for a problem document: bytes that are not UTF-8 become U+FFFD,
/// control characters other than newline and tab become spaces.
std::string to_printable(std::string_view bytes);

}  // namespace bide::wire
