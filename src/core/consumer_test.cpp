// From a message to a stored result: order, leases, retries, dead letters, the end.
#include "core/consumer.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using enum AttemptResult::Verdict;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Drives a consumer by hand; everything it wanted is kept, in its order.
class Worker {
  public:
    explicit Worker(
        QueueRules rules = {.concurrency = 2}, Consumer::Role role = Consumer::Role::work
    )
        : consumer({rules}, {.lease = seconds(30)}, 1, role) {}

    Consumer consumer;
    Time now{seconds(1'700'000'000)};
    ConsumerEffects wanted;

    void step(ConsumerEvent&& event) { consumer.step(std::move(event), now, wanted); }
    void pass(Duration span) {
        now += span;
        if (consumer.next_timer() <= now) step(event::Tick{});
    }

    consumed::Received message(const JobId& id, std::uint32_t receives = 1) {
        auto input = std::make_shared<JobInput>();
        input->id = id;
        input->body.bytes = "input";
        consumed::Received message;
        message.receipt = next_receipt_++;
        message.job = id;
        message.input = std::move(input);
        message.receives = receives;
        message.created = now;
        return message;
    }
    /// The receipts are numbered from 1 on.
    JobId receive(std::uint32_t receives = 1) {
        const JobId id = ids_.make(now);
        step(message(id, receives));
        return id;
    }
    void end(const JobId& id, AttemptResult::Verdict verdict = success, std::uint32_t attempt = 1) {
        AttemptResult result;
        result.verdict = verdict;
        result.body.bytes = "result";
        step(event::AttemptEnded{id, attempt, 0, std::move(result)});
    }
    /// The store took the last one it was asked for.
    void stored() {
        const wants::Store& last = wanted.stores.back();
        step(consumed::Stored{last.receipt, last.outcome, {}});
    }
    void store_fails() {
        step(consumed::Stored{
            wanted.stores.back().receipt,
            nullptr,
            Error{Code::store_failed, Retry::unsafe, "no answer", 1}});
    }
    bool ended() const { return consumer.idle() && consumer.next_timer() == kNever; }
    JobId make_id() { return ids_.make(now); }

  private:
    IdMaker ids_{2, 0};
    Receipt next_receipt_ = 1;
};

template <class T>
std::vector<Receipt> receipts(const std::vector<T>& effects) {
    std::vector<Receipt> all;
    for (const auto& effect : effects) all.push_back(effect.receipt);
    return all;
}

TEST(ConsumerOrder, RunThenStoreThenPublishThenRemove) {
    Worker worker;
    const JobId id = worker.receive();
    ASSERT_EQ(worker.wanted.starts.size(), 1U);
    EXPECT_EQ(worker.wanted.starts[0].attempt, 1U);
    EXPECT_EQ(worker.consumer.room(0), 1U);
    worker.end(id);
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->state, JobState::succeeded);
    EXPECT_EQ(worker.wanted.stores[0].keep, nullptr);
    EXPECT_TRUE(worker.wanted.publishes.empty());
    EXPECT_TRUE(worker.wanted.removes.empty());
    worker.stored();
    EXPECT_EQ(worker.wanted.publishes.size(), 1U);
    EXPECT_EQ(worker.wanted.removes.size(), 1U);
    EXPECT_EQ(worker.consumer.room(0), 2U);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerOrder, ResultThatWasThereIsTheOnePublished) {
    Worker worker;
    const JobId id = worker.receive();
    worker.end(id);
    auto first = std::make_shared<Outcome>();
    first->state = JobState::succeeded;
    first->body.bytes = "of another worker";
    worker.step(consumed::Stored{1, first, {}});
    ASSERT_EQ(worker.wanted.publishes.size(), 1U);
    EXPECT_EQ(worker.wanted.publishes[0].outcome, first);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerOrder, FailedStoreIsTriedAgainAndTheMessageStays) {
    Worker worker;
    const JobId id = worker.receive();
    worker.end(id);
    for (int i = 0; i < 20; ++i) {
        worker.store_fails();
        worker.pass(seconds(5));
        ASSERT_EQ(worker.wanted.stores.size(), 2U + static_cast<unsigned>(i));
    }
    EXPECT_TRUE(worker.wanted.removes.empty());
    EXPECT_GE(worker.wanted.extends.size(), 5U);  // 100 s, and half a lease is 15 s
    worker.stored();
    EXPECT_EQ(worker.wanted.removes.size(), 1U);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerOrder, InputIsFetchedFirst) {
    Worker worker;
    const JobId id = worker.make_id();
    auto message = worker.message(id);
    const auto input = std::exchange(message.input, nullptr);
    worker.step(std::move(message));
    EXPECT_EQ(receipts(worker.wanted.fetches), std::vector<Receipt>{1});
    EXPECT_TRUE(worker.wanted.starts.empty());
    worker.step(consumed::Fetched{1, input, {}});
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
    // Not to be read now: later, if there is an attempt left. Gone: a failure.
    for (const bool gone : {false, true}) {
        auto other = worker.message(worker.make_id());
        const Receipt receipt = other.receipt;
        other.input = nullptr;
        worker.step(std::move(other));
        consumed::Fetched fetched{receipt, nullptr, {}};
        if (!gone) fetched.error = Error{Code::store_failed, Retry::safe, "no answer", 1};
        worker.step(std::move(fetched));
        EXPECT_EQ(worker.wanted.hand_backs.size(), 1U);
        EXPECT_EQ(worker.wanted.stores.size(), gone ? 1U : 0U);
    }
    EXPECT_EQ(worker.wanted.stores[0].outcome->kind, FailureKind::lost);
}

TEST(ConsumerTwice, SecondMessageOfARunningJobEndsWithIt) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(worker.message(id, 2));
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
    worker.end(id);
    worker.stored();
    EXPECT_EQ(receipts(worker.wanted.removes), (std::vector<Receipt>{1, 2}));
    // They may have come from two fronts.
    EXPECT_EQ(receipts(worker.wanted.publishes), (std::vector<Receipt>{1, 2}));
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerTwice, MessageThatComesBackAfterALostLeaseIsHeldAgain) {
    Worker worker;
    worker.receive();
    worker.step(consumed::LeaseLost{1});
    worker.pass(seconds(60));
    EXPECT_TRUE(worker.wanted.extends.empty());
    const JobId id = worker.wanted.starts[0].job;
    worker.step(worker.message(id, 2));
    worker.pass(seconds(15));
    EXPECT_EQ(receipts(worker.wanted.extends), (std::vector<Receipt>{1, 2}));
    worker.step(consumed::LeaseLost{1});
    worker.pass(seconds(15));
    EXPECT_EQ(worker.wanted.extends.size(), 4U);
}

TEST(ConsumerTwice, TheLastAttemptOfEitherIsTheLast) {
    Worker worker({.concurrency = 1, .retry = {.attempts_max = 3}});
    const JobId id = worker.receive();
    worker.step(worker.message(id, 3));
    worker.end(id, retry);
    EXPECT_TRUE(worker.wanted.hand_backs.empty());
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->state, JobState::failed);
}

TEST(ConsumerTwice, SecondMessageIsTakenWhileDraining) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(event::Drain{});
    worker.step(worker.message(id, 2));
    EXPECT_TRUE(worker.wanted.hand_backs.empty());
    worker.end(id);
    worker.stored();
    EXPECT_EQ(worker.wanted.removes.size(), 2U);
}

TEST(ConsumerLease, IsExtendedWhileTheJobRuns) {
    Worker worker({.concurrency = 1, .timeout = seconds(100)});
    worker.receive();
    for (int i = 0; i < 6; ++i) worker.pass(seconds(15));
    EXPECT_EQ(worker.wanted.extends.size(), 6U);
}

// A function has its messages for some time only.
TEST(ConsumerTime, AttemptEndsWhenItsMessageMustBeGivenBack) {
    Worker worker({.concurrency = 2, .timeout = seconds(100), .retry = {.attempts_max = 2}});
    const JobId id = worker.make_id();
    auto message = worker.message(id);
    message.end_by = worker.now + seconds(10);
    worker.step(std::move(message));
    EXPECT_EQ(worker.wanted.starts.at(0).deadline, worker.now + seconds(10));
    worker.pass(seconds(10));
    EXPECT_EQ(worker.wanted.stops.size(), 1U);
    EXPECT_EQ(receipts(worker.wanted.hand_backs), std::vector<Receipt>{1});
    EXPECT_EQ(worker.consumer.room(0), 1U);  // it may not have ended yet
    worker.end(id, retry);
    EXPECT_TRUE(worker.ended());

    auto last = worker.message(id, 2);
    last.end_by = worker.now + seconds(10);
    worker.step(std::move(last));
    worker.pass(seconds(10));
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->kind, FailureKind::timeout);
}

TEST(ConsumerTime, WhatCannotBeginInTimeIsNoAttempt) {
    Worker worker({.concurrency = 2, .retry = {.attempts_max = 1}});
    auto late = worker.message(worker.make_id());
    late.end_by = worker.now;
    worker.step(std::move(late));
    auto fetched = worker.message(worker.make_id());
    fetched.end_by = worker.now + seconds(10);
    const auto body = std::exchange(fetched.input, nullptr);
    worker.step(std::move(fetched));
    worker.pass(seconds(10));
    worker.step(consumed::Fetched{2, body, {}});
    EXPECT_EQ(receipts(worker.wanted.hand_backs), (std::vector<Receipt>{1, 2}));
    EXPECT_TRUE(worker.wanted.starts.empty());
    EXPECT_TRUE(worker.wanted.stores.empty());
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerTime, AttemptOfTwoMessagesHasTheLongerTime) {
    Worker worker({.concurrency = 2, .timeout = seconds(100)});
    const JobId id = worker.make_id();
    for (const int span : {10, 20}) {
        auto message = worker.message(id);
        message.end_by = worker.now + seconds(span);
        worker.step(std::move(message));
    }
    worker.pass(seconds(15));
    EXPECT_TRUE(worker.wanted.stops.empty());
    worker.pass(seconds(5));
    EXPECT_EQ(worker.wanted.stops.size(), 1U);
}

TEST(ConsumerTime, WhatIsOverIsGivenBackInWhateverState) {
    Worker worker({.concurrency = 4});
    const JobId runs = worker.receive();
    const JobId is_stored = worker.receive();
    auto fetched = worker.message(worker.make_id());
    const auto body = std::exchange(fetched.input, nullptr);
    worker.step(std::move(fetched));
    worker.end(is_stored);
    for (const Receipt receipt : {1U, 2U, 3U}) worker.step(consumed::TimeUp{receipt});
    EXPECT_EQ(receipts(worker.wanted.hand_backs), (std::vector<Receipt>{1, 2, 3}));
    EXPECT_EQ(worker.wanted.stops.size(), 1U);
    EXPECT_FALSE(worker.ended());
    // Answers that come all the same change nothing.
    worker.stored();
    worker.step(consumed::Fetched{3, body, {}});
    worker.step(consumed::TimeUp{1});
    worker.end(runs);
    EXPECT_TRUE(worker.wanted.publishes.empty());
    EXPECT_TRUE(worker.wanted.removes.empty());
    EXPECT_EQ(worker.wanted.hand_backs.size(), 3U);
    EXPECT_TRUE(worker.ended());
    EXPECT_EQ(worker.consumer.room(0), 4U);
}

TEST(ConsumerTime, JobGoesOnForItsOtherMessage) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(worker.message(id, 2));
    worker.step(consumed::TimeUp{1});
    EXPECT_EQ(receipts(worker.wanted.hand_backs), std::vector<Receipt>{1});
    EXPECT_TRUE(worker.wanted.stops.empty());
    worker.end(id);
    worker.stored();
    EXPECT_EQ(receipts(worker.wanted.publishes), std::vector<Receipt>{2});
    EXPECT_EQ(receipts(worker.wanted.removes), std::vector<Receipt>{2});
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerTime, AnswerUnderTheNameOfAMessageThatWasGivenBackCounts) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(worker.message(id, 2));
    worker.end(id);
    worker.step(consumed::TimeUp{1});
    EXPECT_EQ(worker.wanted.stores.at(0).receipt, 1U);
    worker.stored();
    EXPECT_EQ(receipts(worker.wanted.removes), std::vector<Receipt>{2});
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerRetry, FailureIsHandedBackUntilTheLastAttempt) {
    Worker worker({.concurrency = 1, .retry = {.attempts_max = 2}});
    const JobId id = worker.receive(1);
    worker.end(id, retry);
    ASSERT_EQ(worker.wanted.hand_backs.size(), 1U);
    EXPECT_FALSE(worker.wanted.hand_backs[0].anew);
    EXPECT_TRUE(worker.ended());
    worker.step(worker.message(id, 2));
    EXPECT_EQ(worker.wanted.starts.back().attempt, 2U);
    worker.end(id, retry, 2);
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->state, JobState::failed);
    EXPECT_EQ(worker.wanted.stores[0].outcome->attempts, 2U);
    EXPECT_NE(worker.wanted.stores[0].keep, nullptr);  // for a redrive
    worker.stored();
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerRetry, FailureForGoodIsStoredAtOnce) {
    Worker worker;
    worker.end(worker.receive(), fail);
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->kind, FailureKind::rejected);
}

TEST(ConsumerTimeout, AttemptIsStoppedAndItsSlotStaysTaken) {
    Worker worker({.concurrency = 1, .timeout = seconds(5)});
    const JobId id = worker.receive();
    worker.pass(seconds(5));
    EXPECT_EQ(worker.wanted.stops.size(), 1U);
    EXPECT_EQ(worker.wanted.hand_backs.size(), 1U);
    EXPECT_EQ(worker.consumer.room(0), 0U);
    EXPECT_FALSE(worker.consumer.idle());
    worker.step(worker.message(id, 2));  // not beside the one that does not stop yet
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
    EXPECT_EQ(worker.wanted.hand_backs.size(), 1U);
    worker.end(id);  // late: it does not count (G6)
    EXPECT_TRUE(worker.wanted.stores.empty());
    ASSERT_EQ(worker.wanted.starts.size(), 2U);
    EXPECT_EQ(worker.wanted.starts[1].attempt, 2U);
    worker.end(id, success, 2);
    worker.stored();
    EXPECT_EQ(worker.consumer.room(0), 1U);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerTimeout, WhatNeverStopsDoesNotKeepTheJob) {
    Worker worker({.concurrency = 1, .timeout = seconds(5)});
    const JobId id = worker.receive();
    worker.pass(seconds(5));
    worker.step(worker.message(id, 2));
    worker.pass(seconds(15));
    EXPECT_EQ(worker.wanted.extends.size(), 1U);
    worker.pass(seconds(15));
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
    EXPECT_EQ(receipts(worker.wanted.hand_backs), (std::vector<Receipt>{1, 2}));
    worker.step(worker.message(id, 3));
    worker.step(event::Drain{});
    EXPECT_EQ(receipts(worker.wanted.hand_backs), (std::vector<Receipt>{1, 2, 3}));
}

TEST(ConsumerCancel, RunningOneIsStoppedAndQueuedOneNotStarted) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(consumed::CancelHeard{id, true});  // only if it were queued
    EXPECT_TRUE(worker.wanted.stops.empty());
    worker.step(consumed::CancelHeard{id, false});
    EXPECT_EQ(worker.wanted.stops.size(), 1U);
    EXPECT_EQ(worker.wanted.stores.back().outcome->state, JobState::cancelled);
    worker.end(id);
    EXPECT_EQ(worker.wanted.stores.size(), 1U);
    worker.stored();
    EXPECT_TRUE(worker.ended());
    auto message = worker.message(worker.make_id());
    message.cancelled = true;
    worker.step(std::move(message));
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
    EXPECT_EQ(worker.wanted.stores.size(), 2U);
    worker.step(consumed::CancelHeard{worker.make_id(), false});
}

TEST(ConsumerTime, EarlyIsSentAnewAndLateExpires) {
    Worker worker;
    auto early = worker.message(worker.make_id());
    early.not_before = worker.now + seconds(7);
    worker.step(std::move(early));
    ASSERT_EQ(worker.wanted.hand_backs.size(), 1U);
    EXPECT_TRUE(worker.wanted.hand_backs[0].anew);
    EXPECT_EQ(worker.wanted.hand_backs[0].pause, seconds(7));
    auto late = worker.message(worker.make_id());
    late.start_by = worker.now;
    worker.step(std::move(late));
    EXPECT_EQ(worker.wanted.stores.back().outcome->state, JobState::expired);
    EXPECT_EQ(worker.wanted.stores.back().outcome->attempts, 0U);
    auto retried = worker.message(worker.make_id(), 2);
    retried.start_by = worker.now;
    worker.step(std::move(retried));
    EXPECT_EQ(worker.wanted.starts.size(), 1U);
}

TEST(ConsumerRefusal, WhatIsNoJobOfTheQueueFailsForGoodUnseenByTheHandler) {
    Worker worker;
    auto message = worker.message(worker.make_id());
    message.refused = "an envelope of another version";
    worker.step(std::move(message));
    EXPECT_TRUE(worker.wanted.starts.empty());
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    const Outcome& outcome = *worker.wanted.stores[0].outcome;
    EXPECT_EQ(outcome.state, JobState::failed);
    EXPECT_EQ(outcome.kind, FailureKind::rejected);
    EXPECT_EQ(outcome.attempts, 0U);
    EXPECT_EQ(outcome.detail, "an envelope of another version");
    worker.stored();
    EXPECT_EQ(worker.wanted.removes.size(), 1U);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerDeadLetters, LostJobsAreAnsweredFor) {
    Worker worker({.concurrency = 5, .retry = {.attempts_max = 3}}, Consumer::Role::dead_letters);
    auto message = worker.message(worker.make_id());  // the dead-letter queue counts anew
    message.start_by = worker.now;
    message.not_before = worker.now + seconds(5);
    worker.step(std::move(message));
    EXPECT_TRUE(worker.wanted.starts.empty());
    ASSERT_EQ(worker.wanted.stores.size(), 1U);
    EXPECT_EQ(worker.wanted.stores[0].outcome->state, JobState::failed);
    EXPECT_EQ(worker.wanted.stores[0].outcome->kind, FailureKind::lost);
    EXPECT_EQ(worker.wanted.stores[0].outcome->attempts, 3U);
    worker.stored();
    EXPECT_EQ(worker.wanted.removes.size(), 1U);
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerEnd, DrainedWorkerFinishesAndTakesNothing) {
    Worker worker;
    const JobId id = worker.receive();
    worker.step(event::Drain{});
    EXPECT_EQ(worker.consumer.room(0), 0U);
    worker.receive();
    EXPECT_EQ(worker.wanted.hand_backs.size(), 1U);
    EXPECT_FALSE(worker.consumer.idle());
    worker.end(id);
    worker.stored();
    EXPECT_TRUE(worker.ended());
}

TEST(ConsumerEnd, HaltedWorkerHandsBackWhatDoesNotSucceed) {
    Worker worker({.concurrency = 4});
    const JobId fails = worker.receive();
    const JobId succeeds = worker.receive();
    const JobId storing = worker.receive();
    worker.end(storing);
    worker.step(event::Halt{});
    EXPECT_EQ(worker.wanted.stops.size(), 2U);
    worker.end(fails, retry);
    EXPECT_EQ(receipts(worker.wanted.hand_backs), std::vector<Receipt>{1});
    worker.stored();  // of the third
    worker.end(succeeds);
    worker.store_fails();
    EXPECT_EQ(receipts(worker.wanted.hand_backs), (std::vector<Receipt>{1, 2}));
    EXPECT_EQ(receipts(worker.wanted.removes), std::vector<Receipt>{3});
    EXPECT_TRUE(worker.ended());
}

}  // namespace
}  // namespace bide::core::test
