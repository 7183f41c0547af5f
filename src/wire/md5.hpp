#pragma once

#include <string>
#include <string_view>

namespace bide::wire {

/// 32 hexadecimal digits, lower case. For what asks for it by name (SQS), not for secrets. Empty
/// where the system's policy forbids MD5.
std::string md5_hex(std::string_view bytes);

}  // namespace bide::wire
