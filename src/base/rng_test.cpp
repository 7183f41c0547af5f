#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <array>

namespace bide {
namespace {

TEST(Rng, SameSeedGivesTheSameNumbersEverywhere) {
    Rng rng(1);
    // Of xoshiro256** seeded by splitmix64(1), computed apart from this code.
    EXPECT_EQ(rng.next(), 12966619160104079557ULL);
    EXPECT_EQ(rng.next(), 9600361134598540522ULL);
    Rng again(1);
    again.next();
    again.next();
    EXPECT_EQ(again.next(), rng.next());
}

TEST(Rng, BelowStaysBelowAndReachesAll) {
    Rng rng(2);
    for (const std::uint64_t bound : {1ULL, 2ULL, 7ULL, 1ULL << 40, ~0ULL}) {
        for (int i = 0; i < 1000; ++i) ASSERT_LT(rng.below(bound), bound);
    }
    std::array<int, 7> counts{};
    for (int i = 0; i < 7000; ++i) ++counts[rng.below(7)];
    for (const int count : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(Rng, ChanceIsAboutWhatItSays) {
    Rng rng(3);
    int hits = 0;
    for (int i = 0; i < 10'000; ++i) hits += rng.chance(1, 4) ? 1 : 0;
    EXPECT_NEAR(hits, 2500, 200);
    EXPECT_FALSE(rng.chance(0, 1));
    EXPECT_TRUE(rng.chance(1, 1));
}

TEST(Rng, OperatingSystemGivesDifferentNumbers) {
    EXPECT_NE(os_random(), os_random());
}

}  // namespace
}  // namespace bide
