// Waiters that are told of what happens on the way, and what their leaving means.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using Kinds = std::vector<Kind>;
using enum AttemptResult::Verdict;

QueueRules no_backoff() {
    QueueRules rules;
    rules.retry.backoff_base = {};
    rules.retry.backoff_max = {};
    return rules;
}

TEST(Follow, AcceptedOnlyWhenDurableThenTheNewsInOrder) {
    Driver driver(no_backoff());
    const JobId id = driver.submit({.follow = Follow::yes});
    driver.step(event::Progress{id, 1, R"({"done":1})"});
    EXPECT_TRUE(driver.answers.empty());  // nothing is durable yet
    driver.commit();
    ASSERT_EQ(driver.kinds(1), Kinds{Kind::accepted});
    EXPECT_EQ(driver.answers[0].facts.state, JobState::running);
    EXPECT_EQ(*driver.answers[0].facts.progress, R"({"done":1})");
    EXPECT_FALSE(driver.answers[0].last());
    EXPECT_EQ(driver.ledger.waiters(), 1U);

    driver.step(event::Progress{id, 1, R"({"done":2})"});
    driver.end(id, 1, retry, "no");
    driver.pass(milliseconds(1));
    driver.commit();  // the retry's row: no second "accepted"
    driver.succeed(id, 2);
    driver.commit();
    EXPECT_EQ(
        driver.kinds(1), (Kinds{Kind::accepted, Kind::news, Kind::news, Kind::news, Kind::finished})
    );
    EXPECT_EQ(driver.answers[1].what, Answer::News::progress);
    EXPECT_EQ(*driver.answers[1].facts.progress, R"({"done":2})");
    EXPECT_EQ(driver.answers[2].what, Answer::News::retry);
    EXPECT_EQ(driver.answers[2].facts.attempts, 1U);
    EXPECT_EQ(driver.answers[2].facts.state, JobState::scheduled);
    EXPECT_EQ(driver.answers[3].what, Answer::News::attempt);
    EXPECT_EQ(driver.answers[3].facts.attempts, 2U);
    EXPECT_EQ(driver.answers[3].facts.progress, nullptr);  // of the attempt before
    for (std::size_t i = 2; i < 4; ++i)
        EXPECT_EQ(driver.answers[i].facts.news, driver.answers[i - 1].facts.news + 1);
}

TEST(Follow, JoinOfADurableJobIsToldAtOnce) {
    Driver driver;
    const JobId id = driver.submit();
    const WaiterId early = driver.follow(id);
    EXPECT_TRUE(driver.kinds(early).empty());
    driver.commit();
    EXPECT_EQ(driver.kinds(early), Kinds{Kind::accepted});
    const WaiterId late = driver.follow(id);
    EXPECT_EQ(driver.kinds(late), Kinds{Kind::accepted});
    const WaiterId impatient = driver.follow(id, {});
    EXPECT_EQ(driver.kinds(impatient), (Kinds{Kind::accepted, Kind::open}));
    EXPECT_TRUE(driver.kinds(1).empty());
    driver.step(event::Progress{id, 1, "{}"});
    EXPECT_EQ(driver.kinds(late), (Kinds{Kind::accepted, Kind::news}));
    EXPECT_TRUE(driver.kinds(1).empty());  // it did not ask
}

TEST(Follow, JobThatEndsBeforeItIsDurableIsAnsweredAtOnce) {
    Driver driver;
    driver.succeed(driver.submit({.follow = Follow::yes}));
    driver.commit();
    EXPECT_EQ(driver.kinds(1), Kinds{Kind::finished});
}

TEST(Follow, NoAcceptanceOnceTheJobHasEnded) {
    Driver driver;
    const JobId id = driver.submit();
    driver.commit();
    driver.succeed(id);
    const WaiterId waiter = driver.follow(id);
    EXPECT_TRUE(driver.kinds(waiter).empty());
    driver.commit();
    EXPECT_EQ(driver.kinds(waiter), Kinds{Kind::finished});
}

TEST(Follow, ReceiptAfterTheDeadlineComesAfterTheAcceptance) {
    Driver driver;
    driver.submit({.wait = {}, .follow = Follow::yes});
    driver.commit();
    EXPECT_EQ(driver.kinds(1), (Kinds{Kind::accepted, Kind::open}));
}

TEST(Follow, OnlyTheRunningAttemptIsListenedTo) {
    Driver driver(no_backoff());
    const JobId id = driver.submit({.follow = Follow::yes});
    driver.commit();
    driver.step(event::Progress{id, 2, "{}"});
    driver.step(event::Progress{driver.make_id(), 1, "{}"});
    EXPECT_EQ(driver.answers.size(), 1U);
    driver.end(id, 1, retry);
    driver.step(event::Progress{id, 1, "{}"});
    EXPECT_EQ(driver.kinds(1), (Kinds{Kind::accepted, Kind::news}));
}

TEST(Follow, WhoLeftIsToldNothing) {
    Driver driver;
    const JobId id = driver.submit({.follow = Follow::yes});
    driver.commit();
    const WaiterId other = driver.follow(id);
    driver.leave(1);
    driver.leave(driver.join(id));
    driver.step(event::Progress{id, 1, "{}"});
    EXPECT_EQ(driver.kinds(1), Kinds{Kind::accepted});
    EXPECT_EQ(driver.kinds(other), (Kinds{Kind::accepted, Kind::news}));
}

TEST(Follow, FactsOfTheRateAndTheReplayComeWithTheAcceptance) {
    Driver driver;
    const JobId id = driver.make_id();
    driver.submit({.id = id});
    driver.looked_up(id);
    driver.submit({.follow = Follow::yes, .id = id});
    driver.commit();
    ASSERT_EQ(driver.kinds(2), Kinds{Kind::accepted});
    EXPECT_TRUE(driver.answer(2)->replayed);
}

// --- leaving -----------------------------------------------------------------------------------

TEST(OnLeave, LastWaiterMayTakeTheJobAlong) {
    Driver driver;
    const JobId id = driver.submit({.on_leave = OnLeave::cancel});
    const JobId next = driver.submit();
    driver.commit();
    driver.leave(1);
    ASSERT_EQ(driver.stops.size(), 1U);
    EXPECT_EQ(driver.stops[0].job, id);
    driver.commit();
    EXPECT_EQ(driver.group.jobs.at(0).outcome->state, JobState::cancelled);
    EXPECT_TRUE(driver.answers.empty());
    driver.succeed(id);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, next);
}

TEST(OnLeave, NothingHappensWhileOthersWait) {
    Driver driver;
    const JobId id = driver.submit({.on_leave = OnLeave::cancel});
    const WaiterId other = driver.join(id);
    driver.leave(1);
    EXPECT_TRUE(driver.stops.empty());
    driver.leave(other);  // which has no wish
    EXPECT_TRUE(driver.stops.empty());
    driver.succeed(id);
    driver.commit();
    EXPECT_EQ(driver.group.jobs.at(0).outcome->state, JobState::succeeded);
}

TEST(OnLeave, QueuedOnlyMeansNotWhileItRuns) {
    Driver driver(no_backoff());
    const JobId running = driver.submit({.on_leave = OnLeave::cancel_if_queued});
    const JobId ready = driver.submit({.on_leave = OnLeave::cancel_if_queued});
    const JobId delayed =
        driver.submit({.not_before = seconds(1), .on_leave = OnLeave::cancel_if_queued});
    for (const WaiterId waiter : {1, 2, 3}) driver.leave(waiter);
    EXPECT_TRUE(driver.stops.empty());
    EXPECT_EQ(driver.ledger.find(running)->state, JobState::running);
    EXPECT_EQ(driver.ledger.find(ready)->state, JobState::cancelled);
    EXPECT_EQ(driver.ledger.find(delayed)->state, JobState::cancelled);
}

TEST(OnLeave, BackoffCountsAsQueued) {
    QueueRules rules;
    rules.retry.backoff_base = seconds(10);
    rules.retry.backoff_max = seconds(10);
    Driver driver(rules);
    const JobId id = driver.submit({.on_leave = OnLeave::cancel_if_queued});
    driver.end(id, 1, retry);
    driver.leave(1);
    EXPECT_EQ(driver.ledger.find(id)->state, JobState::cancelled);
}

TEST(OnLeave, EndedJobKeepsItsOutcome) {
    Driver driver;
    const JobId id = driver.submit({.on_leave = OnLeave::cancel});
    driver.succeed(id);
    driver.leave(1);
    driver.commit();
    EXPECT_EQ(driver.group.jobs.at(0).outcome->state, JobState::succeeded);
}

TEST(OnLeave, AfterACommitFailureNothingIsDone) {
    Driver driver;
    driver.submit({.on_leave = OnLeave::cancel});
    driver.commit_fails();
    driver.leave(1);
    EXPECT_FALSE(driver.ledger.has_writes());
}

}  // namespace
}  // namespace bide::core::test
