#include "service/access.hpp"

#include "service/fixture.hpp"

namespace bide::service {
namespace {

class AccessTest : public ContractTest {
  protected:
    void with_keys() {
        ContractRules mine = rules();
        mine.access.keys = {
            key("writer", {Scope::submit}, ""),
            key("reader", {Scope::read}, ""),
            key("ops", {Scope::admin}, ""),
            key("acme", {Scope::submit, Scope::read}, "acme")};
        mine.access.anonymous = anonymous;
        restart(std::move(mine));
    }
    static ApiKey key(std::string name, std::vector<Scope> scopes, std::string tenant) {
        ApiKey made{name, wire::sha256("bide_" + name), {}, std::move(tenant)};
        for (const auto scope : scopes) made.scopes.add(scope);
        return made;
    }
    std::uint16_t as(const std::string& name, std::string_view method, std::string_view target) {
        const std::string bearer = "Bearer bide_" + name;
        return status(ask(method, target, {{"Authorization", bearer}}));
    }

    bool anonymous = false;
    const std::string page = std::string("/jobs/") + kId;
};

constexpr std::uint16_t kPlanned = 0;  // neither refused nor answered at once

TEST_F(AccessTest, WithoutKeysALoopbackServerIsOpenButForAdministration) {
    EXPECT_EQ(status(ask("POST", "/")), kPlanned);
    EXPECT_EQ(status(ask("GET", "/queues")), 200);
    const Plan plan = ask("POST", "/queues/chart/pause");
    EXPECT_EQ(status(plan), 401);
    EXPECT_TRUE(has(std::get<wire::Reply>(plan), "WWW-Authenticate: Bearer realm=\"bide\""));
    EXPECT_TRUE(contains(text(plan), "bide key"));
    // There is nothing to compare it with.
    EXPECT_EQ(as("whatever", "POST", "/"), kPlanned);
}

TEST_F(AccessTest, WithoutKeysNobodyElseGetsIn) {
    ContractRules mine = rules();
    mine.access.loopback = false;
    restart(mine);
    EXPECT_EQ(status(ask("POST", "/")), 401);
    EXPECT_EQ(status(ask("GET", "/healthz")), 200);
    mine.access.anonymous = true;
    restart(std::move(mine));
    EXPECT_EQ(status(ask("POST", "/")), kPlanned);
    EXPECT_EQ(status(ask("POST", "/queues/chart/pause")), 401);
}

TEST_F(AccessTest, AKeyGoesAsFarAsItsScopes) {
    with_keys();
    EXPECT_EQ(as("writer", "POST", "/"), kPlanned);
    EXPECT_EQ(as("writer", "PUT", page), kPlanned);
    EXPECT_EQ(as("writer", "GET", page), kPlanned);
    EXPECT_EQ(as("writer", "DELETE", page), kPlanned);
    EXPECT_EQ(as("writer", "GET", "/queues"), 403);
    EXPECT_EQ(as("writer", "GET", "/metrics"), 403);
    EXPECT_EQ(as("reader", "POST", "/"), 403);
    EXPECT_EQ(as("reader", "GET", page + "/result"), kPlanned);
    EXPECT_EQ(as("reader", "DELETE", page), 403);
    EXPECT_EQ(as("reader", "GET", "/metrics"), 200);
    EXPECT_EQ(as("reader", "GET", "/queues/chart/jobs"), 403);
    EXPECT_EQ(as("ops", "GET", "/queues/chart/jobs"), kPlanned);
    EXPECT_EQ(as("ops", "POST", page + "/redrive"), kPlanned);
    EXPECT_EQ(as("ops", "POST", "/"), 403);
    EXPECT_EQ(as("reader", "GET", "/"), 200);
}

TEST_F(AccessTest, WhoHasNoKeyOrAnUnknownOneIsToldSo) {
    with_keys();
    EXPECT_EQ(status(ask("POST", "/")), 401);
    EXPECT_EQ(as("unknown", "POST", "/"), 401);
    EXPECT_EQ(status(ask("POST", "/", {{"Authorization", "Basic YTpi"}})), 401);
    EXPECT_EQ(status(ask("POST", "/", {{"Authorization", "Bearer"}})), 401);
    EXPECT_EQ(status(ask("GET", "/healthz")), 200);
    EXPECT_EQ(status(ask("GET", "/errors/gone")), 200);
}

TEST_F(AccessTest, WithKeysAnonymousCallersSeeOnlyWhatIsNobodys) {
    anonymous = true;
    with_keys();
    const Plan plan = ask("GET", page);
    EXPECT_EQ(std::get<AskPlan>(plan).caller.tenant, "");
    EXPECT_FALSE(std::get<AskPlan>(plan).caller.sees_all);
    EXPECT_EQ(status(ask("POST", "/", {{"Bide-Tenant", "acme"}})), 403);
    EXPECT_EQ(as("unknown", "POST", "/"), 401);
}

TEST_F(AccessTest, AKeyWithATenantSpeaksForNoOther) {
    with_keys();
    const auto said = [this](const char* name, const char* tenant) {
        return ask("POST", "/", {{"Authorization", name}, {"Bide-Tenant", tenant}});
    };
    EXPECT_EQ(status(said("Bearer bide_acme", "other")), 403);
    EXPECT_EQ(std::get<SubmitPlan>(said("Bearer bide_acme", "acme")).caller.tenant, "acme");
    EXPECT_EQ(std::get<SubmitPlan>(said("Bearer bide_writer", "other")).caller.tenant, "other");
    const Plan plan = ask("GET", page, {{"Authorization", "Bearer bide_acme"}});
    EXPECT_EQ(std::get<AskPlan>(plan).caller.tenant, "acme");
    EXPECT_FALSE(std::get<AskPlan>(plan).caller.sees_all);
    const Plan free = ask("GET", page, {{"Authorization", "bearer bide_reader"}});
    EXPECT_TRUE(std::get<AskPlan>(free).caller.sees_all);
}

class CorsTest : public AccessTest {
  protected:
    CorsTest() {
        ContractRules mine = rules();
        mine.cors_origins = {"https://app.example"};
        restart(std::move(mine));
    }
};

TEST_F(CorsTest, AnAllowedOriginMayReadTheAnswer) {
    const Plan plan = ask("GET", "/healthz", {{"Origin", "https://app.example"}});
    const auto& reply = std::get<wire::Reply>(plan);
    EXPECT_TRUE(has(reply, "Access-Control-Allow-Origin: https://app.example"));
    EXPECT_TRUE(has(reply, "Vary: Origin"));
    EXPECT_TRUE(contains(reply.headers.lines(), "Access-Control-Expose-Headers: "));
}

TEST_F(CorsTest, EveryAnswerOfAnExchangeSaysIt) {
    const std::vector<wire::Field> from{{"Origin", "https://app.example"}};
    const char* line = "Access-Control-Allow-Origin: https://app.example";
    EXPECT_TRUE(has(std::get<wire::Reply>(ask("GET", "/none", from)), line));
    EXPECT_TRUE(has(std::get<wire::Reply>(ask("PATCH", "/", from)), line));
    const Plan plan = ask("POST", "/", from);
    const auto& submit = std::get<SubmitPlan>(plan);
    EXPECT_TRUE(has(contract->answer(submit, finished(good()), kNow), line));
    EXPECT_TRUE(has(contract->stream_head(submit.caller, open()), line));
    EXPECT_TRUE(has(contract->refuse(submit.caller, {Code::too_large, Retry::never, ""}), line));
    const Plan question = ask("GET", page, from);
    EXPECT_TRUE(has(contract->answer(std::get<AskPlan>(question), open(), kNow), line));
}

TEST_F(CorsTest, APreflightIsAnswered) {
    const Plan plan =
        ask("OPTIONS",
            "/",
            {{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "POST"}});
    EXPECT_EQ(status(plan), 204);
    const auto& reply = std::get<wire::Reply>(plan);
    EXPECT_TRUE(has(reply, "Access-Control-Allow-Methods: GET, HEAD, POST"));
    EXPECT_TRUE(contains(reply.headers.lines(), "Idempotency-Key"));
}

TEST_F(CorsTest, OthersGetNoLeave) {
    const Plan plan = ask("GET", "/healthz", {{"Origin", "https://evil.example"}});
    EXPECT_FALSE(contains(std::get<wire::Reply>(plan).headers.lines(), "Access-Control"));
    ContractRules all = rules();
    all.cors_origins = {"*"};
    restart(std::move(all));
    const Plan open_to_all = ask("GET", "/healthz", {{"Origin", "https://evil.example"}});
    EXPECT_TRUE(has(std::get<wire::Reply>(open_to_all), "Access-Control-Allow-Origin: *"));
    restart(rules());
    const Plan off = ask("GET", "/healthz", {{"Origin", "https://app.example"}});
    EXPECT_FALSE(contains(std::get<wire::Reply>(off).headers.lines(), "Access-Control"));
}

}  // namespace
}  // namespace bide::service
