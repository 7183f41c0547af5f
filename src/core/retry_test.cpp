#include "core/retry.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bide::core {
namespace {

using std::chrono::milliseconds;

Duration longest(const RetryPolicy& policy, std::uint32_t attempt) {
    Rng rng(attempt);
    Duration most{};
    for (int i = 0; i < 2000; ++i) most = std::max(most, backoff(policy, attempt, {}, rng));
    return most;
}

TEST(Backoff, CeilingDoublesUpToTheMaximum) {
    const RetryPolicy policy{5, milliseconds(100), milliseconds(350)};
    const Duration ceilings[] = {milliseconds(100), milliseconds(200), milliseconds(350)};
    for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        EXPECT_LE(longest(policy, attempt), ceilings[attempt - 1]);
        EXPECT_GE(longest(policy, attempt), ceilings[attempt - 1] * 98 / 100);
    }
    EXPECT_LE(longest(policy, 4'000'000'000), milliseconds(350));
}

TEST(Backoff, WhatAHandlerAsksForHasALimit) {
    RetryPolicy policy{5, milliseconds(100), milliseconds(100)};
    policy.asked_max = milliseconds(700);
    Rng rng(3);
    EXPECT_EQ(backoff(policy, 1, milliseconds(600), rng), milliseconds(600));
    EXPECT_EQ(backoff(policy, 1, Duration::max(), rng), milliseconds(700));
    EXPECT_EQ(pause_max(policy), milliseconds(700));
    policy.backoff_max = milliseconds(800);
    EXPECT_EQ(pause_max(policy), milliseconds(800));
}

TEST(Backoff, IsSpreadFromZeroOn) {
    const RetryPolicy policy{5, milliseconds(100), milliseconds(100)};
    Rng rng(3);
    Duration sum{};
    Duration least = Duration::max();
    for (int i = 0; i < 2000; ++i) {
        const Duration drawn = backoff(policy, 1, {}, rng);
        sum += drawn;
        least = std::min(least, drawn);
    }
    EXPECT_LT(least, milliseconds(2));
    EXPECT_NEAR(static_cast<double>((sum / 2000).count()), 50'000, 3'000);
}

TEST(Backoff, IsNeverUnderWhatTheHandlerAsked) {
    const RetryPolicy policy{5, milliseconds(10), milliseconds(10)};
    Rng rng(4);
    EXPECT_EQ(backoff(policy, 1, milliseconds(500), rng), milliseconds(500));
}

TEST(Backoff, ZeroBaseMeansAtOnce) {
    const RetryPolicy policy{5, {}, milliseconds(100)};
    Rng rng(5);
    EXPECT_EQ(backoff(policy, 3, {}, rng), Duration(0));
}

}  // namespace
}  // namespace bide::core
