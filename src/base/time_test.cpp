#include "base/time.hpp"

#include "base/thaw_clock.hpp"

#include <gtest/gtest.h>

namespace bide {
namespace {

using namespace std::chrono_literals;

TEST(Time, Rfc3339HasMilliseconds) {
    EXPECT_EQ(to_rfc3339(Time(Duration(0))), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(to_rfc3339(Time(1'795'416'269'123'999us)), "2026-11-23T06:44:29.123Z");
    EXPECT_EQ(to_rfc3339(Time(1'709'210'096s)), "2024-02-29T12:34:56.000Z");
}

TEST(Time, SpanIsWrittenInItsLargestWholeUnit) {
    EXPECT_EQ(to_string(Duration(250ms)), "250ms");
    EXPECT_EQ(to_string(Duration(1500ms)), "1500ms");
    EXPECT_EQ(to_string(Duration(2min)), "2m");
    EXPECT_EQ(to_string(Duration(90s)), "90s");
    EXPECT_EQ(to_string(Duration(36h)), "36h");
    EXPECT_EQ(to_string(Duration(48h)), "2d");
    EXPECT_EQ(to_string(Duration(7)), "7us");
}

TEST(Time, TheCoarseTimeIsNotAheadAndOneTickBehindAtMost) {
    const SystemClock clock;
    const Time before = clock.now();
    const Time coarse = clock.coarse_now();
    EXPECT_LE(coarse, clock.now());
    EXPECT_GT(coarse, before - 20ms);  // the kernel ticks 100 times a second at least
}

TEST(Time, SystemClockNeverGoesBackAndIsNearTheWallClock) {
    const SystemClock clock;
    const Time first = clock.now();
    const Time second = clock.now();
    EXPECT_GE(second, first);
    EXPECT_GT(first, Time(1'700'000'000s));
}

TEST(Time, WhoThawsGoesForwardToTheWallClockAndNeverBack) {
    ThawClock clock;
    const Time frozen = clock.now();
    clock.catch_up();
    EXPECT_LT(clock.now() - frozen, 1h);
    clock.catch_up_to(frozen + 1h);
    EXPECT_GE(clock.now(), frozen + 1h);
    EXPECT_GT(clock.coarse_now(), frozen + 59min);
    clock.catch_up_to(frozen);
    EXPECT_GE(clock.now(), frozen + 1h);
}

}  // namespace
}  // namespace bide
