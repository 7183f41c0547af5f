// HTTP/1 itself: connections, framing, large bodies.
#include "site.hpp"

namespace bide::test {
namespace {

std::string chunked(const std::string& body, std::size_t piece) {
    std::string text;
    char size[32];
    for (std::size_t at = 0; at < body.size(); at += piece) {
        const std::string part = body.substr(at, piece);
        std::snprintf(size, sizeof size, "%zx\r\n", part.size());
        text += size + part + "\r\n";
    }
    return text + "0\r\n\r\n";
}

std::string pattern(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i * 2654435761U);
    text.resize(size);
    return text;
}

TEST(Contract, HealthAndReadiness) {
    EXPECT_EQ(get("/healthz").status, 200);
    EXPECT_EQ(get("/readyz").status, 200);
}

TEST(Contract, RootTellsAPersonWhatThereIs) {
    const Response page = get("/");
    EXPECT_EQ(page.status, 200);
    EXPECT_NE(page.body.find("POST"), std::string::npos);
    EXPECT_NE(page.body.find("sleep"), std::string::npos);
}

TEST(Contract, HeadHasTheHeadersOfGetAndNoBody) {
    const std::string result = post("/", "twelve bytes")["Content-Location"];
    Connection connection(Site::address());
    const Response head = connection.ask({"HEAD", result, {}, {}});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head["Content-Length"], "12");
    // The next answer begins right behind: there was no body.
    EXPECT_EQ(connection.ask({"GET", result, {}, {}}).body, "twelve bytes");
    for (const char* page : {"/", "/healthz", "/nowhere"}) {
        const Response other = connection.ask({"HEAD", page, {}, {}});
        EXPECT_EQ(other["Content-Length"], connection.ask({"GET", page, {}, {}})["Content-Length"]);
    }
}

TEST(Contract, ConnectionIsKeptForTheNextRequest) {
    Connection connection(Site::address());
    for (int i = 0; i < 5; ++i) {
        const Response answer = connection.ask({"POST", "/", {}, "n" + std::to_string(i)});
        EXPECT_EQ(answer.body, "n" + std::to_string(i));
        EXPECT_NE(answer["Connection"], "close");
    }
    EXPECT_EQ(connection.ask({"GET", "/nowhere", {}, {}}).status, 404);
    EXPECT_EQ(connection.ask({"POST", "/nowhere", {}, "small and unwanted"}).status, 404);
    EXPECT_EQ(connection.ask({"POST", "/", {"Prefer: wait=x"}, "also unwanted"}).status, 400);
    EXPECT_EQ(connection.ask({"POST", "/", {}, "still there"}).body, "still there");
}

TEST(Contract, PipelinedRequestsAreAnsweredInOrder) {
    Connection connection(Site::address());
    std::string all;
    for (int i = 0; i < 10; ++i) {
        // The slow ones first: a server that races them answers in the wrong order.
        const std::string ms = std::to_string(30 - 3 * i);
        all += Request{"POST", "/queues/sleep/jobs", {}, ms}.text();
    }
    connection.send(all + Request{"GET", "/healthz", {}, {}}.text());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(connection.read().body, std::to_string(30 - 3 * i));
    EXPECT_EQ(connection.read().status, 200);
}

TEST(Contract, NextRequestSentDuringAWaitIsNoHangUp) {
    Connection connection(Site::address());
    connection.send(Request{"POST", "/queues/sleep/jobs", {}, "1200"});
    connection.send(Request{"POST", "/", {}, "next"});
    EXPECT_EQ(connection.read().body, "1200");
    EXPECT_EQ(connection.read().body, "next");
}

TEST(Contract, NextRequestThatCameWithOneThatWaitsLongIsKept) {
    Connection connection(Site::address());
    const std::string waits = Request{"POST", "/queues/sleep/jobs", {}, "1200"}.text();
    connection.send(waits + Request{"POST", "/", {}, "next"}.text());
    EXPECT_EQ(connection.read().body, "1200");
    EXPECT_EQ(connection.read().body, "next");
}

/// The server keeps less and less of a connection the longer its caller waits.
TEST(Contract, ConnectionGoesOnAfterAWaitOfAnyLength) {
    Connection connection(Site::address());
    for (const char* ms : {"10", "60", "110", "150", "190", "260", "600"}) {
        EXPECT_EQ(connection.ask({"POST", "/queues/sleep/jobs", {}, ms}).body, ms);
        EXPECT_EQ(connection.ask({"POST", "/", {}, "next"}).body, "next");
    }
}

TEST(Contract, RequestInPiecesIsUnderstood) {
    Connection connection(Site::address());
    for (const char c : Request{"POST", "/", {}, "slowly"}.text())
        connection.send(std::string_view(&c, 1));
    EXPECT_EQ(connection.read().body, "slowly");
}

TEST(Contract, Http10IsAnsweredAndClosed) {
    Connection connection(Site::address());
    connection.send("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nold");
    const Response answer = connection.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "old");
    EXPECT_FALSE(answer.has("Transfer-Encoding"));
    EXPECT_EQ(answer["Connection"], "close");
    EXPECT_TRUE(connection.ends());
}

TEST(Contract, Http10MayAskToKeepTheConnection) {
    Connection connection(Site::address());
    for (int i = 0; i < 2; ++i) {
        connection.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        EXPECT_EQ(connection.read()["Connection"], "keep-alive");
    }
    // Later versions need not be told.
    EXPECT_FALSE(connection.ask({"GET", "/healthz", {}, {}}).has("Connection"));
}

TEST(Contract, ConnectionCloseIsHeeded) {
    Connection connection(Site::address());
    const Response answer = connection.ask({"POST", "/", {"Connection: close"}, "last"});
    EXPECT_EQ(answer.body, "last");
    EXPECT_EQ(answer["Connection"], "close");
    EXPECT_TRUE(connection.ends());
}

TEST(Contract, ExpectContinueIsAnsweredBeforeTheBody) {
    Connection connection(Site::address());
    connection.send(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    );
    EXPECT_EQ(connection.read().status, 100);
    connection.send("body");
    EXPECT_EQ(connection.read().body, "body");
}

TEST(Contract, ExpectContinueOfARequestThatGoesNowhereIsRefusedAtOnce) {
    Connection connection(Site::address());
    connection.send(
        "POST /queues/none/jobs HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
        "Expect: 100-continue\r\n\r\n"
    );
    EXPECT_EQ(connection.read().status, 404);
    EXPECT_TRUE(connection.ends());
}

TEST(Contract, ChunkedUploadIsOneBody) {
    const std::string body = pattern(10'000);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{777}, body.size()}) {
        Connection connection(Site::address());
        connection.send(Request{"POST", "/", {"Transfer-Encoding: chunked"}, {}});
        connection.send(chunked(body, piece));
        EXPECT_TRUE(connection.read().body == body) << "pieces of " << piece;
        EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
    }
}

TEST(Contract, ChunkExtensionsAndTrailersAreSkipped) {
    Connection connection(Site::address());
    connection.send(Request{"POST", "/", {"Transfer-Encoding: chunked"}, {}});
    connection.send("3;name=value\r\nabc\r\n0\r\nTrailer: yes\r\n\r\n");
    EXPECT_EQ(connection.read().body, "abc");
}

TEST(Contract, EmptyChunkedBodyIsAJob) {
    Connection connection(Site::address());
    connection.send(Request{"POST", "/", {"Transfer-Encoding: chunked"}, {}});
    connection.send("0\r\n\r\n");
    EXPECT_EQ(connection.read().status, 200);
}

TEST(Contract, LargeBodyGoesUpAndDown) {
    const std::string body = pattern(8 << 20);
    const Response first = post("/queues/cat/jobs", body);
    ASSERT_EQ(first.status, 200) << first.body;
    EXPECT_TRUE(first.body == body);
    EXPECT_EQ(first["Content-Length"], std::to_string(body.size()));
    EXPECT_TRUE(get(first["Content-Location"]).body == body);
}

TEST(Contract, LargeChunkedBodyGoesUpAndDown) {
    const std::string body = pattern(3 << 20);
    Connection connection(Site::address());
    connection.send(Request{"POST", "/queues/cat/jobs", {"Transfer-Encoding: chunked"}, {}});
    connection.send(chunked(body, 100'000));
    EXPECT_TRUE(connection.read().body == body);
}

TEST(Contract, BodiesAroundTheInlineLimitComeBackWhole) {
    for (const std::size_t size : {262'143U, 262'144U, 262'145U}) {
        const std::string body = pattern(size);
        EXPECT_TRUE(post("/queues/cat/jobs", body).body == body) << size;
    }
}

TEST(Contract, LargeBodyLeavesNoFileWhenItsJobIsGone) {
    BIDE_NEEDS_OWN_SERVER();
    ServerOptions options;
    options.flags = {"--exec", "cat", "--retention", "500ms"};
    Server server(std::move(options));
    EXPECT_EQ(post(server.address(), "/", pattern(1 << 20)).status, 200);
    EXPECT_EQ(post(server.address(), "/", "newer").status, 200);
    EXPECT_TRUE(eventually([&] { return count_files(server.data() + "/bodies") == 0; }));
    EXPECT_EQ(count_files(server.data() + "/bodies/tmp"), 0U);
}

}  // namespace
}  // namespace bide::test
