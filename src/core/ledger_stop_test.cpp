// Starting from the store, draining and halting.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;

TEST(Recovery, OpenJobsRunAgainWithTheirInputFromTheStore) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.recover(id, 1);
    EXPECT_TRUE(driver.starts.empty());
    driver.step(event::Tick{});
    ASSERT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.starts[0].attempt, 2U);
    EXPECT_EQ(driver.starts[0].input, nullptr);
    driver.succeed(id, 2);
    driver.take();
    EXPECT_TRUE(driver.group.jobs.at(0).row_exists);
    EXPECT_EQ(driver.group.jobs.at(0).outcome->attempts, 2U);
}

TEST(Recovery, WaiterOfARecoveredJobNeedsNoCommitForItsReceipt) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.recover(id, 0);
    EXPECT_EQ(driver.answer(driver.join(id, {}))->kind, Kind::open);
}

TEST(Recovery, DeadLetterLeavesItsInputInTheStore) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.recover(id, 0);
    driver.step(event::Tick{});
    driver.end(id, 1, fail);
    driver.take();
    EXPECT_EQ(driver.group.jobs.at(0).input, nullptr);
    EXPECT_TRUE(driver.group.jobs.at(0).row_exists);
}

/// A clock that was ahead has been put right by the restart.
TEST(Recovery, NoJobWaitsLongerThanAnybodyAskedFor) {
    Driver driver;
    const RetryPolicy policy;
    const auto recover = [&](std::uint32_t attempts, Duration created, Duration not_before) {
        event::Recovered job;
        job.job = driver.make_id();
        job.created = driver.now + created;
        job.attempts = attempts;
        job.not_before = driver.now + not_before;
        driver.step(event::Recovered(job));
        return driver.ledger.find(job.job)->not_before - driver.now;
    };
    const Duration year = std::chrono::hours(24 * 365);
    EXPECT_EQ(recover(1, year, year + seconds(20)), policy.asked_max);
    EXPECT_EQ(recover(0, year, year + seconds(20)), seconds(20)) << "its delay";
    ASSERT_EQ(driver.take(), 1U) << "the next restart does not put it off again";
    EXPECT_EQ(driver.group.jobs[0].not_before, driver.now + policy.asked_max);
    EXPECT_TRUE(driver.group.jobs[0].row_exists);
    driver.step(event::Committed{});

    EXPECT_EQ(recover(1, seconds(-50), seconds(20)), seconds(20));
    EXPECT_EQ(recover(1, year, policy.asked_max), policy.asked_max);
    EXPECT_EQ(recover(0, -year, year), year) << "a delay under a clock that was right";
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Drain, RefusesNewJobsAndStartsNothing) {
    Driver driver;
    const JobId running = driver.submit();
    driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    driver.submit();
    EXPECT_EQ(driver.answers.back().error.code, Code::shutting_down);
    EXPECT_EQ(driver.answers.back().error.retry, Retry::safe);
    EXPECT_EQ(driver.ledger.open_jobs(), 2U);
    driver.succeed(running);
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Drain, AnswersWaitersOfJobsThatDoNotRun) {
    Driver driver;
    driver.submit();
    driver.submit();
    driver.submit({.not_before = seconds(60)});
    driver.commit();
    driver.step(event::Drain{});
    EXPECT_EQ(driver.answer(1), nullptr);
    ASSERT_NE(driver.answer(2), nullptr);
    EXPECT_EQ(driver.answer(2)->kind, Kind::draining);
    ASSERT_NE(driver.answer(3), nullptr);
    EXPECT_EQ(driver.answer(3)->kind, Kind::draining);
}

TEST(Drain, AnswerWaitsUntilTheJobIsDurable) {
    Driver driver;
    driver.submit();
    driver.submit();
    driver.take();
    driver.step(event::Drain{});
    EXPECT_EQ(driver.answer(2), nullptr);
    driver.step(event::Committed{});
    ASSERT_NE(driver.answer(2), nullptr);
    EXPECT_EQ(driver.answer(2)->kind, Kind::draining);
}

TEST(Drain, RunningJobIsAnsweredWithItsResult) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    EXPECT_FALSE(driver.ledger.idle());
    driver.succeed(id);
    EXPECT_FALSE(driver.ledger.idle());
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).kind, Kind::finished);
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Drain, RunningJobThatMustBeRetriedIsAnsweredAndKept) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    driver.end(id, 1, retry);
    EXPECT_EQ(driver.answers.at(0).kind, Kind::draining);
    EXPECT_EQ(driver.take(), 1U);
    EXPECT_EQ(driver.group.jobs[0].attempts, 1U);
}

TEST(Drain, TimeoutIsAnsweredAndKept) {
    Driver driver({.timeout = seconds(1)});
    driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    driver.pass(seconds(1));
    EXPECT_EQ(driver.answers.at(0).kind, Kind::draining);
}

TEST(Drain, JoinOfAJobThatDoesNotRunIsAnsweredAtOnce) {
    Driver driver;
    driver.submit();
    const JobId waiting = driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    const Answer* answer = driver.answer(driver.join(waiting));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->kind, Kind::draining);
}

TEST(Drain, CommitFailureRefuses) {
    Driver driver;
    driver.submit();
    driver.submit();
    driver.take();
    driver.step(event::Drain{});
    driver.step(event::CommitFailed{});
    EXPECT_EQ(driver.answer(1)->kind, Kind::refused);
    EXPECT_EQ(driver.answer(2)->kind, Kind::refused);
    EXPECT_EQ(driver.answers.size(), 2U);
}

TEST(Drain, WaiterThatLeftIsNotAnswered) {
    Driver driver;
    driver.submit();
    driver.submit();
    driver.take();
    driver.step(event::Drain{});
    driver.step(event::Leave{2});
    driver.step(event::Committed{});
    EXPECT_EQ(driver.answer(2), nullptr);
}

TEST(Halt, StopsWhatRunsAndLeavesItOpen) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    driver.step(event::Halt{});
    ASSERT_EQ(driver.stops.size(), 1U);
    EXPECT_EQ(driver.answers.at(0).kind, Kind::draining);
    EXPECT_FALSE(driver.ledger.idle());
    driver.end(id, 1, retry, "killed");
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Halt, FailureOfAStoppedAttemptIsNoOutcome) {
    Driver driver({.retry = {.attempts_max = 1}});
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Halt{});
    driver.end(id, 1, fail, "killed");
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_EQ(driver.ledger.open_jobs(), 1U);
}

TEST(Halt, SuccessOfAStoppedAttemptIsKept) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Halt{});
    driver.succeed(id);
    driver.take();
    EXPECT_EQ(driver.group.jobs.at(0).outcome->state, JobState::succeeded);
}

TEST(Halt, NoTimeoutOfWhatWasStopped) {
    Driver driver({.timeout = seconds(1)});
    driver.submit();
    driver.commit();
    driver.step(event::Halt{});
    driver.pass(seconds(2));
    EXPECT_EQ(driver.stops.size(), 1U);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Halt, JoinIsAnsweredAtOnce) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Drain{});
    driver.step(event::Halt{});
    const Answer* answer = driver.answer(driver.join(id));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->kind, Kind::draining);
    driver.end(id, 1, retry);
    EXPECT_TRUE(driver.ledger.idle());
    EXPECT_EQ(driver.ledger.waiters(), 0U);
}

TEST(Halt, CancelAfterItIsStillDurable) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.step(event::Halt{});
    const WaiterId waiter = driver.cancel(id);
    EXPECT_EQ(driver.answer(waiter), nullptr);
    driver.end(id, 1, retry);
    EXPECT_FALSE(driver.ledger.idle());
    driver.commit();
    EXPECT_EQ(driver.answer(waiter)->outcome->state, JobState::cancelled);
    EXPECT_TRUE(driver.ledger.idle());
}

// --- pause -------------------------------------------------------------------------------------

TEST(Pause, CountsFromItsCommitAndIsAnsweredThen) {
    Driver driver({.concurrency = 9});
    const WaiterId waiter = driver.set_paused(true);
    EXPECT_TRUE(driver.ledger.has_writes());
    EXPECT_FALSE(driver.ledger.paused(0));
    driver.submit();
    EXPECT_EQ(driver.starts.size(), 1U);
    driver.take();
    ASSERT_EQ(driver.group.pauses.size(), 1U);
    EXPECT_TRUE(driver.group.pauses[0].paused);
    EXPECT_TRUE(driver.ledger.commit_under_way());
    EXPECT_EQ(driver.answer(waiter), nullptr);
    driver.step(event::Committed{});
    EXPECT_EQ(driver.answer(waiter)->kind, Kind::applied);
    EXPECT_TRUE(driver.ledger.paused(0));
    driver.submit();
    driver.succeed(driver.starts[0].job);
    driver.step(event::Tick{});
    EXPECT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.ledger.counts(0).ready, 1U);

    driver.set_paused(false);
    EXPECT_EQ(driver.starts.size(), 1U);
    driver.commit();
    EXPECT_EQ(driver.starts.size(), 2U);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Pause, AloneMakesAGroup) {
    Driver driver;
    EXPECT_TRUE(driver.ledger.idle());
    driver.set_paused(true);
    EXPECT_FALSE(driver.ledger.idle());
    EXPECT_EQ(driver.take(), 0U);
    EXPECT_FALSE(driver.group.empty());
    EXPECT_FALSE(driver.ledger.idle());
    driver.step(event::Committed{});
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Pause, LastWordOfACommitCounts) {
    Driver driver;
    driver.set_paused(true);
    driver.commit();
    driver.submit();
    const WaiterId resume = driver.set_paused(false);
    const WaiterId pause = driver.set_paused(true);
    driver.commit();
    EXPECT_TRUE(driver.starts.empty());
    EXPECT_TRUE(driver.ledger.paused(0));
    EXPECT_EQ(driver.answer(resume)->kind, Kind::applied);
    EXPECT_EQ(driver.answer(pause)->kind, Kind::applied);
}

TEST(Pause, RecoveredQueueStartsNothing) {
    Driver driver;
    driver.step(event::RecoveredPause{0});
    driver.recover(driver.make_id(), 0);
    driver.step(event::Tick{});
    driver.submit();
    EXPECT_TRUE(driver.starts.empty());
    EXPECT_TRUE(driver.ledger.paused(0));
    driver.set_paused(false);
    driver.commit();
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Pause, CommitFailureRefusesTheChangesUnderWayAndToCome) {
    Driver driver;
    const WaiterId first = driver.set_paused(true);
    driver.take();
    const WaiterId second = driver.set_paused(false);
    driver.step(event::CommitFailed{});
    const WaiterId third = driver.set_paused(true);
    for (const WaiterId waiter : {first, second, third}) {
        ASSERT_EQ(driver.kinds(waiter), std::vector{Kind::refused});
        EXPECT_EQ(driver.answer(waiter)->error.code, Code::store_failed);
    }
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_FALSE(driver.ledger.commit_under_way());
}

}  // namespace
}  // namespace bide::core::test
