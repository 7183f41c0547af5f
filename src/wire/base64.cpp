#include "wire/base64.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace bide::wire {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNone = 0xff;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(kNone);
    for (std::size_t i = 0; i < kAlphabet.size(); ++i)
        values[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
}

constexpr auto kValues = make_values();

std::uint32_t byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint8_t>(bytes[at]);
}

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
    out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
    std::size_t at = 0;
    for (; at + 3 <= bytes.size(); at += 3) {
        const std::uint32_t group =
            byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
        for (const int shift : {18, 12, 6, 0}) out += kAlphabet[group >> shift & 63];
    }
    const std::size_t rest = bytes.size() - at;
    if (rest == 0) return;
    std::uint32_t group = byte_at(bytes, at) << 16;
    if (rest == 2) group |= byte_at(bytes, at + 1) << 8;
    out += kAlphabet[group >> 18 & 63];
    out += kAlphabet[group >> 12 & 63];
    out += rest == 2 ? kAlphabet[group >> 6 & 63] : '=';
    out += '=';
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    if (text.ends_with("==")) {
        padding = 2;
    } else if (text.ends_with('=')) {
        padding = 1;
    }
    text.remove_suffix(padding);
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3 + 2);
    std::uint32_t bits = 0;
    int bits_count = 0;
    for (const char c : text) {
        const std::uint8_t value = kValues[static_cast<std::uint8_t>(c)];
        if (value == kNone) return std::nullopt;
        bits = bits << 6 | value;
        bits_count += 6;
        if (bits_count < 8) continue;
        bits_count -= 8;
        bytes += static_cast<char>(bits >> bits_count & 0xff);
    }
    if ((bits & ((1U << bits_count) - 1)) != 0) return std::nullopt;
    return bytes;
}

}  // namespace bide::wire
