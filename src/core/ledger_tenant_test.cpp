// Tenants at the ledger: their share, their limits; and admission by deadline.
#include "core/ledger_driver.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace bide::core::test {
namespace {

using Kind = Answer::Kind;
using enum AttemptResult::Verdict;

Tenancy acme(const TenantRules& rules) {
    Tenancy tenancy;
    tenancy.named["acme"] = rules;
    return tenancy;
}

std::string tenant_of(const StartAttempt& start) {
    return start.input->tenant;
}

TEST(TenantLimits, WeightsShareTheQueue) {
    Driver driver({}, {}, acme({.weight = 3}));
    for (int i = 0; i < 40; ++i) {
        driver.submit({.tenant = "acme"});
        driver.submit({.tenant = "other"});
    }
    for (std::size_t i = 0; i < 40; ++i) driver.succeed(driver.starts.at(i).job);
    std::map<std::string, int> starts;
    for (const auto& start : driver.starts) ++starts[tenant_of(start)];
    EXPECT_NEAR(starts["acme"], 30, 2);
    EXPECT_NEAR(starts["other"], 10, 2);
}

TEST(TenantLimits, PrioritiesAreWithinATenant) {
    Driver driver;
    driver.submit({.tenant = "a"});
    driver.submit({.tenant = "a", .priority = 0});
    driver.submit({.tenant = "b", .priority = 0});
    const JobId urgent = driver.submit({.tenant = "a", .priority = 9});
    driver.succeed(driver.starts[0].job);
    EXPECT_EQ(tenant_of(driver.starts.at(1)), "b");
    driver.succeed(driver.starts[1].job);
    EXPECT_EQ(driver.starts.at(2).job, urgent);
}

TEST(TenantLimits, ConcurrencyHoldsInEachQueue) {
    Driver driver({.concurrency = 3}, {}, acme({.concurrency = 1}));
    const JobId first = driver.submit({.tenant = "acme"});
    const JobId second = driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "other"});
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(tenant_of(driver.starts[1]), "other");
    driver.succeed(first);
    ASSERT_EQ(driver.starts.size(), 3U);
    EXPECT_EQ(driver.starts[2].job, second);
}

TEST(TenantLimits, CancelGivesTheLeaseToTheNextAtOnce) {
    Driver driver({.concurrency = 2}, {}, acme({.concurrency = 1}));
    const JobId first = driver.submit({.tenant = "acme"});
    const JobId second = driver.submit({.tenant = "acme"});
    driver.cancel(first);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, second);
}

TEST(TenantLimits, WishOnLeavingGivesTheLeaseToTheNextAtOnce) {
    Driver driver({.concurrency = 2}, {}, acme({.concurrency = 1}));
    driver.submit({.tenant = "acme", .on_leave = OnLeave::cancel});
    const JobId second = driver.submit({.tenant = "acme"});
    driver.leave(1);
    ASSERT_EQ(driver.starts.size(), 2U);
    EXPECT_EQ(driver.starts[1].job, second);
}

TEST(TenantLimits, OpenJobsOverTheDepthAreRefused) {
    Driver driver({}, {}, acme({.depth_max = 2}));
    const JobId first = driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "other"});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].waiter, 3U);
    EXPECT_EQ(driver.answers[0].error.code, Code::rate_limited);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::safe);
    EXPECT_GE(driver.answers[0].error.retry_after_s, 1);
    EXPECT_EQ(driver.ledger.open_jobs(), 3U);
    EXPECT_EQ(driver.ledger.totals(0).refused_rate, 1U);
    driver.succeed(first);
    driver.submit({.tenant = "acme"});
    EXPECT_EQ(driver.answers.size(), 1U);
}

TEST(TenantLimits, RateIsHeldAndAnswersSayWhereItStands) {
    Driver driver({}, {}, acme({.rate = 2, .burst = 2}));
    const JobId first = driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "acme"});
    driver.submit({.tenant = "acme"});
    ASSERT_EQ(driver.answers.size(), 1U);
    EXPECT_EQ(driver.answers[0].error.code, Code::rate_limited);
    EXPECT_EQ(driver.answers[0].error.retry, Retry::safe);
    EXPECT_EQ(driver.answers[0].error.retry_after_s, 1);
    EXPECT_EQ(driver.answers[0].rate.burst, 2U);
    EXPECT_EQ(driver.answers[0].rate.remaining, 0U);
    EXPECT_EQ(driver.answers[0].rate.reset_s, 1U);
    EXPECT_EQ(driver.ledger.totals(0).refused_rate, 1U);
    EXPECT_EQ(driver.ledger.open_jobs(), 2U);

    driver.pass(milliseconds(500));
    driver.submit({.wait = {}, .tenant = "acme"});
    driver.pass(milliseconds(500));
    driver.commit();
    ASSERT_EQ(driver.answers.size(), 2U);
    EXPECT_EQ(driver.answers[1].kind, Kind::open);
    EXPECT_EQ(driver.answers[1].rate.remaining, 1U);
    driver.succeed(first);
    driver.commit();
    EXPECT_EQ(driver.answers.back().rate.burst, 2U);
    EXPECT_EQ(driver.answers.back().rate.window_s, 1U);
}

TEST(TenantLimits, RefusalAndReplayCostNothing) {
    Driver driver({.depth_max = 1}, {}, acme({.rate = 1, .burst = 2}));
    const JobId id = driver.make_id();
    driver.submit({.tenant = "acme", .id = id});
    driver.looked_up(id);
    driver.submit({.tenant = "acme", .id = id});
    driver.submit({.tenant = "acme"});
    EXPECT_EQ(driver.answers.at(0).error.code, Code::overloaded);
    EXPECT_EQ(driver.answers.at(0).rate.remaining, 1U);
    driver.succeed(id);
    driver.commit();
    const auto stored = Driver::stored(driver.group.jobs.at(0), driver.now + std::chrono::hours(1));
    driver.submit({.tenant = "acme", .id = id});
    driver.looked_up(id, stored);
    EXPECT_EQ(driver.answers.back().kind, Kind::finished);
    EXPECT_EQ(driver.answers.back().rate.burst, 2U);
    EXPECT_EQ(driver.answers.back().rate.remaining, 1U);
}

TEST(TenantLimits, RecoveredJobsCountForTheirTenant) {
    Driver driver({}, {}, acme({.depth_max = 1}));
    event::Recovered job;
    job.job = driver.make_id();
    job.created = driver.now;
    job.tenant = "acme";
    driver.step(event::Recovered(job));
    driver.submit({.tenant = "acme"});
    EXPECT_EQ(driver.answers.at(0).error.code, Code::rate_limited);
    EXPECT_EQ(driver.ledger.find(job.job)->tenant, "acme");
}

TEST(TenantLimits, OutcomeNamesTheTenant) {
    Driver driver;
    driver.succeed(driver.submit({.tenant = "acme"}));
    driver.commit();
    EXPECT_EQ(driver.answers.at(0).outcome->tenant, "acme");
    EXPECT_EQ(driver.answers.at(0).facts.tenant, "acme");
}

// --- deadlines ---------------------------------------------------------------------------------

/// A queue whose one slot is taken, and whose attempts have taken 8 s each.
struct Busy {
    Busy() {
        for (int i = 0; i < 200; ++i) {
            const JobId id = driver.submit();
            driver.pass(seconds(8));
            driver.succeed(id);
        }
        driver.commit();
        driver.answers.clear();
        driver.submit();
    }
    Driver driver;
};

TEST(Deadline, JobThatCannotStartInTimeIsRefusedAtOnce) {
    Busy busy;
    busy.driver.submit({.start_by = seconds(7)});
    ASSERT_EQ(busy.driver.answers.size(), 1U);
    const Error& error = busy.driver.answers[0].error;
    EXPECT_EQ(error.code, Code::overloaded);
    EXPECT_EQ(error.retry, Retry::safe);
    EXPECT_NEAR(static_cast<double>(error.retry_after_s), 8, 1);
    EXPECT_NE(error.detail.find("deadline"), std::string::npos);
    EXPECT_EQ(busy.driver.ledger.open_jobs(), 1U);
    EXPECT_EQ(busy.driver.ledger.totals(0).refused_deadline, 1U);
    busy.driver.submit({.start_by = seconds(9)});
    EXPECT_EQ(busy.driver.answers.size(), 1U);
}

TEST(Deadline, OnlyWhoGoesFirstCounts) {
    Busy busy;
    busy.driver.submit({.priority = 4});
    busy.driver.submit({.start_by = seconds(9), .priority = 4});
    EXPECT_EQ(busy.driver.answers.size(), 1U);
    busy.driver.submit({.start_by = seconds(9), .priority = 5});
    EXPECT_EQ(busy.driver.answers.size(), 1U);
}

TEST(Deadline, FreeSlotOrPauseOrNothingKnownRefusesNobody) {
    Driver fresh;
    fresh.submit();
    fresh.submit({.start_by = milliseconds(1)});
    EXPECT_TRUE(fresh.answers.empty());

    Busy busy;
    busy.driver.set_paused(true);
    busy.driver.commit();
    busy.driver.answers.clear();
    busy.driver.submit({.start_by = seconds(1)});
    EXPECT_TRUE(busy.driver.answers.empty());

    Busy idle;
    idle.driver.succeed(idle.driver.starts.back().job);
    idle.driver.submit({.start_by = milliseconds(1)});
    EXPECT_TRUE(idle.driver.answers.empty());
}

}  // namespace
}  // namespace bide::core::test
