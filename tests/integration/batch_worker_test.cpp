// Several jobs in one run of a handler.
#include "support/server.hpp"
#include "support/store.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/stat.h>

namespace bide::test {
namespace {

class BatchWorkers : public testing::Test {
  protected:
    BatchWorkers() : server_(options()) {}

    static ServerOptions options() {
        const std::string command = "[\"python3\", \"" BIDE_BATCH_WORKER "\"]\n";
        const std::string rest = "backoff = \"1ms\"\n";
        ServerOptions options;
        options.config = "[queues.pairs]\nexec = " + command + rest +
                         "batch = 2\nbatch_window = \"50s\"\n"
                         "[queues.some]\nexec = " +
                         command + rest +
                         "batch = 10\nbatch_window = \"100ms\"\n"
                         "[queues.pool]\npool = " +
                         command + rest;
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
    static void expect_success(const Response& answer, const std::string& attempts) {
        EXPECT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer["Bide-Attempts"], attempts);
    }

    Server server_;
};

TEST_F(BatchWorkers, ACallerIsAnsweredBeforeItsBatchEnds) {
    const std::string fifo = server_.directory() / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    Connection quick = waiting("pairs", "quick");
    Connection slow = waiting("pairs", "wait " + fifo);
    const Response first = quick.read();
    expect_success(first, "1");
    EXPECT_TRUE(slow.silent());
    write_file(fifo, "go");
    const Response second = slow.read();
    expect_success(second, "1");
    EXPECT_EQ(first.body, second.body) << "not the same process";
}

TEST_F(BatchWorkers, OnlyTheFailedOnesRunAgain) {
    std::vector<Connection> callers;
    for (const char* body : {"good", "flaky", "silent", "bad"}) {
        callers.emplace_back(server_.address());
        callers.back().send(Request{"POST", "/queues/some/jobs", {}, body});
    }
    expect_success(callers[0].read(), "1");
    expect_success(callers[1].read(), "2");
    expect_success(callers[2].read(), "2");
    const Response bad = callers[3].read();
    EXPECT_EQ(bad.status, 422);
    EXPECT_EQ(bad["Bide-Attempts"], "1");
}

TEST_F(BatchWorkers, ACancelledJobLeavesItsBatchAlone) {
    const std::string fifo = server_.directory() / "fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const Response accepted =
        ask(server_.address(),
            {"POST", "/queues/pairs/jobs", {"Prefer: respond-async"}, "wait " + fifo});
    ASSERT_EQ(accepted.status, 202);
    Connection other = waiting("pairs", "other");
    ASSERT_TRUE(eventually([&] {
        return get(server_.address(), accepted["Location"]).member("state") == "running";
    }));
    const Response cancelled = ask(server_.address(), {"DELETE", accepted["Location"], {}, {}});
    EXPECT_LT(cancelled.status, 300) << cancelled.body;
    EXPECT_TRUE(other.silent());
    write_file(fifo, "go");
    expect_success(other.read(), "1");
    EXPECT_EQ(get(server_.address(), accepted["Location"]).member("state"), "cancelled");
}

TEST_F(BatchWorkers, TheSameProgramServesAPool) {
    expect_success(post(server_.address(), "/queues/pool/jobs", "good"), "1");
    expect_success(post(server_.address(), "/queues/pool/jobs", "flaky"), "2");
}

TEST_F(BatchWorkers, AStopHandsBackWhatGathers) {
    Connection caller = waiting("pairs", "alone");
    server_.signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return refuses_connections(server_.address()); }));
    server_.signal(SIGTERM);
    EXPECT_EQ(caller.read().problem(), "shutting-down");
    EXPECT_EQ(server_.wait().status, 0) << server_.log();
}

}  // namespace
}  // namespace bide::test
