// Every limit, and what is done at it (G7).
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;

TEST(Limits, FullQueueRefusesAndKeepsNothing) {
    Driver driver({.depth_max = 2});
    const JobId first = driver.submit();
    driver.submit();
    driver.submit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].waiter, 3U);
    EXPECT_EQ(driver.answers[0].error.code, Code::overloaded);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::safe);
    EXPECT_GE(driver.answers[0].error.retry_after_s, 1);
    EXPECT_EQ(driver.ledger.open_jobs(), 2U);
    EXPECT_EQ(driver.ledger.waiters(), 2U);
    EXPECT_EQ(driver.ledger.resident_bytes(), 10U);
    EXPECT_EQ(driver.take(), 2U);
    driver.step(event::Committed{});

    driver.succeed(first);
    driver.submit();
    EXPECT_EQ(driver.ledger.waiters(), 3U);
}

TEST(Limits, BytesOfOpenJobsAreBounded) {
    Driver driver({.bytes_max = 10});
    const JobId first = driver.submit({.body = "123456"});
    driver.submit({.body = "12345"});
    EXPECT_EQ(driver.answers.at(0).error.code, Code::overloaded);
    driver.submit({.body = "1234"});
    EXPECT_EQ(driver.answers.size(), 1U);
    driver.succeed(first);
    driver.submit({.body = "123456"});
    EXPECT_EQ(driver.answers.size(), 1U);
}

TEST(Limits, WaitersAreBoundedAndLooksAreNot) {
    Driver driver({}, {.waiters_max = 2});
    const JobId first = driver.submit();
    driver.commit();
    driver.join(first);
    const JobId refused = driver.submit();
    EXPECT_EQ(driver.answers.at(0).error.code, Code::overloaded);
    EXPECT_EQ(driver.answers.at(0).error.retry, Retry::safe);
    EXPECT_FALSE(driver.ledger.find(refused));
    const WaiterId late = driver.join(first);
    EXPECT_EQ(driver.answer(late)->error.code, Code::overloaded);
    EXPECT_EQ(driver.answer(late)->error.retry, Retry::unsafe);
    const WaiterId look = driver.join(first, seconds(0));
    EXPECT_EQ(driver.answer(look)->kind, Kind::open);
    EXPECT_EQ(driver.ledger.waiters(), 2U);
}

TEST(Limits, RetryAfterGrowsWithTheBacklogAndTheRunTime) {
    Driver driver({.depth_max = 20});
    for (int i = 0; i < 16; ++i) {
        const JobId id = driver.submit();
        driver.pass(seconds(8));
        driver.succeed(id);
    }
    driver.commit();
    driver.answers.clear();
    for (int i = 0; i < 21; ++i) driver.submit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_GT(driver.answers[0].error.retry_after_s, 60);
    EXPECT_LE(driver.answers[0].error.retry_after_s, 161);
}

TEST(Limits, InputsOverTheResidentLimitAreReadAgain) {
    Driver driver({}, {.resident_bytes_max = 6});
    const JobId first = driver.submit();
    const JobId second = driver.submit();
    const JobId third = driver.submit();
    EXPECT_EQ(driver.ledger.resident_bytes(), 15U);
    driver.commit();
    EXPECT_EQ(driver.ledger.resident_bytes(), 5U);  // the first runs; the limit took the second's
    driver.succeed(first);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, second);
    EXPECT_EQ(driver.starts[1].input, nullptr);
    driver.succeed(second);
    ASSERT_EQ(driver.starts.size(), 3U);
    EXPECT_EQ(driver.starts[2].job, third);
    EXPECT_NE(driver.starts[2].input, nullptr);
}

TEST(Limits, InputsOfRunningJobsAreTheHandlersOnceDurable) {
    Driver driver({.concurrency = 1, .retry = {.attempts_max = 2}});
    const JobId first = driver.submit();
    const JobId second = driver.submit();
    driver.commit();
    EXPECT_EQ(driver.ledger.resident_bytes(), 5U);  // of the one that waits

    driver.end(first, 1, fail);
    driver.commit();
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, second);
    EXPECT_NE(driver.starts[1].input, nullptr);
    EXPECT_EQ(driver.ledger.resident_bytes(), 0U);

    driver.end(second, 1, retry);
    driver.pass(seconds(3600));
    ASSERT_EQ(driver.starts.size(), 3U);
    EXPECT_EQ(driver.starts[2].job, second);
    EXPECT_EQ(driver.starts[2].input, nullptr);
}

TEST(Limits, InputsNotYetDurableAreNeverLetGo) {
    Driver driver({}, {.resident_bytes_max = 0});
    const JobId first = driver.submit();
    driver.submit();
    driver.succeed(first);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_NE(driver.starts[1].input, nullptr);
}

TEST(Limits, RecoveredJobsCountButAreAllTaken) {
    Driver driver({.depth_max = 1});
    driver.recover(driver.make_id(), 0);
    driver.recover(driver.make_id(), 0);
    EXPECT_EQ(driver.ledger.open_jobs(), 2U);
    driver.submit();
    EXPECT_EQ(driver.answers.at(0).error.code, Code::overloaded);
}

TEST(Limits, GroupTakesSoManyWritesInTheirOrder) {
    Driver driver;
    const JobId first = driver.submit();
    const JobId second = driver.submit();
    const JobId third = driver.submit();
    ASSERT_EQ(driver.take(2), 2U);
    EXPECT_EQ(driver.group.jobs[0].job, first);
    EXPECT_EQ(driver.group.jobs[1].job, second);
    EXPECT_TRUE(driver.ledger.has_writes());
    EXPECT_TRUE(driver.ledger.commit_under_way());
    driver.step(event::Committed{});
    ASSERT_EQ(driver.take(2), 1U);
    EXPECT_EQ(driver.group.jobs[0].job, third);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Limits, EverythingIsGivenBackInTheEnd) {
    Driver driver;
    driver.succeed(driver.submit());
    driver.end(driver.submit(), 1, fail);
    driver.cancel(driver.submit());
    driver.end(driver.starts.back().job, 1, retry);
    driver.commit();
    EXPECT_EQ(driver.answers.size(), 4U);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    EXPECT_EQ(driver.ledger.waiters(), 0U);
    EXPECT_EQ(driver.ledger.resident_bytes(), 0U);
    EXPECT_EQ(driver.ledger.next_timer(), kNever);
    EXPECT_TRUE(driver.ledger.idle());
}

}  // namespace
}  // namespace bide::core::test
