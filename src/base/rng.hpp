#pragma once

#include <array>
#include <cstdint>

namespace bide {

/// xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded by splitmix64. Not for secrets. The same
/// seed gives the same numbers on every platform, which std distributions do not promise; the
/// simulator depends on it. Not thread-safe.
class Rng {
  public:
    explicit Rng(std::uint64_t seed);

    std::uint64_t next();

    /// Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);

    /// True in about `numerator` of `denominator` calls.
    bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return below(denominator) < numerator;
    }

  private:
    std::array<std::uint64_t, 4> state_;
};

/// 64 bits from the operating system, to seed an Rng outside simulations.
std::uint64_t os_random();

}  // namespace bide
