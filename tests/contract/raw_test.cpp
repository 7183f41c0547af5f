// The corpus against the real server: what is understood, and that nothing is smuggled.
#include "raw_cases.hpp"
#include "site.hpp"

#include <set>

namespace bide::test {
namespace {

class Raw : public testing::TestWithParam<RawCase> {};

void expect_refusal(Connection& connection) {
    const Response answer = connection.read();
    EXPECT_GE(answer.status, 400) << answer.body;
    EXPECT_EQ(answer["Connection"], "close");
    EXPECT_EQ(answer["Content-Type"], "application/problem+json");
    EXPECT_TRUE(connection.ends()) << "the request behind it was answered";
}

TEST_P(Raw, IsAnsweredAsItMustBe) {
    const RawCase& raw = GetParam();
    Connection connection(Site::address());
    if (raw.answers.empty()) {
        connection.send(raw.bytes);
        expect_refusal(connection);
        return;
    }
    connection.send(raw.bytes + Request{"POST", "/", {}, "the next"}.text());
    for (const int status : raw.answers) EXPECT_EQ(connection.read().status, status);
    EXPECT_EQ(connection.read().body, "the next");
    EXPECT_TRUE(connection.silent());
}

/// One byte at a time, so that no decision hangs on what came in one piece.
TEST_P(Raw, IsAnsweredTheSameInPieces) {
    const RawCase& raw = GetParam();
    if (raw.bytes.size() > 400) GTEST_SKIP() << "long";
    Connection connection(Site::address());
    bool reads = true;
    for (const char c : raw.bytes) reads = reads && connection.send(std::string_view(&c, 1));
    if (raw.answers.empty()) {
        expect_refusal(connection);
        return;
    }
    for (const int status : raw.answers) EXPECT_EQ(connection.read().status, status);
    EXPECT_EQ(connection.ask({"POST", "/", {}, "the next"}).body, "the next");
}

TEST(RawCases, HaveNamesOfTheirOwn) {
    std::set<std::string> names;
    for (const auto& raw : raw_cases()) EXPECT_TRUE(names.insert(raw.name).second) << raw.name;
    EXPECT_GE(names.size(), 150U);
}

std::string name_of(const testing::TestParamInfo<RawCase>& test) {
    return test.param.name;
}

INSTANTIATE_TEST_SUITE_P(Corpus, Raw, testing::ValuesIn(raw_cases()), name_of);

}  // namespace
}  // namespace bide::test
