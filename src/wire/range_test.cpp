#include "wire/range.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::wire {
namespace {

std::string told(std::string_view value, std::uint64_t size = 10) {
    const RangeWish wish = parse_range(value, size);
    if (wish.kind == RangeWish::Kind::whole) return "whole";
    if (wish.kind == RangeWish::Kind::unsatisfiable) return "416";
    return std::to_string(wish.part.offset) + "+" + std::to_string(wish.part.length);
}

TEST(Range, OneRangeIsAPart) {
    EXPECT_EQ(told("bytes=0-0"), "0+1");
    EXPECT_EQ(told("BYTES=2-4"), "2+3");
    EXPECT_EQ(told("bytes=2-"), "2+8");
    EXPECT_EQ(told("bytes=2-99999999999999999999"), "2+8");
    EXPECT_EQ(told("bytes=-3"), "7+3");
    EXPECT_EQ(told("bytes=-99"), "0+10");
}

TEST(Range, OutsideTheBodyIsNothing) {
    EXPECT_EQ(told("bytes=10-"), "416");
    EXPECT_EQ(told("bytes=99999999999999999999-"), "416");
    EXPECT_EQ(told("bytes=-0"), "416");
    EXPECT_EQ(told("bytes=0-", 0), "416");
}

TEST(Range, WhatIsNotUnderstoodIsIgnored) {
    for (const char* text :
         {"",
          "bytes",
          "bytes=",
          "bytes=-",
          "bytes=4-2",
          "bytes=a-b",
          "bytes=1-2,4-5",
          "lines=1-2",
          "bytes=1 -2",
          "bytes=--2",
          "bytes=+1-2"})
        EXPECT_EQ(told(text), "whole") << text;
}

TEST(IfNoneMatch, NamesTags) {
    EXPECT_TRUE(none_match_names("*", "\"a\""));
    EXPECT_TRUE(none_match_names("\"a\"", "\"a\""));
    EXPECT_TRUE(none_match_names(" \"b\" , W/\"a\"", "\"a\""));
    EXPECT_TRUE(none_match_names("\"x,\\\", \"a\"", "\"a\""));
    EXPECT_FALSE(none_match_names("", "\"a\""));
    EXPECT_FALSE(none_match_names("a", "\"a\""));
    EXPECT_FALSE(none_match_names("\"b\", \"c\"", "\"a\""));
    EXPECT_FALSE(none_match_names("\"a", "\"a\""));
}

}  // namespace
}  // namespace bide::wire
