// A wait told as Server-Sent Events.
#include "site.hpp"
#include "streams.hpp"

#include <algorithm>

namespace bide::test {
namespace {

EventStream follow(
    const std::string& queue, std::string body, std::vector<std::string> lines = {}
) {
    return {
        Site::address(),
        Request{"POST", "/queues/" + queue + "/jobs", std::move(lines), std::move(body)}};
}
EventStream follow_page(const std::string& page, std::vector<std::string> lines = {}) {
    return {Site::address(), Request{"GET", page + "/result", std::move(lines), {}}};
}
std::vector<std::string> names(const std::vector<Event>& events) {
    std::vector<std::string> all;
    for (const auto& event : events) all.push_back(event.name);
    return all;
}
using Names = std::vector<std::string>;

TEST(Events, HeadIsThatOfAStream) {
    EventStream stream = follow("sleep", "300");
    EXPECT_EQ(stream.head().status, 200);
    EXPECT_EQ(stream.head()["Content-Type"], "text/event-stream");
    EXPECT_EQ(stream.head()["Cache-Control"], "no-store");
    EXPECT_EQ(stream.head()["Bide-Job-Id"].size(), 36U);
    EXPECT_FALSE(stream.head().has("Content-Length"));
    stream.rest();
    EXPECT_EQ(stream.retry(), "1000");
}

TEST(Events, AcceptedComesAtOnceAndResultLast) {
    EventStream stream = follow("sleep", "700");
    const auto accepted = stream.next();
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->name, "accepted");
    const std::string id = accepted->member("id");
    EXPECT_EQ(id, stream.head()["Bide-Job-Id"]);
    EXPECT_EQ(accepted->member("queue"), "sleep");
    EXPECT_NE(get("/jobs/" + id).member("state"), "succeeded");
    EXPECT_EQ(accepted->json().at("links").at("result").as_string(), "/jobs/" + id + "/result");
    const auto rest = stream.rest();
    ASSERT_FALSE(rest.empty());
    const Event& result = rest.back();
    EXPECT_EQ(result.name, "result");
    EXPECT_EQ(result.id, "done");
    EXPECT_EQ(result.member("id"), id);
    EXPECT_EQ(result.member("state"), "succeeded");
    EXPECT_EQ(result.member("status"), "200");
    EXPECT_EQ(result.member("content_type"), "text/plain");
    EXPECT_EQ(result.member("attempts"), "1");
    EXPECT_EQ(result.member("body"), "700");
    EXPECT_EQ(result.member("result"), "/jobs/" + id + "/result");
    EXPECT_EQ(get("/jobs/" + id + "/result").body, "700");
}

TEST(Events, AttemptRetryAndAttemptComeInOrder) {
    auto events = follow("flaky", "again").rest();
    // The first attempt's news may be overtaken by the retry's before it is written.
    if (events.size() == 4) events.insert(events.begin() + 1, Event{"attempt", "", "{}", "", ""});
    ASSERT_EQ(names(events), (Names{"accepted", "attempt", "retry", "attempt", "result"}));
    EXPECT_EQ(events[2].member("attempt"), "1");
    EXPECT_EQ(events[2].member("at").size(), 24U) << events[2].data;
    EXPECT_EQ(events[3].member("attempt"), "2");
    EXPECT_EQ(events[3].member("attempts_max"), "3");
    EXPECT_EQ(events[4].member("body"), "again");
    EXPECT_NE(events[2].id, events[3].id) << "each news has an id of its own";
    EXPECT_EQ(events[4].id, "done");
}

TEST(Events, ProgressIsWhatTheHandlerSays) {
    const auto events = follow("steps", "x").rest();
    std::vector<std::string> steps;
    for (const auto& event : events) {
        if (event.name == "progress") steps.push_back(event.member("step"));
    }
    ASSERT_FALSE(steps.empty());
    EXPECT_EQ(steps.back(), "3");
    EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
}

TEST(Events, ProgressStandsInTheStatusDocument) {
    EventStream stream = follow("steps", "x");
    const std::string page = "/jobs/" + stream.head()["Bide-Job-Id"];
    bool seen = false;
    while (const auto event = stream.next()) {
        if (event->name != "progress" || seen) continue;
        const Response status = get(page);
        if (status.member("state") != "running") continue;
        seen = true;
        EXPECT_TRUE(status.json().at("progress").as_object().contains("step")) << status.body;
    }
    EXPECT_TRUE(seen);
}

TEST(Events, FailureIsAResult) {
    const auto events = follow("refuse", "x").rest();
    ASSERT_FALSE(events.empty());
    const Event& result = events.back();
    EXPECT_EQ(result.name, "result");
    EXPECT_EQ(result.member("state"), "failed");
    EXPECT_EQ(result.member("status"), "502");
    EXPECT_EQ(result.member("content_type"), "application/problem+json");
    EXPECT_NE(result.member("body").find("handler-rejected"), std::string::npos);
}

TEST(Events, BytesThatAreNoTextComeInBase64) {
    const auto events = follow("cat", std::string("\xff\x00\xfe", 3)).rest();
    EXPECT_EQ(events.back().member("body_base64"), "/wD+");
    EXPECT_FALSE(events.back().json().contains("body"));
}

TEST(Events, TextWithLineBreaksStaysWhole) {
    const std::string body = "one\ntwo\r\nthree\n\nfour \xc3\xa4";
    EXPECT_EQ(follow("cat", body).rest().back().member("body"), body);
}

TEST(Events, LargeResultComesByLinkOnly) {
    for (const std::size_t size : {std::size_t{64 << 10}, std::size_t{(64 << 10) + 1}}) {
        const std::string body(size, 'L');
        const Event result = follow("cat", body).rest().back();
        EXPECT_EQ(result.name, "result");
        const bool inline_body = result.json().contains("body");
        EXPECT_EQ(inline_body, size == 64 << 10);
        EXPECT_TRUE(get(result.member("result")).body == body);
    }
}

TEST(Events, EndedJobIsToldAtOnceOnItsResultPage) {
    const std::string page = "/jobs/" + post("/", "done")["Bide-Job-Id"];
    const auto events = follow_page(page).rest();
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().name, "result");
    EXPECT_EQ(events.back().member("body"), "done");
}

TEST(Events, OpenJobIsFollowedOnItsResultPage) {
    const std::string page = accepted("sleep", "800");
    const auto events = follow_page(page).rest();
    ASSERT_GE(events.size(), 2U);
    EXPECT_EQ(events.front().name, "accepted");
    EXPECT_EQ(events.back().name, "result");
}

TEST(Events, PutIsFollowedToo) {
    const std::string id = fresh_id();
    EventStream stream(Site::address(), Request{"PUT", "/jobs/" + id, {"Content-Length: 1"}, "x"});
    EXPECT_EQ(stream.rest().back().member("id"), id);
}

TEST(Events, ManyMayFollowOneJob) {
    const std::string page = accepted("sleep", "600");
    std::vector<EventStream> streams;
    for (int i = 0; i < 5; ++i) streams.push_back(follow_page(page));
    for (auto& stream : streams) EXPECT_EQ(stream.rest().back().member("body"), "600");
}

TEST(Events, LastEventIdDoneIs204) {
    const std::string page = "/jobs/" + post("/", "x")["Bide-Job-Id"];
    const Response answer =
        ask({"GET", page + "/result", {"Accept: text/event-stream", "Last-Event-ID: done"}, {}});
    EXPECT_EQ(answer.status, 204);
}

TEST(Events, LatestNewsIsNotRepeatedToWhoHasIt) {
    const std::string page = accepted("sleep", "60000");
    ASSERT_TRUE(comes_to(page, "running"));
    const std::vector<std::string> brief{"Prefer: wait=0"};
    const auto first = follow_page(page, brief).rest();
    EXPECT_EQ(names(first), (Names{"accepted", "attempt", "end"}));
    const auto again =
        follow_page(page, {"Prefer: wait=0", "Last-Event-ID: " + first.at(1).id}).rest();
    EXPECT_EQ(names(again), (Names{"accepted", "end"}));
    const auto other = follow_page(page, {"Prefer: wait=0", "Last-Event-ID: 0-0"}).rest();
    EXPECT_EQ(names(other), (Names{"accepted", "attempt", "end"}));
    EXPECT_EQ(del(page).status, 200);
}

TEST(Events, EndOfTheWaitIsToldWithAProblem) {
    EventStream stream = follow("sleep", "60000", {"Prefer: wait=1"});
    const auto events = stream.rest();
    const Event& end = events.back();
    EXPECT_EQ(end.name, "end");
    EXPECT_EQ(end.member("type"), "/errors/wait-over");
    EXPECT_EQ(end.member("job"), stream.head()["Bide-Job-Id"]);
    EXPECT_EQ(del("/jobs/" + end.member("job")).status, 200);
}

TEST(Events, HeartbeatsComeWhileNothingHappens) {
    EventStream stream = follow("sleep", "3500");
    EXPECT_EQ(stream.rest().back().name, "result");
    if (Site::local() == nullptr) GTEST_SKIP() << "the heartbeat of the server is not known";
    EXPECT_GE(stream.heartbeats(), 2U);
}

TEST(Events, CancelledJobEndsTheStreamWithIt) {
    EventStream stream = follow("sleep", "60000");
    ASSERT_TRUE(stream.next());
    const std::string page = "/jobs/" + stream.head()["Bide-Job-Id"];
    EXPECT_EQ(del(page).status, 200);
    const auto rest = stream.rest();
    EXPECT_EQ(rest.back().name, "result");
    EXPECT_EQ(rest.back().member("state"), "cancelled");
    EXPECT_EQ(rest.back().member("status"), "409");
}

TEST(Events, RefusalBeforeAcceptanceIsAnOrdinaryProblem) {
    const std::vector<std::string> lines{"Accept: text/event-stream", "Bide-Priority: high"};
    const Response bad = post("/", "x", lines);
    EXPECT_EQ(bad.status, 400);
    EXPECT_EQ(bad.problem(), "bad-request");
    const Response none = post("/queues/none/jobs", "x", {"Accept: text/event-stream"});
    EXPECT_EQ(none.problem(), "not-found");
    const Response unknown =
        ask({"GET", "/jobs/" + fresh_id() + "/result", {"Accept: text/event-stream"}, {}});
    EXPECT_EQ(unknown.status, 404);
}

TEST(Events, OrdinaryAcceptIsNoStream) {
    for (const char* accept : {"*/*", "text/html", "application/json", "text/event-stream;q=0"}) {
        const Response answer = post("/", "x", {std::string("Accept: ") + accept});
        EXPECT_EQ(answer.body, "x") << accept;
    }
}

TEST(Events, ConnectionIsUsableAfterTheStream) {
    EventStream stream = follow("echo", "x");
    stream.rest();
    EXPECT_EQ(stream.connection().ask({"GET", "/healthz", {}, {}}).status, 200);
}

TEST(Events, Http10CallerGetsAStreamToTheEndOfTheConnection) {
    Connection connection(Site::address());
    connection.send("POST / HTTP/1.0\r\nAccept: text/event-stream\r\nContent-Length: 1\r\n\r\nx");
    const Response answer = connection.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.has("Transfer-Encoding"));
    EXPECT_NE(answer.body.find("event: result"), std::string::npos) << answer.body;
}

TEST(Events, DrainEndsTheStreamWithAProblem) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "sleep"};
    Server server(std::move(options));
    EventStream stream(server.address(), Request{"POST", "/", {}, "60000"});
    ASSERT_TRUE(stream.next());
    EXPECT_EQ(server.stop_at_once().status, 0) << server.log();
    const auto rest = stream.rest();
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(rest.back().name, "end");
    EXPECT_EQ(rest.back().member("type"), "/errors/shutting-down");
}

}  // namespace
}  // namespace bide::test
