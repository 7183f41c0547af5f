#include "cli/units.hpp"

#include <gtest/gtest.h>

namespace bide::cli {
namespace {

using namespace std::chrono_literals;

TEST(Units, Durations) {
    EXPECT_EQ(parse_duration("250ms").value(), Duration(250ms));
    EXPECT_EQ(parse_duration("1.5s").value(), Duration(1500ms));
    EXPECT_EQ(parse_duration("2m").value(), Duration(2min));
    EXPECT_EQ(parse_duration("7d").value(), Duration(168h));
    EXPECT_EQ(parse_duration("1.001s").value(), Duration(1001ms)) << "not a microsecond less";
    for (const char* text : {"", "5", "s", "-1s", "1 s", "1week", "nan", "inf s", "1e300d"})
        EXPECT_TRUE(parse_duration(text).has_error()) << text;
}

TEST(Units, Sizes) {
    EXPECT_EQ(parse_bytes("512").value(), 512U);
    EXPECT_EQ(parse_bytes("16KiB").value(), 16384U);
    EXPECT_EQ(parse_bytes("1.5MB").value(), 1500000U);
    EXPECT_EQ(parse_bytes("1.001MB").value(), 1001000U);
    EXPECT_EQ(parse_bytes("5GiB").value(), 5ULL << 30);
    for (const char* text : {"", "KiB", "-1", "1 KiB", "1k", "1e30"})
        EXPECT_TRUE(parse_bytes(text).has_error()) << text;
}

TEST(Units, Addresses) {
    EXPECT_EQ(parse_address("127.0.0.1:8080").value().port, 8080);
    EXPECT_EQ(parse_address("[::1]:0").value().host, "::1");
    EXPECT_EQ(parse_address("localhost:1").value().host, "127.0.0.1");
    for (const char* text : {"", "8080", ":8080", "h:", "h:x", "h:70000", "h:-1"})
        EXPECT_TRUE(parse_address(text).has_error()) << text;
}

TEST(Units, WordsAreSplitWithoutAShell) {
    using Words = std::vector<std::string>;
    EXPECT_EQ(split_words("a  b\tc").value(), (Words{"a", "b", "c"}));
    EXPECT_EQ(split_words("sh -c 'exit 3'").value(), (Words{"sh", "-c", "exit 3"}));
    EXPECT_EQ(split_words("a \"b \\\" c\" d\\ e ''").value(), (Words{"a", "b \" c", "d e", ""}));
    EXPECT_EQ(split_words("echo $HOME *").value(), (Words{"echo", "$HOME", "*"}));
    for (const char* text : {"", "   ", "a 'b", "a \\"})
        EXPECT_TRUE(split_words(text).has_error()) << text;
}

TEST(Units, QueueNamesFitIntoUrls) {
    EXPECT_TRUE(check_queue_name("a.b_c-9").has_value());
    for (const char* name : {"", "a/b", "a b", "\xc3\xa9"})
        EXPECT_TRUE(check_queue_name(name).has_error()) << name;
    EXPECT_TRUE(check_queue_name(std::string(65, 'a')).has_error());
}

TEST(Units, Rates) {
    EXPECT_DOUBLE_EQ(parse_rate("100/s").value(), 100);
    EXPECT_DOUBLE_EQ(parse_rate("600/m").value(), 10);
    EXPECT_DOUBLE_EQ(parse_rate("7200/h").value(), 2);
    for (const char* text : {"", "5", "/s", "0/s", "-1/s", "1/d", "1.5/s", "1 /s", "99999999999/s"})
        EXPECT_TRUE(parse_rate(text).has_error()) << text;
}

TEST(Units, HashesOfKeys) {
    const std::string digits(62, '0');
    EXPECT_EQ(parse_hash("sha256:aF" + digits).value()[0], 0xaf);
    for (const std::string& text :
         {std::string(),
          "sha256:" + digits,
          "aF" + digits,
          "sha256:+f" + digits,
          "sha256: f" + digits,
          "sha256:0x" + digits,
          "sha256:aF" + digits + "0"})
        EXPECT_TRUE(parse_hash(text).has_error()) << text;
}

TEST(Units, TheNearestNameIsNear) {
    EXPECT_EQ(nearest("timout", {"timeout", "attempts"}), "timeout");
    EXPECT_EQ(nearest("concurency", {"timeout", "concurrency"}), "concurrency");
    EXPECT_EQ(nearest("zzzzzz", {"timeout", "attempts"}), "");
}

}  // namespace
}  // namespace bide::cli
