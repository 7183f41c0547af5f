#include "wire/range.hpp"

#include "wire/text.hpp"

#include <algorithm>
#include <charconv>

namespace bide::wire {
namespace {

/// Digits only. What is past 64 bits is past any size, too.
std::optional<std::uint64_t> parse_position(std::string_view text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() ? number : UINT64_MAX;
}

}  // namespace

RangeWish parse_range(std::string_view value, std::uint64_t size) {
    constexpr RangeWish kWhole{};
    const std::size_t equals = value.find('=');
    if (equals == std::string_view::npos || !equal_fold(value.substr(0, equals), "bytes"))
        return kWhole;
    const std::string_view set = trim(value.substr(equals + 1));
    const std::size_t dash = set.find('-');
    if (dash == std::string_view::npos) return kWhole;
    const auto first = parse_position(set.substr(0, dash));
    const auto last = parse_position(set.substr(dash + 1));
    if (dash == 0) {
        if (!last) return kWhole;
        const std::uint64_t length = std::min(*last, size);
        if (length == 0) return {RangeWish::Kind::unsatisfiable, {}};
        return {RangeWish::Kind::part, {size - length, length}};
    }
    const bool open = dash + 1 == set.size();
    if (!first || (!open && !last) || (last && *last < *first)) return kWhole;
    if (*first >= size) return {RangeWish::Kind::unsatisfiable, {}};
    const std::uint64_t end = open ? size - 1 : std::min(*last, size - 1);
    return {RangeWish::Kind::part, {*first, end - *first + 1}};
}

bool none_match_names(std::string_view value, std::string_view etag) {
    value = trim(value);
    if (value == "*") return true;
    while (!value.empty()) {
        value = trim(value);
        if (value.starts_with("W/")) value.remove_prefix(2);
        if (value.starts_with('"')) {
            // No escapes inside: the next quote ends it (RFC 9110, 8.8.3).
            const std::size_t end = value.find('"', 1);
            if (end == std::string_view::npos) return false;
            if (value.substr(0, end + 1) == etag) return true;
            value.remove_prefix(end + 1);
        }
        const std::size_t comma = value.find(',');
        if (comma == std::string_view::npos) return false;
        value.remove_prefix(comma + 1);
    }
    return false;
}

}  // namespace bide::wire
