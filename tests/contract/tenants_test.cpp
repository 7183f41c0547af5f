// Whom jobs belong to: who sees them, how tenants share a queue, what each may have.
#include "site.hpp"

#include <algorithm>

namespace bide::test {
namespace {

Response post_as(
    const std::string& key_line,
    const std::string& target,
    std::string body,
    std::vector<std::string> lines = {}
) {
    lines.push_back(key_line);
    return post(target, std::move(body), std::move(lines));
}
Response get_as(const std::string& key_line, const std::string& target) {
    return ask({"GET", target, {key_line}, {}});
}
Response post_for(
    const std::string& tenant,
    const std::string& target,
    std::string body,
    std::vector<std::string> lines = {}
) {
    lines.push_back("Bide-Tenant: " + tenant);
    return post_as(Site::key(), target, std::move(body), std::move(lines));
}

TEST(Tenants, JobsOfOneAreNotThereForAnother) {
    BIDE_NEEDS_ITS_KEYS();
    const Response mine = post_as(Site::key("acme"), "/", "secret");
    ASSERT_EQ(mine.status, 200);
    const std::string page = "/jobs/" + mine["Bide-Job-Id"];
    EXPECT_EQ(get_as(Site::key("acme"), page).member("tenant"), "acme");
    for (const std::string& target : {page, page + "/result"}) {
        const Response other = get_as(Site::key("other"), target);
        EXPECT_EQ(other.status, 404) << target;
        EXPECT_EQ(other.problem(), "not-found");
        EXPECT_EQ(other.body, get_as(Site::key("other"), target).body);
        EXPECT_EQ(get(target).status, 404) << "without a key";
        EXPECT_EQ(get_as(Site::key(), target).status, 200) << "a key without a tenant sees all";
    }
    const Response cancel = ask({"DELETE", page, {Site::key("other")}, {}});
    EXPECT_EQ(cancel.status, 404);
}

TEST(Tenants, NobodyElseCancelsARunningJob) {
    BIDE_NEEDS_ITS_KEYS();
    const std::string page = post_as(
        Site::key("acme"), "/queues/sleep/jobs", "60000", {"Prefer: respond-async"}
    )["Location"];
    const auto runs = [&] { return get_as(Site::key("acme"), page).member("state") == "running"; };
    ASSERT_TRUE(eventually(runs));
    EXPECT_EQ(ask({"DELETE", page, {Site::key("other")}, {}}).status, 404);
    EXPECT_TRUE(runs());
    EXPECT_EQ(ask({"DELETE", page, {Site::key("acme")}, {}}).status, 200);
}

TEST(Tenants, KeysOfTenantsAreApart) {
    BIDE_NEEDS_ITS_KEYS();
    const std::string key = "Idempotency-Key: " + fresh_key();
    const Response one = post_as(Site::key("acme"), "/", "same", {key});
    const Response two = post_as(Site::key("other"), "/", "same", {key});
    EXPECT_EQ(two.status, 200);
    EXPECT_FALSE(two.has("Bide-Replayed"));
    EXPECT_NE(one["Bide-Job-Id"], two["Bide-Job-Id"]);
    EXPECT_EQ(post_as(Site::key("other"), "/", "else", {key}).status, 422);
}

TEST(Tenants, PutOfAnothersIdTellsNothingOfIt) {
    BIDE_NEEDS_ITS_KEYS();
    const std::string page = "/jobs/" + fresh_id();
    const auto put_as = [&page](const std::string& key) { return put(page, "x", {key}); };
    EXPECT_EQ(put_as(Site::key("acme")).status, 200);
    const Response other = put_as(Site::key("other"));
    EXPECT_EQ(other.status, 422);
    EXPECT_NE(other.body.find("key-reused"), std::string::npos);
}

TEST(Tenants, KeyWithATenantSpeaksForItOnly) {
    BIDE_NEEDS_ITS_KEYS();
    EXPECT_EQ(post_as(Site::key("acme"), "/", "x", {"Bide-Tenant: acme"}).status, 200);
    const Response answer = post_as(Site::key("acme"), "/", "x", {"Bide-Tenant: other"});
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.problem(), "forbidden");
}

TEST(Tenants, KeyWithoutATenantNamesAny) {
    const Response answer = post_for("acme", "/", "x");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(get_as(Site::key(), "/jobs/" + answer["Bide-Job-Id"]).member("tenant"), "acme");
}

TEST(Tenants, BadNamesAre400) {
    for (const std::string& name :
         {std::string("a b"), std::string("\xc3\xa4"), std::string(65, 'x')})
        EXPECT_EQ(post_for(name, "/", "x").status, 400) << name;
}

TEST(Tenants, ListsShowATenantItsOwn) {
    BIDE_NEEDS_ITS_KEYS();
    const std::string mine = post_as(Site::key("acme"), "/", "x")["Bide-Job-Id"];
    const std::string other = post_as(Site::key("other"), "/", "x")["Bide-Job-Id"];
    const Response page = get_as(Site::key("acme"), "/queues/echo/jobs?state=succeeded&limit=5");
    ASSERT_EQ(page.status, 200) << page.body;
    EXPECT_NE(page.body.find(mine), std::string::npos);
    EXPECT_EQ(page.body.find(other), std::string::npos);
}

TEST(Tenants, WithoutKeysAnybodyMayName) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(std::move(options));
    const Response answer = post(server.address(), "/", "x", {"Bide-Tenant: acme"});
    ASSERT_EQ(answer.status, 200);
    const std::string page = "/jobs/" + answer["Bide-Job-Id"];
    EXPECT_EQ(get(server.address(), page).member("tenant"), "acme");
    EXPECT_EQ(ask(server.address(), {"GET", page, {"Bide-Tenant: other"}, {}}).status, 404);
}

// --- limits -----------------------------------------------------------------------------------

TEST(TenantLimits, RateIs429WithItsHeaders) {
    BIDE_NEEDS_OWN_SERVER();  // on a server that is used again the burst may be spent
    const auto first = post_for("slow", "/", "x");
    EXPECT_EQ(first.status, 200);
    EXPECT_TRUE(first["RateLimit-Policy"].starts_with("\"tenant\";q=2;w="))
        << first["RateLimit-Policy"];
    EXPECT_TRUE(first["RateLimit"].starts_with("\"tenant\";r=1;t=")) << first["RateLimit"];
    EXPECT_TRUE(post_for("slow", "/", "x")["RateLimit"].starts_with("\"tenant\";r=0;t="));
    const Response refused = post_for("slow", "/", "x");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.problem(), "rate-limited");
    EXPECT_EQ(refused.member("retry"), "safe");
    EXPECT_GE(std::stol(refused["Retry-After"]), 1);
    EXPECT_LE(std::stol(refused["Retry-After"]), 60);
    EXPECT_TRUE(refused["RateLimit"].starts_with("\"tenant\";r=0;t="));
    EXPECT_FALSE(refused.has("Bide-Job-Id"));
    EXPECT_FALSE(post_for("acme", "/", "x").has("RateLimit")) << "no rate, no header";
}

TEST(TenantLimits, OpenJobsOfATenantAre429AndOthersGoOn) {
    std::vector<std::string> pages;
    for (int i = 0; i < 2; ++i) {
        const Response answer =
            post_for("narrow", "/queues/sleep/jobs", "60000", {"Prefer: respond-async"});
        ASSERT_EQ(answer.status, 202) << answer.body;
        pages.push_back(answer["Location"]);
    }
    const Response refused = post_for("narrow", "/queues/sleep/jobs", "1");
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.problem(), "rate-limited");
    EXPECT_TRUE(refused.has("Retry-After"));
    EXPECT_EQ(post_for("acme", "/queues/sleep/jobs", "1").status, 200);
    for (const auto& page : pages) EXPECT_EQ(ask({"DELETE", page, {Site::key()}, {}}).status, 200);
    EXPECT_EQ(post_for("narrow", "/queues/sleep/jobs", "1").status, 200);
}

// --- fairness ---------------------------------------------------------------------------------

/// Tenants in the order in which their jobs of `order` were started.
std::string order_of(const std::vector<std::pair<char, std::string>>& jobs) {
    std::vector<std::pair<std::string, char>> starts;
    for (const auto& [who, page] : jobs) {
        EXPECT_EQ(get_as(Site::key(), page + "/result").status, 200);
        starts.emplace_back(get_as(Site::key(), page).member("started"), who);
    }
    std::sort(starts.begin(), starts.end());
    std::string order;
    for (const auto& [time, who] : starts) order += who;
    return order;
}

void submit(
    std::vector<std::pair<char, std::string>>& jobs, char who, const std::string& tenant, int count
) {
    for (int i = 0; i < count; ++i) {
        const Response answer =
            post_for(tenant, "/queues/order/jobs", "15", {"Prefer: respond-async"});
        EXPECT_EQ(answer.status, 202) << answer.body;
        jobs.emplace_back(who, answer["Location"]);
    }
}

TEST(Fairness, TenantsOfOneWeightTakeTurns) {
    ASSERT_EQ(admin("POST", "/queues/order/pause").status, 200);
    std::vector<std::pair<char, std::string>> jobs;
    submit(jobs, 'a', "fair-a", 8);  // all before the first of the others
    submit(jobs, 'b', "fair-b", 4);
    ASSERT_EQ(admin("POST", "/queues/order/resume").status, 200);
    const std::string order = order_of(jobs);
    const std::string front = order.substr(0, 8);
    EXPECT_EQ(std::count(front.begin(), front.end(), 'b'), 4) << order;
}

TEST(Fairness, WeightIsTheShare) {
    ASSERT_EQ(admin("POST", "/queues/order/pause").status, 200);
    std::vector<std::pair<char, std::string>> jobs;
    submit(jobs, 'a', "fair-a", 8);
    submit(jobs, 'h', "heavy", 12);
    ASSERT_EQ(admin("POST", "/queues/order/resume").status, 200);
    const std::string order = order_of(jobs);
    const std::string front = order.substr(0, 12);
    const auto heavy = std::count(front.begin(), front.end(), 'h');
    EXPECT_GE(heavy, 8) << order;
    EXPECT_LE(heavy, 10) << order;
}

}  // namespace
}  // namespace bide::test
