#include "wire/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace bide::wire {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool is_continuation(std::string_view bytes, std::size_t at) {
    return at < bytes.size() && (static_cast<std::uint8_t>(bytes[at]) & 0xc0) == 0x80;
}

/// Length of the well-formed sequence at the front, 0 when there is none.
std::size_t sequence_length(std::string_view bytes) {
    const auto first = static_cast<std::uint8_t>(bytes[0]);
    if (first < 0x80) return 1;
    if (first < 0xc2 || first > 0xf4 || !is_continuation(bytes, 1)) return 0;
    if (first < 0xe0) return 2;
    const auto second = static_cast<std::uint8_t>(bytes[1]);
    if (!is_continuation(bytes, 2)) return 0;
    if (first < 0xf0) {
        if (first == 0xe0 && second < 0xa0) return 0;   // overlong
        if (first == 0xed && second >= 0xa0) return 0;  // surrogate
        return 3;
    }
    if (first == 0xf0 && second < 0x90) return 0;   // overlong
    if (first == 0xf4 && second >= 0x90) return 0;  // past U+10FFFF
    return is_continuation(bytes, 3) ? 4 : 0;
}

/// Whether a well-formed sequence is a control character: U+0000 to U+001F, U+007F to U+009F.
bool is_control(std::string_view sequence) {
    const auto first = static_cast<std::uint8_t>(sequence[0]);
    if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
    return first == 0xc2 && static_cast<std::uint8_t>(sequence[1]) < 0xa0;
}

/// How many bytes at the front are ASCII for sure; eight at a time.
std::size_t ascii_prefix(std::string_view bytes) {
    std::size_t length = 0;
    while (bytes.size() - length >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + length, 8);
        if ((word & 0x8080808080808080) != 0) break;
        length += 8;
    }
    return length;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
    while (!bytes.empty()) {
        bytes.remove_prefix(ascii_prefix(bytes));
        if (bytes.empty()) return true;
        const std::size_t length = sequence_length(bytes);
        if (length == 0) return false;
        bytes.remove_prefix(length);
    }
    return true;
}

std::string to_printable(std::string_view bytes) {
    std::string text;
    text.reserve(bytes.size());
    while (!bytes.empty()) {
        const std::size_t length = sequence_length(bytes);
        const std::string_view sequence = bytes.substr(0, length);
        if (length == 0) {
            text += kReplacement;
        } else if (is_control(sequence) && sequence != "\n" && sequence != "\t") {
            text += ' ';
        } else {
            text += sequence;
        }
        bytes.remove_prefix(length == 0 ? 1 : length);
    }
    return text;
}

}  // namespace bide::wire
