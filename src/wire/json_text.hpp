#pragma once

#include <string>
#include <string_view>

namespace bide::wire {

/// Appends a JSON string. `text` is UTF-8.
void append_json_string(std::string& out, std::string_view text);

/// The same of bytes that may be anything, as header values are: what is not UTF-8 is made
/// printable first.
void append_json_bytes(std::string& out, std::string_view bytes);

}  // namespace bide::wire
