// Ids that callers choose: the same request joins, another is refused, and the store is asked (G4).
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;

/// What the store has after the job of this driver, submitted under `id`, has ended.
std::shared_ptr<const StoredJob> run_to_the_end(
    Driver& driver, const JobId& id, AttemptResult::Verdict verdict = success
) {
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.end(id, 1, verdict, "first");
    driver.commit();
    auto stored = Driver::stored(driver.group.jobs.at(0), driver.now + std::chrono::hours(1));
    driver.answers.clear();
    driver.lookups.clear();
    return stored;
}

TEST(Claim, NewIdIsLookedUpBeforeAnythingElse) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    ASSERT_EQ(driver.lookups, std::vector{id});
    EXPECT_TRUE(driver.starts.empty());
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    EXPECT_FALSE(driver.ledger.idle());
    driver.looked_up(id);
    ASSERT_EQ(driver.starts.size(), 1U);
    driver.commit();
    EXPECT_TRUE(driver.group.jobs.at(0).named);
    EXPECT_EQ(driver.group.jobs.at(0).sequence, driver.starts[0].input->sequence);
    EXPECT_EQ(driver.group.jobs.at(0).fingerprint, Driver::print("input"));
    driver.succeed(id);
    driver.commit();
    EXPECT_EQ(driver.answer(1)->kind, Kind::finished);
    EXPECT_FALSE(driver.answer(1)->replayed);
    EXPECT_TRUE(driver.answer(1)->fresh);
}

TEST(Claim, FreshIdIsNotLookedUp) {
    Driver driver;
    driver.submit();
    EXPECT_TRUE(driver.lookups.empty());
    driver.commit();
    EXPECT_FALSE(driver.group.jobs.at(0).named);
}

TEST(Claim, SameRequestJoinsTheOpenJob) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.submit({.id = id});
    EXPECT_EQ(driver.lookups.size(), 1U);
    EXPECT_EQ(driver.ledger.totals(0).replayed, 1U);
    EXPECT_EQ(driver.ledger.totals(0).submitted, 1U);
    driver.succeed(id);
    driver.submit({.id = id});  // it has ended, and is not durable yet
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 3U);
    EXPECT_FALSE(driver.answer(1)->replayed);
    EXPECT_TRUE(driver.answer(2)->replayed);
    EXPECT_TRUE(driver.answer(3)->replayed);
    EXPECT_EQ(driver.answer(2)->outcome, driver.answer(1)->outcome);
    EXPECT_EQ(driver.answer(3)->outcome, driver.answer(1)->outcome);
    EXPECT_EQ(driver.starts.size(), 1U);
}

TEST(Claim, OtherRequestUnderAnOpenIdIsRefused) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.submit({.body = "other", .id = id});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::key_reused);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::never);
    EXPECT_EQ(driver.ledger.waiters(), 1U);
    EXPECT_EQ(driver.ledger.totals(0).replayed, 0U);
}

TEST(Claim, FurtherClaimsWaitBehindTheOneLook) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.submit({.id = id});
    driver.submit({.body = "other", .id = id});
    const WaiterId redrive = driver.redrive(id);
    EXPECT_EQ(driver.lookups.size(), 1U);
    EXPECT_TRUE(driver.answers.empty());
    driver.looked_up(id);
    EXPECT_EQ(driver.ledger.open_jobs(), 1U);
    EXPECT_EQ(driver.ledger.waiters(), 2U);
    ASSERT_EQ(driver.answers.size(), 2U);
    EXPECT_EQ(driver.answer(3)->error.code, Code::key_reused);
    EXPECT_EQ(driver.answer(redrive)->error.code, Code::conflict);
    driver.succeed(id);
    driver.commit();
    EXPECT_FALSE(driver.answer(1)->replayed);
    EXPECT_TRUE(driver.answer(2)->replayed);
}

TEST(Claim, FoundOutcomeIsReplayed) {
    Driver driver;
    const JobId id = driver.make_id();
    const auto stored = run_to_the_end(driver, id);
    driver.submit({.id = id});
    ASSERT_EQ(driver.lookups.size(), 1U);
    driver.looked_up(id, stored);
    ASSERT_EQ(driver.answers.size(), 1U);
    const Answer& answer = driver.answers[0];
    EXPECT_EQ(answer.kind, Kind::finished);
    EXPECT_EQ(answer.outcome, stored->outcome);
    EXPECT_EQ(answer.facts.id, id);
    EXPECT_EQ(answer.facts.state, JobState::succeeded);
    EXPECT_EQ(answer.facts.attempts, 1U);
    EXPECT_FALSE(answer.fresh);
    EXPECT_TRUE(answer.replayed);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    EXPECT_EQ(driver.starts.size(), 1U);
    EXPECT_EQ(driver.ledger.totals(0).replayed, 1U);
}

TEST(Claim, OtherRequestUnderAUsedIdIsRefused) {
    Driver driver;
    const JobId id = driver.make_id();
    const auto stored = run_to_the_end(driver, id);
    driver.submit({.body = "other", .id = id});
    driver.looked_up(id, stored);
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::key_reused);
    EXPECT_EQ(driver.answers[0].outcome, nullptr);
}

TEST(Claim, ReadErrorRefusesAndTheNextOneLooksAgain) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.redrive(id);
    driver.step(event::LookedUp{id, nullptr, Error{Code::store_failed, Retry::safe, "no", 1}});
    ASSERT_EQ(driver.answers.size(), 2U);
    for (const auto& answer : driver.answers) {
        EXPECT_EQ(answer.kind, Kind::refused);
        EXPECT_EQ(answer.error.code, Code::store_failed);
    }
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    driver.submit({.id = id});
    EXPECT_EQ(driver.lookups.size(), 2U);
}

TEST(Claim, WhoLeavesMeanwhileHasAskedForNothing) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.leave(1);
    driver.looked_up(id);
    EXPECT_EQ(driver.ledger.open_jobs(), 0U);
    EXPECT_TRUE(driver.answers.empty());
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Claim, TheOthersStayWhenOneLeaves) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.submit({.id = id});
    driver.leave(1);
    driver.submit({.id = id});
    EXPECT_EQ(driver.lookups.size(), 1U);
    driver.looked_up(id);
    driver.succeed(id);
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 2U);
    EXPECT_FALSE(driver.answer(2)->replayed);
    EXPECT_TRUE(driver.answer(3)->replayed);
}

TEST(Claim, DeadlineThatPassedMeanwhileGetsTheReceipt) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.wait = milliseconds(10), .id = id});
    driver.pass(milliseconds(50));
    EXPECT_TRUE(driver.answers.empty());
    driver.looked_up(id);
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].kind, Kind::open);
}

TEST(Claim, DrainRefusesNewJobsButReplays) {
    Driver driver;
    const JobId used = driver.make_id();
    const auto stored = run_to_the_end(driver, used);
    const JobId fresh = driver.make_id();
    driver.submit({.id = fresh});
    driver.submit({.id = used});
    driver.step(event::Drain{});
    EXPECT_FALSE(driver.ledger.idle());
    driver.looked_up(fresh);
    driver.looked_up(used, stored);
    ASSERT_EQ(driver.answers.size(), 2U);
    EXPECT_EQ(driver.answers[0].error.code, Code::shutting_down);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::safe);
    EXPECT_EQ(driver.answers[1].kind, Kind::finished);
    EXPECT_TRUE(driver.ledger.idle());
}

TEST(Claim, CommitFailureRefusesWhenTheLookReturns) {
    Driver driver;
    const JobId id = driver.make_id();
    const auto stored = run_to_the_end(driver, id);
    driver.submit();
    driver.submit({.id = id});
    driver.redrive(id);
    driver.commit_fails();
    driver.answers.clear();
    driver.looked_up(id, stored);
    ASSERT_EQ(driver.answers.size(), 2U);
    for (const auto& answer : driver.answers) {
        EXPECT_EQ(answer.error.code, Code::store_failed);
        EXPECT_EQ(answer.error.retry, Retry::safe);
    }
    driver.submit({.id = id});
    EXPECT_EQ(driver.answers.size(), 3U);
    EXPECT_EQ(driver.lookups.size(), 1U);
}

TEST(Claim, RefusedOneMakesRoomForTheNext) {
    QueueRules rules;
    rules.bytes_max = 8;
    Driver driver(rules);
    driver.submit();
    const JobId id = driver.make_id();
    driver.submit({.body = "12345", .id = id});
    driver.submit({.body = "123", .id = id});
    driver.looked_up(id);
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answer(2)->error.code, Code::overloaded);
    driver.end(driver.starts[0].job, 1, success);
    driver.succeed(id);
    driver.commit();
    EXPECT_EQ(driver.answer(3)->kind, Kind::finished);
    EXPECT_FALSE(driver.answer(3)->replayed);
}

TEST(Claim, IdIsNotGivenAgainWhileAnOldAttemptOfItRuns) {
    QueueRules rules;
    rules.concurrency = 2;
    Driver driver(rules);
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.cancel(id);
    driver.commit();
    driver.answers.clear();
    driver.submit({.id = id});
    driver.looked_up(id);  // retention was short
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::overloaded);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::safe);
    EXPECT_EQ(driver.answers[0].error.retry_after_s, 1);
    driver.succeed(id, 1, "late");
    driver.submit({.id = id});
    driver.looked_up(id);
    ASSERT_EQ(driver.starts.size(), 2U);
    driver.succeed(id, 1, "new");
    driver.commit();
    EXPECT_EQ(driver.answers.back().outcome->body.bytes, "new");
}

TEST(Claim, EndOfALaterAttemptFreesNoIdThatAnEarlierOneHolds) {
    QueueRules rules;
    rules.concurrency = 2;
    rules.timeout = seconds(1);
    rules.retry.backoff_base = {};
    rules.retry.backoff_max = {};
    Driver driver(rules);
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.pass(seconds(1));
    driver.pass(milliseconds(1));
    ASSERT_EQ(driver.starts.size(), 2U);
    driver.succeed(id, 2);
    driver.commit();
    driver.submit({.id = id});
    driver.looked_up(id);
    EXPECT_EQ(driver.answers.back().error.code, Code::overloaded);
    driver.succeed(id, 1);
    driver.submit({.id = id});
    driver.looked_up(id);
    EXPECT_EQ(driver.starts.size(), 3U);
}

TEST(Claim, RecoveredJobIsJoinedBySameRequestOnly) {
    Driver driver;
    event::Recovered job;
    job.job = driver.make_id();
    job.created = driver.now;
    job.input_bytes = 5;
    job.fingerprint = Driver::print("input");
    driver.step(event::Recovered(job));
    driver.submit({.id = job.job});
    driver.submit({.body = "other", .id = job.job});
    EXPECT_TRUE(driver.lookups.empty());
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::key_reused);
    EXPECT_EQ(driver.ledger.waiters(), 1U);
}

}  // namespace
}  // namespace bide::core::test
