#pragma once

#include <string_view>

namespace bide::wire {

/// Without the spaces and tabs around it, as HTTP means them (RFC 9110, 5.6.3).
constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

/// Cuts `text` at the first `separator` and returns what is before it; all of it, and leaves
/// nothing, when there is none.
constexpr std::string_view cut_at(std::string_view& text, char separator) {
    const std::size_t at = text.find(separator);
    const std::string_view head = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return head;
}

}  // namespace bide::wire
