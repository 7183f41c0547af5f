#include "wire/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace bide::wire {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

bool equal_fold(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return lower(x) == lower(y);
           });
}

std::string_view RequestHead::field(std::string_view name) const {
    for (const auto& field : fields) {
        if (equal_fold(field.name, name)) return field.value;
    }
    return {};
}

std::size_t RequestHead::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(fields, [name](const Field& field) {
        return equal_fold(field.name, name);
    }));
}

std::string RequestHead::joined(std::string_view name) const {
    std::string all;
    for (const auto& field : fields) {
        if (!equal_fold(field.name, name)) continue;
        if (!all.empty()) all += ", ";
        all += field.value;
    }
    return all;
}

void HeaderLines::add(std::string_view name, std::string_view value) {
    lines_ += name;
    lines_ += ": ";
    const std::size_t start = lines_.size();
    lines_ += value;
    for (std::size_t i = start; i < lines_.size(); ++i) {
        const auto c = static_cast<unsigned char>(lines_[i]);
        if (c < 0x20 || c == 0x7f) lines_[i] = ' ';
    }
    lines_ += "\r\n";
}

void HeaderLines::add(std::string_view name, std::uint64_t value) {
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    add(name, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

}  // namespace bide::wire
