// Pages for who runs the server.
#include "site.hpp"

#include <boost/json/array.hpp>

namespace bide::test {
namespace {

namespace json = boost::json;

std::string failed_job(const std::string& queue) {
    return "/jobs/" + post("/queues/" + queue + "/jobs", "x")["Bide-Job-Id"];
}

std::vector<std::string> ids_of(const Response& page) {
    std::vector<std::string> ids;
    const json::object document = page.json();
    for (const auto& job : document.at("jobs").as_array())
        ids.emplace_back(job.at("id").as_string().c_str());
    return ids;
}

// --- methods ----------------------------------------------------------------------------------

TEST(Methods, OptionsIs204WithAllow) {
    for (const auto& [target, allow] : std::vector<std::pair<std::string, std::string>>{
             {"/", "GET, HEAD, POST"},
             {"/queues/echo/jobs", "GET, HEAD, POST"},
             {"/jobs/" + fresh_id(), "GET, HEAD, PUT, DELETE"},
             {"/jobs/" + fresh_id() + "/result", "GET, HEAD"},
             {"/batches", "POST"},
             {"/queues/echo/pause", "POST"},
             {"/healthz", "GET, HEAD"}}) {
        const Response answer = ask({"OPTIONS", target, {}, {}});
        EXPECT_EQ(answer.status, 204) << target;
        // Whether OPTIONS itself is among them is left open.
        EXPECT_TRUE(answer["Allow"].starts_with(allow)) << target << ": " << answer["Allow"];
        EXPECT_FALSE(answer.has("Access-Control-Allow-Origin"));
    }
    EXPECT_EQ(ask({"OPTIONS", "*", {}, {}}).status, 204);
}

TEST(Methods, HeadWorksWhereverGetDoes) {
    const std::string job = post("/", "x")["Content-Location"];
    Connection connection(Site::address());
    for (const std::string& page :
         {job,
          std::string("/queues"),
          std::string("/queues/echo"),
          std::string("/metrics"),
          std::string("/openapi.json"),
          std::string("/errors/gone"),
          std::string("/healthz")}) {
        const Response head = connection.ask({"HEAD", page, {Site::key()}, {}});
        EXPECT_EQ(head.status, 200) << page;
        const Response whole = connection.ask({"GET", page, {Site::key()}, {}});
        EXPECT_EQ(head["Content-Type"], whole["Content-Type"]) << page;
        EXPECT_FALSE(whole.body.empty()) << page;
    }
}

// --- documents --------------------------------------------------------------------------------

TEST(Documents, OpenApiIsServed) {
    const Response document = get("/openapi.json");
    EXPECT_EQ(document["Content-Type"], "application/json");
    EXPECT_TRUE(document.member("openapi").starts_with("3.1"));
    EXPECT_NE(get("/openapi.yaml").body.find("openapi: "), std::string::npos);
}

TEST(Documents, EveryProblemHasItsPage) {
    for (const char* type : {"bad-request", "key-reused", "wait-over", "handler-failed"}) {
        const Response page = get(std::string("/errors/") + type);
        EXPECT_EQ(page.status, 200) << type;
        EXPECT_TRUE(page["Content-Type"].starts_with("text/plain")) << page["Content-Type"];
        EXPECT_NE(page.body.find(type), std::string::npos);
    }
    EXPECT_EQ(get("/errors/none").status, 404);
}

TEST(Documents, DashboardIsAPage) {
    const Response moved = get("/ui");
    EXPECT_EQ(moved.status, 308);
    EXPECT_EQ(moved["Location"], "/ui/");
    const Response page = get("/ui/");
    EXPECT_EQ(page.status, 200);
    EXPECT_TRUE(page["Content-Type"].starts_with("text/html"));
    EXPECT_NE(page["Content-Security-Policy"], "");
}

// --- queues -----------------------------------------------------------------------------------

TEST(Queues, ListNamesEachWithCountsAndLimits) {
    const Response answer = get("/queues");
    EXPECT_EQ(answer.status, 200);
    bool found = false;
    const json::object document = answer.json();
    for (const auto& queue : document.at("queues").as_array()) {
        if (queue.at("name").as_string() != "lane") continue;
        found = true;
        EXPECT_FALSE(queue.at("paused").as_bool());
        EXPECT_EQ(queue.at("limits").at("concurrency").as_int64(), 1);
        for (const char* state : {"scheduled", "ready", "running"})
            EXPECT_TRUE(queue.at("jobs").as_object().contains(state));
    }
    EXPECT_TRUE(found);
    EXPECT_EQ(answer.body.find('~'), std::string::npos) << "queues of the server's own are hidden";
}

TEST(Queues, PageOfOneCountsItsJobs) {
    const auto running = [] {
        return get("/queues/lane").json().at("jobs").at("running").as_int64();
    };
    ASSERT_TRUE(eventually([&] { return running() == 0; }));
    const std::string page = accepted("lane", "60000");
    const std::string waits = accepted("lane", "1");
    ASSERT_TRUE(comes_to(page, "running"));
    EXPECT_EQ(running(), 1);
    EXPECT_EQ(get("/queues/lane").json().at("jobs").at("ready").as_int64(), 1);
    EXPECT_EQ(del(waits).status, 200);
    EXPECT_EQ(del(page).status, 200);
    EXPECT_EQ(get("/queues/none").status, 404);
}

TEST(Pause, AcceptsAndStartsNothingUntilResumed) {
    const Response paused = admin("POST", "/queues/order/pause");
    ASSERT_EQ(paused.status, 200) << paused.body;
    EXPECT_EQ(paused.member("paused"), "true");
    EXPECT_EQ(paused.member("name"), "order");
    const std::string page = accepted("order", "1");
    const Response wait = ask({"GET", page + "/result", {"Prefer: wait=1"}, {}});
    EXPECT_EQ(wait.status, 202);
    EXPECT_EQ(get(page).member("state"), "ready");
    EXPECT_EQ(admin("POST", "/queues/order/pause").status, 200) << "again is the same";
    const Response resumed = admin("POST", "/queues/order/resume");
    EXPECT_EQ(resumed.status, 200);
    EXPECT_EQ(resumed.member("paused"), "false");
    EXPECT_EQ(get(page + "/result").body, "1");
}

TEST(Pause, OutlivesARestart) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = read_file(BIDE_CONTRACT_TOML);
    Server server(std::move(options));
    const auto admin_of = [&server](const char* what) {
        return ask(
            server.address(), {"POST", std::string("/queues/lane/") + what, {Site::key()}, {}}
        );
    };
    EXPECT_EQ(admin_of("pause").status, 200);
    server.kill();
    server.start();
    EXPECT_EQ(get(server.address(), "/queues/lane").member("paused"), "true");
    const std::string page =
        post(server.address(), "/queues/lane/jobs", "1", {"Prefer: wait=0"})["Location"];
    EXPECT_EQ(get(server.address(), page).member("state"), "ready");
    EXPECT_EQ(admin_of("resume").status, 200);
    EXPECT_EQ(get(server.address(), page + "/result").body, "1");
}

TEST(Pause, QueuedJobsCanBeCancelled) {
    EXPECT_EQ(admin("POST", "/queues/order/pause").status, 200);
    const std::string page = accepted("order", "1");
    EXPECT_EQ(del(page).member("state"), "cancelled");
    EXPECT_EQ(admin("POST", "/queues/order/resume").status, 200);
    EXPECT_EQ(admin("POST", "/queues/none/pause").status, 404);
}

// --- lists ------------------------------------------------------------------------------------

TEST(Lists, PagesAreNewestFirstAndLinked) {
    std::vector<std::string> made;
    for (int i = 0; i < 5; ++i)
        made.push_back(post("/queues/chosen/jobs", std::to_string(i))["Bide-Job-Id"]);
    std::vector<std::string> seen;
    std::string target = "/queues/chosen/jobs?state=succeeded&limit=2";
    while (seen.size() < 5 && !target.empty()) {
        const Response page = admin("GET", target);
        ASSERT_EQ(page.status, 200) << page.body;
        EXPECT_LE(ids_of(page).size(), 2U);
        for (const auto& id : ids_of(page)) seen.push_back(id);
        target = page.member("next");
        if (!target.empty()) {
            EXPECT_EQ(page["Link"], "<" + target + ">; rel=\"next\"");
        }
    }
    ASSERT_GE(seen.size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(seen[i], made[4 - i]);
}

TEST(Lists, OpenJobsAreTheDefault) {
    const std::string running = accepted("lane", "60000");
    ASSERT_TRUE(comes_to(running, "running"));
    const std::string ready = accepted("lane", "1");
    const Response all = admin("GET", "/queues/lane/jobs");
    EXPECT_EQ(ids_of(all), (std::vector<std::string>{ready.substr(6), running.substr(6)}));
    EXPECT_EQ(ids_of(admin("GET", "/queues/lane/jobs?state=running")).at(0), running.substr(6));
    EXPECT_EQ(ids_of(admin("GET", "/queues/lane/jobs?state=ready")).at(0), ready.substr(6));
    EXPECT_EQ(del(ready).status, 200);
    EXPECT_EQ(del(running).status, 200);
    // Newest by when they were made, not by when they ended.
    EXPECT_EQ(
        ids_of(admin("GET", "/queues/lane/jobs?state=cancelled&limit=1")).at(0), ready.substr(6)
    );
}

TEST(Lists, EachStateIsAFilter) {
    const std::string scheduled =
        post("/queues/lane/jobs", "1", {"Bide-Delay: 86400", "Prefer: respond-async"})["Location"];
    EXPECT_EQ(ids_of(admin("GET", "/queues/lane/jobs?state=scheduled")).at(0), scheduled.substr(6));
    EXPECT_EQ(del(scheduled).status, 200);
    const std::string failed = failed_job("refuse");
    const Response page = admin("GET", "/queues/refuse/jobs?state=failed&limit=1");
    EXPECT_EQ(ids_of(page).at(0), failed.substr(6));
    EXPECT_EQ(
        page.json().at("jobs").as_array().at(0).at("failure").at("kind").as_string(), "rejected"
    );
    EXPECT_EQ(admin("GET", "/queues/lane/jobs?state=expired").status, 200);
}

TEST(Lists, NonsenseIs400) {
    for (const char* query : {"state=done", "limit=0", "limit=x", "cursor=x"})
        EXPECT_EQ(admin("GET", std::string("/queues/lane/jobs?") + query).status, 400) << query;
    EXPECT_EQ(admin("GET", "/queues/none/jobs").status, 404);
}

// --- redrive ----------------------------------------------------------------------------------

TEST(Redrive, FailedJobRunsAgain) {
    const std::string page = failed_job("fail");
    ASSERT_EQ(get(page).member("state"), "failed");
    const Response answer = admin("POST", page + "/redrive");
    EXPECT_EQ(answer.status, 202) << answer.body;
    EXPECT_EQ(answer["Location"], page);
    EXPECT_EQ(answer.member("id"), page.substr(6));
    const Response result = get(page + "/result");
    EXPECT_EQ(result.status, 502) << "and fails again";
}

TEST(Redrive, OtherStatesAre409) {
    const std::string done = "/jobs/" + post("/", "x")["Bide-Job-Id"];
    const Response answer = admin("POST", done + "/redrive");
    EXPECT_EQ(answer.status, 409);
    EXPECT_EQ(answer.problem(), "conflict");
    const std::string running = accepted("sleep", "60000");
    EXPECT_EQ(admin("POST", running + "/redrive").status, 409);
    EXPECT_EQ(del(running).status, 200);
    EXPECT_EQ(admin("POST", running + "/redrive").status, 409) << "cancelled";
    EXPECT_EQ(admin("POST", "/jobs/" + fresh_id() + "/redrive").status, 404);
}

class Mended : public testing::Test {
  protected:
    /// A server whose handler fails until a file is there.
    Mended() {
        if (Site::local() == nullptr) return;
        ServerOptions options;
        options.config = read_file(BIDE_CONTRACT_TOML) +
                         "\n[queues.mended]\nexec = [\"sh\", \"-c\", \"test -e " +
                         (files_ / "mended") + " && cat\"]\nattempts = 1\n";
        server_ = std::make_unique<Server>(std::move(options));
    }
    Response admin_of(const std::string& method, const std::string& target) {
        return ask(server_->address(), {method, target, {Site::key()}, {}});
    }

    TempDir files_;
    std::unique_ptr<Server> server_;
};

TEST_F(Mended, RedrivenJobSucceedsUnderItsId) {
    BIDE_NEEDS_OWN_SERVER();
    const Response failed = post(server_->address(), "/queues/mended/jobs", "body");
    ASSERT_EQ(failed.status, 502);
    write_file(files_ / "mended", "");
    const std::string page = "/jobs/" + failed["Bide-Job-Id"];
    EXPECT_EQ(admin_of("POST", page + "/redrive").status, 202);
    const Response result = get(server_->address(), page + "/result");
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "body");
    server_->kill();
    server_->start();
    EXPECT_EQ(get(server_->address(), page + "/result").body, "body");
}

TEST_F(Mended, QueueIsRedrivenOldestFirstUpToTheLimit) {
    BIDE_NEEDS_OWN_SERVER();
    std::vector<std::string> pages;
    for (int i = 0; i < 5; ++i) {
        const Response answer = post(server_->address(), "/queues/mended/jobs", std::to_string(i));
        pages.push_back("/jobs/" + answer["Bide-Job-Id"]);
    }
    write_file(files_ / "mended", "");
    const Response some = admin_of("POST", "/queues/mended/redrive?limit=2");
    EXPECT_EQ(some.status, 200) << some.body;
    EXPECT_EQ(some.member("redriven"), "2");
    EXPECT_EQ(some.member("more"), "true");
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(
            get(server_->address(), pages[static_cast<std::size_t>(i)] + "/result").status, 200
        );
    EXPECT_EQ(get(server_->address(), pages[2]).member("state"), "failed");
    const Response rest = admin_of("POST", "/queues/mended/redrive");
    EXPECT_EQ(rest.member("redriven"), "3");
    EXPECT_EQ(rest.member("more"), "false");
    for (const auto& page : pages) EXPECT_EQ(get(server_->address(), page + "/result").status, 200);
}

// --- metrics ----------------------------------------------------------------------------------

TEST(Metrics, AreOpenMetrics) {
    const Response answer = get("/metrics");
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer["Content-Type"].starts_with("application/openmetrics-text"));
    EXPECT_TRUE(answer.body.ends_with("# EOF\n"));
    EXPECT_NE(answer.body.find("queue=\"echo\""), std::string::npos);
    std::size_t at = 0;
    while (at < answer.body.size()) {
        const std::size_t end = answer.body.find('\n', at);
        ASSERT_NE(end, std::string::npos);
        const std::string line = answer.body.substr(at, end - at);
        at = end + 1;
        if (line.starts_with('#')) continue;
        const std::size_t space = line.rfind(' ');
        ASSERT_NE(space, std::string::npos) << line;
        EXPECT_NO_THROW((void)std::stod(line.substr(space + 1))) << line;
    }
}

TEST(Metrics, CountWhatHappens) {
    const auto succeeded = [] {
        return get("/queues/echo").json().at("since_start").at("succeeded").as_int64();
    };
    const std::int64_t before = succeeded();
    EXPECT_EQ(post("/", "x").status, 200);
    EXPECT_GE(succeeded(), before + 1);
}

// --- CORS -------------------------------------------------------------------------------------

TEST(Cors, AllowedOriginIsAnsweredAndCanReadTheHeaders) {
    const Response answer = post("/", "x", {"Origin: https://app.example"});
    EXPECT_EQ(answer["Access-Control-Allow-Origin"], "https://app.example");
    EXPECT_NE(answer["Access-Control-Expose-Headers"].find("Bide-Job-Id"), std::string::npos);
    EXPECT_NE(answer["Vary"].find("Origin"), std::string::npos);
    EXPECT_EQ(get("/nowhere")["Access-Control-Allow-Origin"], "") << "only to who has an Origin";
    EXPECT_EQ(
        ask({"GET", "/nowhere", {"Origin: https://app.example"}, {}}
        )["Access-Control-Allow-Origin"],
        "https://app.example"
    );
}

TEST(Cors, OtherOriginsGetNothing) {
    const Response answer = post("/", "x", {"Origin: https://other.example"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.has("Access-Control-Allow-Origin"));
}

TEST(Cors, PreflightIs204WithMethodsAndHeaders) {
    const Response answer = ask(
        {"OPTIONS",
         "/queues/echo/jobs",
         {"Origin: https://app.example",
          "Access-Control-Request-Method: POST",
          "Access-Control-Request-Headers: idempotency-key, prefer, authorization"},
         {}}
    );
    EXPECT_EQ(answer.status, 204);
    EXPECT_EQ(answer["Access-Control-Allow-Origin"], "https://app.example");
    EXPECT_NE(answer["Access-Control-Allow-Methods"].find("POST"), std::string::npos);
    std::string allowed = answer["Access-Control-Allow-Headers"];
    for (auto& c : allowed) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const char* name : {"idempotency-key", "prefer", "authorization"})
        EXPECT_TRUE(allowed == "*" || allowed.find(name) != std::string::npos) << allowed;
}

}  // namespace
}  // namespace bide::test
