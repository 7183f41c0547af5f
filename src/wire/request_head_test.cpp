#include "wire/request_head.hpp"

#include "wire/chunked.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace bide::wire {
namespace {

/// How the bytes are understood when they come one by one; -1: not yet complete.
int status(const std::string& bytes, std::size_t size_max = 16 * 1024) {
    HeadScanner scanner(size_max);
    for (std::size_t size = 1; size <= bytes.size(); ++size) {
        const auto place = scanner.scan(std::string_view(bytes).substr(0, size));
        if (place.has_error()) return static_cast<int>(place.error().code);
        if (!place.value()) continue;
        EXPECT_EQ(place.value()->end, size);
        const auto head = parse_head(std::string_view(bytes).substr(place.value()->begin, size));
        return head.has_error() ? static_cast<int>(head.error().code) : 200;
    }
    return -1;
}
constexpr int kBad = static_cast<int>(Code::bad_request);

ParsedHead parse(const std::string& bytes) {
    auto head = parse_head(bytes);
    EXPECT_TRUE(head.has_value());
    return head.value();
}

TEST(RequestHead, IsTakenApart) {
    const std::string bytes =
        "POST /queues/x/jobs?a=b HTTP/1.1\r\nHost: bide:8080\r\nContent-Length:  7 \r\n"
        "X-Empty:\r\nExpect: 100-Continue\r\nConnection: x, Close\r\n\r\n";
    const ParsedHead head = parse(bytes);
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/queues/x/jobs?a=b");
    EXPECT_EQ(head.minor, 1);
    EXPECT_EQ(head.framing, Framing::length);
    EXPECT_EQ(head.length, 7U);
    EXPECT_TRUE(head.expects_continue);
    EXPECT_FALSE(head.keep_alive);
    ASSERT_EQ(head.fields.size(), 5U);
    EXPECT_EQ(head.fields[1].value, "7");
    EXPECT_EQ(head.fields[2].name, "X-Empty");
    EXPECT_EQ(head.fields[2].value, "");
    EXPECT_EQ(status(bytes), 200);
}

TEST(RequestHead, OneEmptyLineBeforeItIsForgiven) {
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    HeadScanner scanner(1000);
    const auto place = scanner.scan("\r\n" + request);
    ASSERT_TRUE(place.has_value() && place.value());
    EXPECT_EQ(place.value()->begin, 2U);
    EXPECT_EQ(place.value()->end, 2 + request.size());
    EXPECT_EQ(status("\r\n\r\n" + request), kBad);
    EXPECT_EQ(status("\n" + request), kBad);
}

TEST(RequestHead, WhatIsWrongIsSeenBeforeTheEnd) {
    EXPECT_EQ(status("GET /\r\n"), kBad);
    EXPECT_EQ(status("GET / HTTP/1.1\n"), kBad);
    EXPECT_EQ(status("PRI * HTTP/2.0\r\n"), kBad);
    EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\n"), kBad);
    const int large = static_cast<int>(Code::headers_too_large);
    EXPECT_EQ(status("GET /" + std::string(100, 'x'), 50), large);
    std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 1; i < kFieldsMax; ++i) many += "x: y\r\n";
    EXPECT_EQ(status(many + "\r\n"), 200);
    EXPECT_EQ(status(many + "x: y\r\n\r\n"), large);
}

TEST(RequestHead, KeepsTheConnectionAsTheVersionSays) {
    EXPECT_TRUE(parse("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
    EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").keep_alive);
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    EXPECT_FALSE(
        parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n").keep_alive
    );
}

struct Fed {
    std::string body;
    int status = -1;
    std::size_t rest = 0;
};

/// Decodes in pieces of `piece` bytes into rooms of `room`.
Fed decode(std::string_view bytes, std::size_t piece, std::size_t room_size, std::uint64_t max) {
    ChunkedDecoder decoder(max);
    Fed fed;
    std::string room(room_size, '\0');
    while (!decoder.done() && !bytes.empty()) {
        const auto step = decoder.decode(bytes.substr(0, piece), room);
        if (step.has_error()) {
            fed.status = static_cast<int>(step.error().code);
            return fed;
        }
        fed.body.append(room, 0, step.value().produced);
        bytes.remove_prefix(step.value().consumed);
    }
    fed.rest = bytes.size();
    if (decoder.done()) fed.status = 200;
    return fed;
}

TEST(ChunkedDecoder, GivesTheSameBodyHoweverItComes) {
    const std::string bytes =
        "3\r\nabc\r\n00A;x=\"y z\";q\r\n0123456789\r\n1 ; x\r\n!\r\n0\r\nA: b\r\nC:d\r\n\r\nGET";
    for (const std::size_t piece : {1U, 2U, 5U, 100U}) {
        for (const std::size_t room : {1U, 3U, 100U}) {
            const Fed fed = decode(bytes, piece, room, 1000);
            EXPECT_EQ(fed.body, "abc0123456789!");
            EXPECT_EQ(fed.status, 200);
            EXPECT_EQ(fed.rest, 3U);
        }
    }
}

TEST(ChunkedDecoder, LetsNothingGrow) {
    EXPECT_EQ(decode("3;" + std::string(20'000, 'x'), 1000, 10, 100).status, kBad);
    std::string many;
    for (int i = 0; i < 20'000; ++i) many += "1;x\r\ny\r\n";
    EXPECT_EQ(decode(many, 1000, 10, 100'000).status, kBad);
    EXPECT_EQ(decode("0\r\nX: " + std::string(10'000, 'x'), 1000, 10, 100).status, kBad);
    EXPECT_EQ(decode(std::string(100, '0'), 1000, 10, 100).status, kBad);
    const int large = static_cast<int>(Code::too_large);
    EXPECT_EQ(decode("65\r\n", 1000, 10, 100).status, large);
    EXPECT_EQ(decode("64\r\n", 1000, 10, 100).status, -1);
    EXPECT_EQ(decode("ffffffffffffffff\r\n", 1000, 10, ~0ULL).status, -1);
    EXPECT_EQ(decode("1\r\nx\r\nffffffffffffffff\r\n", 1000, 10, ~0ULL).status, large);
}

}  // namespace
}  // namespace bide::wire
