#include "wire/http_date.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

using namespace std::chrono_literals;

constexpr Time kThen{std::chrono::seconds(784'111'777)};   // 1994-11-06 08:49:37
constexpr Time kNow{std::chrono::seconds(1'795'420'800)};  // in 2026

TEST(HttpDate, AllThreeFormsAreRead) {
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), kThen);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), kThen);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), kThen);
}

TEST(HttpDate, TwoDigitsAreTheNearestYear) {
    EXPECT_EQ(
        to_rfc3339(*parse_http_date("Monday, 06-Nov-30 00:00:00 GMT", kNow)).substr(0, 4), "2030"
    );
    EXPECT_EQ(
        to_rfc3339(*parse_http_date("Monday, 06-Nov-77 00:00:00 GMT", kNow)).substr(0, 4), "1977"
    );
}

TEST(HttpDate, WhatIsNoDateIsRefused) {
    for (const char* text :
         {"",
          "Sun",
          ",",
          "Sun, ",
          "Sun, 06 Nov 1994 08:49:37",
          "Sun, 06 Nov 1994 08:49:37 CET",
          "Sun, 06 Nov 1994 08:49:37 GMT ",
          "Sun, 31 Feb 1994 08:49:37 GMT",
          "Sun, 06 Foo 1994 08:49:37 GMT",
          "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, -6 Nov 1994 08:49:37 GMT",
          "Sun Nov 66 08:49:37 1994",
          "1994-11-06T08:49:37Z"})
        EXPECT_EQ(parse_http_date(text, kNow), std::nullopt) << text;
}

TEST(RetryAfter, SecondsAndDates) {
    EXPECT_EQ(parse_retry_after("0", kNow), Duration(0));
    EXPECT_EQ(parse_retry_after("120", kNow), Duration(120s));
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kThen - 90s), Duration(90s));
}

TEST(RetryAfter, IsNeitherNegativeNorLongerThanADay) {
    EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", kNow), Duration(0));
    EXPECT_EQ(parse_retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kNow), Duration(24h));
    EXPECT_EQ(parse_retry_after("86401", kNow), Duration(24h));
    EXPECT_EQ(parse_retry_after("99999999999999999999999", kNow), Duration(24h));
}

TEST(RetryAfter, NonsenseIsNothing) {
    for (const char* text : {"", "-1", "1.5", "soon", "1 s", " 1"})
        EXPECT_EQ(parse_retry_after(text, kNow), std::nullopt) << text;
}

}  // namespace
}  // namespace bide::wire
