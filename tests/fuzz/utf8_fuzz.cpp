#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/utf8.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace bide::wire {
namespace {

/// Takes one code point from the front by decoding it, unlike the table in wire/utf8.cpp.
std::optional<std::uint32_t> take_code_point(std::string_view& bytes) {
    const std::uint8_t first = fuzz::take_byte(bytes);
    if (first < 0x80) return first;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc0 || first >= 0xf8) return std::nullopt;
    std::uint32_t point = first & (0x3fU >> more);
    for (int i = 0; i < more; ++i) {
        const std::uint8_t byte = fuzz::take_byte(bytes);
        if (byte >> 6 != 2) return std::nullopt;
        point = point << 6 | (byte & 0x3fU);
    }
    constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    const bool is_surrogate = point >= 0xd800 && point < 0xe000;
    if (point < kLeast[more] || is_surrogate || point > 0x10ffff) return std::nullopt;
    return point;
}

bool is_control(std::uint32_t point) {
    return (point < 0x20 && point != '\n' && point != '\t') || (point >= 0x7f && point < 0xa0);
}

struct Seen {
    bool is_utf8 = true;
    bool has_control = false;
};

Seen look_at(std::string_view bytes) {
    Seen seen;
    while (!bytes.empty()) {
        const auto point = take_code_point(bytes);
        if (!point) return {false, seen.has_control};
        seen.has_control = seen.has_control || is_control(*point);
    }
    return seen;
}

void check(std::string_view input) {
    const Seen seen = look_at(input);
    CHECK(is_utf8(input) == seen.is_utf8);

    const std::string printable = to_printable(input);
    CHECK(is_utf8(printable));
    CHECK(!look_at(printable).has_control);
    CHECK(printable.size() <= input.size() * 3);
    CHECK(to_printable(printable) == printable);
    if (seen.is_utf8 && !seen.has_control) CHECK(printable == input);
    CHECK(std::ranges::count(printable, '\n') == std::ranges::count(input, '\n'));
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
