// Durations and sizes: the input as text, and its first bytes as a number to be written and read.
#include "base/check.hpp"
#include "cli/units.hpp"
#include "fuzz.hpp"

#include <string>

namespace bide::cli {
namespace {

constexpr Duration kLongest{3'200'000'000'000'000};
constexpr std::uint64_t kLargest = 9'000'000'000'000'000;

void check_duration(std::string_view text) {
    const auto parsed = parse_duration(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    CHECK(parsed.value() >= Duration(0));
    CHECK(parsed.value() <= kLongest);
    const std::string written = to_string(parsed.value());
    if (written.ends_with("us")) return;  // finer than any unit that is read
    const auto again = parse_duration(written);
    CHECK(again.has_value());
    CHECK(again.value() == parsed.value());
}

void check_bytes(std::string_view text) {
    const auto parsed = parse_bytes(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    CHECK(parsed.value() <= kLargest);
    const auto again = parse_bytes(std::to_string(parsed.value()));
    CHECK(again.has_value());
    CHECK(again.value() == parsed.value());
}

/// `millions`.`rest` of the unit that is a million of the smallest.
std::string decimal(std::uint64_t number, std::string_view unit) {
    const std::string rest = std::to_string(number % 1'000'000);
    return std::to_string(number / 1'000'000) + "." + std::string(6 - rest.size(), '0') + rest +
           std::string(unit);
}

void check_number(std::string_view input) {
    std::uint64_t number = 0;
    for (int i = 0; i < 8; ++i) number = number << 8 | fuzz::take_byte(input);
    number %= 1'000'000'000'000'000;  // thirty years; what a double has digits for
    const auto duration = parse_duration(decimal(number, "s"));
    CHECK(duration.has_value());
    CHECK(duration.value() == Duration(static_cast<std::int64_t>(number)));
    const auto bytes = parse_bytes(decimal(number, "MB"));
    CHECK(bytes.has_value());
    CHECK(bytes.value() == number);
}

}  // namespace
}  // namespace bide::cli

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::cli::check_duration(input);
    bide::cli::check_bytes(input);
    bide::cli::check_number(input);
    return 0;
}
