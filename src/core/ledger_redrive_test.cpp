// A failed job runs again, because somebody asks for it.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;
using std::chrono::hours;

QueueRules two_attempts() {
    QueueRules rules;
    rules.retry.attempts_max = 2;
    rules.retry.backoff_base = {};
    rules.retry.backoff_max = {};
    return rules;
}

/// A job of priority 7 that failed twice, and what the store has of it.
struct DeadLetter {
    explicit DeadLetter(Driver& driver, Duration retention = hours(1)) {
        id = driver.submit({.tenant = "acme", .priority = 7});
        driver.end(id, 1, retry, "one");
        driver.pass(milliseconds(1));
        driver.end(id, 2, retry, "two");
        driver.commit();
        stored = Driver::stored(driver.group.jobs.at(0), driver.now + retention);
        driver.answers.clear();
        driver.starts.clear();
    }
    JobId id;
    std::shared_ptr<const StoredJob> stored;
};

TEST(Redrive, FailedJobIsReopenedAndItsAttemptsGoOn) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    const WaiterId waiter = driver.redrive(letter.id, {});
    ASSERT_EQ(driver.lookups, std::vector{letter.id});
    driver.looked_up(letter.id, letter.stored);
    ASSERT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.starts[0].attempt, 3U);
    EXPECT_EQ(driver.starts[0].attempts_max, 4U);
    EXPECT_EQ(driver.starts[0].input, nullptr);  // it is in the store
    EXPECT_TRUE(driver.answers.empty());
    EXPECT_EQ(driver.ledger.totals(0).redriven, 1U);
    EXPECT_EQ(driver.ledger.totals(0).submitted, 1U);

    ASSERT_EQ(driver.take(), 1U);
    const Write& write = driver.group.jobs[0];
    EXPECT_EQ(write.kind, DurableWrite::reopen);
    EXPECT_FALSE(write.row_exists);
    EXPECT_EQ(write.attempts, 2U);
    EXPECT_EQ(write.attempts_max, 4U);
    EXPECT_EQ(write.sequence, letter.stored->sequence);
    EXPECT_EQ(write.fingerprint, letter.stored->fingerprint);
    EXPECT_EQ(write.priority, 7);
    EXPECT_EQ(write.input, nullptr);
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(waiter)->kind, Kind::open);
    EXPECT_EQ(driver.answer(waiter)->facts.tenant, "acme");
    EXPECT_EQ(driver.answer(waiter)->facts.created, letter.stored->outcome->created);

    driver.end(letter.id, 3, retry, "three");
    driver.commit();
    EXPECT_EQ(driver.group.jobs.at(0).kind, DurableWrite::open);
    EXPECT_TRUE(driver.group.jobs.at(0).row_exists);
    EXPECT_EQ(driver.group.jobs.at(0).attempts_max, 4U);
    driver.pass(milliseconds(1));
    driver.end(letter.id, 4, retry, "four");
    driver.commit();
    ASSERT_EQ(driver.group.jobs.size(), 1U);
    EXPECT_EQ(driver.group.jobs[0].outcome->state, JobState::failed);
    EXPECT_EQ(driver.group.jobs[0].outcome->attempts, 4U);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
}

TEST(Redrive, AttemptOfBeforeSaysNothingAnyMore) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    driver.step(event::Progress{letter.id, 2, "{}"});
    EXPECT_EQ(driver.ledger.find(letter.id)->progress, nullptr);
    EXPECT_EQ(driver.ledger.find(letter.id)->attempts, 3U);
}

TEST(Redrive, JobThatEndsFirstIsReopenedAndFinishedInOneGroup) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    const WaiterId waiter = driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    driver.succeed(letter.id, 3);
    ASSERT_EQ(driver.take(), 2U);
    EXPECT_EQ(driver.group.jobs[0].kind, DurableWrite::reopen);
    EXPECT_EQ(driver.group.jobs[1].kind, DurableWrite::finish);
    EXPECT_TRUE(driver.group.jobs[1].row_exists);
    driver.step(event::Committed{});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(waiter)->outcome->state, JobState::succeeded);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Redrive, JobThatEndsDuringTheReopensCommitIsFinishedByTheNext) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    driver.redrive(letter.id, {});
    driver.looked_up(letter.id, letter.stored);
    driver.take();
    driver.succeed(letter.id, 3);
    driver.step(event::Committed{});
    EXPECT_TRUE(driver.answers.empty());
    ASSERT_EQ(driver.take(), 1U);
    EXPECT_EQ(driver.group.jobs[0].kind, DurableWrite::finish);
    EXPECT_TRUE(driver.group.jobs[0].row_exists);
}

TEST(Redrive, OpenJobIsAConflict) {
    Driver driver;
    const JobId id = driver.submit();
    const WaiterId waiter = driver.redrive(id);
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::conflict);
    EXPECT_EQ(driver.answer(waiter)->facts.id, id);
    EXPECT_EQ(driver.answer(waiter)->facts.state, JobState::running);
    EXPECT_TRUE(driver.lookups.empty());
}

TEST(Redrive, JobThatDidNotFailIsAConflict) {
    Driver driver;
    const JobId id = driver.submit();
    driver.succeed(id);
    driver.commit();
    const auto stored = Driver::stored(driver.group.jobs.at(0), driver.now + hours(1));
    const WaiterId waiter = driver.redrive(id);
    driver.looked_up(id, stored);
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::conflict);
    EXPECT_EQ(driver.answer(waiter)->error.retry, Retry::never);
    EXPECT_EQ(driver.answer(waiter)->facts.state, JobState::succeeded);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
}

TEST(Redrive, CancelledJobIsAConflict) {
    Driver driver;
    const JobId id = driver.submit();
    driver.cancel(id);
    driver.commit();
    const auto stored = Driver::stored(driver.group.jobs.at(0), driver.now + hours(1));
    const WaiterId waiter = driver.redrive(id);
    driver.looked_up(id, stored);
    ASSERT_NE(driver.answer(waiter), nullptr);
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::conflict);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Redrive, WhatIsNotThereIsNotFound) {
    Driver driver;
    const JobId id = driver.make_id();
    const WaiterId waiter = driver.redrive(id);
    driver.looked_up(id);
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::not_found);
}

TEST(Redrive, LetterWhoseRetentionIsNearlyOverIsGone) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver, seconds(61));
    driver.pass(seconds(1));
    WaiterId waiter = driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    EXPECT_EQ(driver.answer(waiter), nullptr);
    driver.step(event::CommitFailed{});

    Driver later(two_attempts());
    const DeadLetter old(later, seconds(61));
    later.pass(seconds(1) + milliseconds(1));
    waiter = later.redrive(old.id);
    later.looked_up(old.id, old.stored);
    ASSERT_NE(later.answer(waiter), nullptr);
    EXPECT_EQ(later.answer(waiter)->error.code, Code::gone);
    EXPECT_EQ(later.answer(waiter)->error.retry, Retry::never);
    EXPECT_EQ(later.ledger.open_jobs(), 0U);
}

TEST(Redrive, SecondOneInTheSameLineIsAConflictAndTheRequestJoins) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    driver.redrive(letter.id);
    const WaiterId second = driver.redrive(letter.id);
    driver.submit({.id = letter.id});
    const WaiterId third = driver.last_waiter();
    driver.looked_up(letter.id, letter.stored);
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(second)->error.code, Code::conflict);
    driver.succeed(letter.id, 3);
    driver.commit();
    EXPECT_TRUE(driver.answer(third)->replayed);
    EXPECT_EQ(driver.answer(third)->outcome->state, JobState::succeeded);
}

TEST(Redrive, RequestBeforeItInTheLineGetsTheFailure) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    driver.submit({.id = letter.id});
    const WaiterId first = driver.last_waiter();
    driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(first)->outcome->state, JobState::failed);
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Redrive, DrainingServerRefuses) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    const WaiterId waiter = driver.redrive(letter.id);
    driver.step(event::Drain{});
    driver.looked_up(letter.id, letter.stored);
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::shutting_down);
    EXPECT_EQ(driver.answer(waiter)->error.retry, Retry::safe);
    EXPECT_FALSE(driver.ledger.has_writes());
}

TEST(Redrive, CommitFailureRefuses) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    const WaiterId waiter = driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    driver.commit_fails();
    EXPECT_EQ(driver.answer(waiter)->error.code, Code::store_failed);
    EXPECT_EQ(driver.answer(driver.redrive(letter.id))->error.code, Code::store_failed);
}

TEST(Redrive, WaiterMayStayForTheResult) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    const WaiterId waiter = driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    driver.commit();
    EXPECT_TRUE(driver.answers.empty());
    driver.succeed(letter.id, 3, "at last");
    driver.commit();
    EXPECT_EQ(driver.answer(waiter)->outcome->body.bytes, "at last");
    EXPECT_EQ(driver.answer(waiter)->outcome->attempts, 3U);
}

TEST(Redrive, CancelledBeforeItIsWrittenIsReopenedAndFinished) {
    Driver driver(two_attempts());
    const DeadLetter letter(driver);
    driver.redrive(letter.id);
    driver.looked_up(letter.id, letter.stored);
    driver.cancel(letter.id);
    ASSERT_EQ(driver.take(), 2U);
    EXPECT_EQ(driver.group.jobs[1].outcome->state, JobState::cancelled);
    driver.step(event::Committed{});
    EXPECT_EQ(driver.answers.size(), 2U);
}

TEST(Redrive, RecoveredJobKeepsItsNumberOfAttempts) {
    Driver driver(two_attempts());
    event::Recovered job;
    job.job = driver.make_id();
    job.created = driver.now;
    job.attempts = 2;
    job.attempts_max = 4;
    driver.step(event::Recovered(job));
    driver.step(event::Tick{});
    ASSERT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.starts[0].attempt, 3U);
    EXPECT_EQ(driver.starts[0].attempts_max, 4U);
    driver.end(job.job, 3, retry);
    EXPECT_EQ(driver.ledger.find(job.job)->state, JobState::scheduled);
}

}  // namespace
}  // namespace bide::core::test
