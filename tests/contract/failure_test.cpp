// Jobs that do not succeed, and callers that do not stay.
#include "site.hpp"
#include "support/store.hpp"

namespace bide::test {
namespace {

TEST(Contract, FailingHandlerIs502WithItsLastWords) {
    const Response answer = post("/queues/fail/jobs", "ignored output");
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-failed");
    EXPECT_EQ(answer["Bide-Error-Source"], "handler");
    EXPECT_EQ(answer["Bide-Attempts"], "2");
    EXPECT_EQ(answer.member("retry"), "unsafe");
    EXPECT_EQ(answer.member("job"), answer["Bide-Job-Id"]);
    EXPECT_NE(answer.member("detail").find("exit status 1"), std::string::npos) << answer.body;
    EXPECT_NE(answer.member("detail").find("words of the handler"), std::string::npos);
    EXPECT_EQ(answer["Content-Location"], "/jobs/" + answer["Bide-Job-Id"] + "/result");
}

TEST(Contract, HandlerThatRefusesIsNotTriedAgain) {
    const Response answer = post("/queues/refuse/jobs", "x");
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-rejected");
    EXPECT_EQ(answer["Bide-Attempts"], "1");
    EXPECT_NE(answer.member("detail").find("not with me"), std::string::npos) << answer.body;
}

TEST(Contract, HandlerThatRunsOutOfTimeIs504) {
    const Stopwatch watch;
    const Response answer = post("/queues/overtime/jobs", "x");
    EXPECT_GE(watch.elapsed(), Milliseconds(300));
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.problem(), "handler-timeout");
    EXPECT_EQ(answer["Bide-Error-Source"], "handler");
    EXPECT_EQ(answer["Content-Location"], "/jobs/" + answer["Bide-Job-Id"] + "/result");
    EXPECT_EQ(get("/jobs/" + answer["Bide-Job-Id"]).member("state"), "failed");
}

TEST(Contract, BodyTheHandlerDoesNotUnderstandIs502) {
    const Response answer = post("/queues/sleep/jobs", "not a number");
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-rejected");
    EXPECT_NE(answer.member("detail").find("milliseconds"), std::string::npos);
}

TEST(Contract, CallerThatHangsUpLeavesAJobThatIsDoneAndStored) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "sleep"};
    Server server(std::move(options));
    {
        Connection caller(server.address());
        caller.send(Request{"POST", "/", {}, "700"});
        // It hangs up while it waits: when its job has been stored as open.
        ASSERT_TRUE(eventually([&] { return count_jobs(server.data()) == 1; }));
    }
    const std::string done = "SELECT count(*) FROM jobs WHERE state = 'succeeded'";
    EXPECT_TRUE(eventually([&] { return count(server.data(), done) == 1; }));
    const std::string id = query(server.data(), "SELECT id FROM jobs");
    EXPECT_EQ(get(server.address(), "/jobs/" + id + "/result").body, "700");
}

TEST(Contract, HangUpIsNoticedWhileTheJobRuns) {
    BIDE_NEEDS_OWN_SERVER();
    // With two connections at most, a third is served only when one is known to be gone.
    ServerOptions options;
    options.config =
        "[server]\nconnections_max = 2\nio_threads = 1\n[queues.sleep]\nnative = \"sleep\"\n";
    Server server(std::move(options));
    Connection stays(server.address());
    EXPECT_EQ(stays.ask({"GET", "/healthz", {}, {}}).status, 200);
    Connection caller(server.address());
    caller.send(Request{"POST", "/", {}, "60000"});
    ASSERT_TRUE(eventually([&] { return count_jobs(server.data()) == 1; }));
    EXPECT_EQ(get(server.address(), "/healthz").status, 503) << "three connections were served";
    caller.close();
    EXPECT_TRUE(eventually([&] {
        try {
            return get(server.address(), "/healthz").status == 200;
        } catch (const HttpError&) {
            return false;
        }
    }));
    const std::string id = query(server.data(), "SELECT id FROM jobs");
    EXPECT_EQ(stays.ask({"GET", "/jobs/" + id, {}, {}}).member("state"), "running");
}

TEST(Contract, StoreCanBeReadWhileTheServerRuns) {
    BIDE_NEEDS_OWN_SERVER();
    Server& server = *Site::local();
    const Response answer = post("/", "seen", {"Content-Type: text/x-mine"});
    const std::string row = " FROM jobs WHERE id = '" + answer["Bide-Job-Id"] + "'";
    EXPECT_EQ(query(server.data(), "SELECT state" + row), "succeeded");
    EXPECT_EQ(query(server.data(), "SELECT queue" + row), "echo");
    EXPECT_EQ(query(server.data(), "SELECT attempts" + row), "1");
    EXPECT_EQ(query(server.data(), "SELECT body_size" + row), "4");
    EXPECT_EQ(query(server.data(), "PRAGMA integrity_check"), "ok");
    const std::string open = accepted("sleep", "60000");
    EXPECT_EQ(
        query(server.data(), "SELECT state FROM jobs WHERE id = '" + open.substr(6) + "'"), "open"
    );
    EXPECT_EQ(del(open).status, 200);
}

TEST(Contract, ResultsSurviveARestart) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = read_file(BIDE_CONTRACT_TOML);
    Server server(std::move(options));
    const std::string large(1 << 20, 'L');
    std::vector<Response> before;
    before.push_back(post(server.address(), "/", "small", {"Content-Type: text/x-mine"}));
    before.push_back(post(server.address(), "/queues/cat/jobs", large));
    before.push_back(post(server.address(), "/queues/fail/jobs", "x"));
    before.push_back(post(server.address(), "/queues/chosen/jobs", "made"));
    EXPECT_EQ(server.stop().status, 0);
    server.start();
    for (const Response& first : before) {
        const Response again = get(server.address(), first["Content-Location"]);
        EXPECT_EQ(again.status, first.status);
        EXPECT_TRUE(again.body == first.body);
        EXPECT_EQ(again["Content-Type"], first["Content-Type"]);
        EXPECT_EQ(again["Bide-Attempts"], first["Bide-Attempts"]);
    }
}

}  // namespace
}  // namespace bide::test
