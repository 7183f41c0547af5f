#include "core/outbox.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bide::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Texts = std::vector<std::string>;

const Time kStart = Time{} + std::chrono::hours(1);

OutboxLimits small() {
    OutboxLimits limits;
    limits.count_max = 3;
    limits.bytes_max = 100;
    return limits;
}

struct OutboxTest : testing::Test {
    Outbox<std::string> box{small()};
    Time now = kStart;
    std::vector<std::uint64_t> numbers;

    Texts due() {
        Texts texts;
        numbers.clear();
        box.due(now, [&](std::uint64_t number, const std::string& text) {
            numbers.push_back(number);
            texts.push_back(text);
        });
        return texts;
    }
    void put(const std::string& text, std::size_t bytes = 1) { box.put(text, bytes, now); }
    void all_fail() {
        for (const auto number : numbers) box.failed(number, now);
    }
};

TEST_F(OutboxTest, EachIsSentOnceUntilItIsKnownWhatCameOfIt) {
    put("a");
    put("b");
    EXPECT_EQ(due(), (Texts{"a", "b"}));
    EXPECT_EQ(due(), Texts{});
    box.taken(numbers.empty() ? 1 : numbers[0]);
    EXPECT_EQ(box.size(), 1U);
    box.taken(2);
    EXPECT_EQ(box.size(), 0U);
    EXPECT_EQ(box.next_timer(), kNever);
}

TEST_F(OutboxTest, WhatFailedIsSentAgainAfterGrowingPauses) {
    put("a");
    due();
    Duration pause = milliseconds(100);
    for (int i = 0; i < 6; ++i) {
        all_fail();
        EXPECT_EQ(box.next_timer(), now + pause);
        now = box.next_timer() - milliseconds(1);
        EXPECT_EQ(due(), Texts{});
        now += milliseconds(1);
        EXPECT_EQ(due(), Texts{"a"});
        pause = std::min<Duration>(pause * 2, seconds(1));
    }
    box.taken(numbers[0]);
    EXPECT_EQ(box.size(), 0U);
}

TEST_F(OutboxTest, WhenTheCacheIsBackEverythingGoesAtOnce) {
    put("a");
    due();
    all_fail();
    put("b");
    box.again();
    EXPECT_EQ(due(), (Texts{"b", "a"}));
}

TEST_F(OutboxTest, WhatComesAfterAFailureDoesNotWaitForThePause) {
    put("a");
    due();
    all_fail();
    put("b");
    EXPECT_EQ(due(), Texts{"b"});
}

TEST_F(OutboxTest, PastTheCountTheOldestGoes) {
    for (const char* text : {"a", "b", "c", "d"}) put(text);
    EXPECT_EQ(box.dropped(), 1U);
    EXPECT_EQ(due(), (Texts{"b", "c", "d"}));
}

TEST_F(OutboxTest, PastTheBytesTheOldestGoAndALargerOneGoesItself) {
    put("a", 60);
    put("b", 40);
    put("c", 50);
    EXPECT_EQ(due(), (Texts{"b", "c"}));
    put("d", 101);
    EXPECT_EQ(box.size(), 0U);
    EXPECT_EQ(box.dropped(), 4U);
    EXPECT_EQ(due(), Texts{});
}

TEST_F(OutboxTest, WhatNobodyWaitsForAnyMoreGoes) {
    put("a");
    due();
    all_fail();
    now += seconds(59);
    put("b");
    now += seconds(1);
    EXPECT_EQ(due(), Texts{"b"});
    EXPECT_EQ(box.dropped(), 1U);
    box.failed(1, now);
    EXPECT_EQ(box.next_timer(), kNever);
}

TEST_F(OutboxTest, NumbersOfWhatWasDroppedDoNotPileUp) {
    for (int i = 0; i < 1000; ++i) put(std::to_string(i));
    EXPECT_EQ(box.dropped(), 997U);
    EXPECT_EQ(due(), (Texts{"997", "998", "999"}));
}

}  // namespace
}  // namespace bide::core
