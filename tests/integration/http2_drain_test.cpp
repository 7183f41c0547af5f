// How connections of HTTP/2 end when the server stops.
#include "support/http2.hpp"
#include "support/server.hpp"
#include "support/store.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace bide::test {
namespace {

Server start() {
    ServerOptions options;
    options.config = "[queues.sleep]\nnative = \"sleep\"\n";
    return Server(std::move(options));
}

TEST(Http2Drain, WaitsAreAnsweredAndTheConnectionEnds) {
    Server server = start();
    Http2Client client(server.address());
    const auto first = client.send({"POST", "/", {}, "1500"});
    const auto second = client.send({"POST", "/", {}, "1600"});
    ASSERT_TRUE(eventually([&] { return count_jobs(server.data()) == 2; }));
    server.signal(SIGTERM);
    // The first says only that there will be an end; what was on its way is not lost by it.
    const std::int64_t notice = client.goaway();
    EXPECT_EQ(notice, 0);
    EXPECT_EQ(client.last_stream(), 0x7fffffffU);
    const auto late = client.send({"GET", "/healthz", {}, {}});
    EXPECT_EQ(client.goaway(), 0);
    EXPECT_EQ(client.last_stream(), late);
    client.send({"GET", "/healthz", {}, {}});  // after the last: nobody answers
    EXPECT_NE(client.answer(late).response.status, 0);
    EXPECT_EQ(client.answer(first).response.body, "1500");
    EXPECT_EQ(client.answer(second).response.body, "1600");
    EXPECT_TRUE(client.connection().ends());
    EXPECT_EQ(server.wait().status, 0) << server.log();
}

TEST(Http2Drain, AnIdleConnectionEnds) {
    Server server = start();
    Http2Client client(server.address());
    EXPECT_EQ(client.ask({"GET", "/healthz", {}, {}}).response.status, 200);
    server.signal(SIGTERM);
    EXPECT_EQ(client.goaway(), 0);
    EXPECT_EQ(client.goaway(), 0);
    EXPECT_EQ(server.wait().status, 0) << server.log();
}

TEST(Http2Drain, WhatIsNotDoneInTimeIsHandedBack) {
    Server server = start();
    Http2Client client(server.address());
    const auto stream = client.send({"POST", "/", {}, "60000"});
    ASSERT_TRUE(eventually([&] { return count_jobs(server.data()) == 1; }));
    server.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return refuses_connections(server.address()); }));
    server.signal(SIGTERM);
    const Response answer = client.answer(stream).response;
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.problem(), "shutting-down");
    EXPECT_EQ(answer["location"], "/jobs/" + answer["bide-job-id"]);
    EXPECT_EQ(server.wait().status, 0) << server.log();
}

}  // namespace
}  // namespace bide::test
