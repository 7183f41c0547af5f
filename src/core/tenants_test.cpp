#include "core/tenants.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time kStart{seconds(1'700'000'000)};

Tenants two_a_second(std::uint32_t burst) {
    Tenancy tenancy;
    tenancy.named["acme"].rate = 2;
    tenancy.named["acme"].burst = burst;
    tenancy.others.weight = 7;
    return Tenants(std::move(tenancy));
}

TEST(Tenants, RulesGoByNameElseByTheOthersAndNobodyHasNone) {
    Tenants tenants = two_a_second(1);
    EXPECT_EQ(tenants.at("acme", kStart).rules.rate, 2);
    EXPECT_EQ(tenants.at("someone", kStart).rules.weight, 7);
    EXPECT_EQ(tenants.at("", kStart).rules.weight, 1);
    EXPECT_EQ(&tenants.at("acme", kStart), &tenants.at("acme", kStart));
    EXPECT_EQ(tenants.size(), 3U);
}

TEST(Tenants, NobodysRulesCanBeNamed) {
    Tenancy tenancy;
    tenancy.named[""].weight = 3;
    Tenants tenants(std::move(tenancy));
    EXPECT_EQ(tenants.at("", kStart).rules.weight, 3);
}

TEST(Tenants, BurstIsThereAtOnceAndComesBackWithTheRate) {
    Tenants tenants = two_a_second(4);
    Tenant& tenant = tenants.at("acme", kStart);
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(tenant.may_submit(kStart));
        tenant.take_token();
    }
    EXPECT_FALSE(tenant.may_submit(kStart));
    EXPECT_EQ(tenant.next_token_s(kStart), 1);
    EXPECT_FALSE(tenant.may_submit(kStart + milliseconds(499)));
    EXPECT_TRUE(tenant.may_submit(kStart + milliseconds(500)));
    tenant.take_token();
    EXPECT_FALSE(tenant.may_submit(kStart + milliseconds(999)));
    const Time later = kStart + seconds(1000);
    for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(tenant.may_submit(later));
        tenant.take_token();
    }
    EXPECT_FALSE(tenant.may_submit(later));
}

TEST(Tenants, AskingTakesNothing) {
    Tenants tenants = two_a_second(1);
    Tenant& tenant = tenants.at("acme", kStart);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(tenant.may_submit(kStart));
}

TEST(Tenants, FactsSayWhatIsLeftAndWhenAllIsBack) {
    Tenants tenants = two_a_second(10);
    Tenant& tenant = tenants.at("acme", kStart);
    RateFacts facts = tenant.rate(kStart);
    EXPECT_EQ(facts.burst, 10U);
    EXPECT_EQ(facts.window_s, 5U);
    EXPECT_EQ(facts.remaining, 10U);
    EXPECT_EQ(facts.reset_s, 0U);
    for (int i = 0; i < 7; ++i) tenant.take_token();
    facts = tenant.rate(kStart + milliseconds(300));
    EXPECT_EQ(facts.remaining, 3U);
    EXPECT_EQ(facts.reset_s, 4U);
    EXPECT_EQ(tenants.at("", kStart).rate(kStart).burst, 0U);
}

TEST(Tenants, SlowRatesSayWholeSecondsUntilTheNext) {
    Tenancy tenancy;
    tenancy.others.rate = 0.1;
    Tenants tenants(std::move(tenancy));
    Tenant& tenant = tenants.at("slow", kStart);
    ASSERT_TRUE(tenant.may_submit(kStart));
    tenant.take_token();
    EXPECT_EQ(tenant.next_token_s(kStart), 10);
    EXPECT_EQ(tenant.next_token_s(kStart + milliseconds(5500)), 5);
    EXPECT_EQ(tenant.rate(kStart).window_s, 10U);
}

TEST(Tenants, IdleOnesAreForgotten) {
    Tenancy tenancy;
    tenancy.others.rate = 1;
    Tenants tenants(std::move(tenancy));
    Tenant& open = tenants.at("open", kStart);
    open.open = 1;
    tenants.at("lane", kStart).lanes = 1;
    tenants.at("used", kStart).take_token();
    for (int i = 0; i < 1000; ++i) {
        tenants.at("t" + std::to_string(i), kStart);
        ASSERT_LE(tenants.size(), 65U);
    }
    EXPECT_EQ(tenants.at("open", kStart).open, 1U);
    EXPECT_EQ(tenants.at("lane", kStart).lanes, 1U);
    EXPECT_FALSE(tenants.at("used", kStart).may_submit(kStart));
}

TEST(Tenants, ManyBusyOnesAreAllKept) {
    Tenants tenants = two_a_second(1);
    for (int i = 0; i < 500; ++i) ++tenants.at("t" + std::to_string(i), kStart).open;
    EXPECT_EQ(tenants.size(), 500U);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(tenants.at("t" + std::to_string(i), kStart).open, 1U);
}

}  // namespace
}  // namespace bide::core
