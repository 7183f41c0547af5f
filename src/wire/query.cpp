#include "wire/query.hpp"

#include "wire/text.hpp"

#include <algorithm>

namespace bide::wire {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

std::optional<std::string> decode_member(std::string_view text) {
    std::string spaced(text);
    std::ranges::replace(spaced, '+', ' ');
    return percent_decode(spaced);
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        decoded += static_cast<char>(high << 4 | low);
        i += 2;
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (is_unreserved(c)) {
            encoded += c;
            continue;
        }
        encoded += '%';
        encoded += kHex[static_cast<unsigned char>(c) >> 4];
        encoded += kHex[static_cast<unsigned char>(c) & 15];
    }
    return encoded;
}

Result<Query> Query::parse(std::string_view text) {
    Query query;
    while (!text.empty()) {
        std::string_view value = cut_at(text, '&');
        if (value.empty()) continue;
        if (query.members_.size() == kMembersMax)
            return bad("the query has more than " + std::to_string(kMembersMax) + " members");
        auto name = decode_member(cut_at(value, '='));
        auto decoded = decode_member(value);
        if (!name || !decoded) return bad("a '%' in the query is not followed by two hex digits");
        query.members_.emplace_back(std::move(*name), std::move(*decoded));
    }
    return query;
}

const std::string* Query::find(std::string_view name) const {
    for (const auto& [key, value] : members_) {
        if (key == name) return &value;
    }
    return nullptr;
}

const std::string* Query::unknown(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : members_) {
        if (std::ranges::find(known, key) == known.end()) return &key;
    }
    return nullptr;
}

}  // namespace bide::wire
