#include "wire/prefer.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

Preferences parsed(std::string_view value) {
    auto preferences = parse_prefer(value);
    EXPECT_TRUE(preferences.has_value()) << value;
    return preferences.has_value() ? preferences.value() : Preferences{};
}

TEST(Prefer, NothingAskedIsNothingSet) {
    const Preferences none = parsed("");
    EXPECT_FALSE(none.wait_s);
    EXPECT_FALSE(none.respond_async);
    EXPECT_FALSE(none.at_limit);
}

TEST(Prefer, WaitIsSeconds) {
    EXPECT_EQ(parsed("wait=10").wait_s, 10);
    EXPECT_EQ(parsed("wait=0").wait_s, 0);
    EXPECT_EQ(parsed("  WAIT = 7 ").wait_s, 7);
    EXPECT_EQ(parsed("wait=\"7\"").wait_s, 7);
}

TEST(Prefer, SeveralInOneField) {
    const Preferences both = parsed("respond-async, wait=5, at-limit=redirect");
    EXPECT_TRUE(both.respond_async);
    EXPECT_EQ(both.wait_s, 5);
    EXPECT_EQ(both.at_limit, AtLimit::redirect);
}

TEST(Prefer, UnknownOnesAndParametersAreIgnored) {
    const Preferences known =
        parsed("handling=lenient; foo=\"a, wait=9\", wait=3; x=y, return=minimal");
    EXPECT_EQ(known.wait_s, 3);
    EXPECT_FALSE(known.respond_async);
}

TEST(Prefer, OfARepeatedOneTheFirstCounts) {
    EXPECT_EQ(parsed("wait=1, wait=2").wait_s, 1);
}

TEST(Prefer, EmptyElementsAreNoError) {
    EXPECT_EQ(parsed(", ,wait=4,").wait_s, 4);
}

TEST(Prefer, ValuesThatCannotBeAreErrors) {
    for (const char* value :
         {"wait",
          "wait=",
          "wait=-1",
          "wait=ten",
          "wait=1.5",
          "wait=99999999999999999999",
          "wait=5s",
          "at-limit",
          "at-limit=maybe"}) {
        const auto refused = parse_prefer(value);
        ASSERT_TRUE(refused.has_error()) << value;
        EXPECT_EQ(refused.error().code, Code::bad_request);
        EXPECT_NE(refused.error().detail, "");
    }
}

}  // namespace
}  // namespace bide::wire
