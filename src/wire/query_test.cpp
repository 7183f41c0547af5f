#include "wire/query.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::wire {
namespace {

TEST(Query, NamesAndValuesAreDecoded) {
    const auto query = Query::parse("a=1&b%20c=x%2By+z&&empty=&flag&a=2");
    ASSERT_TRUE(query.has_value());
    EXPECT_EQ(*query.value().find("a"), "1");
    EXPECT_EQ(*query.value().find("b c"), "x+y z");
    EXPECT_EQ(*query.value().find("empty"), "");
    EXPECT_EQ(*query.value().find("flag"), "");
    EXPECT_EQ(query.value().find("none"), nullptr);
    EXPECT_EQ(*query.value().unknown({"a", "b c", "flag"}), "empty");
    EXPECT_EQ(query.value().unknown({"a", "b c", "flag", "empty"}), nullptr);
}

TEST(Query, BrokenEscapesAndTooManyMembersAreErrors) {
    for (const char* text : {"a=%", "a=%4", "a=%4g", "%=1"})
        EXPECT_TRUE(Query::parse(text).has_error()) << text;
    std::string many;
    for (std::size_t i = 0; i <= Query::kMembersMax; ++i) many += "&a";
    EXPECT_TRUE(Query::parse(many).has_error());
}

TEST(Percent, EncodingIsUndoneByDecoding) {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    EXPECT_EQ(percent_decode(percent_encode(all)), all);
    EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

}  // namespace
}  // namespace bide::wire
