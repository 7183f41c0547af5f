// When a change is written: at once, or together with others.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

namespace bide::core::test {
namespace {

LedgerLimits limits() {
    LedgerLimits limits;
    limits.linger = milliseconds(50);
    limits.company = milliseconds(5);
    return limits;
}

/// Two attempts at once, and a job that has taken a second when the test begins to look.
struct Busy : Driver {
    Busy() : Driver(rules(), limits()) {
        slow = submit();
        other = submit();
        pass(seconds(1));
        commit();
    }
    static QueueRules rules() {
        QueueRules rules;
        rules.concurrency = 2;
        return rules;
    }
    JobId slow;
    JobId other;
};

TEST(Linger, AJobThatEndsSoonIsWrittenOnce) {
    Driver driver({}, limits());
    const JobId id = driver.submit();
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_FALSE(driver.ledger.idle());
    driver.succeed(id);
    ASSERT_TRUE(driver.ledger.has_writes());
    ASSERT_EQ(driver.take(), 1U);
    EXPECT_EQ(driver.group.jobs[0].kind, DurableWrite::finish);
    EXPECT_FALSE(driver.group.jobs[0].row_exists);
}

TEST(Linger, AJobThatTakesLongerIsWrittenInTime) {
    Driver driver({}, limits());
    driver.submit();
    driver.pass(milliseconds(49));
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_EQ(driver.ledger.next_timer(), driver.now + milliseconds(1));
    driver.pass(milliseconds(1));
    EXPECT_TRUE(driver.ledger.has_writes());
    ASSERT_EQ(driver.take(), 1U);
    EXPECT_EQ(driver.group.jobs[0].kind, DurableWrite::open);
}

TEST(Linger, FromHalfOfItOnItGoesAlong) {
    QueueRules rules;
    rules.concurrency = 1;
    Driver driver(rules, limits());
    const JobId first = driver.submit();
    driver.pass(milliseconds(24));
    driver.submit();
    driver.pass(milliseconds(1));
    driver.succeed(first);  // waits for company
    EXPECT_FALSE(driver.ledger.has_writes());
    driver.submit();
    driver.pass(milliseconds(23));
    EXPECT_TRUE(driver.ledger.has_writes());
    EXPECT_EQ(driver.take(), 1U);
    driver.step(event::Committed{});
    driver.pass(milliseconds(1));
    driver.step(event::Tick{});
    EXPECT_EQ(driver.take(), 1U) << "25 ms after the second";
}

TEST(Linger, NoneForWhoIsToBeToldOfTheJob) {
    for (const Driver::Job& job :
         {Driver::Job{.wait = Duration(0)},
          Driver::Job{.not_before = seconds(5)},
          Driver::Job{.follow = Follow::yes}}) {
        Driver driver({}, limits());
        driver.submit(job);
        EXPECT_TRUE(driver.ledger.has_writes());
    }
}

TEST(Linger, EndsWhenSomebodyLooksOrTheLastWaiterLeaves) {
    Driver looked({}, limits());
    const WaiterId look = looked.join(looked.submit(), Duration(0));
    EXPECT_TRUE(looked.ledger.has_writes());
    EXPECT_EQ(looked.answer(look), nullptr);
    looked.commit();
    ASSERT_NE(looked.answer(look), nullptr);

    Driver left({}, limits());
    left.submit();
    left.leave(left.last_waiter());
    EXPECT_TRUE(left.ledger.has_writes());

    Driver drained({}, limits());
    drained.submit();
    drained.step(event::Drain{});
    EXPECT_TRUE(drained.ledger.has_writes());
}

TEST(Company, AnOutcomeWaitsForOthersWhileThereIsMoreWork) {
    Busy driver;
    driver.succeed(driver.slow);
    EXPECT_FALSE(driver.ledger.has_writes());
    EXPECT_FALSE(driver.ledger.idle());
    driver.pass(milliseconds(4));
    EXPECT_FALSE(driver.ledger.has_writes());
    driver.pass(milliseconds(1));
    EXPECT_TRUE(driver.ledger.has_writes());
    EXPECT_EQ(driver.take(), 1U);
}

TEST(Company, TheLastDoesNotWaitAndTakesTheOthersAlong) {
    Busy driver;
    driver.succeed(driver.slow);
    driver.succeed(driver.other);
    EXPECT_TRUE(driver.ledger.has_writes());
    EXPECT_EQ(driver.take(), 2U);
    driver.step(event::Committed{});
    EXPECT_EQ(driver.answers.size(), 2U);
    EXPECT_EQ(driver.ledger.next_timer(), kNever);
}

TEST(Company, NoLongerThanASixteenthOfWhatTheJobTook) {
    Driver driver(Busy::rules(), limits());
    const JobId quick = driver.submit();
    driver.submit();
    driver.pass(milliseconds(16));
    driver.succeed(quick);
    EXPECT_FALSE(driver.ledger.has_writes());
    driver.pass(milliseconds(1));
    EXPECT_TRUE(driver.ledger.has_writes());

    Driver quicker(Busy::rules(), limits());
    const JobId first = quicker.submit();
    quicker.submit();
    quicker.pass(milliseconds(1));
    quicker.succeed(first);
    EXPECT_TRUE(quicker.ledger.has_writes()) << "not worth a timer";
}

TEST(Company, AFailedCommitRefusesWhoWaits) {
    Busy driver;
    driver.succeed(driver.slow);
    driver.commit_fails();
    EXPECT_EQ(driver.kinds(1), std::vector{Answer::Kind::refused});
    EXPECT_FALSE(driver.ledger.has_writes());
}

}  // namespace
}  // namespace bide::core::test
