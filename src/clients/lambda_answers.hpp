#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// What the parts of the Runtime API's client share.
namespace bide::clients {

/// Of an answer of Lambda's but an event: its head, and its body.
constexpr std::uint32_t kLambdaHeadMax = 64U << 10;
constexpr std::uint64_t kLambdaTextMax = 64U << 10;

Error lambda_trouble(std::string what);

/// What Lambda answered to a response or an error. Code::too_large: the response was (413);
/// Code::shutting_down: the process is to end (500).
Result<void> understand_lambda(std::uint16_t status, std::string_view body);

}  // namespace bide::clients
