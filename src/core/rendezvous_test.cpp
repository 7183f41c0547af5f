// How a front's jobs get into the queue, who is told what, and when the store is asked.
#include "core/rendezvous_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

using enum Answer::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using What = told::Noticed::What;
using Kinds = std::vector<Answer::Kind>;

// --- the way of a blocked caller ---------------------------------------------------------------

TEST(RendezvousResult, BlockedCallerCostsOneMessageAndNoClaim) {
    Front front;
    const JobId id = front.submit();
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    EXPECT_FALSE(front.wanted.sends[0].promised);
    EXPECT_EQ(front.rendezvous.open(0), 1U);
    front.sent(id);
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.answer(1).fresh);
    EXPECT_EQ(front.answer(1).outcome->body.bytes, "result");
    EXPECT_TRUE(front.wanted.claims.empty());
    EXPECT_TRUE(front.wanted.looks.empty());
    EXPECT_TRUE(front.wanted.watches.empty());
    EXPECT_TRUE(front.over());
    EXPECT_EQ(front.rendezvous.open(0), 0U);
    EXPECT_EQ(front.rendezvous.next_timer(), kNever);
}

TEST(RendezvousResult, NoticeThatOvertakesTheQueuesWordCounts) {
    Front front;
    const JobId id = front.submit();
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    front.sent(id);
    front.notice(id);  // doubled
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousResult, FailedSendIsToldAndLeavesNothing) {
    Front front;
    const JobId id = front.submit();
    front.send_fails(id);
    EXPECT_EQ(front.kinds(1), Kinds{refused});
    EXPECT_EQ(front.answer(1).error.code, Code::store_failed);
    EXPECT_TRUE(front.over());
    EXPECT_EQ(front.rendezvous.open(0), 0U);
}

TEST(RendezvousResult, CallerThatLeftGetsNothingAndTheResultIsPassedOn) {
    Front front;
    const JobId id = front.submit();
    front.leave(1);
    EXPECT_EQ(front.rendezvous.jobs(), 1U);  // the queue has not answered
    front.sent(id);
    EXPECT_TRUE(front.over());
    front.notice(id);
    EXPECT_TRUE(front.kinds(1).empty());
    EXPECT_EQ(front.wanted.forwards.size(), 1U);
    EXPECT_TRUE(front.wanted.cancels.empty());
}

TEST(RendezvousResult, LookNoticeIsAnsweredFromTheStore) {
    Front front;
    const JobId id = front.submit();
    front.sent(id);
    front.news(id, What::look);
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.over());
}

// --- promises (G2) -----------------------------------------------------------------------------

TEST(RendezvousPromise, WhoAsksForTheIdGetsItWhenClaimAndQueueHaveIt) {
    Front front;
    const JobId id = front.submit({.wait = {}});
    ASSERT_EQ(front.wanted.claims.size(), 1U);
    EXPECT_EQ(front.wanted.claims[0].input, nullptr);  // nobody knows the id
    EXPECT_TRUE(front.wanted.sends.empty());
    front.claimed(id);
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    EXPECT_TRUE(front.wanted.sends[0].promised);
    EXPECT_TRUE(front.kinds(1).empty());
    front.sent(id);
    EXPECT_EQ(front.kinds(1), Kinds{open});
    EXPECT_EQ(front.answer(1).facts.id, id);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousPromise, WaitThatEndsIsClaimedBeforeItsIdIsTold) {
    Front front;
    const JobId id = front.submit({.wait = seconds(2)});
    front.sent(id);
    front.pass(seconds(2));
    ASSERT_EQ(front.wanted.claims.size(), 1U);
    EXPECT_TRUE(front.kinds(1).empty());
    front.claimed(id);
    EXPECT_EQ(front.kinds(1), Kinds{open});
}

TEST(RendezvousPromise, ResultThatOvertakesTheClaimIsTheAnswer) {
    Front front;
    front.trust();
    const JobId id = front.submit({.wait = seconds(2)});
    front.sent(id);
    front.pass(seconds(2));
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    front.claimed(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousPromise, ClaimThatFailsPromisesNothing) {
    Front front;
    front.trust();
    const JobId id = front.submit({.wait = {}});
    front.claim_fails(id);
    EXPECT_EQ(front.kinds(1), Kinds{refused});
    EXPECT_TRUE(front.wanted.sends.empty());
    EXPECT_TRUE(front.over());
    // After it is in the queue: it may run.
    const JobId late = front.submit({.wait = seconds(2)});
    front.sent(late);
    front.pass(seconds(2));
    front.claim_fails(late);
    EXPECT_EQ(front.kinds(2), Kinds{refused});
    EXPECT_EQ(front.answer(2).error.retry, Retry::unsafe);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousPromise, WaitsEndWithTheGraceWhenNothingIsConfirmed) {
    Front front({.grace = seconds(10)});
    front.submit({.wait = {}});
    front.submit({.wait = seconds(5), .id = front.make_id()});
    front.pass(seconds(10));
    EXPECT_EQ(front.kinds(1), Kinds{refused});
    EXPECT_EQ(front.answer(1).error.retry, Retry::unsafe);
    front.pass(seconds(10));
    EXPECT_EQ(front.kinds(2), Kinds{refused});  // a claimant's time is limited, too (G5)
    EXPECT_EQ(front.rendezvous.waiters(), 0U);
}

TEST(RendezvousPromise, CallerThatLeavesBeforeTheClaimMayTakeItsJobAlong) {
    Front front;
    const JobId id = front.submit({.wait = {}, .on_leave = OnLeave::cancel});
    front.leave(1);
    front.claimed(id);
    EXPECT_TRUE(front.wanted.sends.empty());
    EXPECT_TRUE(front.over());
    EXPECT_EQ(front.rendezvous.open(0), 0U);
}

TEST(RendezvousPromise, FollowerIsToldOnceThenNewsThenTheResult) {
    Front front;
    const JobId id = front.submit({.follow = Follow::yes});
    front.news(id, What::attempt);  // before it is accepted: too early to be told
    front.claimed(id);
    front.sent(id);
    EXPECT_EQ(front.kinds(1), Kinds{accepted});
    front.news(id, What::attempt, 2);
    front.news(id, What::progress, 2);
    front.news(id, What::attempt, 1);  // late
    front.news(id, What::retry, 2);
    front.notice(id);
    EXPECT_EQ(front.kinds(1), (Kinds{accepted, news, news, news, finished}));
}

// --- keys and callers' ids (G4) ----------------------------------------------------------------

TEST(RendezvousClaim, NewIdIsClaimedWithItsInputAndSent) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    ASSERT_EQ(front.wanted.claims.size(), 1U);
    ASSERT_NE(front.wanted.claims[0].input, nullptr);
    EXPECT_EQ(front.rendezvous.open(0), 0U);
    front.claimed(id);
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    EXPECT_TRUE(front.wanted.sends[0].kept);
    EXPECT_TRUE(front.wanted.looks.empty());
    front.sent(id);
    front.notice(id);
    EXPECT_FALSE(front.answer(1).replayed);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, SameRequestJoinsAndAnotherIsRefused) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.submit({.id = id});
    front.submit({.body = "other", .id = id});
    EXPECT_EQ(front.wanted.claims.size(), 1U);
    front.claimed(id);
    EXPECT_EQ(front.answer(3).error.code, Code::key_reused);
    front.submit({.id = id});
    front.submit({.body = "other", .id = id});
    EXPECT_EQ(front.answer(5).error.code, Code::key_reused);
    EXPECT_EQ(front.wanted.sends.size(), 1U);
    front.sent(id);
    front.notice(id);
    EXPECT_FALSE(front.answer(1).replayed);
    EXPECT_TRUE(front.answer(2).replayed);
    EXPECT_TRUE(front.answer(4).replayed);
    EXPECT_EQ(front.answer(4).outcome, front.answer(1).outcome);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, SentElsewhereIsWatchedAndLookedFor) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.found_claimed(id, Front::Known::sent);
    EXPECT_TRUE(front.wanted.sends.empty());
    EXPECT_EQ(front.wanted.watches, std::vector{id});
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds_claim(id);
    front.notice(id, "result", false);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.answer(1).replayed);
    EXPECT_EQ(front.wanted.unwatches, std::vector{id});
    EXPECT_TRUE(front.wanted.forwards.empty());
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, ClaimOfADeadSenderIsSentAfterPatience) {
    Front front({.claim_patience = seconds(5)});
    const JobId id = front.submit({.id = front.make_id()});
    front.found_claimed(id);
    front.look_finds_claim(id);
    EXPECT_TRUE(front.wanted.sends.empty());
    front.pass(seconds(5));
    front.look_finds_claim(id);
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    front.sent(id);
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, LookSlowerThanTheTimerStillCounts) {
    Front front({.rescue_min = milliseconds(50), .claim_patience = seconds(5)});
    const JobId id = front.submit({.id = front.make_id()});
    front.found_claimed(id);
    for (int i = 0; i < 100; ++i) front.pass(milliseconds(100));
    EXPECT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds_claim(id);
    EXPECT_EQ(front.wanted.sends.size(), 1U);
}

TEST(RendezvousClaim, StoredResultIsReplayedAndNothingSent) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.found_claimed(id);
    front.look_finds(id, "stored");
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_TRUE(front.answer(1).replayed);
    EXPECT_FALSE(front.answer(1).fresh);
    EXPECT_TRUE(front.wanted.sends.empty());
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, ClaimOfAnotherRequestRefuses) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.found_claimed(id, Front::Known::sent, "other");
    EXPECT_EQ(front.answer(1).error.code, Code::key_reused);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, ChosenIdThatWasAnotherJobsIsLookedForFirst) {
    Front front;
    const JobId id = front.submit({.id = front.make_id(), .origin = IdOrigin::caller});
    front.claimed(id);
    EXPECT_TRUE(front.wanted.sends.empty());
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    EXPECT_FALSE(front.wanted.looks[0].claim_too);  // which is its own
    front.look_finds_nothing(id);
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    EXPECT_TRUE(front.wanted.sends[0].body_stored);

    const JobId used =
        front.submit({.body = "other", .id = front.make_id(), .origin = IdOrigin::caller});
    const WaiterId joined = front.join(used);
    front.claimed(used, "other");
    front.look_finds_nothing(used);       // read before the claim
    front.notice(used, "result", false);  // does not say whose it is
    EXPECT_TRUE(front.kinds(2).empty());
    front.look_finds(used);  // of the body "input"
    EXPECT_EQ(front.answer(2).error.code, Code::key_reused);
    EXPECT_EQ(front.kinds(joined), Kinds{finished});
    EXPECT_EQ(front.wanted.sends.size(), 1U);
}

TEST(RendezvousClaim, FailedClaimRefusesAndTheNextTriesAgain) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.claim_fails(id);
    EXPECT_EQ(front.kinds(1), Kinds{refused});
    EXPECT_TRUE(front.over());
    front.submit({.id = id});
    EXPECT_EQ(front.wanted.claims.size(), 2U);
}

TEST(RendezvousClaim, ClaimantThatLeavesHasAskedForNothing) {
    Front front;
    const JobId id = front.submit({.id = front.make_id()});
    front.leave(1);
    EXPECT_EQ(front.rendezvous.waiters(), 0U);
    front.claimed(id);
    EXPECT_TRUE(front.wanted.sends.empty());
    EXPECT_TRUE(front.over());
}

TEST(RendezvousClaim, ClaimantComparedAfterTheResultStillGetsIt) {
    Front front;
    const JobId id = front.make_id();
    front.join(id);
    front.submit({.id = id});
    front.look_finds(id, "first");
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    front.wanted.looks.clear();
    front.found_claimed(id, Front::Known::sent);
    ASSERT_EQ(front.wanted.looks.size(), 1U);  // at once, not after the rescue interval
    front.look_finds(id, "first");
    EXPECT_EQ(front.kinds(2), Kinds{finished});
    EXPECT_TRUE(front.over());
}

// --- asking from elsewhere ---------------------------------------------------------------------

TEST(RendezvousJoin, WhoWaitsListensBeforeTheLook) {
    Front front;
    const JobId id = front.make_id();
    const WaiterId waiter = front.join(id);
    EXPECT_EQ(front.wanted.watches, std::vector{id});
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    EXPECT_TRUE(front.wanted.looks[0].claim_too);
    front.look_finds_claim(id);
    front.notice(id, "result", false);
    EXPECT_EQ(front.kinds(waiter), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousJoin, UnknownIdIsNotFoundAndAFailedLookSaysSo) {
    Front front;
    const JobId id = front.make_id();
    const WaiterId first = front.join(id, {});
    EXPECT_TRUE(front.wanted.watches.empty());
    front.look_finds_nothing(id);
    EXPECT_EQ(front.answer(first).error.code, Code::not_found);
    const WaiterId second = front.join(id);
    front.look_fails(id);
    EXPECT_EQ(front.answer(second).error.code, Code::store_failed);
    EXPECT_TRUE(front.over());
}

TEST(RendezvousJoin, LookFromBeforeTheQuestionIsNoAnswerToIt) {
    Front front;
    const JobId id = front.make_id();
    const WaiterId first = front.join(id);
    front.leave(first);
    const WaiterId second = front.join(id);
    front.look_finds_nothing(id);  // read for the first, before the job was accepted elsewhere
    EXPECT_TRUE(front.kinds(second).empty());
    ASSERT_EQ(front.wanted.looks.size(), 2U);
    front.look_finds_claim(id);
    front.notice(id, "result", false);
    EXPECT_EQ(front.kinds(second), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousJoin, CallersThatKeepComingDoNotPutAnAnswerOff) {
    Front front;
    const JobId id = front.make_id();
    const WaiterId first = front.join(id);
    const WaiterId second = front.join(id);
    front.look_finds_nothing(id);
    EXPECT_EQ(front.answer(first).error.code, Code::not_found);
    EXPECT_TRUE(front.kinds(second).empty());
    front.join(id);
    front.look_finds_nothing(id);
    EXPECT_EQ(front.answer(second).error.code, Code::not_found);
}

TEST(RendezvousJoin, LookFromBeforeTheResultIsNoAnswerAfterIt) {
    Front front;
    const JobId id = front.submit();
    front.sent(id);
    front.trust();  // everything is looked at
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    const WaiterId later = front.join(id, {});
    front.look_finds_nothing(id);  // read before the result was stored
    EXPECT_TRUE(front.kinds(later).empty());
    front.look_finds(id);
    EXPECT_EQ(front.kinds(later), Kinds{finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousJoin, ClaimedButNeverSentIsSentByWhoAsks) {
    Front front({.claim_patience = seconds(5)});
    const JobId id = front.make_id();
    const WaiterId waiter = front.join(id, {});
    auto found = front.claim_of(id);
    auto input = std::make_shared<JobInput>();
    input->id = id;
    input->fingerprint = Front::print("input");
    found.input = input;
    const auto again = found;
    front.step(std::move(found));
    EXPECT_TRUE(front.kinds(waiter).empty());  // its sender may be about to send it
    front.pass(seconds(5));
    front.step(told::Looked(again));
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    EXPECT_TRUE(front.wanted.sends[0].kept);
    EXPECT_TRUE(front.kinds(waiter).empty());
    front.sent(id);
    EXPECT_EQ(front.kinds(waiter), Kinds{open});
    EXPECT_TRUE(front.over());
}

// --- rescue and trust (G5) ---------------------------------------------------------------------

TEST(RendezvousRescue, LostNoticeIsFoundByLooking) {
    Front front;
    front.trust();
    const JobId id = front.submit({.wait = seconds(300)});
    front.sent(id);
    front.pass(seconds(29));
    EXPECT_TRUE(front.wanted.looks.empty());
    front.pass(seconds(10));
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
    EXPECT_FALSE(front.answer(1).fresh);
    EXPECT_EQ(front.rendezvous.rescues(), 1U);
}

TEST(RendezvousRescue, WithoutTrustLooksComeOftenAndBoundedly) {
    Front front;
    const JobId id = front.submit({.wait = seconds(300)});
    front.sent(id);
    front.pass(milliseconds(400));
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds_nothing(id);
    for (int i = 0; i < 400; ++i) {
        front.pass(milliseconds(500));
        if (front.wanted.looks.size() > 1) front.look_finds_nothing(id);
    }
    EXPECT_GE(front.wanted.looks.size(), 200U / 7);
    EXPECT_LE(front.wanted.looks.size(), 200U);
}

TEST(RendezvousRescue, TrustGainedLooksAtEverythingAtOnce) {
    Front front;
    const JobId one = front.submit();
    const JobId two = front.submit();
    front.sent(one);
    front.sent(two);
    front.trust();
    EXPECT_EQ(front.wanted.looks.size(), 2U);
    front.trust();
    EXPECT_EQ(front.wanted.looks.size(), 2U);
}

TEST(RendezvousRescue, NewCallersDoNotPutItOff) {
    Front front;
    front.trust();
    const JobId id = front.submit({.wait = seconds(300)});
    front.sent(id);
    for (int i = 0; i < 40; ++i) {
        front.pass(seconds(1));
        front.join(id);
    }
    EXPECT_EQ(front.wanted.looks.size(), 1U);
}

// --- cancelling --------------------------------------------------------------------------------

std::shared_ptr<const Outcome> cancelled_outcome() {
    auto outcome = std::make_shared<Outcome>();
    outcome->state = JobState::cancelled;
    return outcome;
}

TEST(RendezvousCancel, IsAnsweredWithWhatTheStoreHas) {
    Front front;
    const JobId id = front.make_id();
    const WaiterId waiter = front.cancel(id);
    front.look_finds_claim(id);
    ASSERT_EQ(front.wanted.cancels.size(), 1U);
    EXPECT_EQ(front.wanted.cancels[0].outcome->state, JobState::cancelled);
    front.step(told::Cancelled{id, cancelled_outcome(), {}});
    EXPECT_EQ(front.kinds(waiter), Kinds{finished});
    EXPECT_TRUE(front.wanted.claims.empty());
    EXPECT_TRUE(front.over());
}

TEST(RendezvousCancel, ThatFailsIsToldAndOthersWaitOn) {
    Front front;
    const JobId id = front.submit();
    front.sent(id);
    const WaiterId waiter = front.cancel(id);
    front.step(told::Cancelled{id, nullptr, Front::trouble()});
    EXPECT_EQ(front.kinds(waiter), Kinds{refused});
    EXPECT_TRUE(front.kinds(1).empty());
    front.notice(id);
    EXPECT_EQ(front.kinds(1), Kinds{finished});
}

TEST(RendezvousCancel, WithoutPatienceStillEnds) {
    Front front({.grace = seconds(10)});
    const JobId id = front.make_id();
    const WaiterId waiter = front.cancel(id, {});
    front.pass(seconds(10));
    EXPECT_EQ(front.kinds(waiter), Kinds{refused});
}

TEST(RendezvousCancel, LastOneLeavingMayCancel) {
    Front front;
    const JobId id = front.submit({.on_leave = OnLeave::cancel_if_queued});
    front.sent(id);
    front.leave(1);
    ASSERT_EQ(front.wanted.cancels.size(), 1U);
    EXPECT_TRUE(front.wanted.cancels[0].if_queued);
    const WaiterId waiter = front.cancel(id);  // a DELETE does not ask whether it runs
    front.look_finds_claim(id);
    EXPECT_EQ(front.wanted.cancels.size(), 1U);
    front.step(told::Cancelled{id, nullptr, {}});  // it runs
    ASSERT_EQ(front.wanted.cancels.size(), 2U);
    EXPECT_FALSE(front.wanted.cancels[1].if_queued);
    front.step(told::Cancelled{id, cancelled_outcome(), {}});
    EXPECT_EQ(front.kinds(waiter), Kinds{finished});
    EXPECT_TRUE(front.over());
}

// --- limits and the end ------------------------------------------------------------------------

TEST(RendezvousLimit, WaitersAreCountedWhateverTheyWaitFor) {
    Front front({.waiters_max = 3});
    front.submit();
    front.submit({.id = front.make_id()});
    front.join(front.make_id(), {});
    for (const JobId& id : {front.submit(), front.submit({.id = front.make_id()})})
        EXPECT_NE(id, JobId{});
    front.join(front.make_id(), {});
    front.cancel(front.make_id());
    for (WaiterId waiter = 4; waiter <= 7; ++waiter)
        EXPECT_EQ(front.answer(waiter).error.code, Code::overloaded) << waiter;
    EXPECT_EQ(front.rendezvous.waiters(), 3U);
}

TEST(RendezvousLimit, FullQueueAndOverdueJobsAreRefused) {
    Front front({}, {.depth_max = 1});
    const JobId id = front.submit();
    front.submit();
    EXPECT_EQ(front.answer(2).error.code, Code::overloaded);
    front.submit({.start_by = front.now});
    EXPECT_EQ(front.answer(3).error.code, Code::overloaded);
    front.sent(id);
    front.notice(id);
    front.submit();
    EXPECT_TRUE(front.kinds(4).empty());
}

TEST(RendezvousDrain, EveryWaitEndsWithAPromise) {
    Front front;
    const JobId blocked = front.submit();
    const JobId keyed = front.submit({.id = front.make_id()});
    front.sent(blocked);
    front.step(event::Drain{});
    EXPECT_TRUE(front.wanted.answers.empty());
    front.claimed(blocked);
    EXPECT_EQ(front.kinds(1), Kinds{draining});
    front.claimed(keyed);
    front.sent(keyed);
    EXPECT_EQ(front.kinds(2), Kinds{draining});
    front.submit();
    EXPECT_EQ(front.answer(3).error.code, Code::shutting_down);
    const JobId elsewhere = front.make_id();
    const WaiterId joined = front.join(elsewhere);
    front.look_finds_claim(elsewhere);
    EXPECT_EQ(front.kinds(joined), Kinds{draining});
    EXPECT_TRUE(front.over());
}

}  // namespace
}  // namespace bide::core::test
