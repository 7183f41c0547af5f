#include "base/rng.hpp"

#include "base/check.hpp"

#include <bit>
#include <sys/random.h>

namespace bide {

Rng::Rng(std::uint64_t seed) {
    for (auto& word : state_) {
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        word = mixed ^ (mixed >> 31);
    }
}

std::uint64_t Rng::next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Rng::below(std::uint64_t bound) {
    CHECK(bound > 0);
    // Lemire's multiply-shift; the bias is below 2^-32 for the bounds used here.
    return static_cast<std::uint64_t>((static_cast<__uint128_t>(next()) * bound) >> 64);
}

std::uint64_t os_random() {
    std::uint64_t value = 0;
    CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
    return value;
}

}  // namespace bide
