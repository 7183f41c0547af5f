// A server that nobody asks for anything.
#include "support/http.hpp"
#include "support/server.hpp"
#include "support/wait.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace bide::test {
namespace {

/// How often threads of the process went to sleep, so far: each time, something had woken them.
long sleeps(pid_t process) {
    constexpr std::string_view kName = "voluntary_ctxt_switches:";
    long total = 0;
    const std::string tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks)) {
        std::ifstream status(task.path() / "status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with(kName)) total += std::stol(line.substr(kName.size()));
        }
    }
    return total;
}

TEST(Idle, TheProcessWakesUpOnceASecond) {
    ServerOptions options;
    options.flags = {"--native", "echo"};
    const Server server(options);
    {
        // Its connection had the shard tick; after it there is no reason to.
        Connection client(server.address());
        ASSERT_EQ(client.ask(Request{"GET", "/healthz", {}, ""}).status, 200);
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));  // what the end of it brings
    const long before = sleeps(server.process_id());
    std::this_thread::sleep_for(std::chrono::seconds(5));
    // The writer looks for outcomes whose time is over. Ticking takes five a second.
    EXPECT_LE(sleeps(server.process_id()) - before, 5 + 3);
}

}  // namespace
}  // namespace bide::test
