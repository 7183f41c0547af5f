// How the server stops.
#include "support/server.hpp"
#include "support/store.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace bide::test {
namespace {

constexpr const char* kConfig = R"(
[queues.sleep]
native = "sleep"
[queues.lane]
native = "sleep"
concurrency = 1
[queues.process]
exec = ["sleep", "600"]
timeout = "1h"
)";

class Drain : public testing::Test {
  protected:
    explicit Drain(const std::string& config = kConfig) : server_(options(config)) {}

    static ServerOptions options(const std::string& config) {
        ServerOptions options;
        options.config = config;
        return options;
    }

    /// A caller that waits, its job in the store.
    Connection waiting(const std::string& queue, const std::string& body) {
        const auto before = count_jobs(server_.data());
        Connection caller(server_.address());
        caller.send(Request{"POST", "/queues/" + queue + "/jobs", {}, body});
        EXPECT_TRUE(eventually([&] { return count_jobs(server_.data()) > before; }));
        return caller;
    }
    testing::AssertionResult refuses_new_connections() {
        if (eventually([&] { return refuses_connections(server_.address()); }))
            return testing::AssertionSuccess();
        return testing::AssertionFailure() << "it still accepts connections";
    }
    static void expect_handed_back(const Response& answer) {
        EXPECT_EQ(answer.status, 503);
        EXPECT_EQ(answer.problem(), "shutting-down");
        EXPECT_EQ(answer["Location"], "/jobs/" + answer["Bide-Job-Id"]);
        EXPECT_EQ(answer.member("retry"), "unsafe");
        EXPECT_TRUE(answer.has("Retry-After"));
        EXPECT_EQ(answer["Connection"], "close");
    }

    Server server_;
};

TEST_F(Drain, RunningJobIsAnsweredWithItsResult) {
    Connection caller = waiting("sleep", "1500");
    server_.signal(SIGTERM);
    ASSERT_TRUE(refuses_new_connections());
    EXPECT_TRUE(caller.silent()) << "answered before it was done";
    const Response answer = caller.read();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "1500");
    EXPECT_EQ(answer["Connection"], "close");
    EXPECT_TRUE(caller.ends());
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
    server_.start();
    EXPECT_EQ(get(server_.address(), answer["Content-Location"]).body, "1500");
}

TEST_F(Drain, QueuedJobIsAnswered503AndDoneAfterTheRestart) {
    Connection first = waiting("lane", "1500");
    Connection second = waiting("lane", "1");
    server_.signal(SIGTERM);
    const Response handed_back = second.read();
    expect_handed_back(handed_back);
    EXPECT_EQ(first.read().status, 200);
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
    server_.start();
    const Response result = get(server_.address(), handed_back["Location"] + "/result");
    EXPECT_EQ(result.status, 200);
    EXPECT_EQ(result.body, "1");
}

TEST_F(Drain, IdleConnectionsAreClosedAtOnce) {
    Connection idle(server_.address());
    EXPECT_EQ(idle.ask({"GET", "/healthz", {}, {}}).status, 200);
    Connection fresh(server_.address());
    Connection caller = waiting("sleep", "1500");
    server_.signal(SIGTERM);
    EXPECT_TRUE(idle.ends());
    EXPECT_TRUE(fresh.ends());
    EXPECT_TRUE(caller.silent());
    EXPECT_EQ(caller.read().status, 200);
}

TEST_F(Drain, BatchThatIsRefusedInItsUploadIsAnsweredOnce) {
    Connection caller = waiting("sleep", "1500");
    const std::string item = "1d\r\n{\"queue\":\"sleep\",\"body\":\"1\"}\n\r\n";
    Connection batch(server_.address());
    batch.send(Request{
        "POST",
        "/batches",
        {"Content-Type: application/x-ndjson",
         "Prefer: respond-async",
         "Transfer-Encoding: chunked"},
        {}});
    batch.send(item);
    ASSERT_TRUE(eventually([&] { return count_jobs(server_.data()) == 2; }));
    server_.signal(SIGTERM);
    ASSERT_TRUE(refuses_new_connections());
    // And no end. The port closes a moment before jobs are refused.
    const auto answered = [&] {
        batch.send(item);
        return !batch.silent();
    };
    ASSERT_TRUE(eventually(answered));
    const Response answer = batch.read();
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.problem(), "shutting-down");
    EXPECT_TRUE(batch.ends()) << "a second answer";
    EXPECT_EQ(caller.read().body, "1500");
}

TEST_F(Drain, SecondSignalStopsAtOnceAndTheJobGoesOnAfterTheRestart) {
    Connection caller = waiting("sleep", "60000");
    server_.signal(SIGTERM);
    ASSERT_TRUE(refuses_new_connections());
    const Stopwatch watch;
    server_.signal(SIGTERM);
    const Response handed_back = caller.read();
    expect_handed_back(handed_back);
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
    EXPECT_LT(watch.elapsed(), std::chrono::seconds(30));
    server_.start();
    const std::string page = handed_back["Location"];
    EXPECT_TRUE(eventually([&] { return get(server_.address(), page).member("state") == "running"; }
    ));
    EXPECT_EQ(ask(server_.address(), {"DELETE", page, {}, {}}).status, 200);
}

TEST_F(Drain, SecondSignalEndsTheProcessesOfHandlers) {
    Connection caller = waiting("process", "");
    server_.signal(SIGINT);
    ASSERT_TRUE(refuses_new_connections());
    server_.signal(SIGINT);
    expect_handed_back(caller.read());
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
}

TEST_F(Drain, ServerWithoutWorkStopsAtOnce) {
    EXPECT_EQ(server_.stop().status, 0);
    EXPECT_NE(server_.log().find("stopped"), std::string::npos);
}

class DrainTime : public Drain {
  protected:
    DrainTime() : Drain("[server]\ndrain_time = \"300ms\"\n" + std::string(kConfig)) {}
};

TEST_F(DrainTime, EndsTheDrain) {
    Connection caller = waiting("sleep", "60000");
    server_.signal(SIGTERM);
    expect_handed_back(caller.read());
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
}

}  // namespace
}  // namespace bide::test
