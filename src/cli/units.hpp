#pragma once

#include "base/result.hpp"
#include "base/time.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bide::cli {

/// "250ms", "1.5s", "2m", "24h", "7d".
Result<Duration> parse_duration(std::string_view text);

/// More than none.
Result<void> check_span(Duration span);

/// "*", or what a browser can say in Origin: others would never be met.
Result<void> check_origin(std::string_view origin);

/// "512", "16KiB", "5GiB", "10MB".
Result<std::uint64_t> parse_bytes(std::string_view text);

/// "100/s", "600/m", "5000/h": how many a second.
Result<double> parse_rate(std::string_view text);

/// "sha256:" and 64 hexadecimal digits.
Result<std::array<std::uint8_t, 32>> parse_hash(std::string_view text);

struct Address {
    std::string host;
    std::uint16_t port = 0;
};

/// "127.0.0.1:8080", "[::1]:0". No names but localhost.
Result<Address> parse_address(std::string_view text);

/// Whether only this machine can reach it.
bool is_loopback(std::string_view host);

/// Splits a command line into words as a shell would, with '...', "..." and backslash, and
/// nothing else: no variables, no globs, no pipes.
Result<std::vector<std::string>> split_words(std::string_view text);

/// Letters, digits, '.', '_' and '-', at most 64: a queue's name is part of URLs.
Result<void> check_queue_name(std::string_view name);

/// As of a queue: a tenant's name comes in a header.
Result<void> check_tenant_name(std::string_view name);

/// As of a queue: it is a table of the file.
Result<void> check_key_name(std::string_view name);

/// A whole number of at least 1, and at most `most`.
Result<std::uint32_t> parse_count(std::string_view text, std::uint32_t most = UINT32_MAX);

/// The logger itself takes any text it does not know for "off".
Result<void> check_log_level(std::string_view level);

/// The member of `known` that is the fewest edits away from `name`, or empty when none is near.
std::string nearest(std::string_view name, const std::vector<std::string_view>& known);

}  // namespace bide::cli
