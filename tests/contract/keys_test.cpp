// Ids that callers choose, by PUT or by an Idempotency-Key (G4).
#include "site.hpp"

#include <algorithm>
#include <future>
#include <set>

namespace bide::test {
namespace {

std::string key_line(const std::string& key) {
    return "Idempotency-Key: " + key;
}
Response keyed(const std::string& queue, const std::string& key, const std::string& body) {
    return post("/queues/" + queue + "/jobs", body, {key_line(key)});
}
std::string in_query(std::string key) {
    for (std::size_t at; (at = key.find(' ')) != std::string::npos;) key.replace(at, 1, "%20");
    return key;
}

// --- Idempotency-Key --------------------------------------------------------------------------

TEST(Keys, SameKeyAndRequestIsTheSameJob) {
    const std::string key = fresh_key();
    const Response first = keyed("echo", key, "once");
    const Response again = keyed("echo", key, "once");
    EXPECT_EQ(first.status, 200);
    EXPECT_FALSE(first.has("Bide-Replayed"));
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, "once");
    EXPECT_EQ(again["Bide-Job-Id"], first["Bide-Job-Id"]);
    EXPECT_EQ(again["Bide-Replayed"], "true");
    EXPECT_EQ(again["Bide-Attempts"], "1");
    EXPECT_EQ(again["Bide-Expires"], first["Bide-Expires"]);
    EXPECT_NE(first["Bide-Expires"], "");
}

TEST(Keys, IdIsAUuidOfVersion8) {
    const std::string id = keyed("echo", fresh_key(), "x")["Bide-Job-Id"];
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(id[14], '8');
    EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
}

TEST(Keys, QuotedKeyIsTheSameAsTheBareOne) {
    const std::string key = "q-" + fresh_id();
    const Response bare = keyed("echo", key, "x");
    const Response quoted = keyed("echo", '"' + key + '"', "x");
    EXPECT_EQ(quoted["Bide-Job-Id"], bare["Bide-Job-Id"]);
    EXPECT_EQ(quoted["Bide-Replayed"], "true");
}

TEST(Keys, ConcurrentRequestsAreOneJobAndOneRun) {
    const std::string key = fresh_key();
    std::vector<std::future<Response>> callers;
    for (int i = 0; i < 20; ++i) {
        callers.push_back(std::async(std::launch::async, [&key] {
            return keyed("sleep", key, "400");
        }));
    }
    std::set<std::string> ids;
    int fresh = 0;
    for (auto& caller : callers) {
        const Response answer = caller.get();
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "400");
        EXPECT_EQ(answer["Bide-Attempts"], "1");
        ids.insert(answer["Bide-Job-Id"]);
        fresh += !answer.has("Bide-Replayed");
    }
    EXPECT_EQ(ids.size(), 1U);
    EXPECT_EQ(fresh, 1) << "one of them made the job";
}

TEST(Keys, SecondRequestJoinsTheRunningJob) {
    const std::string key = fresh_key();
    const Response first = post("/queues/sleep/jobs", "60000", {key_line(key), "Prefer: wait=0"});
    const Response second = post("/queues/sleep/jobs", "60000", {key_line(key), "Prefer: wait=0"});
    EXPECT_EQ(second.status, 202);
    EXPECT_EQ(second["Bide-Job-Id"], first["Bide-Job-Id"]);
    EXPECT_EQ(second["Bide-Replayed"], "true");
    EXPECT_EQ(del(first["Location"]).status, 200);
}

TEST(Keys, FailureIsReplayedToo) {
    const std::string key = fresh_key();
    const Response first = keyed("refuse", key, "x");
    const Response again = keyed("refuse", key, "x");
    EXPECT_EQ(first.status, 502);
    EXPECT_EQ(again.status, 502);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again["Bide-Replayed"], "true");
}

TEST(Keys, OtherBodyIs422) {
    const std::string key = fresh_key();
    const Response first = keyed("echo", key, "one");
    const Response other = keyed("echo", key, "two");
    EXPECT_EQ(other.status, 422);
    EXPECT_EQ(other.problem(), "key-reused");
    EXPECT_EQ(other.member("retry"), "never");
    EXPECT_EQ(other["Bide-Error-Source"], "bide");
    EXPECT_EQ(keyed("echo", key, "one").body, "one") << "the first is unharmed";
}

TEST(Keys, OtherContentTypeIs422) {
    const std::string key = fresh_key();
    EXPECT_EQ(post("/", "x", {key_line(key), "Content-Type: text/plain"}).status, 200);
    EXPECT_EQ(post("/", "x", {key_line(key), "Content-Type: text/csv"}).status, 422);
}

TEST(Keys, OtherRequestWhileTheJobRunsIs422) {
    const std::string key = fresh_key();
    const Response first =
        post("/queues/sleep/jobs", "60000", {key_line(key), "Prefer: respond-async"});
    EXPECT_EQ(keyed("sleep", key, "1").status, 422);
    EXPECT_EQ(del(first["Location"]).status, 200);
}

TEST(Keys, KeyBelongsToItsQueue) {
    const std::string key = fresh_key();
    const Response here = keyed("echo", key, "1");
    const Response there = keyed("sleep", key, "1");
    EXPECT_EQ(there.status, 200);
    EXPECT_FALSE(there.has("Bide-Replayed"));
    EXPECT_NE(there["Bide-Job-Id"], here["Bide-Job-Id"]);
}

TEST(Keys, LargeBodiesAreComparedToo) {
    const std::string key = fresh_key();
    std::string body(600'000, 'L');
    const Response first = keyed("cat", key, body);
    ASSERT_EQ(first.status, 200);
    const Response again = keyed("cat", key, body);
    EXPECT_EQ(again["Bide-Replayed"], "true");
    EXPECT_TRUE(again.body == body);
    body.back() = 'M';
    EXPECT_EQ(keyed("cat", key, body).status, 422);
}

TEST(Keys, LookUpFindsTheJob) {
    const std::string key = fresh_key();
    const std::string id = keyed("echo", key, "x")["Bide-Job-Id"];
    const Response found = get("/jobs?idempotency-key=" + in_query(key));
    EXPECT_EQ(found.status, 200);
    EXPECT_EQ(found.member("id"), id);
    EXPECT_EQ(found.member("state"), "succeeded");
    EXPECT_EQ(get("/jobs?queue=echo&idempotency-key=" + in_query(key)).member("id"), id);
    EXPECT_EQ(get("/jobs?queue=sleep&idempotency-key=" + in_query(key)).status, 404);
}

TEST(Keys, LookUpOfAnUnknownKeyIs404AndOfNoneIs400) {
    EXPECT_EQ(get("/jobs?idempotency-key=" + fresh_id()).status, 404);
    EXPECT_EQ(get("/jobs").status, 400);
    EXPECT_EQ(get("/jobs?idempotency-key=").status, 400);
}

TEST(Keys, BadKeysAre400) {
    for (const std::string& key :
         {std::string("\"open"),
          std::string("\"\""),
          std::string("\"a\"b"),
          std::string("sn\xc3\xb6w"),
          std::string(256, 'k')}) {
        const Response answer = keyed("echo", key, "x");
        EXPECT_EQ(answer.status, 400) << key;
        EXPECT_EQ(answer.problem(), "bad-request");
    }
    EXPECT_EQ(keyed("echo", fresh_key() + std::string(200, 'k'), "x").status, 200);
    EXPECT_EQ(post("/", "x", {"Idempotency-Key:"}).status, 400);
}

TEST(Keys, JobOfAKeyIsRememberedAfterARestart) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = read_file(BIDE_CONTRACT_TOML);
    Server server(std::move(options));
    const std::vector<std::string> lines{key_line("kept")};
    const Response first = post(server.address(), "/", "x", lines);
    server.kill();
    server.start();
    const Response again = post(server.address(), "/", "x", lines);
    EXPECT_EQ(again.body, "x");
    EXPECT_EQ(again["Bide-Replayed"], "true");
    EXPECT_EQ(again["Bide-Job-Id"], first["Bide-Job-Id"]);
    EXPECT_EQ(post(server.address(), "/", "y", lines).status, 422);
}

TEST(Keys, KeyIsFreeAgainAfterRetention) {
    const std::string key = fresh_key();
    const Response first = keyed("brief", key, "one");
    ASSERT_EQ(first.status, 200);
    Response other;
    EXPECT_TRUE(eventually([&] {
        // The newest outcome stays until there is a newer one.
        post("/queues/brief/jobs", "newer");
        return (other = keyed("brief", key, "two")).status == 200;
    }));
    EXPECT_EQ(other.body, "two");
    EXPECT_EQ(other["Bide-Job-Id"], first["Bide-Job-Id"]);
}

// --- PUT --------------------------------------------------------------------------------------

TEST(Put, JobHasTheIdOfThePage) {
    const std::string id = fresh_id();
    const Response answer = put("/jobs/" + id, "mine", {"Content-Type: text/x-mine"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "mine");
    EXPECT_EQ(answer["Content-Type"], "text/x-mine");
    EXPECT_EQ(answer["Bide-Job-Id"], id);
    EXPECT_EQ(answer["Content-Location"], "/jobs/" + id + "/result");
    EXPECT_EQ(get("/jobs/" + id).member("state"), "succeeded");
}

TEST(Put, QueryNamesTheQueue) {
    const std::string id = fresh_id();
    const Response answer = put("/jobs/" + id + "?queue=sleep", "10");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(get("/jobs/" + id).member("queue"), "sleep");
    EXPECT_EQ(put("/jobs/" + fresh_id() + "?queue=none", "x").status, 404);
}

TEST(Put, AgainIsTheSameJob) {
    const std::string page = "/jobs/" + fresh_id();
    EXPECT_FALSE(put(page, "x").has("Bide-Replayed"));
    const Response again = put(page, "x");
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again["Bide-Replayed"], "true");
    EXPECT_EQ(again["Bide-Attempts"], "1");
}

TEST(Put, JoinsTheRunningJob) {
    const std::string page = "/jobs/" + fresh_id();
    Connection first(Site::address());
    first.send(Request{"PUT", page + "?queue=sleep", {"Content-Length: 3"}, "700"});
    ASSERT_TRUE(eventually([&] { return get(page).status == 200; }));
    const Response second = put(page + "?queue=sleep", "700");
    EXPECT_EQ(second.body, "700");
    EXPECT_EQ(second["Bide-Attempts"], "1");
    EXPECT_EQ(first.read().body, "700");
}

TEST(Put, OtherRequestUnderTheSameIdIs422) {
    const std::string page = "/jobs/" + fresh_id();
    EXPECT_EQ(put(page, "x").status, 200);
    EXPECT_EQ(put(page, "y").problem(), "key-reused");
    EXPECT_EQ(put(page, "x", {"Content-Type: text/csv"}).status, 422);
    EXPECT_EQ(put(page + "?queue=cat", "x").status, 422);
}

TEST(Put, IdOfAnotherJobIsTaken) {
    const Response made = post("/", "x");
    const Response answer = put("/jobs/" + made["Bide-Job-Id"], "y");
    EXPECT_EQ(answer.status, 422) << answer.body;
    EXPECT_EQ(get(made["Content-Location"]).body, "x");
}

TEST(Put, UpperCaseIsTheSameIdAnsweredInLowerCase) {
    const std::string id = fresh_id();
    std::string upper = id;
    std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) {
        return static_cast<char>(std::toupper(c));
    });
    EXPECT_EQ(put("/jobs/" + upper, "x")["Bide-Job-Id"], id);
    EXPECT_EQ(get("/jobs/" + upper).member("id"), id);
    EXPECT_EQ(put("/jobs/" + id, "x")["Bide-Replayed"], "true");
}

TEST(Put, AnyVersionOfUuidIsAnId) {
    for (const char version : {'0', '1', '4', '7', '8', 'f'}) {
        std::string id = fresh_id();
        id[14] = version;
        EXPECT_EQ(put("/jobs/" + id, "x")["Bide-Job-Id"], id);
        EXPECT_EQ(get("/jobs/" + id + "/result").body, "x");
    }
}

TEST(Put, NoUuidIsNoPage) {
    for (const char* id : {"1", "not-a-uuid", "01a20769d15570008007781be626e024"}) {
        const Response answer = put(std::string("/jobs/") + id, "x");
        EXPECT_TRUE(answer.status == 400 || answer.status == 404) << answer.status;
    }
}

TEST(Put, PreferencesHold) {
    const std::string page = "/jobs/" + fresh_id();
    const Response answer = put(page + "?queue=sleep", "60000", {"Prefer: respond-async"});
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Location"], page);
    EXPECT_EQ(del(page).status, 200);
}

// --- 404 or 410 -------------------------------------------------------------------------------

TEST(Gone, InventedIdIs404) {
    for (const char* suffix : {"", "/result"}) {
        const Response answer = get("/jobs/" + fresh_id() + suffix);
        EXPECT_EQ(answer.status, 404);
        EXPECT_EQ(answer.problem(), "not-found");
    }
}

TEST(Gone, CallersIdAfterRetentionIs410OrFree) {
    const std::string id = fresh_id();
    ASSERT_EQ(put("/jobs/" + id + "?queue=brief", "x").status, 200);
    Response answer;
    EXPECT_TRUE(eventually([&] {
        post("/queues/brief/jobs", "newer");
        return (answer = get("/jobs/" + id + "/result")).status != 200;
    }));
    // Of ids that are not its own the server keeps no trace: it may say either.
    EXPECT_TRUE(answer.status == 410 || answer.status == 404) << answer.status;
}

}  // namespace
}  // namespace bide::test
