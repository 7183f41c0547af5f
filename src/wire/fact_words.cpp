#include "wire/fact_words.hpp"

#include <charconv>

namespace bide::wire {

std::string to_hex(const core::Fingerprint& fingerprint) {
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string text;
    text.reserve(2 * fingerprint.size());
    for (const std::uint8_t byte : fingerprint) {
        text += kHex[byte >> 4];
        text += kHex[byte & 15];
    }
    return text;
}

std::optional<core::Fingerprint> parse_fingerprint(std::string_view text) {
    core::Fingerprint fingerprint{};
    if (text.size() != 2 * fingerprint.size()) return std::nullopt;
    for (std::size_t i = 0; i < fingerprint.size(); ++i) {
        const char* digits = text.data() + 2 * i;
        const auto [end, failed] = std::from_chars(digits, digits + 2, fingerprint[i], 16);
        if (failed != std::errc() || end != digits + 2) return std::nullopt;
    }
    return fingerprint;
}

std::optional<core::JobState> parse_final_state(std::string_view text) {
    using enum core::JobState;
    for (const auto state : {succeeded, failed, cancelled, expired}) {
        if (text == to_string(state)) return state;
    }
    return std::nullopt;
}

std::optional<core::FailureKind> parse_failure_kind(std::string_view text) {
    using enum core::FailureKind;
    for (const auto kind : {none, handler, timeout, cancelled, expired, lost, rejected}) {
        if (text == to_string(kind)) return kind;
    }
    return std::nullopt;
}

}  // namespace bide::wire
