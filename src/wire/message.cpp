#include "wire/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace bide::wire {
namespace {

/// The header lines of a result take this much.
constexpr std::size_t kLinesUsual = 512;

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Most names differ in their sizes already, and most letters do not differ at all.
inline bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return x == y || lower(x) == lower(y);
           });
}

}  // namespace

bool equal_fold(std::string_view a, std::string_view b) {
    return same_name(a, b);
}

const Field* RequestHead::find(std::string_view name) const {
    for (const auto& field : fields) {
        if (same_name(field.name, name)) return &field;
    }
    return nullptr;
}

std::size_t RequestHead::count(std::string_view name) const {
    if (!may_have(name)) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(fields, [name](const Field& field) {
        return same_name(field.name, name);
    }));
}

std::string RequestHead::joined(std::string_view name) const {
    std::string all;
    if (!may_have(name)) return all;
    for (const auto& field : fields) {
        if (!same_name(field.name, name)) continue;
        if (!all.empty()) all += ", ";
        all += field.value;
    }
    return all;
}

/// Eight bytes at a time (Anderson, Bit Twiddling Hacks: a byte less than n, a byte equal to n).
bool has_control(std::string_view text) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    constexpr std::uint64_t kHighs = 0x8080808080808080;
    const auto found = [](std::uint64_t bytes) {
        const std::uint64_t less = (bytes - kOnes * 0x20) & ~bytes;
        const std::uint64_t deleted = bytes ^ (kOnes * 0x7f);
        return ((less | ((deleted - kOnes) & ~deleted)) & kHighs) != 0;
    };
    const auto at = [text](std::size_t place) {
        std::uint64_t bytes = 0;
        std::memcpy(&bytes, text.data() + place, 8);
        return bytes;
    };
    if (text.size() < 8) {
        return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
    }
    for (std::size_t i = 0; i + 8 < text.size(); i += 8) {
        if (found(at(i))) return true;
    }
    return found(at(text.size() - 8));
}

void HeaderLines::begin(std::string_view name) {
    if (lines_.empty()) lines_.reserve(kLinesUsual);
    lines_ += name;
    lines_ += ": ";
}

void HeaderLines::add(std::string_view name, std::string_view value) {
    begin(name);
    const std::size_t at = lines_.size();
    lines_ += value;
    if (has_control(value)) {
        const auto is_control = [](char c) { return has_control({&c, 1}); };
        std::replace_if(
            lines_.begin() + static_cast<std::ptrdiff_t>(at), lines_.end(), is_control, ' '
        );
    }
    lines_ += "\r\n";
}

void HeaderLines::add(std::string_view name, std::uint64_t value) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    add_own(name, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

}  // namespace bide::wire
