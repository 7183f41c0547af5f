#include "wire/http2_head.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bide::wire {
namespace {

using Fields = std::vector<Field>;

constexpr int kGood = -1;
constexpr int kBad = static_cast<int>(Code::bad_request);
constexpr int kLarge = static_cast<int>(Code::headers_too_large);

Http2Head head_of(const Fields& fields, std::size_t size_max = 16 * 1024) {
    Http2Head head(size_max);
    head.add(":method", "POST");
    head.add(":scheme", "http");
    for (const auto& field : fields) head.add(field.name, field.value);
    return head;
}

int status(const Fields& fields, std::size_t size_max = 16 * 1024) {
    Http2Head head = head_of(fields, size_max);
    const auto parsed = head.parse();
    return parsed.has_error() ? static_cast<int>(parsed.error().code) : kGood;
}

/// With what every request needs.
int with(Field field) {
    return status({{":path", "/"}, {":authority", "a"}, field});
}

TEST(Http2Head, IsReadAsThatOfHttp1) {
    Http2Head head = head_of(
        {{":path", "/jobs"}, {"content-length", "5"}, {":authority", "a:1"}, {"prefer", " wait=1 "}}
    );
    const auto parsed = head.parse();
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(parsed.value().method, "POST");
    EXPECT_EQ(parsed.value().target, "/jobs");
    EXPECT_EQ(parsed.value().length, 5U);
    EXPECT_EQ(parsed.value().framing, Framing::length);
    ASSERT_EQ(parsed.value().fields.size(), 3U);
    EXPECT_EQ(parsed.value().fields[0].name, "host");
    EXPECT_EQ(parsed.value().request().field("Host"), "a:1");
    EXPECT_EQ(parsed.value().request().field("Prefer"), "wait=1");
}

TEST(Http2Head, NamesOneHost) {
    EXPECT_EQ(status({{":path", "/"}, {"host", "a"}}), kGood);
    EXPECT_EQ(status({{":path", "/"}}), kBad);
    EXPECT_EQ(with({"host", "A"}), kGood);
    EXPECT_EQ(with({"host", "b"}), kBad);
    EXPECT_EQ(with({"host", ""}), kBad);
    EXPECT_EQ(status({{":path", "/"}, {"host", "a"}, {"host", "a"}}), kBad);
    EXPECT_EQ(status({{":path", "/"}, {":authority", "user@a"}}), kBad);
}

TEST(Http2Head, CannotWriteALineOfHttp1) {
    EXPECT_EQ(with({"x", "1\r\nhost: b"}), kBad);
    EXPECT_EQ(with({"x", "1\nfoo: b"}), kBad);
    EXPECT_EQ(with({"x", "1\r"}), kBad);
    EXPECT_EQ(with({"x: 1\r\nhost", "b"}), kBad);
    EXPECT_EQ(with({"transfer-encoding:", "chunked"}), kBad);
    EXPECT_EQ(with({"x ", "1"}), kBad);
    EXPECT_EQ(with({"", "1"}), kBad);
    EXPECT_EQ(with({"x", std::string_view("a\0b", 3)}), kBad);
    EXPECT_EQ(status({{":path", "/ HTTP/1.1\r\nhost: b\r\n\r\n"}, {":authority", "a"}}), kBad);
    EXPECT_EQ(status({{":path", "/ x"}, {":authority", "a"}}), kBad);
    EXPECT_EQ(status({{":path", "/"}, {":authority", "a\r\nx: y"}}), kBad);
}

TEST(Http2Head, HasNoFieldsThatHttp2HasNot) {
    EXPECT_EQ(with({"transfer-encoding", "chunked"}), kBad);
    EXPECT_EQ(with({":path", "/"}), kBad);
    EXPECT_EQ(with({":status", "200"}), kBad);
    EXPECT_EQ(with({":protocol", "websocket"}), kBad);
    EXPECT_EQ(with({"content-length", "5"}), kGood);
    EXPECT_EQ(with({"content-length", "5, 5"}), kBad);
    EXPECT_EQ(status({{":authority", "a"}}), kBad);
    EXPECT_EQ(status({{":path", ""}, {":authority", "a"}}), kBad);
}

TEST(Http2Head, IsBounded) {
    Fields fields{{":path", "/"}, {":authority", "a"}};
    for (std::size_t i = 0; i < kFieldsMax; ++i) fields.push_back({"x", "y"});
    EXPECT_EQ(status(fields), kGood);
    fields.push_back({"x", "y"});
    EXPECT_EQ(status(fields), kLarge);
    EXPECT_EQ(status({{":path", "/"}, {":authority", "a"}}, 167), kGood);
    EXPECT_EQ(status({{":path", "/"}, {":authority", "a"}}, 166), kLarge);
    const std::string large(1 << 20, 'x');
    EXPECT_EQ(with({"x", large}), kLarge);
}

}  // namespace
}  // namespace bide::wire
