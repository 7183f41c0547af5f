// Headers of a submission: delay, deadline, priority, what happens when the caller hangs up.
#include "site.hpp"

namespace bide::test {
namespace {

/// Holds the one place of a queue; its page.
std::string hold(const std::string& queue) {
    const std::string page = accepted(queue, "60000");
    EXPECT_TRUE(comes_to(page, "running"));
    return page;
}

std::string accepted_with(const std::string& queue, std::string body, std::string line) {
    const Response answer = post(
        "/queues/" + queue + "/jobs", std::move(body), {"Prefer: respond-async", std::move(line)}
    );
    EXPECT_EQ(answer.status, 202) << answer.body;
    return answer["Location"];
}

TEST(Options, UnknownBideHeadersAreIgnored) {
    EXPECT_EQ(post("/", "x", {"Bide-Whatever: yes"}).status, 200);
}

TEST(Options, ValuesThatAreNotUnderstoodAre400) {
    for (const char* line :
         {"Bide-Delay: soon",
          "Bide-Delay: -1",
          "Bide-Delay: 1e3",
          "Bide-Delay: 2592001",
          "Bide-Delay:",
          "Bide-Deadline: tomorrow",
          "Bide-Deadline: -5",
          "Bide-Deadline: 2026-13-01T00:00:00Z",
          "Bide-Priority: 10",
          "Bide-Priority: high",
          "Bide-Priority: -1",
          "Bide-Priority: 4.5",
          "Bide-On-Disconnect: maybe",
          "Bide-On-Disconnect:"}) {
        const Response answer = post("/", "x", {line});
        EXPECT_EQ(answer.status, 400) << line;
        EXPECT_EQ(answer.problem(), "bad-request") << line;
        EXPECT_EQ(answer.member("retry"), "never") << line;
        EXPECT_FALSE(answer.has("Bide-Job-Id")) << line;
    }
}

TEST(Options, TraceparentReachesTheHandler) {
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const Response answer =
        post("/queues/facts/jobs", "x", {"traceparent: " + trace, "Content-Type: text/x-mine"});
    EXPECT_EQ(answer.body, trace + "\nfacts\ntext/x-mine\n");
}

TEST(Options, HandlersOwnErrorPageIsPassedOn) {
    const Response answer = post("/queues/page/jobs", "<p>no such thing</p>");
    EXPECT_EQ(answer.status, 404);
    EXPECT_EQ(answer["Content-Type"], "text/html");
    EXPECT_EQ(answer.body, "<p>no such thing</p>");
    EXPECT_EQ(answer["Bide-Error-Source"], "handler");
    EXPECT_NE(answer["Bide-Job-Id"], "");
    EXPECT_EQ(get(answer["Content-Location"]).body, answer.body);
}

// --- Bide-Delay -------------------------------------------------------------------------------

TEST(Delay, JobStartsNoSooner) {
    const Stopwatch watch;
    EXPECT_EQ(post("/", "x", {"Bide-Delay: 0.6"}).body, "x");
    EXPECT_GE(watch.elapsed(), Milliseconds(600));
}

TEST(Delay, JobIsScheduledMeanwhile) {
    const std::string page = accepted_with("echo", "x", "Bide-Delay: 86400");
    const Response status = get(page);
    EXPECT_EQ(status.member("state"), "scheduled");
    EXPECT_EQ(status.member("not_before").size(), 24U);
    EXPECT_EQ(del(page).member("state"), "cancelled");
}

TEST(Delay, SurvivesARestart) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "echo"};
    Server server(std::move(options));
    const std::string page = post(
        server.address(), "/", "x", {"Bide-Delay: 86400", "Prefer: respond-async"}
    )["Location"];
    const std::string before = get(server.address(), page).member("not_before");
    server.kill();
    server.start();
    const Response status = get(server.address(), page);
    EXPECT_EQ(status.member("state"), "scheduled");
    EXPECT_EQ(status.member("not_before"), before);
}

// --- Bide-Deadline ----------------------------------------------------------------------------

TEST(Deadline, JobThatHasNotStartedByThenExpires) {
    const std::string held = hold("lane");
    const Response answer = post("/queues/lane/jobs", "1", {"Bide-Deadline: 0.4"});
    if (answer.status == 503) {
        // The backlog was known to be too long: refused at once, as the contract has it.
        EXPECT_EQ(answer.problem(), "overloaded");
    } else {
        EXPECT_EQ(answer.status, 504);
        EXPECT_EQ(answer.problem(), "job-expired");
        EXPECT_EQ(answer["Bide-Attempts"], "0");
        EXPECT_EQ(get("/jobs/" + answer["Bide-Job-Id"]).member("state"), "expired");
    }
    EXPECT_EQ(del(held).status, 200);
}

TEST(Deadline, JobThatStartsInTimeIsDone) {
    EXPECT_EQ(post("/", "x", {"Bide-Deadline: 30"}).status, 200);
    EXPECT_EQ(post("/", "x", {"Bide-Deadline: 2099-11-23T06:44:29Z"}).status, 200);
    EXPECT_EQ(post("/", "x", {"Bide-Deadline: 2099-11-23T06:44:29.5+02:00"}).status, 200);
    EXPECT_EQ(post("/queues/sleep/jobs", "700", {"Bide-Deadline: 0.5"}).status, 200)
        << "the deadline is for the start";
}

TEST(Deadline, InThePastIsRefusedOrExpires) {
    const Response answer = post("/", "x", {"Bide-Deadline: 2001-01-01T00:00:00Z"});
    EXPECT_TRUE(answer.status == 400 || answer.status == 503 || answer.status == 504)
        << answer.status;
}

TEST(Deadline, BeforeTheDelayIsOverIs400) {
    EXPECT_EQ(post("/", "x", {"Bide-Delay: 10", "Bide-Deadline: 5"}).status, 400);
}

TEST(Deadline, ThatTheBacklogCannotMeetIsRefusedAtOnceWithTheEstimate) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = "[queues.lane]\nnative = \"sleep\"\nconcurrency = 1\n";
    Server server(std::move(options));
    // What a job takes is learned from those that are done.
    for (int i = 0; i < 3; ++i) EXPECT_EQ(post(server.address(), "/", "200").status, 200);
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(post(server.address(), "/", "60000", {"Prefer: respond-async"}).status, 202);
    const Response refused = post(server.address(), "/", "1", {"Bide-Deadline: 0.5"});
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.problem(), "overloaded");
    EXPECT_EQ(refused.member("retry"), "safe");
    EXPECT_GE(std::stol(refused["Retry-After"]), 1);
    EXPECT_NE(refused.member("detail").find("estimate"), std::string::npos) << refused.body;
    EXPECT_FALSE(refused.has("Bide-Job-Id"));
    const Response taken =
        post(server.address(), "/", "1", {"Bide-Deadline: 3600", "Prefer: respond-async"});
    EXPECT_EQ(taken.status, 202) << "one that it can meet is taken";
    EXPECT_EQ(server.stop_at_once().status, 0);
}

// --- Bide-Priority ----------------------------------------------------------------------------

TEST(Priority, HigherOnesStartFirst) {
    const std::string held = hold("lane");
    std::vector<std::string> pages;
    for (const char* line : {"Bide-Priority: 0", "Bide-Priority: 4", "Bide-Priority: 9"})
        pages.push_back(accepted_with("lane", "20", line));
    EXPECT_EQ(get(pages[2]).member("priority"), "9");
    EXPECT_EQ(get(pages[2]).member("position"), "0");
    EXPECT_EQ(get(pages[0]).member("position"), "2");
    EXPECT_EQ(del(held).status, 200);
    std::vector<std::string> started;
    for (const auto& page : pages) {
        EXPECT_EQ(get(page + "/result").status, 200);
        started.push_back(get(page).member("started"));
    }
    EXPECT_LT(started[2], started[1]);
    EXPECT_LT(started[1], started[0]);
}

// --- Bide-On-Disconnect -----------------------------------------------------------------------

class OnDisconnect : public testing::Test {
  protected:
    /// Posts under an id of our own, so that the job can be asked about, and hangs up.
    std::string hang_up(
        const std::string& queue,
        const std::string& line,
        const char* state,
        std::string_view last_words = {}
    ) {
        const std::string page = "/jobs/" + fresh_id();
        Connection caller(Site::address());
        caller.send(Request{"PUT", page + "?queue=" + queue, {line, "Content-Length: 5"}, "60000"});
        EXPECT_TRUE(comes_to(page, state));
        if (!last_words.empty()) caller.send(last_words);
        return page;
    }
};

TEST_F(OnDisconnect, CancelCancelsARunningJob) {
    const std::string page = hang_up("sleep", "Bide-On-Disconnect: cancel", "running");
    EXPECT_TRUE(comes_to(page, "cancelled"));
}

/// They lie unread before the end of the connection.
TEST_F(OnDisconnect, BytesSentWhileWaitingDoNotHideTheHangUp) {
    for (const char* last_words : {"\r\n", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"}) {
        const std::string page =
            hang_up("sleep", "Bide-On-Disconnect: cancel", "running", last_words);
        EXPECT_TRUE(comes_to(page, "cancelled"));
    }
}

TEST_F(OnDisconnect, CancelCancelsAQueuedJob) {
    const std::string held = hold("lane");
    const std::string page = hang_up("lane", "Bide-On-Disconnect: cancel", "ready");
    EXPECT_TRUE(comes_to(page, "cancelled"));
    EXPECT_EQ(get(page).member("attempts"), "0");
    EXPECT_EQ(del(held).status, 200);
}

TEST_F(OnDisconnect, CancelIfQueuedCancelsAQueuedJob) {
    const std::string held = hold("lane");
    const std::string page = hang_up("lane", "Bide-On-Disconnect: cancel-if-queued", "ready");
    EXPECT_TRUE(comes_to(page, "cancelled"));
    EXPECT_EQ(del(held).status, 200);
}

/// Whether the server has noticed a hang-up cannot be seen when it does nothing: another caller
/// that hangs up behind it, and is seen to be heeded, comes after it.
TEST_F(OnDisconnect, ContinueAndCancelIfQueuedLeaveARunningJob) {
    const std::string goes_on = hang_up("sleep", "Bide-On-Disconnect: continue", "running");
    const std::string runs = hang_up("sleep", "Bide-On-Disconnect: cancel-if-queued", "running");
    const std::string marker = hang_up("sleep", "Bide-On-Disconnect: cancel", "running");
    EXPECT_TRUE(comes_to(marker, "cancelled"));
    for (const auto& page : {goes_on, runs}) {
        EXPECT_EQ(get(page).member("state"), "running");
        EXPECT_EQ(del(page).status, 200);
    }
}

TEST_F(OnDisconnect, NothingHappensWhileAnotherWaits) {
    const std::string page = "/jobs/" + fresh_id();
    Connection stays(Site::address());
    {
        Connection caller(Site::address());
        caller.send(Request{
            "PUT",
            page + "?queue=sleep",
            {"Bide-On-Disconnect: cancel", "Content-Length: 4"},
            "1500"});
        ASSERT_TRUE(comes_to(page, "running"));
        stays.send(Request{"GET", page + "/result", {}, {}});
        // A second question on the same connection is behind the first: ask elsewhere until the
        // wait must have begun.
        const std::string marker = hang_up("sleep", "Bide-On-Disconnect: cancel", "running");
        EXPECT_TRUE(comes_to(marker, "cancelled"));
    }
    const Response result = stays.read();
    EXPECT_EQ(result.status, 200) << result.body;
    EXPECT_EQ(result.body, "1500");
}

}  // namespace
}  // namespace bide::test
