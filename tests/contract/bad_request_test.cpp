// What is not understood gets a 4xx problem document and leaves nothing behind (G7).
#include "site.hpp"
#include "support/store.hpp"

#include <memory>

namespace bide::test {
namespace {

constexpr std::size_t kBodyMax = 400'000;  // above inline_max, so that such a body is in a file

/// A server with small limits to which nothing but bad requests are sent, so its store stays empty;
/// or the one of BIDE_URL, whose limits and store are not known.
class BadInput : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (Site::local() == nullptr) return;
        ServerOptions options;
        options.config =
            "[server]\nheader_max = \"12KiB\"\nheader_time = \"700ms\"\nbody_pause = \"700ms\"\n"
            "body_max = " +
            std::to_string(kBodyMax) + "\n[queues.echo]\nnative = \"echo\"\n";
        server = std::make_unique<Server>(std::move(options));
    }
    static void TearDownTestSuite() {
        if (!server) return;
        EXPECT_EQ(server->stop().status, 0) << server->log();
        server.reset();
    }

    void TearDown() override {
        EXPECT_EQ(get(address(), "/healthz").status, 200);
        if (!server) return;
        EXPECT_EQ(count_jobs(server->data()), 0);
        EXPECT_EQ(count_files(server->data() + "/bodies"), 0U);
        EXPECT_TRUE(eventually([] { return count_files(server->data() + "/bodies/tmp") == 0; }));
        EXPECT_TRUE(server->running());
    }

    static const Address& address() { return server ? server->address() : Site::address(); }

    /// Sends bytes on a connection of their own and expects a problem, and the connection's end.
    static void expect_refusal(std::string_view bytes, int status, const std::string& type) {
        SCOPED_TRACE(std::string(bytes.substr(0, 100)));
        Connection connection(address());
        connection.send(bytes);
        expect_refusal(connection, status, type);
    }
    static void expect_refusal(Connection& connection, int status, const std::string& type) {
        const Response answer = connection.read();
        expect_problem(answer, status, type);
        EXPECT_EQ(answer["Connection"], "close");
        EXPECT_TRUE(connection.ends());
    }
    static void expect_problem(const Response& answer, int status, const std::string& type) {
        EXPECT_EQ(answer.status, status) << answer.body;
        EXPECT_EQ(answer.problem(), type);
        EXPECT_EQ(answer.member("status"), std::to_string(status));
        EXPECT_NE(answer.member("title"), "");
        EXPECT_NE(answer.member("detail"), "");
        EXPECT_EQ(answer["Bide-Error-Source"], "bide");
        EXPECT_FALSE(answer.has("Bide-Job-Id"));
    }
    static void expect_bad(std::string_view bytes) { expect_refusal(bytes, 400, "bad-request"); }
    static void expect_bad_post(const std::string& lines, const std::string& body = "") {
        expect_bad("POST / HTTP/1.1\r\nHost: test\r\n" + lines + "\r\n\r\n" + body);
    }

    static inline std::unique_ptr<Server> server;
};

#define NEEDS_SMALL_LIMITS() \
    if (!server) GTEST_SKIP() << "the limits of the server at BIDE_URL are not known"

// --- understood as HTTP, but not as the contract ----------------------------------------------

TEST_F(BadInput, UnknownQueueIs404AndNamesThoseThereAre) {
    const Response answer = post(address(), "/queues/ecco/jobs", "x");
    expect_problem(answer, 404, "not-found");
    EXPECT_NE(answer.member("detail").find("echo"), std::string::npos);
    for (const char* target : {"/queues//jobs", "/queues/../jobs", "/queues/e%63ho/jobs"})
        expect_problem(post(address(), target, "x"), 404, "not-found");
}

TEST_F(BadInput, UnknownPageIs404) {
    for (const char* target : {"/nowhere", "/queues/", "/healthz/", "/queues/jobs"})
        expect_problem(get(address(), target), 404, "not-found");
}

TEST_F(BadInput, WrongMethodIs405WithAllow) {
    const std::string job = "/jobs/03bb2cc3-d800-7000-8000-000000000000";
    const auto expect_405 = [](const char* method, const std::string& target, const char* allow) {
        SCOPED_TRACE(method + (" " + target));
        const Response answer = ask(address(), {method, target, {}, {}});
        expect_problem(answer, 405, "method-not-allowed");
        EXPECT_EQ(answer["Allow"], allow);
    };
    expect_405("DELETE", "/", "GET, HEAD, POST");
    expect_405("BREW", "/", "GET, HEAD, POST");
    expect_405("post", "/", "GET, HEAD, POST");
    expect_405("PUT", "/queues/echo/jobs", "GET, HEAD, POST");
    expect_405("POST", job, "GET, HEAD, PUT, DELETE");
    expect_405("DELETE", job + "/result", "GET, HEAD");
    expect_405("POST", "/healthz", "GET, HEAD");
    expect_405("POST", "/readyz", "GET, HEAD");
}

TEST_F(BadInput, BadPreferIs400) {
    for (const char* prefer :
         {"wait",
          "wait=",
          "wait=soon",
          "wait=-1",
          "wait=1.5",
          "wait=99999999999999999999",
          "wait=\"1",
          "at-limit=never",
          "respond-async, at-limit=",
          "wait=1, at-limit=\"\""}) {
        SCOPED_TRACE(prefer);
        const std::vector<std::string> lines{std::string("Prefer: ") + prefer};
        expect_problem(post(address(), "/queues/echo/jobs", "x", lines), 400, "bad-request");
    }
}

TEST_F(BadInput, BadIdIs400) {
    for (const char* id :
         {"",
          "x",
          "0190a0b0-0000-7000-8000-00000000000",
          "0190a0b0-0000-7000-8000-0000000000000",
          "0190a0b0-0000-7000-8000-00000000000g",
          "0190a0b0+0000-7000-8000-000000000000",
          "0190a0b0-0000-7000-8000-000000000000/x"}) {
        SCOPED_TRACE(id);
        const std::string page = std::string("/jobs/") + id;
        expect_problem(get(address(), page), 400, "bad-request");
        expect_problem(get(address(), page + "/result"), 400, "bad-request");
        expect_problem(ask(address(), {"DELETE", page, {}, {}}), 400, "bad-request");
    }
}

// --- limits -----------------------------------------------------------------------------------

TEST_F(BadInput, BodyLongerThanTheLimitIs413BeforeItIsSent) {
    NEEDS_SMALL_LIMITS();
    for (const char* length : {"400001", "18446744073709551615"}) {
        expect_refusal(
            std::string("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ") + length + "\r\n\r\n",
            413,
            "too-large"
        );
    }
}

TEST_F(BadInput, BodyLongerThanTheLimitIs413AlsoToAClientThatSendsOn) {
    NEEDS_SMALL_LIMITS();
    const Response answer = post(address(), "/", std::string(8 << 20, 'x'));
    expect_problem(answer, 413, "too-large");
}

TEST_F(BadInput, BodyLongerThanTheLimitIs413AlsoWhenItComesWithTheHead) {
    for (const char* limit : {"0", "10"}) {
        ServerOptions options;
        options.config =
            "[server]\nbody_max = " + std::string(limit) + "\n[queues.echo]\nnative = \"echo\"\n";
        Server small(std::move(options));
        const Request most{"POST", "/queues/echo/jobs", {}, std::string(std::stoul(limit), 'x')};
        EXPECT_EQ(ask(small.address(), most).status, 200);
        for (const std::size_t size : {11U, 1500U, 2000U, 3000U}) {
            Connection connection(small.address());
            connection.send(Request{"POST", "/queues/echo/jobs", {}, std::string(size, 'x')});
            expect_refusal(connection, 413, "too-large");
        }
    }
}

TEST_F(BadInput, ChunkedBodyLongerThanTheLimitIs413) {
    NEEDS_SMALL_LIMITS();
    Connection connection(address());
    connection.send(Request{"POST", "/", {"Transfer-Encoding: chunked"}, {}});
    const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
    for (std::size_t sent = 0; sent <= kBodyMax; sent += 65536) connection.send(chunk);
    connection.send("0\r\n\r\n");
    expect_refusal(connection, 413, "too-large");
}

TEST_F(BadInput, ChunkLongerThanTheLimitIs413BeforeItIsSent) {
    NEEDS_SMALL_LIMITS();
    const Request request{"POST", "/", {"Transfer-Encoding: chunked"}, {}};
    expect_refusal(request.text() + "fffffff0\r\n", 413, "too-large");
}

TEST_F(BadInput, HeaderOverTheLimitIs431) {
    NEEDS_SMALL_LIMITS();
    const std::string start = "POST / HTTP/1.1\r\nHost: test\r\n";
    expect_refusal(
        start + "X-Long: " + std::string(20'000, 'x') + "\r\n\r\n", 431, "headers-too-large"
    );
    std::string many = start;
    for (int i = 0; i < 1000; ++i) many += "X-Many: " + std::to_string(i) + "\r\n";
    expect_refusal(many + "\r\n", 431, "headers-too-large");
}

TEST_F(BadInput, HeaderThatComesInLinesHasTheSameLimit) {
    NEEDS_SMALL_LIMITS();
    Connection connection(address());
    connection.send("POST / HTTP/1.1\r\nHost: test\r\n");
    const std::string line = "X-Line: " + std::string(90, 'x') + "\r\n";
    for (int i = 0; i < 1000 && connection.silent(); ++i) connection.send(line);
    expect_refusal(connection, 431, "headers-too-large");
}

TEST_F(BadInput, TargetTooLongIs414) {
    NEEDS_SMALL_LIMITS();
    const Response answer = get(address(), "/" + std::string(9000, 'x'));
    expect_problem(answer, 414, "target-too-long");
}

TEST_F(BadInput, HeadThatComesTooSlowlyIs408) {
    NEEDS_SMALL_LIMITS();
    expect_refusal("POST / HTTP/1.1\r\nHost: te", 408, "request-timeout");
    expect_refusal("P", 408, "request-timeout");
}

TEST_F(BadInput, BodyThatStopsComingIs408) {
    NEEDS_SMALL_LIMITS();
    expect_refusal(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf", 408, "request-timeout"
    );
    expect_refusal(
        "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 390000\r\n\r\n" +
            std::string(300'000, 'x'),
        408,
        "request-timeout"
    );
}

// --- not understood as HTTP -------------------------------------------------------------------

TEST_F(BadInput, TruncatedHeadIs400) {
    for (const char* head : {"POST", "POST / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: te"}) {
        SCOPED_TRACE(head);
        Connection connection(address());
        connection.send(head);
        connection.shutdown_write();
        expect_refusal(connection, 400, "bad-request");
    }
}

TEST_F(BadInput, TruncatedBodyIs400) {
    const std::string head = "POST / HTTP/1.1\r\nHost: test\r\n";
    for (const std::string& request :
         {head + "Content-Length: 10\r\n\r\n",
          head + "Content-Length: 10\r\n\r\nhalf",
          head + "Content-Length: 390000\r\n\r\n" + std::string(300'000, 'x'),
          head + "Transfer-Encoding: chunked\r\n\r\n",
          head + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
          head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
          head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"}) {
        SCOPED_TRACE(request.substr(0, 200));
        Connection connection(address());
        connection.send(request);
        connection.shutdown_write();
        expect_refusal(connection, 400, "bad-request");
    }
}

TEST_F(BadInput, ClientThatGoesAwayInTheMiddleOfABodyLeavesNothing) {
    for (const std::size_t size : {std::size_t{10}, std::size_t{300'000}}) {
        Connection connection(address());
        connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 390000\r\n\r\n");
        connection.send(std::string(size, 'x'));
        connection.close();
    }
}

TEST_F(BadInput, LengthThatIsNoLengthIs400) {
    for (const char* length : {"-1", "+1", "1x", "x", "", "0x10", "1 2", "99999999999999999999999"})
        expect_bad_post(std::string("Content-Length: ") + length, "body");
}

TEST_F(BadInput, LengthsThatDifferAre400) {
    expect_bad_post("Content-Length: 4\r\nContent-Length: 5", "body");
    expect_bad_post("Content-Length: 4, 5", "body");
}

TEST_F(BadInput, LengthAndTransferEncodingAre400) {
    expect_bad_post("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
    expect_bad_post("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n");
    expect_bad_post("Transfer-Encoding: xchunked\r\nContent-Length: 4", "body");
}

TEST_F(BadInput, TransferEncodingThatIsNotJustChunkedIs400) {
    for (const char* coding :
         {"gzip",
          "identity",
          "gzip, chunked",
          "chunked, gzip",
          "chunked, chunked",
          "xchunked",
          "chunked;q=1",
          "\"chunked\"",
          ""})
        expect_bad_post(std::string("Transfer-Encoding: ") + coding, "0\r\n\r\n");
    expect_bad_post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
    expect_bad_post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n");
    expect_bad("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_F(BadInput, BadChunkIs400) {
    for (const std::string chunks :
         {"z\r\nabc\r\n",
          "-1\r\n\r\n",
          "\r\n",
          "fffffffffffffffff\r\n",
          "3\r\nabcX\r\n",
          "0x3\r\n",
          "3x\r\nabc\r\n",
          "3 \r\nabc\r\n",
          "3\nabc\n",
          "3\r\nabc0\r\n"})
        expect_bad_post("Transfer-Encoding: chunked", chunks + "0\r\n\r\n");
}

TEST_F(BadInput, HostMissingOrTwiceIs400) {
    expect_bad("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    expect_bad("GET /healthz HTTP/1.1\r\n\r\n");
    expect_bad("POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 4\r\n\r\nbody");
    expect_bad("POST / HTTP/1.1\r\nHost: a\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
}

TEST_F(BadInput, FieldThatIsNoneIs400) {
    using namespace std::string_literals;
    for (const std::string& line :
         {"X-Nul: a\0b"s,
          "X-\0Nul: ab"s,
          "X-Cr: a\rb"s,
          "X-Bell: a\ab"s,
          "No colon"s,
          ": no name"s,
          "X-Space : x"s,
          "X Space: x"s,
          "X-\xc3\xa4: x"s})
        expect_bad_post(line + "\r\nContent-Length: 4", "body");
    expect_bad("POST / HTTP/1.1\r\n Content-Length: 4\r\nHost: test\r\n\r\nbody");
}

TEST_F(BadInput, LineThatIsNoRequestIs400) {
    using namespace std::string_literals;
    for (const std::string& line :
         {"garbage"s,
          "GET"s,
          "GET /"s,
          "GET  / HTTP/1.1"s,
          "GET / HTTP/1.1 "s,
          "GET / http/1.1"s,
          "GET / HTTP/3.0"s,
          "GET / HTTP/1"s,
          "PRI / HTTP/2.0"s,
          "GET /\0 HTTP/1.1"s,
          " GET / HTTP/1.1"s,
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s})
        expect_bad(line + "\r\nHost: test\r\n\r\n");
}

TEST_F(BadInput, NothingAfterARefusalIsTakenForARequest) {
    Connection connection(address());
    connection.send(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip\r\n\r\n" +
        Request{"POST", "/", {}, "smuggled"}.text()
    );
    expect_refusal(connection, 400, "bad-request");
}

}  // namespace
}  // namespace bide::test
