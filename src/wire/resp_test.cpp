#include "wire/resp.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

using Kind = RespValue::Kind;

constexpr std::size_t kMax = 4096;

/// A value as text: 1, +status, -error, "string", nil, [array].
std::string show(const RespValue& value) {
    switch (value.kind) {
        case Kind::nil: return "nil";
        case Kind::integer: return std::to_string(value.integer);
        case Kind::status: return "+" + value.text;
        case Kind::error: return "-" + value.text;
        case Kind::string: return '"' + value.text + '"';
        case Kind::array: break;
    }
    std::string text = "[";
    for (const auto& item : value.items) {
        if (text.size() > 1) text += ' ';
        text += show(item);
    }
    return text + "]";
}

/// All values of the bytes, fed in pieces; after them "error" or "more", if it is that.
std::string decode(std::string_view bytes, std::size_t piece, std::size_t max = kMax) {
    RespDecoder decoder(max);
    std::string shown;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        decoder.feed(bytes.substr(at, piece));
        for (;;) {
            const auto next = decoder.next();
            if (next.has_error()) return shown + "error";
            if (!next.value()) break;
            shown += show(*next.value()) + ";";
        }
    }
    return shown;
}

std::string decode(std::string_view bytes) {
    std::string whole = decode(bytes, bytes.size() + 1);
    for (const std::size_t piece : {1U, 3U}) EXPECT_EQ(decode(bytes, piece), whole) << bytes;
    return whole;
}

TEST(Resp, CommandsAreArraysOfStrings) {
    std::string text;
    append_resp_command(text, {"PING"});
    append_resp_command(text, {"SET", "", std::string("a\r\n\0b", 5)});
    EXPECT_EQ(
        text,
        std::string("*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\r\n") +
            std::string("\0b\r\n", 4)
    );
}

TEST(Resp, EveryKindOfReply) {
    EXPECT_EQ(decode("+OK\r\n"), "+OK;");
    EXPECT_EQ(decode("-ERR no\r\n"), "-ERR no;");
    EXPECT_EQ(decode(":-42\r\n:9223372036854775807\r\n"), "-42;9223372036854775807;");
    EXPECT_EQ(decode("$5\r\na\r\nbc\r\n$0\r\n\r\n$-1\r\n*-1\r\n"), "\"a\r\nbc\";\"\";nil;nil;");
    EXPECT_EQ(
        decode("*3\r\n$7\r\nmessage\r\n+c\r\n*2\r\n:1\r\n*0\r\n"), "[\"message\" +c [1 []]];"
    );
    EXPECT_EQ(decode("*2\r\n*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n"), "[[\"a\"] [\"b\"]];");
}

TEST(Resp, NothingBeforeItIsWhole) {
    EXPECT_EQ(decode("$5\r\nabc"), "");
    EXPECT_EQ(decode("*2\r\n:1\r\n"), "");
    EXPECT_EQ(decode("+OK"), "");
}

TEST(Resp, WhatIsNoReplyIsAnError) {
    for (const char* bytes :
         {"HTTP/1.1 400\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "*2147483648\r\n", ":1.5\r\n"})
        EXPECT_EQ(decode(bytes), "error") << bytes;
}

TEST(Resp, Resp3IsAnErrorAndNoCrash) {
    for (const char* bytes :
         {">2\r\n+a\r\n+b\r\n",
          "%1\r\n+a\r\n:1\r\n",
          "~1\r\n:1\r\n",
          "_\r\n",
          "#t\r\n",
          ",1.5\r\n"})
        EXPECT_EQ(decode(std::string(":1\r\n") + bytes), "1;error") << bytes;
}

TEST(Resp, ArraysNestEightDeep) {
    std::string bytes = ":1\r\n";
    for (int i = 0; i < 8; ++i) bytes.insert(0, "*1\r\n");
    EXPECT_EQ(decode(bytes), "[[[[[[[[1]]]]]]]];");
    EXPECT_EQ(decode("*1\r\n" + bytes), "error");
}

TEST(Resp, AValueIsBounded) {
    EXPECT_EQ(decode("$100\r\n" + std::string(100, 'x') + "\r\n", 64, 300).size(), 103U);
    EXPECT_EQ(decode("$300\r\n" + std::string(300, 'x') + "\r\n", 64, 300), "error");
    // Before it is there, and however it is said.
    EXPECT_EQ(decode("$4000000000\r\n" + std::string(400, 'x'), 64, 300), "error");
    EXPECT_EQ(decode("$9223372036854775807\r\n" + std::string(400, 'x'), 64, 300), "error");
    EXPECT_EQ(decode("+" + std::string(400, 'x'), 64, 300), "error");
    EXPECT_EQ(decode("*2147483647\r\n", 64, 300), "");
    std::string many = "*2147483647\r\n";
    for (int i = 0; i < 10; ++i) many += ":1\r\n";
    EXPECT_EQ(decode(many, 64, 300), "error");
}

TEST(Resp, TheBoundIsOfOneValueNotOfAll) {
    std::string many;
    for (int i = 0; i < 1000; ++i) many += "$100\r\n" + std::string(100, 'x') + "\r\n";
    EXPECT_EQ(decode(many, many.size(), 300).size(), 103'000U);
}

}  // namespace
}  // namespace bide::wire
