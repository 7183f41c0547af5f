#include "wire/job_options.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::wire {
namespace {

using namespace std::chrono_literals;

TEST(IdempotencyKey, IsAStringOrBareText) {
    EXPECT_EQ(parse_idempotency_key("\"8e03\"").value(), "8e03");
    EXPECT_EQ(parse_idempotency_key(" 8e03 ").value(), "8e03");
    EXPECT_EQ(parse_idempotency_key("a b, c").value(), "a b, c");
    EXPECT_EQ(parse_idempotency_key(R"("a\"b\\c")").value(), R"(a"b\c)");
    EXPECT_EQ(parse_idempotency_key(std::string(255, 'k')).value().size(), 255U);
}

TEST(IdempotencyKey, NothingElse) {
    for (const std::string& text :
         {std::string(""),
          std::string("\"\""),
          std::string("\""),
          std::string("\"open"),
          std::string("\"a\";p=1"),
          std::string("\"a\\n\""),
          std::string("\"a\\"),
          std::string("caf\xc3\xa9"),
          std::string("a\tb"),
          std::string(256, 'k')})
        EXPECT_TRUE(parse_idempotency_key(text).has_error()) << text;
}

TEST(Bearer, IsSchemeAndToken) {
    EXPECT_EQ(parse_bearer("Bearer abc"), "abc");
    EXPECT_EQ(parse_bearer("bearer  abc "), "abc");
    for (const char* text : {"", "Bearer", "Bearer ", "Basic abc", "Bearerabc", "Bearer a b"})
        EXPECT_FALSE(parse_bearer(text)) << text;
}

TEST(Delay, IsSecondsUpToThirtyDays) {
    EXPECT_EQ(parse_delay("0").value(), Duration(0));
    EXPECT_EQ(parse_delay("1.5").value(), Duration(1500ms));
    EXPECT_EQ(parse_delay("0.0000004").value(), Duration(0));
    EXPECT_EQ(parse_delay("2592000").value(), kDelayMax);
    for (const char* text :
         {"",
          "-1",
          "+1",
          "1e3",
          ".5",
          "1.",
          "1s",
          "2592000.1",
          "inf",
          "nan",
          "0x1",
          "99999999999999999999999999999999999"})
        EXPECT_TRUE(parse_delay(text).has_error()) << text;
}

TEST(Deadline, IsSecondsOrATime) {
    EXPECT_EQ(std::get<Duration>(parse_deadline("2.5").value()), Duration(2500ms));
    EXPECT_EQ(
        to_rfc3339(std::get<Time>(parse_deadline("2026-11-23T06:44:29.123Z").value())),
        "2026-11-23T06:44:29.123Z"
    );
    EXPECT_TRUE(parse_deadline("9999999999").has_error());
    EXPECT_TRUE(parse_deadline("soon").has_error());
}

TEST(Rfc3339, IsTakenWithAnyOffset) {
    const auto told = [](const char* text) {
        const auto time = parse_rfc3339(text);
        return time ? to_rfc3339(*time) : std::string("not understood");
    };
    EXPECT_EQ(told("1970-01-01T00:00:00Z"), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(told("2024-02-29t12:00:00.5z"), "2024-02-29T12:00:00.500Z");
    EXPECT_EQ(told("2024-02-29 12:00:00+01:30"), "2024-02-29T10:30:00.000Z");
    EXPECT_EQ(told("2024-12-31T23:30:00-01:00"), "2025-01-01T00:30:00.000Z");
    EXPECT_EQ(told("2016-12-31T23:59:60Z"), "2017-01-01T00:00:00.000Z");
    EXPECT_EQ(told("2024-01-01T00:00:00.123456789Z"), "2024-01-01T00:00:00.123Z");
    for (const char* text :
         {"",
          "2024-01-01",
          "2023-02-29T00:00:00Z",
          "2024-13-01T00:00:00Z",
          "2024-01-01T24:00:00Z",
          "2024-01-01T00:60:00Z",
          "2024-01-01T00:00:00",
          "2024-01-01T00:00:00.Z",
          "2024-01-01T00:00:00Zx",
          "1969-12-31T23:59:59Z",
          "1970-01-01T00:00:00+00:01",
          "9999-12-31T23:59:60Z",
          "2024-01-01T00:00:00+24:00",
          "2024-1-01T00:00:00Z"})
        EXPECT_EQ(told(text), "not understood") << text;
}

TEST(JobOptions, AreTakenAsWrittenDown) {
    EXPECT_EQ(parse_priority("0").value(), 0);
    EXPECT_EQ(parse_priority(" 9 ").value(), 9);
    for (const char* text : {"", "10", "-1", "x", "1.0"})
        EXPECT_TRUE(parse_priority(text).has_error()) << text;
    EXPECT_EQ(parse_on_disconnect("continue").value(), core::OnLeave::go_on);
    EXPECT_EQ(parse_on_disconnect("cancel").value(), core::OnLeave::cancel);
    EXPECT_TRUE(parse_on_disconnect("Cancel").has_error());
    EXPECT_EQ(parse_tenant("Acme-1_2.x").value(), "Acme-1_2.x");
    for (const char* text : {"", "a b", "a/b", "caf\xc3\xa9"})
        EXPECT_TRUE(parse_tenant(text).has_error()) << text;
    EXPECT_TRUE(parse_tenant(std::string(65, 'a')).has_error());
}

}  // namespace
}  // namespace bide::wire
