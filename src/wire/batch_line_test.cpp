#include "wire/batch_line.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::wire {
namespace {

using namespace std::chrono_literals;

BatchItem item(std::string_view line) {
    BatchLine read = parse_batch_line(line);
    if (read.item.has_error()) ADD_FAILURE() << read.item.error().detail;
    return read.item.has_error() ? BatchItem{} : std::move(read.item.value());
}

std::string refusal(std::string_view line) {
    const BatchLine read = parse_batch_line(line);
    return read.item.has_error() ? read.item.error().detail : "taken";
}

TEST(BatchLine, HasOneBody) {
    EXPECT_EQ(item(R"({"body":"a\n"})").body, "a\n");
    EXPECT_EQ(item(R"({"body":""})").body, "");
    EXPECT_EQ(item(R"({"body_base64":"//4="})").body, "\xff\xfe");
    EXPECT_EQ(item(R"({"body_json": {"n": 1.50} })").body, R"({"n": 1.50})");
    EXPECT_EQ(item(R"({"body_json":null})").content_type, "application/json");
    EXPECT_EQ(item(R"({"body":"a"})").content_type, "");
    EXPECT_NE(refusal("{}"), "taken");
    EXPECT_NE(refusal(R"({"body":"a","body_json":1})"), "taken");
    EXPECT_NE(refusal(R"({"body":1})"), "taken");
    EXPECT_NE(refusal(R"({"body_base64":"?"})"), "taken");
}

TEST(BatchLine, HasOptions) {
    const BatchItem read = item(
        R"({"body_json":1,"content_type":"text/plain","queue":"chart","priority":0,"delay":0.25})"
    );
    EXPECT_EQ(read.content_type, "text/plain");
    EXPECT_EQ(read.queue, "chart");
    EXPECT_EQ(read.priority, 0);
    EXPECT_EQ(read.delay, Duration(250ms));
    EXPECT_EQ(item(R"({"body":"a","queue":null,"priority":null})").priority, 4);
}

TEST(BatchLine, WhatIsNotUnderstoodIsRefused) {
    for (const char* member :
         {R"("priority":10)",
          R"("priority":-1)",
          R"("priority":"4")",
          R"("priority":4.0)",
          R"("delay":-1)",
          R"("delay":2592001)",
          R"("delay":"1")",
          R"("delay":1e999)",
          R"("queue":1)",
          R"("content_type":"no")",
          R"("content_type":"a/b\r\nx: y")",
          R"("ref":{})",
          R"("ref":[])",
          R"("priorty":1)"})
        EXPECT_NE(refusal(std::string(R"({"body":"a",)") + member + "}"), "taken") << member;
    for (const char* line : {"", "nonsense", "[]", "1", "{", "{\"body\":\"\xff\"}"})
        EXPECT_NE(refusal(line), "taken") << line;
    EXPECT_NE(refusal(R"({"body":"a","ref":")" + std::string(300, 'r') + "\"}"), "taken");
}

TEST(BatchLine, TheRefIsKeptAlsoOfARefusal) {
    EXPECT_EQ(parse_batch_line(R"({"body":"a","ref":"x\"y"})").ref, R"("x\"y")");
    EXPECT_EQ(parse_batch_line(R"({"body":"a","ref":17})").ref, "17");
    EXPECT_EQ(parse_batch_line(R"({"ref":true})").ref, "true");
    EXPECT_EQ(parse_batch_line(R"({"body":"a","ref":null})").ref, "");
}

}  // namespace
}  // namespace bide::wire
