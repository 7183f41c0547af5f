// HTTP/2 as a client that knows frames sees it; tests/clients has those that people use.
#include "support/http2.hpp"

#include "support/server.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace bide::test {
namespace {

constexpr const char* kConfig = R"(
[server]
default_queue = "echo"
[queues.echo]
native = "echo"
[queues.sleep]
native = "sleep"
)";

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Http2 : public testing::Test {
  protected:
    explicit Http2(std::string config = kConfig) : server_(options(std::move(config))) {}

    static ServerOptions options(std::string config) {
        ServerOptions options;
        options.config = std::move(config);
        return options;
    }
    const Address& address() const { return server_.address(); }

    Server server_;
};

TEST_F(Http2, OneConnectionCarriesHundredsOfWaits) {
    Http2Client client(address());
    std::vector<std::uint32_t> streams;
    for (int i = 0; i < 500; ++i)
        streams.push_back(client.send({"POST", "/queues/sleep/jobs", {}, std::to_string(i)}));
    for (int i = 0; i < 500; ++i) {
        const auto answer = client.answer(streams[static_cast<std::size_t>(i)]);
        EXPECT_EQ(answer.response.status, 200);
        EXPECT_EQ(answer.response.body, std::to_string(i));
    }
}

TEST_F(Http2, AnswersHaveLowerCaseNamesAndNoneOfHttp1) {
    Http2Client client(address());
    const Response answer = client.ask({"POST", "/", {"content-type: text/x"}, "hi"}).response;
    EXPECT_EQ(answer.body, "hi");
    EXPECT_EQ(answer["content-length"], "2");
    EXPECT_EQ(answer["content-type"], "text/x");
    EXPECT_FALSE(answer.has("Connection"));
    for (const auto& [name, value] : answer.fields)
        EXPECT_EQ(name.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), name.npos) << name;
}

TEST_F(Http2, MayBeginInPieces) {
    Connection connection(address());
    const std::string begin = kPreface + Frame{Frame::settings, 0, 0, {}}.text();
    for (const char c : begin) ASSERT_TRUE(connection.send(std::string_view(&c, 1)));
    const std::string head = connection.read_bytes(9);
    EXPECT_EQ(head[3], Frame::settings);
}

TEST_F(Http2, BeginsWithTheFirstBytesOnly) {
    Connection connection(address());
    EXPECT_EQ(connection.ask({"GET", "/healthz", {}, {}}).status, 200);
    connection.send(kPreface + Frame{Frame::settings, 0, 0, {}}.text());
    EXPECT_EQ(connection.read().status, 400);
    EXPECT_TRUE(connection.ends());
}

/// A proxy that takes the preface for a request must not be made to pass on two.
TEST_F(Http2, NothingOfHttp1IsAnsweredAfterThePreface) {
    const std::string next = Request{"GET", "/healthz", {}, {}}.text();
    for (const std::string& end : {std::string("SM\r\n\r\n"), std::string()}) {
        Connection connection(address());
        connection.send("PRI * HTTP/2.0\r\n\r\n" + end + next);
        std::string all;
        while (!connection.ends()) all += connection.read_bytes(1);
        EXPECT_EQ(all.find("HTTP/1"), all.npos);
        EXPECT_EQ(all[3], Frame::settings);
    }
}

TEST_F(Http2, ADisconnectEndsTheWaitsAndNotTheJobs) {
    const std::string page = "/jobs/11111111-2222-4333-8444-555555555555";
    const std::string cancelled = "/jobs/11111111-2222-4333-8444-666666666666";
    const auto state = [&](const std::string& of) { return get(address(), of).member("state"); };
    {
        Http2Client client(address());
        client.send({"PUT", page + "?queue=sleep", {}, "700"});
        client.send({"PUT", cancelled + "?queue=sleep", {"bide-on-disconnect: cancel"}, "60000"});
        EXPECT_TRUE(eventually([&] { return state(page) == "running"; }));
        EXPECT_TRUE(eventually([&] { return state(cancelled) == "running"; }));
    }
    EXPECT_TRUE(eventually([&] { return state(cancelled) == "cancelled"; }));
    EXPECT_EQ(get(address(), page + "/result").body, "700");
}

TEST_F(Http2, AResetEndsOneWaitOnly) {
    const std::string page = "/jobs/11111111-2222-4333-8444-777777777777";
    Http2Client client(address());
    const auto other = client.send({"POST", "/queues/sleep/jobs", {}, "900"});
    const auto stream =
        client.send({"PUT", page + "?queue=sleep", {"bide-on-disconnect: cancel"}, "60000"});
    EXPECT_TRUE(eventually([&] { return get(address(), page).member("state") == "running"; }));
    client.send(Frame{Frame::reset, 0, stream, four_bytes(8)});
    EXPECT_TRUE(eventually([&] { return get(address(), page).member("state") == "cancelled"; }));
    EXPECT_EQ(client.answer(other).response.body, "900");
}

class Http2Off : public Http2 {
  protected:
    Http2Off() : Http2("[server]\nhttp2 = false\n[queues.echo]\nnative = \"echo\"\n") {}
};

TEST_F(Http2Off, ThePrefaceIsRefused) {
    Connection connection(address());
    connection.send(kPreface);
    EXPECT_EQ(connection.read().status, 400);
    EXPECT_TRUE(connection.ends());
}

}  // namespace
}  // namespace bide::test
