#include "base/id.hpp"

#include <gtest/gtest.h>

#include <set>

namespace bide {
namespace {

using std::chrono::milliseconds;

const Time kNow{milliseconds(1'766'000'000'123)};

TEST(IdMaker, SequencesAndIdsGrow) {
    IdMaker ids(1, 0);
    JobId last = ids.make(kNow);
    for (int i = 0; i < 10'000; ++i) {
        const JobId next = ids.make(kNow + milliseconds(i / 100));
        ASSERT_GT(next.sequence(), last.sequence());
        ASSERT_GT(next, last);
        last = next;
    }
    EXPECT_EQ(ids.highest_sequence(), last.sequence());
}

TEST(IdMaker, CounterCarriesOverIntoTheTime) {
    IdMaker ids(1, 0);
    JobId last = ids.make(kNow);
    for (int i = 0; i < 3000; ++i) {  // past the lower 11 bits of the counter
        const JobId next = ids.make(kNow);
        ASSERT_EQ(next.sequence(), last.sequence() + 1);
        ASSERT_GT(next, last);
        last = next;
    }
    EXPECT_EQ(last.made_at(), kNow);
}

TEST(IdMaker, ClockThatGoesBackKeepsThemGrowing) {
    IdMaker ids(1, 0);
    const JobId before = ids.make(kNow);
    const JobId after = ids.make(kNow - std::chrono::hours(1));
    EXPECT_GT(after.sequence(), before.sequence());
    EXPECT_EQ(after.made_at(), before.made_at());
}

TEST(IdMaker, RestartGoesOnAboveTheHighest) {
    IdMaker first(1, 0);
    for (int i = 0; i < 10; ++i) first.make(kNow);
    IdMaker second(1, first.highest_sequence());
    const JobId id = second.make(kNow - std::chrono::hours(24));
    EXPECT_EQ(id.sequence(), first.highest_sequence() + 1);
}

TEST(IdMaker, KnowsItsOwnIdsAndNoOthers) {
    IdMaker ids(1, 0);
    for (int i = 0; i < 100; ++i) {
        const JobId id = ids.make(Time(std::chrono::hours(500'000)));
        EXPECT_TRUE(IdMaker::made(id, 1));
        EXPECT_FALSE(IdMaker::made(id, 2));
        JobId forged = id;
        forged.bytes[15] ^= 1;
        EXPECT_FALSE(IdMaker::made(forged, 1));
        EXPECT_EQ(forged.sequence(), id.sequence());
    }
    EXPECT_FALSE(IdMaker::made(parse_job_id("11111111-2222-4333-8444-555555555555").value(), 1));
}

TEST(IdMaker, DifferentSeedsDiffer) {
    EXPECT_NE(IdMaker(1, 0).make(kNow), IdMaker(2, 0).make(kNow));
}

TEST(JobId, TellsWhenItWasMade) {
    EXPECT_EQ(IdMaker(3, 0).make(kNow).made_at(), kNow);
}

TEST(JobId, SequenceIsNotUnderThatOfItsTime) {
    IdMaker ids(1, 0);
    const JobId id = ids.make(kNow);
    EXPECT_GE(id.sequence(), sequence_at(kNow));
    EXPECT_LT(id.sequence(), sequence_at(kNow + milliseconds(1)));
    EXPECT_EQ(sequence_at(Time(milliseconds(5))), 0);
}

TEST(JobId, FormatAndParseRoundTrip) {
    IdMaker ids(4, 0);
    for (int i = 0; i < 1000; ++i) {
        const JobId id = ids.make(kNow);
        const std::string text = to_string(id);
        ASSERT_EQ(text.size(), 36U);
        const auto parsed = parse_job_id(text);
        ASSERT_TRUE(parsed.has_value());
        ASSERT_EQ(parsed.value(), id);
    }
}

TEST(JobId, ParseTakesEitherCase) {
    const auto lower = parse_job_id("019af7aa-1b2c-7d3e-8f40-0123456789ab");
    const auto upper = parse_job_id("019AF7AA-1B2C-7D3E-8F40-0123456789AB");
    ASSERT_TRUE(lower.has_value());
    ASSERT_TRUE(upper.has_value());
    EXPECT_EQ(lower.value(), upper.value());
    EXPECT_EQ(to_string(upper.value()), "019af7aa-1b2c-7d3e-8f40-0123456789ab");
}

TEST(JobId, ParseRefusesBadForms) {
    for (const char* bad : {
             "",
             "019af7aa",
             "019af7aa-1b2c-7d3e-8f40-0123456789a",    // short
             "019af7aa-1b2c-7d3e-8f40-0123456789abc",  // long
             "019af7aa1-b2c-7d3e-8f40-0123456789ab",   // dash in the wrong place
             "019af7aa-1b2c-7d3e-8f4000123456789ab",   // dash missing
             "019af7aa-1b2c-7d3e-8f40-0123456789ag",   // not hexadecimal
             "{19af7aa-1b2c-7d3e-8f40-0123456789a}",
             " 19af7aa-1b2c-7d3e-8f40-0123456789ab",
             "-19af7aa-1b2c-7d3e-8f40-0123456789ab",
         }) {
        const auto parsed = parse_job_id(bad);
        ASSERT_TRUE(parsed.has_error()) << bad;
        EXPECT_EQ(parsed.error().code, Code::bad_request);
    }
}

TEST(JobId, SequenceOfAForeignIdIsNotNegative) {
    for (const char* foreign :
         {"00000000-0000-7000-8000-000000000000", "ffffffff-ffff-7fff-bfff-ffffffffffff"}) {
        const auto id = parse_job_id(foreign);
        ASSERT_TRUE(id.has_value());
        EXPECT_GE(id.value().sequence(), 0);
    }
}

TEST(JobId, HashesSpreadOverAPrimeNumberOfBuckets) {
    IdMaker ids(5, 0);
    std::set<std::size_t> buckets;
    for (int i = 0; i < 1000; ++i) buckets.insert(std::hash<JobId>{}(ids.make(kNow)) % 4099);
    EXPECT_GT(buckets.size(), 800U);  // 888 when random
}

}  // namespace
}  // namespace bide
