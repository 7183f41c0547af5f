// POST of a job, and how long its caller waits.
#include "site.hpp"

namespace bide::test {
namespace {

TEST(Contract, PostToRootWaitsAndReturnsTheRawResult) {
    const Response answer = post("/", "hello", {"Content-Type: text/x-mine"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer["Content-Type"], "text/x-mine");
}

TEST(Contract, PostToQueueWaitsUntilTheHandlerIsDone) {
    const Stopwatch watch;
    const Response answer = post("/queues/sleep/jobs", "300");
    EXPECT_GE(watch.elapsed(), Milliseconds(300));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "300");
    EXPECT_EQ(answer["Content-Type"], "text/plain");
}

TEST(Contract, ResultHasTheContentTypeOfTheQueue) {
    const Response answer = post("/queues/cat/jobs", "bytes");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer["Content-Type"], "application/x-cat");
}

TEST(Contract, HandlerChoosesStatusAndContentType) {
    const Response answer = post("/queues/chosen/jobs", "made");
    EXPECT_EQ(answer.status, 201);
    EXPECT_EQ(answer["Content-Type"], "text/x-chosen");
    EXPECT_EQ(answer.body, "made");
}

TEST(Contract, ResultCarriesEveryHeaderOfAnAnswer) {
    const Response answer = post("/", "x");
    const std::string id = answer["Bide-Job-Id"];
    ASSERT_EQ(id.size(), 36U);
    EXPECT_EQ(answer["Content-Location"], "/jobs/" + id + "/result");
    EXPECT_EQ(answer["Bide-Attempts"], "1");
    EXPECT_EQ(answer["Bide-Durability"], Site::durability());
    const std::string timing = answer["Server-Timing"];
    for (const char* part : {"queue;dur=", "run;dur=", "store;dur="})
        EXPECT_NE(timing.find(part), std::string::npos) << timing;
    EXPECT_TRUE(answer.has("Date"));
    EXPECT_FALSE(answer.has("Location"));
    EXPECT_FALSE(answer.has("Bide-Error-Source"));
}

TEST(Contract, EmptyBodyIsAJob) {
    const Response answer = post("/", "");
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer["Content-Length"], "0");
}

TEST(Contract, BodyIsTakenAsBytes) {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    EXPECT_EQ(post("/", all).body, all);
    EXPECT_EQ(post("/queues/cat/jobs", all).body, all);
}

TEST(Contract, QueryOfTheTargetIsIgnored) {
    EXPECT_EQ(post("/queues/echo/jobs?a=b", "x").status, 200);
}

TEST(Contract, RespondAsyncIsAcceptedWithAStatusDocument) {
    const Response answer = post("/queues/sleep/jobs", "50", {"Prefer: respond-async"});
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Content-Type"], "application/json");
    EXPECT_EQ(answer["Preference-Applied"], "respond-async");
    const std::string id = answer["Bide-Job-Id"];
    EXPECT_EQ(answer["Location"], "/jobs/" + id);
    EXPECT_EQ(answer.member("id"), id);
    EXPECT_EQ(answer.member("queue"), "sleep");
    EXPECT_EQ(get("/jobs/" + id + "/result").body, "50");
}

TEST(Contract, RespondAsyncIsAcceptedHoweverFastTheJobIs) {
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(post("/", "quick", {"Prefer: respond-async"}).status, 202);
}

TEST(Contract, WaitZeroIsAccepted) {
    const Response answer = post("/", "quick", {"Prefer: wait=0"});
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Preference-Applied"], "wait=0");
    EXPECT_EQ(get(answer["Location"] + "/result").body, "quick");
}

TEST(Contract, JobThatEndsWithinTheWaitIsAnsweredWithItsResult) {
    const Response answer = post("/queues/sleep/jobs", "20", {"Prefer: wait=60"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "20");
    EXPECT_EQ(answer["Preference-Applied"], "wait=60");
}

TEST(Contract, JobThatOutlastsTheWaitIsAcceptedThen) {
    const Stopwatch watch;
    const Response answer = post("/queues/sleep/jobs", "60000", {"Prefer: wait=1"});
    EXPECT_GE(watch.elapsed(), Milliseconds(1000));
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Preference-Applied"], "wait=1");
    EXPECT_EQ(answer.member("state"), "running");
    ASSERT_TRUE(answer.has("Location"));
    EXPECT_EQ(del(answer["Location"]).status, 200);
}

TEST(Contract, RespondAsyncAndWaitTogetherWaitThatLong) {
    const std::vector<std::string> prefer{"Prefer: respond-async, wait=60"};
    const Response done = post("/queues/sleep/jobs", "20", prefer);
    EXPECT_EQ(done.status, 200);
    EXPECT_EQ(done["Preference-Applied"], "respond-async, wait=60");
}

TEST(Contract, PreferencesOfSeveralFieldsAndInAnyCaseCount) {
    const Response answer =
        post("/queues/sleep/jobs", "20", {"prefer: Respond-Async", "PREFER: WAIT=\"60\"; x=y"});
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer["Preference-Applied"], "respond-async, wait=60");
}

TEST(Contract, WaitAboveTheMaximumIsCutToIt) {
    const Response answer = post("/", "x", {"Prefer: wait=999999999"});
    EXPECT_EQ(answer.status, 200);
    const std::string applied = answer["Preference-Applied"];
    ASSERT_TRUE(applied.starts_with("wait=")) << applied;
    EXPECT_LT(std::stol(applied.substr(5)), 999999999);
}

TEST(Contract, AtLimitTimeoutIs504WithTheJobsLocation) {
    const Response answer =
        post("/queues/sleep/jobs", "60000", {"Prefer: wait=0, at-limit=timeout"});
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.problem(), "wait-over");
    EXPECT_EQ(answer["Bide-Error-Source"], "bide");
    EXPECT_EQ(answer.member("retry"), "unsafe");
    EXPECT_EQ(answer["Location"], "/jobs/" + answer["Bide-Job-Id"]);
    EXPECT_EQ(del(answer["Location"]).status, 200);
}

TEST(Contract, AtLimitRedirectIs303ToTheResult) {
    const Response answer =
        post("/queues/sleep/jobs", "100", {"Prefer: wait=0, at-limit=redirect"});
    EXPECT_EQ(answer.status, 303);
    EXPECT_EQ(answer["Location"], "/jobs/" + answer["Bide-Job-Id"] + "/result");
    EXPECT_EQ(answer["Preference-Applied"], "wait=0, at-limit=redirect");
    EXPECT_EQ(get(answer["Location"]).body, "100");
}

TEST(Contract, AtLimitAcceptedIs202) {
    const Response answer = post("/queues/sleep/jobs", "10", {"Prefer: wait=0, at-limit=accepted"});
    EXPECT_EQ(answer.status, 202);
    EXPECT_EQ(answer["Location"], "/jobs/" + answer["Bide-Job-Id"]);
}

TEST(Contract, UnknownPreferencesAreIgnored) {
    const Response answer = post("/", "x", {"Prefer: handling=lenient, foo; bar=\"a,b\""});
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.has("Preference-Applied"));
}

TEST(Contract, ServersOwnLimitIs504AndTheJobGoesOn) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "sleep", "--max-wait", "300ms"};
    Server server(std::move(options));
    const Stopwatch watch;
    const Response answer = post(server.address(), "/", "1500");
    EXPECT_GE(watch.elapsed(), Milliseconds(300));
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.problem(), "wait-over");
    EXPECT_FALSE(answer.has("Preference-Applied"));
    const std::string page = answer["Location"];
    ASSERT_EQ(page, "/jobs/" + answer["Bide-Job-Id"]);
    EXPECT_EQ(answer.member("job"), answer["Bide-Job-Id"]);
    Response result;
    ASSERT_TRUE(eventually([&] {
        return (result = get(server.address(), page + "/result")).status != 504;
    }));
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "1500");
}

TEST(Contract, FullQueueIs503WithRetryAfterAndLeavesNothing) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = "[queues.narrow]\nnative = \"sleep\"\nconcurrency = 1\ndepth_max = 2\n";
    Server server(std::move(options));
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(post(server.address(), "/", "60000", {"Prefer: wait=0"}).status, 202);
    const Response refused = post(server.address(), "/", "1");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.problem(), "overloaded");
    EXPECT_EQ(refused.member("retry"), "safe");
    EXPECT_GE(std::stol(refused["Retry-After"]), 1);
    EXPECT_FALSE(refused.has("Bide-Job-Id"));
    EXPECT_EQ(post(server.address(), "/", "1", {"Prefer: respond-async"}).status, 503);
}

}  // namespace
}  // namespace bide::test
