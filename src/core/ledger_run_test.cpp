// Attempts and their leases, retries, delays and deadlines.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using enum AttemptResult::Verdict;

QueueRules no_backoff(std::uint32_t attempts_max = 3) {
    QueueRules rules;
    rules.timeout = seconds(10);
    rules.retry.attempts_max = attempts_max;
    rules.retry.backoff_base = {};
    rules.retry.backoff_max = {};
    return rules;
}

TEST(Attempt, StartsAtOnceWithTheInputAndALease) {
    Driver driver(no_backoff());
    const JobId id = driver.submit({.body = "abc"});
    ASSERT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.starts[0].job, id);
    EXPECT_EQ(driver.starts[0].attempt, 1U);
    EXPECT_EQ(driver.starts[0].attempts_max, 3U);
    EXPECT_EQ(driver.starts[0].input->body.bytes, "abc");
    EXPECT_EQ(driver.starts[0].deadline, driver.now + seconds(10));
}

TEST(Attempt, NoMoreRunThanTheConcurrency) {
    QueueRules rules;
    rules.concurrency = 2;
    Driver driver(rules);
    const JobId first = driver.submit();
    for (int i = 0; i < 3; ++i) driver.submit();
    EXPECT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.ledger.counts(0).running, 2U);
    EXPECT_EQ(driver.ledger.counts(0).ready, 2U);
    driver.succeed(first);
    EXPECT_EQ(driver.starts.size(), 3U);
}

TEST(Attempt, ZeroConcurrencyStartsNothing) {
    QueueRules rules;
    rules.concurrency = 0;
    Driver driver(rules);
    driver.submit();
    EXPECT_TRUE(driver.starts.empty());
    EXPECT_EQ(driver.ledger.counts(0).ready, 1U);
}

TEST(Attempt, JobsStartInTheOrderOfTheirArrival) {
    Driver driver;
    const JobId first = driver.submit();
    const JobId second = driver.submit();
    const JobId third = driver.submit();
    driver.succeed(first);
    driver.succeed(second);
    ASSERT_EQ(driver.starts.size(), 3U);
    EXPECT_EQ(driver.starts[1].job, second);
    EXPECT_EQ(driver.starts[2].job, third);
}

TEST(Retry, RunsAgainWithTheNextNumberUntilTheLast) {
    Driver driver(no_backoff(2));
    const JobId id = driver.submit();
    driver.end(id, 1, retry);
    EXPECT_EQ(driver.ledger.counts(0).scheduled, 1U);
    driver.pass({});
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].attempt, 2U);
    driver.end(id, 2, retry, "no luck");
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].outcome->state, JobState::failed);
    EXPECT_EQ(driver.answers[0].outcome->kind, FailureKind::handler);
    EXPECT_EQ(driver.answers[0].outcome->detail, "no luck");
    EXPECT_EQ(driver.answers[0].outcome->attempts, 2U);
}

TEST(Retry, FailureForGoodIsNotRetried) {
    Driver driver(no_backoff());
    const JobId id = driver.submit();
    driver.end(id, 1, fail);
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).outcome->state, JobState::failed);
}

TEST(Retry, WaitsAtLeastAsLongAsTheHandlerAsked) {
    Driver driver(no_backoff());
    const JobId id = driver.submit();
    AttemptResult later;
    later.retry_after = seconds(3);
    driver.step(event::AttemptEnded{id, 1, 0, later});
    driver.pass(milliseconds(2999));
    EXPECT_EQ(driver.starts.size(), 1U);
    driver.pass(milliseconds(1));
    EXPECT_EQ(driver.starts.size(), 2U);
}

TEST(Retry, WritesTheAttemptsThatEndedAndNoLease) {
    Driver driver(no_backoff());
    const JobId id = driver.submit();
    driver.take();
    EXPECT_EQ(driver.group.jobs.at(0).attempts, 0U);
    driver.step(event::Committed{});
    driver.end(id, 1, retry);
    driver.pass({});
    ASSERT_EQ(driver.starts.size(), 2U);
    driver.take();
    EXPECT_EQ(driver.group.jobs.at(0).kind, DurableWrite::open);
    EXPECT_TRUE(driver.group.jobs.at(0).row_exists);
    EXPECT_EQ(driver.group.jobs.at(0).attempts, 1U);
    EXPECT_EQ(driver.group.jobs.at(0).input, nullptr);
}

TEST(Retry, DeadLetterKeepsItsInput) {
    Driver driver(no_backoff());
    driver.end(driver.submit({.body = "keep me"}), 1, fail);
    driver.take();
    ASSERT_NE(driver.group.jobs.at(0).input, nullptr);
    EXPECT_EQ(driver.group.jobs.at(0).input->body.bytes, "keep me");
    driver.step(event::Committed{});
    EXPECT_EQ(driver.ledger.resident_bytes(), 0U);
}

TEST(Lease, TimeoutStopsTheAttemptAndRetries) {
    QueueRules rules = no_backoff();
    rules.concurrency = 2;
    Driver driver(rules);
    const JobId id = driver.submit();
    driver.pass(seconds(10));
    ASSERT_EQ(driver.stops.size(), 1U);
    EXPECT_EQ(driver.stops[0].job, id);
    EXPECT_EQ(driver.stops[0].attempt, 1U);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].attempt, 2U);
}

TEST(Lease, TimeoutOfTheLastAttemptIsTheOutcome) {
    Driver driver(no_backoff(1));
    driver.submit();
    driver.pass(seconds(10));
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].outcome->state, JobState::failed);
    EXPECT_EQ(driver.answers[0].outcome->kind, FailureKind::timeout);
    EXPECT_NE(driver.answers[0].outcome->detail.find("10s"), std::string::npos);
}

TEST(Lease, AbandonedAttemptKeepsItsSlotUntilItEnds) {
    Driver driver(no_backoff());
    const JobId id = driver.submit();
    driver.pass(seconds(10));
    EXPECT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.ledger.counts(0).running, 1U);
    EXPECT_EQ(driver.ledger.counts(0).ready, 1U);
    driver.succeed(id, 1, "late");
    EXPECT_EQ(driver.starts.size(), 2U);
}

TEST(Lease, OnlyAttemptsInTimeCountIntoTheTimeThatJobsRun) {
    Driver driver(no_backoff());
    const JobId id = driver.submit();
    driver.pass(seconds(10));
    driver.succeed(id, 1, "late");
    driver.pass(seconds(4));
    driver.succeed(id, 2, "in time");
    EXPECT_EQ(driver.ledger.totals(0).attempts, 2U);
    EXPECT_EQ(driver.ledger.totals(0).ran, 1U);
    EXPECT_EQ(driver.ledger.totals(0).running_s, 4);
}

TEST(Lease, LateResultIsIgnoredWhileTheNextAttemptRuns) {
    QueueRules rules = no_backoff();
    rules.concurrency = 2;
    Driver driver(rules);
    const JobId id = driver.submit();
    driver.pass(seconds(10));
    ASSERT_EQ(driver.starts.size(), 2U);
    driver.succeed(id, 1, "late");
    driver.succeed(id, 2, "good");
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).outcome->body.bytes, "good");
    EXPECT_EQ(driver.answers.at(0).outcome->attempts, 2U);
}

TEST(Lease, LateResultAfterTheOutcomeIsIgnored) {
    Driver driver(no_backoff(1));
    const JobId id = driver.submit();
    driver.pass(seconds(10));
    driver.commit();
    driver.succeed(id, 1, "late");
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_EQ(driver.ledger.counts(0).running, 0U);
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Lease, ResultBeforeTheTimerFiresStillCounts) {
    Driver driver(no_backoff(1));
    const JobId id = driver.submit();
    driver.now += seconds(11);
    driver.succeed(id);
    driver.step(event::Tick{});
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).outcome->state, JobState::succeeded);
    EXPECT_TRUE(driver.stops.empty());
}

TEST(Schedule, DelayedJobStartsWhenDue) {
    Driver driver;
    driver.submit({.not_before = seconds(2)});
    EXPECT_EQ(driver.ledger.counts(0).scheduled, 1U);
    EXPECT_EQ(driver.ledger.next_timer(), driver.now + seconds(2));
    driver.pass(seconds(1));
    EXPECT_TRUE(driver.starts.empty());
    driver.pass(seconds(1));
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Schedule, JobNotStartedByItsDeadlineExpires) {
    Driver driver;
    driver.submit();
    driver.submit({.start_by = seconds(1)});
    driver.pass(seconds(1));
    driver.commit();
    ASSERT_NE(driver.answer(2), nullptr);
    EXPECT_EQ(driver.answer(2)->outcome->state, JobState::expired);
    EXPECT_EQ(driver.answer(2)->outcome->kind, FailureKind::expired);
    EXPECT_EQ(driver.answer(2)->outcome->attempts, 0U);
}

TEST(Schedule, DelayedPastItsDeadlineExpiresAtTheDeadline) {
    Driver driver;
    driver.submit({.not_before = seconds(5), .start_by = seconds(1)});
    driver.pass(seconds(1));
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).outcome->state, JobState::expired);
    EXPECT_EQ(driver.ledger.next_timer(), kNever);
}

TEST(Schedule, SlotThatFreesAfterTheDeadlineStartsTheNextJob) {
    Driver driver;
    const JobId first = driver.submit();
    driver.submit({.start_by = seconds(1)});
    const JobId third = driver.submit();
    driver.now += seconds(2);
    driver.succeed(first);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, third);
}

TEST(Schedule, RetryAfterTheDeadlineStillRuns) {
    Driver driver(no_backoff());
    const JobId id = driver.submit({.start_by = seconds(1)});
    driver.pass(seconds(2));
    driver.end(id, 1, retry);
    driver.pass({});
    EXPECT_EQ(driver.starts.size(), 2U);
}

TEST(Schedule, RetryAfterTheDeadlineStillRunsAfterACrash) {
    Driver driver(no_backoff());
    driver.recover(driver.make_id(), 1, driver.now - seconds(1));
    driver.step(event::Tick{});
    EXPECT_EQ(driver.starts.size(), 1U);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Schedule, JobThatNeverStartedExpiresAfterACrash) {
    Driver driver(no_backoff());
    driver.recover(driver.make_id(), 0, driver.now - seconds(1));
    driver.step(event::Tick{});
    EXPECT_TRUE(driver.starts.empty());
    driver.take();
    EXPECT_EQ(driver.group.jobs.at(0).outcome->state, JobState::expired);
}

}  // namespace
}  // namespace bide::core::test
