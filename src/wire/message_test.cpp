#include "wire/message.hpp"

#include <gtest/gtest.h>

#include <array>

namespace bide::wire {
namespace {

TEST(RequestHead, FindsFieldsInAnyCase) {
    const std::array fields{Field{"Prefer", "wait=1"}, Field{"X", "y"}, Field{"PREFER", "a=b"}};
    const RequestHead head{"GET", "/", fields};
    EXPECT_EQ(head.field("prefer"), "wait=1");
    EXPECT_EQ(head.joined("prefer"), "wait=1, a=b");
    EXPECT_EQ(head.field("absent"), "");
    EXPECT_EQ(head.joined("absent"), "");
}

TEST(RequestHead, TheClassesOfItsNamesHideNoField) {
    const std::array fields{Field{"PREFER", "wait=1"}, Field{"x-Y", "z"}};
    RequestHead head{"GET", "/", fields, 0};
    for (const auto& field : fields) head.name_classes |= name_class(field.name);
    EXPECT_EQ(head.field("prefer"), "wait=1");
    EXPECT_EQ(head.joined("Prefer"), "wait=1");
    EXPECT_EQ(head.count("X-Y"), 1U);
    EXPECT_FALSE(head.has("bide-priority"));
}

TEST(HeaderLines, AValueCannotEndItsLine) {
    HeaderLines headers;
    headers.add("Content-Type", "text/plain\r\nSet-Cookie: a=b\x7f");
    EXPECT_EQ(headers.lines(), "Content-Type: text/plain  Set-Cookie: a=b \r\n");
}

TEST(HeaderLines, NumbersAreDecimal) {
    HeaderLines headers;
    headers.add("A", std::uint64_t{0});
    headers.add("B", std::uint64_t{18446744073709551615ULL});
    EXPECT_EQ(headers.lines(), "A: 0\r\nB: 18446744073709551615\r\n");
}

TEST(Reply, SomeStatusesHaveNoBody) {
    EXPECT_TRUE(is_bodiless(204));
    EXPECT_TRUE(is_bodiless(304));
    EXPECT_TRUE(is_bodiless(100));
    EXPECT_FALSE(is_bodiless(200));
}

}  // namespace
}  // namespace bide::wire
