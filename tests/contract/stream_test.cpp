// Waits told as they go, batches told while they come, and parts of results.
#include "site.hpp"

#include <boost/json/parse.hpp>

#include <csignal>
#include <ctime>
#include <set>
#include <sstream>
#include <unistd.h>

namespace bide::test {
namespace {

const std::string kEvents = "Accept: text/event-stream";

/// The value of every field `name` of an event stream, in its order.
std::vector<std::string> all(const std::string& stream, const std::string& name) {
    std::vector<std::string> found;
    std::istringstream lines(stream);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(name + ": ")) found.push_back(line.substr(name.size() + 2));
    }
    return found;
}

// --- events -----------------------------------------------------------------------------------

TEST(Stream, TellsAJobFromItsAcceptanceToItsResult) {
    Connection connection(Site::address());
    const Response stream = connection.ask({"POST", "/queues/sleep/jobs", {kEvents}, "300"});
    EXPECT_EQ(stream.status, 200);
    EXPECT_EQ(stream["Content-Type"], "text/event-stream");
    const auto events = all(stream.body, "event");
    ASSERT_GE(events.size(), 2U) << stream.body;
    EXPECT_EQ(events.front(), "accepted");
    EXPECT_EQ(events.back(), "result");
    EXPECT_NE(all(stream.body, "data").back().find(R"("body":"300")"), std::string::npos);
    // The connection goes on.
    EXPECT_EQ(connection.ask({"POST", "/", {}, "next"}).body, "next");
}

TEST(Stream, TellsTheFirstEventBeforeTheJobIsDone) {
    Connection connection(Site::address());
    connection.send({"POST", "/queues/sleep/jobs", {kEvents}, "60000"});
    connection.read(Connection::Kind::to_head);
    const std::string first = connection.read_chunk();
    EXPECT_EQ(all(first, "event").front(), "accepted") << first;
    const auto data = boost::json::parse(all(first, "data").front()).as_object();
    const std::string page = "/jobs/" + std::string(data.at("id").as_string());
    EXPECT_EQ(del(page).status, 200);
    std::string rest;
    for (std::string chunk = connection.read_chunk(); !chunk.empty();
         chunk = connection.read_chunk())
        rest += chunk;
    EXPECT_EQ(all(rest, "event").back(), "result") << rest;
    EXPECT_NE(rest.find("cancelled"), std::string::npos);
}

TEST(Stream, TellsRetries) {
    Connection connection(Site::address());
    const Response stream = connection.ask({"POST", "/queues/fail/jobs", {kEvents}, "x"});
    EXPECT_EQ(stream.status, 200);
    EXPECT_EQ(all(stream.body, "event").back(), "result") << stream.body;
}

TEST(Stream, OfAResultThatIsThereIsOneEvent) {
    const std::string result = post("/", "done")["Content-Location"];
    Connection connection(Site::address());
    const Response stream = connection.ask({"GET", result, {kEvents}, {}});
    EXPECT_EQ(all(stream.body, "event").back(), "result") << stream.body;
    EXPECT_EQ(connection.ask({"GET", result, {kEvents, "Last-Event-ID: done"}, {}}).status, 204);
    EXPECT_EQ(connection.ask({"HEAD", result, {kEvents}, {}}).status, 200);
    EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
}

TEST(Stream, EndsWithTheWait) {
    const Response stream = post("/queues/sleep/jobs", "60000", {kEvents, "Prefer: wait=1"});
    EXPECT_EQ(stream.status, 200);
    EXPECT_EQ(all(stream.body, "event").back(), "end") << stream.body;
    EXPECT_NE(stream.body.find("/errors/wait-over"), std::string::npos);
    del(stream["Location"]);
}

TEST(Stream, ARefusalIsAnOrdinaryAnswer) {
    EXPECT_EQ(post("/queues/none/jobs", "x", {kEvents}).problem(), "not-found");
    const std::string nobody = "/jobs/03bb2cc3-d800-7000-8000-000000000000/result";
    EXPECT_EQ(ask({"GET", nobody, {kEvents}, {}}).problem(), "not-found");
}

TEST(Stream, To10EndsWithTheConnection) {
    Connection connection(Site::address());
    connection.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n" + kEvents + "\r\n\r\nold");
    const Response stream = connection.read();
    EXPECT_FALSE(stream.has("Transfer-Encoding"));
    EXPECT_EQ(stream["Connection"], "close");
    EXPECT_EQ(all(stream.body, "event").back(), "result") << stream.body;
}

TEST(Stream, ClientThatLeavesMayTakeItsJobAlong) {
    Connection connection(Site::address());
    connection.send({"POST", "/queues/sleep/jobs", {kEvents, "Bide-On-Disconnect: cancel"}, "60000"}
    );
    const Response head = connection.read(Connection::Kind::to_head);
    connection.close();
    EXPECT_TRUE(comes_to(head["Location"], "cancelled"));
}

TEST(Stream, HasHeartbeats) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.config = "[server]\nheartbeat = \"300ms\"\n[queues.sleep]\nnative = \"sleep\"\n";
    Server server(std::move(options));
    const Response stream = post(server.address(), "/", "1500", {kEvents});
    EXPECT_NE(stream.body.find(": heartbeat\n\n"), std::string::npos) << stream.body;
    EXPECT_EQ(all(stream.body, "event").back(), "result");
}

TEST(Stream, AStoppingServerEndsIt) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--native", "sleep", "--concurrency", "1"};
    Server server(std::move(options));
    Connection runs(server.address());
    Connection waits(server.address());
    runs.send({"POST", "/", {kEvents}, "2000"});
    EXPECT_EQ(runs.read(Connection::Kind::to_head).status, 200);
    waits.send({"POST", "/", {kEvents}, "1"});
    EXPECT_EQ(waits.read(Connection::Kind::to_head).status, 200);
    server.signal(SIGTERM);
    std::string told;
    for (std::string chunk = waits.read_chunk(); !chunk.empty(); chunk = waits.read_chunk())
        told += chunk;
    EXPECT_EQ(all(told, "event").back(), "end") << told;
    EXPECT_EQ(server.wait().status, 0);
}

// --- batches ----------------------------------------------------------------------------------

const std::string kNdjson = "Content-Type: application/x-ndjson";
const std::string kChunked = "Transfer-Encoding: chunked";

std::string chunk(const std::string& text) {
    std::ostringstream size;
    size << std::hex << text.size();
    return size.str() + "\r\n" + text + "\r\n";
}

std::vector<boost::json::object> lines_of(const std::string& text) {
    std::vector<boost::json::object> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(boost::json::parse(line).as_object());
    return lines;
}

TEST(BatchStream, AnswersEachItemAndASummary) {
    std::string items;
    for (int i = 0; i < 600; ++i) items += R"({"body":"n)" + std::to_string(i) + "\"}\n";
    Connection connection(Site::address());
    const Response answer = connection.ask({"POST", "/batches?queue=echo", {kNdjson}, items});
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto lines = lines_of(answer.body);
    ASSERT_EQ(lines.size(), 602U);
    std::set<std::int64_t> seen;
    for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
        const std::int64_t index = lines[i].at("index").to_number<std::int64_t>();
        EXPECT_EQ(lines[i].at("body").as_string(), "n" + std::to_string(index));
        seen.insert(index);
    }
    EXPECT_EQ(seen.size(), 600U);
    EXPECT_EQ(lines.back().at("summary").at("succeeded").to_number<int>(), 600);
    EXPECT_EQ(connection.ask({"POST", "/", {}, "next"}).body, "next");
}

TEST(BatchStream, AnswersWhileTheUploadGoesOn) {
    Connection connection(Site::address());
    connection.send(Request{"POST", "/batches?queue=echo", {kNdjson, kChunked}, {}});
    EXPECT_EQ(connection.read(Connection::Kind::to_head).status, 200);
    std::string told = connection.read_chunk();
    const auto read_until = [&](const std::string& wanted) {
        while (told.find(wanted) == std::string::npos) told += connection.read_chunk();
    };
    read_until("\"batch\"");
    for (int i = 0; i < 3; ++i) {
        const std::string body = "item " + std::to_string(i);
        connection.send(chunk(R"({"body":")" + body + "\"}\n"));
        read_until(body);
    }
    connection.send("0\r\n\r\n");
    read_until("\"summary\"");
    EXPECT_EQ(connection.read_chunk(), "");
    EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
}

TEST(BatchStream, RefusesBadLinesAndGoesOn) {
    const std::string items = "{\"body\":\"a\"}\nno json\n{\"queue\":\"none\",\"body\":\"x\"}\n";
    const auto lines = lines_of(post("/batches?queue=echo", items, {kNdjson}).body);
    EXPECT_EQ(lines.back().at("summary").at("refused").to_number<int>(), 2);
    EXPECT_EQ(lines.back().at("summary").at("succeeded").to_number<int>(), 1);
}

TEST(BatchStream, NotAwaitedIs202AndItsResultsAreThere) {
    const std::string items = "{\"body\":\"a\"}\n{\"body\":\"b\"}\n";
    const Response accepted =
        post("/batches?queue=echo", items, {kNdjson, "Prefer: respond-async"});
    ASSERT_EQ(accepted.status, 202) << accepted.body;
    const auto lines = lines_of(get(accepted["Location"] + "/results").body);
    EXPECT_EQ(lines.back().at("summary").at("succeeded").to_number<int>(), 2);
    Connection connection(Site::address());
    const std::string results = accepted["Location"] + "/results";
    EXPECT_EQ(connection.ask({"HEAD", results, {}, {}}).status, 200);
    EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
}

TEST(BatchStream, To10EndsWithTheConnection) {
    const std::string items = "{\"body\":\"a\"}\n";
    Connection connection(Site::address());
    connection.send(
        "POST /batches?queue=echo HTTP/1.0\r\n" + kNdjson +
        "\r\nContent-Length: " + std::to_string(items.size()) + "\r\n\r\n" + items
    );
    const Response answer = connection.read();
    EXPECT_EQ(answer["Connection"], "close");
    EXPECT_TRUE(lines_of(answer.body).back().contains("summary"));
}

TEST(BatchStream, ExpectContinueComesBeforeTheAnswer) {
    const std::string items = "{\"body\":\"a\"}\n";
    Connection connection(Site::address());
    connection.send(
        "POST /batches?queue=echo HTTP/1.1\r\nHost: test\r\n" + kNdjson +
        "\r\nExpect: 100-continue\r\nContent-Length: " + std::to_string(items.size()) + "\r\n\r\n"
    );
    EXPECT_EQ(connection.read().status, 100);
    connection.send(items);
    EXPECT_TRUE(lines_of(connection.read().body).back().contains("summary"));
}

TEST(BatchStream, OfTheWrongTypeIsRefusedBeforeItIsSent) {
    Connection connection(Site::address());
    connection.send(
        "POST /batches HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\n"
        "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    );
    EXPECT_EQ(connection.read().problem(), "unsupported-media-type");
    EXPECT_TRUE(connection.ends());
}

TEST(BatchStream, ThatBreaksOffLeavesTheServerWell) {
    for (const char* end : {"", "5\r\nabc"}) {
        Connection connection(Site::address());
        connection.send(Request{"POST", "/batches?queue=echo", {kNdjson, kChunked}, {}});
        connection.send(chunk("{\"body\":\"a\"}\n") + end);
        connection.read(Connection::Kind::to_head);
        connection.shutdown_write();
        try {
            while (!connection.read_chunk().empty()) continue;
            ADD_FAILURE() << "it was ended in order";
        } catch (const HttpError&) {
        }
    }
    EXPECT_EQ(get("/healthz").status, 200);
}

TEST(BatchStream, ThatIsNoHttpEndsWithAProblem) {
    Connection connection(Site::address());
    connection.send(Request{
        "POST", "/batches?queue=echo", {kNdjson, kChunked, "Connection: close"}, {}});
    connection.send(chunk("{\"body\":\"a\"}\n"));
    connection.read(Connection::Kind::to_head);
    std::string told;
    while (told.find("\"body\":\"a\"") == std::string::npos) told += connection.read_chunk();
    connection.send("zz\r\n" + std::string(100'000, 'x'));
    for (std::string more = "more"; !more.empty(); told += more) more = connection.read_chunk();
    const auto lines = lines_of(told);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[2].at("problem").at("type").as_string(), "/errors/bad-request");
    EXPECT_TRUE(connection.ends());
}

/// Nobody reads its answers: then nobody reads its items either, and nothing grows.
TEST(BatchStream, ClientThatDoesNotReadIsNotReadFrom) {
    BIDE_NEEDS_OWN_SERVER();
    Connection connection(Site::address());
    connection.send(Request{"POST", "/batches?queue=echo", {kNdjson, kChunked}, {}});
    const std::string item = R"({"body":")" + std::string(60'000, 'x') + "\"}\n";
    const std::string piece = chunk(item);
    std::size_t sent = 0;
    while (sent < (400U << 20) && connection.send_now(piece)) sent += piece.size();
    EXPECT_LT(sent, 200U << 20);
    EXPECT_EQ(get("/healthz").status, 200);
}

// --- parts ------------------------------------------------------------------------------------

TEST(Range, PartsOfABodyInMemoryAndInAFile) {
    std::string large;
    for (int i = 0; large.size() < 1'000'000; ++i) large += std::to_string(i) + ",";
    for (const std::string& body : {std::string("0123456789"), large}) {
        const std::string result = post("/queues/cat/jobs", body)["Content-Location"];
        const auto part = [&](const std::string& range) {
            return ask({"GET", result, {"Range: bytes=" + range}, {}});
        };
        const Response middle = part("2-5");
        EXPECT_EQ(middle.status, 206);
        EXPECT_EQ(middle.body, body.substr(2, 4));
        EXPECT_EQ(middle["Content-Range"], "bytes 2-5/" + std::to_string(body.size()));
        EXPECT_EQ(part("7-").body, body.substr(7));
        EXPECT_EQ(part("-3").body, body.substr(body.size() - 3));
        EXPECT_EQ(part("99999999-").status, 416);
        EXPECT_TRUE(part("0-1,3-4").body == body);
        const std::string tag = ask({"HEAD", result, {}, {}})["ETag"];
        EXPECT_NE(tag, "");
        EXPECT_EQ(ask({"GET", result, {"If-None-Match: " + tag}, {}}).status, 304);
        Connection connection(Site::address());
        const Response head = connection.ask({"HEAD", result, {"Range: bytes=0-3"}, {}});
        EXPECT_TRUE(head.status == 200 || head.status == 206);
        EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
    }
}

// --- other methods ----------------------------------------------------------------------------

TEST(Options, NamesTheMethodsOfAPage) {
    const Response answer = ask({"OPTIONS", "/", {}, {}});
    EXPECT_EQ(answer.status, 204);
    EXPECT_NE(answer["Allow"].find("POST"), std::string::npos);
    EXPECT_FALSE(answer.has("Content-Length"));
}

TEST(CallersId, JoinsTheSameRequestWhateverWayItsBodyCame) {
    const std::string key = "Idempotency-Key: front-" + std::to_string(::getpid()) + "-" +
                            std::to_string(::time(nullptr));
    std::string large;
    for (int i = 0; large.size() < 700'000; ++i) large += std::to_string(i) + ".";
    const Response first = post("/queues/cat/jobs", large, {key});
    EXPECT_EQ(first.status, 200);
    Connection connection(Site::address());
    connection.send(Request{"POST", "/queues/cat/jobs", {key, kChunked}, {}});
    for (std::size_t at = 0; at < large.size(); at += 90'000)
        connection.send(chunk(large.substr(at, 90'000)));
    connection.send("0\r\n\r\n");
    const Response again = connection.read();
    EXPECT_EQ(again["Bide-Job-Id"], first["Bide-Job-Id"]);
    EXPECT_EQ(again["Bide-Replayed"], "true");
    EXPECT_EQ(post("/queues/cat/jobs", large + "x", {key}).problem(), "key-reused");
}

}  // namespace
}  // namespace bide::test
