#include "wire/prefer.hpp"

#include "wire/message.hpp"
#include "wire/text.hpp"

#include <charconv>
#include <string>
#include <utility>

namespace bide::wire {
namespace {

/// Cuts `text` at the first `separator` outside quotes; returns what is before it.
std::string_view cut(std::string_view& text, char separator) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') quoted = !quoted;
        if (text[i] == '\\' && quoted) ++i;
        if (i >= text.size() || text[i] != separator || quoted) continue;
        const std::string_view head = text.substr(0, i);
        text.remove_prefix(i + 1);
        return head;
    }
    return std::exchange(text, {});
}

std::string_view unquote(std::string_view value) {
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
        return value.substr(1, value.size() - 2);
    return value;
}

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

Result<std::int64_t> parse_wait(std::string_view value) {
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error != std::errc() || end != value.data() + value.size() || seconds < 0)
        return bad("Prefer: wait takes a whole number of seconds, as in \"wait=10\"");
    return seconds;
}

}  // namespace

Result<AtLimit> parse_at_limit(std::string_view value) {
    if (value == "accepted") return AtLimit::accepted;
    if (value == "redirect") return AtLimit::redirect;
    if (value == "timeout") return AtLimit::timeout;
    return bad("Prefer: at-limit is accepted, redirect or timeout");
}

Result<Preferences> parse_prefer(std::string_view value) {
    Preferences preferences;
    while (!value.empty()) {
        std::string_view element = cut(value, ',');
        std::string_view text = cut(element, ';');  // parameters mean nothing to us
        const std::string_view name = trim(cut(text, '='));
        const std::string_view argument = unquote(trim(text));
        if (equal_fold(name, "wait")) {
            BIDE_TRY(const std::int64_t seconds, parse_wait(argument));
            if (!preferences.wait_s) preferences.wait_s = seconds;
        } else if (equal_fold(name, "respond-async")) {
            preferences.respond_async = true;
        } else if (equal_fold(name, "at-limit")) {
            BIDE_TRY(const AtLimit at_limit, parse_at_limit(argument));
            if (!preferences.at_limit) preferences.at_limit = at_limit;
        }
    }
    return preferences;
}

}  // namespace bide::wire
