// The two gates of the ledger: a result leaves, and a job counts as accepted, only when durable.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;

// --- the result gate ---------------------------------------------------------------------------

TEST(ResultGate, CommitAnswersTheWaiter) {
    Driver driver;
    const JobId id = driver.submit();
    driver.succeed(id, 1, "hi");
    EXPECT_TRUE(driver.answers.empty());
    driver.take();
    EXPECT_TRUE(driver.answers.empty());
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::finished);
    EXPECT_EQ(driver.answers[0].facts.id, id);
    EXPECT_EQ(driver.answers[0].outcome->state, JobState::succeeded);
    EXPECT_EQ(driver.answers[0].outcome->body.bytes, "hi");
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
}

TEST(ResultGate, QuickJobIsWrittenOnceAsFinished) {
    Driver driver;
    driver.succeed(driver.submit());
    ASSERT_EQ(driver.take(), 1U);
    EXPECT_EQ(driver.group.jobs[0].kind, DurableWrite::finish);
    EXPECT_FALSE(driver.group.jobs[0].row_exists);
    driver.step(event::Committed{});
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(ResultGate, ResultDuringTheInputsCommitWaitsForTheNext) {
    Driver driver;
    const JobId id = driver.submit();
    driver.take();
    driver.succeed(id);
    driver.step(event::Committed{});
    EXPECT_TRUE(driver.answers.empty());
    driver.take();
    ASSERT_EQ(driver.group.jobs.size(), 1U);
    EXPECT_TRUE(driver.group.jobs[0].row_exists);
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::finished);
}

TEST(ResultGate, DeadlineDuringTheResultsCommitStillGetsTheResult) {
    Driver driver;
    const JobId id = driver.submit({.wait = milliseconds(10)});
    driver.commit();
    driver.succeed(id);
    driver.take();
    driver.pass(milliseconds(20));
    EXPECT_TRUE(driver.answers.empty());
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::finished);
}

TEST(ResultGate, CommitFailureRefusesEveryWaiter) {
    Driver driver;
    const JobId finished = driver.submit();
    driver.succeed(finished);
    driver.join(finished);
    driver.submit();
    driver.commit_fails();
    ASSERT_EQ(driver.answers.size(), 3U);
    for (const auto& answer : driver.answers) {
        EXPECT_EQ(answer.kind, Kind::refused);
        EXPECT_EQ(answer.error.code, Code::store_failed);
        EXPECT_EQ(answer.error.retry, Retry::unsafe);
        EXPECT_EQ(answer.outcome, nullptr);
    }
}

TEST(ResultGate, CommitFailureEndsEverythingElseToo) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    const JobId other = driver.submit();
    driver.commit_fails();
    EXPECT_TRUE(driver.ledger.failed());
    ASSERT_EQ(driver.stops.size(), 1U);
    EXPECT_EQ(driver.stops[0].job, id);
    driver.succeed(id);
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_EQ(driver.ledger.next_timer(), kNever);
    EXPECT_EQ(driver.answer(driver.join(other))->error.code, Code::store_failed);
    driver.submit();
    EXPECT_EQ(driver.answers.back().error.retry, Retry::safe);
}

TEST(ResultGate, WaiterThatLeftGetsNothingAndTheJobEnds) {
    Driver driver;
    const JobId id = driver.submit();
    driver.step(event::Leave{1});
    EXPECT_EQ(driver.ledger.waiters(), 0U);
    driver.succeed(id);
    driver.take();
    ASSERT_EQ(driver.group.jobs.size(), 1U);
    EXPECT_EQ(driver.group.jobs[0].outcome->state, JobState::succeeded);
    driver.step(event::Committed{});
    EXPECT_TRUE(driver.answers.empty());
}

TEST(ResultGate, LeavingTwiceOrAfterTheAnswerDoesNothing) {
    Driver driver;
    const JobId id = driver.submit();
    driver.step(event::Leave{1});
    driver.step(event::Leave{1});
    const WaiterId other = driver.join(id);
    driver.succeed(id);
    driver.commit();
    driver.step(event::Leave{other});
    EXPECT_EQ(driver.answers.size(), 1U);
}

// --- the receipt gate --------------------------------------------------------------------------

TEST(ReceiptGate, CommitOfTheInputAnswersOpen) {
    Driver driver;
    const JobId id = driver.submit({.wait = {}});
    EXPECT_TRUE(driver.answers.empty());
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::open);
    EXPECT_EQ(driver.answers[0].facts.id, id);
    EXPECT_EQ(driver.answers[0].facts.state, JobState::running);
}

TEST(ReceiptGate, JobThatEndsFirstIsAnsweredWithItsResult) {
    Driver driver;
    driver.succeed(driver.submit({.wait = {}}));
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::finished);
}

TEST(ReceiptGate, DeadlineBeforeTheCommitWaitsForIt) {
    Driver driver;
    driver.submit({.wait = milliseconds(5)});
    driver.take();
    driver.pass(milliseconds(10));
    EXPECT_TRUE(driver.answers.empty());
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::open);
}

TEST(ReceiptGate, DurableJobIsAnsweredAtTheDeadlineExactlyOnce) {
    Driver driver;
    driver.submit({.wait = seconds(1)});
    driver.commit();
    EXPECT_TRUE(driver.answers.empty());
    driver.pass(seconds(1));
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::open);
    driver.pass(seconds(20));
    EXPECT_EQ(driver.answers.size(), 1U);
}

TEST(ReceiptGate, CommitThatTakesTooLongRefusesAfterTheGrace) {
    Driver driver({}, {.commit_grace = seconds(2)});
    driver.submit({.wait = seconds(1)});
    driver.take();
    driver.pass(seconds(1));
    driver.pass(milliseconds(1999));
    EXPECT_TRUE(driver.answers.empty());
    driver.pass(milliseconds(1));
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::store_failed);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::unsafe);
    driver.step(event::Committed{});
    EXPECT_EQ(driver.answers.size(), 1U);
}

TEST(ReceiptGate, CommitFailureRefusesTheReceipt) {
    Driver driver;
    driver.submit({.wait = {}});
    driver.commit_fails();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::refused);
}

// --- joins -------------------------------------------------------------------------------------

TEST(Join, EveryWaiterGetsTheSameOutcome) {
    Driver driver;
    const JobId id = driver.submit();
    const WaiterId before = driver.join(id);
    driver.succeed(id);
    const WaiterId after = driver.join(id);
    driver.take();
    const WaiterId during = driver.join(id);
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 4U);
    for (const WaiterId waiter : {before, after, during}) {
        ASSERT_NE(driver.answer(waiter), nullptr);
        EXPECT_EQ(driver.answer(waiter)->outcome, driver.answer(1)->outcome);
    }
}

TEST(Join, UnknownJobIsAnsweredAtOnce) {
    Driver driver;
    const JobId nobodys = driver.make_id();
    const Answer* answer = driver.answer(driver.join(nobodys));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->kind, Kind::unknown);
    EXPECT_EQ(answer->facts.id, nobodys);
    EXPECT_EQ(driver.ledger.waiters(), 0U);
}

TEST(Join, JobOfACommitThatReturnedIsForTheStore) {
    Driver driver;
    const JobId id = driver.submit();
    driver.succeed(id);
    driver.commit();
    EXPECT_EQ(driver.answer(driver.join(id))->kind, Kind::unknown);
}

TEST(Join, PositionCountsTheReadyJobsBefore) {
    Driver driver;
    driver.submit();
    driver.submit();
    driver.submit();
    const JobId last = driver.submit();
    driver.commit();
    const Answer* answer = driver.answer(driver.join(last, {}));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->facts.state, JobState::ready);
    EXPECT_EQ(answer->facts.position, 2U);
}

// --- cancel ------------------------------------------------------------------------------------

TEST(Cancel, ReadyJobEndsForEverybodyWhenDurable) {
    Driver driver;
    driver.submit();
    const JobId id = driver.submit();
    const WaiterId waiter = driver.cancel(id, {});
    EXPECT_TRUE(driver.answers.empty());
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 2U);
    EXPECT_EQ(driver.answer(waiter)->outcome->state, JobState::cancelled);
    EXPECT_EQ(driver.answer(2)->outcome->kind, FailureKind::cancelled);
    driver.succeed(driver.starts[0].job);
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Cancel, ScheduledJobNeverStarts) {
    Driver driver;
    driver.cancel(driver.submit({.not_before = seconds(5)}));
    driver.commit();
    driver.pass(seconds(10));
    EXPECT_TRUE(driver.starts.empty());
    EXPECT_EQ(driver.answers.size(), 2U);
}

TEST(Cancel, RunningJobIsStoppedAndItsResultIgnored) {
    Driver driver;
    const JobId id = driver.submit();
    driver.cancel(id);
    ASSERT_EQ(driver.stops.size(), 1U);
    driver.succeed(id);
    driver.commit();
    EXPECT_EQ(driver.answer(1)->outcome->state, JobState::cancelled);
}

TEST(Cancel, FinishedJobKeepsItsOutcome) {
    Driver driver;
    const JobId id = driver.submit();
    driver.succeed(id);
    const WaiterId waiter = driver.cancel(id);
    driver.commit();
    EXPECT_EQ(driver.answer(waiter)->outcome->state, JobState::succeeded);
    EXPECT_EQ(driver.answer(driver.cancel(id))->kind, Kind::unknown);
}

TEST(Cancel, CommitFailureRefuses) {
    Driver driver;
    const JobId id = driver.submit();
    const WaiterId waiter = driver.cancel(id);
    driver.commit_fails();
    EXPECT_EQ(driver.answer(waiter)->kind, Kind::refused);
    EXPECT_EQ(driver.answer(driver.cancel(id))->kind, Kind::refused);
}

}  // namespace
}  // namespace bide::core::test
