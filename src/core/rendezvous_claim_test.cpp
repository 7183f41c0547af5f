// Who comes when the result is stored and its notice has gone, or goes before the claim is
// compared.
#include "core/rendezvous_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

TEST(RendezvousLateClaim, LooksForWhatANoticeSaidBeforeIt) {
    Front front({.claim_patience = Duration(0)});
    const JobId id = front.submit({.id = front.make_id()});
    const WaiterId joined = front.join(id);
    auto claim = front.claim_of(id);
    auto input = std::make_shared<JobInput>();
    input->id = id;
    input->fingerprint = Front::print("input");
    claim.input = std::move(input);
    front.step(std::move(claim));
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    front.sent(id);
    front.leave(joined);
    front.notice(id);
    EXPECT_TRUE(front.wanted.answers.empty());
    const auto looks = front.wanted.looks.size();
    front.found_claimed(id);
    EXPECT_EQ(front.wanted.looks.size(), looks + 1);
    front.look_finds(id);
    EXPECT_EQ(front.kinds(1), std::vector{Answer::Kind::finished});
    EXPECT_TRUE(front.over());
}

TEST(RendezvousLateClaim, LooksForWhatANoticeSaidWhileNobodyWaited) {
    Front front({.claim_patience = Duration(0)});
    front.trust();
    const JobId id = front.submit({.id = front.make_id()});
    front.claimed(id);
    ASSERT_EQ(front.wanted.sends.size(), 1U);
    front.leave(1);
    EXPECT_TRUE(front.wanted.looks.empty());
    front.notice(id);
    const WaiterId late = front.join(id);
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    front.look_finds(id);
    EXPECT_EQ(front.kinds(late), std::vector{Answer::Kind::finished});
}

TEST(RendezvousLateClaim, LookThatCouldNotReadIsRepeatedSoonThoughNoticesCome) {
    Front front;
    front.trust();
    const JobId id = front.submit({.wait = std::chrono::seconds(300), .id = front.make_id()});
    front.found_claimed(id, Front::Known::sent);  // stored and told, before this caller came
    ASSERT_EQ(front.wanted.looks.size(), 1U);
    for (std::size_t failed = 1; failed < 4; ++failed) {
        front.look_fails(id);
        front.pass(std::chrono::seconds(1));
        ASSERT_EQ(front.wanted.looks.size(), failed + 1);
    }
    front.look_finds_nothing(id);
    front.pass(std::chrono::seconds(29));
    EXPECT_EQ(front.wanted.looks.size(), 4U);
}

}  // namespace
}  // namespace bide::core::test
