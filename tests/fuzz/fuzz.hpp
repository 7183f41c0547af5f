#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Each x_fuzz.cpp defines it: checks what must hold for any input, and aborts (CHECK) where it
/// does not. Called by libFuzzer or by replay.cpp.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bide::fuzz {

/// The input as text. It ends where the input does: what reads on is seen by ASan.
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Takes the first byte of the input away; 0 when there is none.
inline std::uint8_t take_byte(std::string_view& input) {
    if (input.empty()) return 0;
    const auto byte = static_cast<std::uint8_t>(input.front());
    input.remove_prefix(1);
    return byte;
}

}  // namespace bide::fuzz
