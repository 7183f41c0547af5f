// Clients that take their time, on purpose or not, and others who do not notice.
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sys/resource.h>
#include <vector>

namespace bide::test {
namespace {

constexpr std::size_t kSlow = 10'000;

/// How many connections this process may open besides its own files.
std::size_t descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > 1000 ? limit.rlim_cur - 1000 : 0;
}

std::size_t resident_kib(pid_t process) {
    const std::string facts = read_file("/proc/" + std::to_string(process) + "/status");
    const auto at = facts.find("VmRSS:");
    return at == std::string::npos ? 0 : std::stoul(facts.substr(at + 6));
}

TEST(SlowClients, TenThousandUnfinishedHeadsDoNotStopAnotherClient) {
    const std::size_t count = std::min(kSlow, descriptors());
    if (count < 1000) GTEST_SKIP() << "too few open files are allowed";
    ServerOptions options;
    options.config = "[server]\nheader_time = \"60s\"\n[queues.echo]\nnative = \"echo\"\n";
    Server server(std::move(options));
    std::vector<Connection> slow;
    slow.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        slow.emplace_back(server.address());
        slow.back().send("POST / HTTP/1.1\r\nHost: te");
    }
    for (int i = 0; i < 20; ++i) EXPECT_EQ(post(server.address(), "/", "quick").body, "quick");
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // memory of their own
    EXPECT_LT(resident_kib(server.process_id()), 250'000U);
#endif
    RecordProperty("kib_of_all", static_cast<int>(resident_kib(server.process_id())));
    // They are served like any other when they go on.
    slow.front().send("st\r\nContent-Length: 4\r\n\r\nslow");
    EXPECT_EQ(slow.front().read().body, "slow");
    slow.clear();
    EXPECT_EQ(server.stop().status, 0) << server.log();
}

TEST(SlowClients, BodiesThatWaitTakeNoMoreMemoryThanTheyMay) {
    const std::size_t count = std::min<std::size_t>(1000, descriptors() / 2);
    ServerOptions options;
    options.config = "[server]\nbody_memory_max = \"1MiB\"\n[queues.echo]\nexec = [\"cat\"]\n";
    Server server(std::move(options));
    [[maybe_unused]] const std::size_t before = resident_kib(server.process_id());
    std::vector<Connection> slow;
    const std::string start = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\nx";
    for (std::size_t i = 0; i < count; ++i) {
        slow.emplace_back(server.address());
        slow.back().send(start);
    }
    EXPECT_EQ(post(server.address(), "/", "quick").body, "quick");
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)  // memory of their own
    EXPECT_LT(resident_kib(server.process_id()), before + 60'000U);
#endif
    slow.back().send(std::string(199'999, 'x'));
    EXPECT_EQ(slow.back().read().body, std::string(200'000, 'x'));
    slow.clear();
    EXPECT_TRUE(eventually([&] { return count_files(server.data() + "/bodies/tmp") == 0; }));
}

TEST(SlowClients, ABodyMustKeepALeastPace) {
    ServerOptions options;
    options.config =
        "[server]\nbody_pause = \"1s\"\nbody_pace = \"1MiB\"\n[queues.echo]\nnative = \"echo\"\n";
    Server server(std::move(options));
    Connection connection(server.address());
    connection.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
    // Never a pause of a second, and never a megabyte in one.
    while (connection.silent()) {
        if (!connection.send("x")) break;
        eventually([&] { return !connection.silent(); }, Milliseconds(100));
    }
    EXPECT_EQ(connection.read().status, 408);
}

TEST(SlowClients, ABatchThatStopsComingEndsWithAProblem) {
    ServerOptions options;
    options.config = "[server]\nidle_time = \"1s\"\n[queues.sleep]\nnative = \"sleep\"\n";
    Server server(std::move(options));
    Connection connection(server.address());
    connection.send(
        "POST /batches HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-ndjson\r\n"
        "Content-Length: 100\r\n\r\n{\"body\":\"2500\"}\n"
    );
    const std::string told = connection.read().body;
    const auto result = told.find(R"("body":"2500")");
    const auto end = told.find("\n{\"problem\":{\"type\":\"/errors/request-timeout\"");
    EXPECT_LT(result, end) << told;
    EXPECT_NE(end, std::string::npos) << told;
    EXPECT_TRUE(connection.ends());
}

TEST(SlowClients, OneConnectionTooManyIsTold) {
    ServerOptions options;
    options.config = "[server]\nconnections_max = 3\n[queues.echo]\nnative = \"echo\"\n";
    Server server(std::move(options));
    std::vector<Connection> there;
    for (int i = 0; i < 3; ++i) {
        there.emplace_back(server.address());
        EXPECT_EQ(there.back().ask({"GET", "/healthz", {}, {}}).status, 200);
    }
    Connection more(server.address());
    const Response answer = more.ask({"POST", "/", {}, "x"});
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.problem(), "overloaded");
    EXPECT_TRUE(answer.has("Retry-After"));
    EXPECT_TRUE(more.ends());
    there.pop_back();
    EXPECT_TRUE(eventually([&] { return get(server.address(), "/healthz").status == 200; }));
}

}  // namespace
}  // namespace bide::test
