#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// RFC 4648, section 4, with padding.
void append_base64(std::string& out, std::string_view bytes);

/// Takes the standard alphabet with its padding and nothing else: no line breaks, and no bits
/// beyond the last byte.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace bide::wire
