#include "cli/config_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace bide::cli {
namespace {

using namespace std::chrono_literals;

class ConfigFile : public testing::Test {
  protected:
    Result<void> read(const std::string& text) {
        std::ofstream(path) << text;
        return read_config_file(path, config);
    }
    std::string refusal(const std::string& text) {
        const auto result = read(text);
        return result.has_error() ? result.error().detail : "accepted";
    }
    void TearDown() override { std::filesystem::remove(path); }

    std::string path = testing::TempDir() + "bide_config_file_test.toml";
    Config config;
};

TEST_F(ConfigFile, SaysWhatItSays) {
    ASSERT_TRUE(read(R"(
[server]
listen = "[::1]:99"
max_wait = "28s"
body_max = "1MiB"
[queues.speak]
exec = "./speak --loud 'very loud'"
content_type = "audio/wav"
concurrency = 7
timeout = "1.5s"
attempts = 4
backoff = "10ms"
memory_max = 1000
[queues.chart]
native = "chart"
)")
                    .has_value());
    EXPECT_EQ(config.server.host, "::1");
    EXPECT_EQ(config.server.port, 99);
    EXPECT_EQ(config.server.max_wait, Duration(28s));
    EXPECT_EQ(config.server.body_max, 1U << 20);
    ASSERT_EQ(config.queues.size(), 2U);
    const QueueConfig& chart =
        config.queues[0].name == "chart" ? config.queues[0] : config.queues[1];
    const QueueConfig& speak =
        config.queues[0].name == "speak" ? config.queues[0] : config.queues[1];
    EXPECT_EQ(chart.handler.kind, HandlerConfig::Kind::native);
    EXPECT_EQ(speak.handler.argv[0], testing::TempDir() + "speak") << "relative to the file";
    EXPECT_EQ(speak.handler.argv[2], "very loud");
    EXPECT_EQ(speak.concurrency, 7U);
    EXPECT_EQ(speak.rules.timeout, Duration(1500ms));
    EXPECT_EQ(speak.rules.retry.attempts_max, 4U);
    EXPECT_EQ(speak.rules.retry.backoff_base, Duration(10ms));
    EXPECT_EQ(speak.handler.memory_bytes_max, 1000U);
}

TEST_F(ConfigFile, AnUnknownKeyNamesLineAndNearest) {
    EXPECT_EQ(
        refusal("[queues.a]\nexec = \"x\"\ntimout = \"1s\"\n"),
        path + ":3: unknown key \"timout\"; did you mean \"timeout\"?"
    );
    EXPECT_EQ(
        refusal("[server]\nlisten = \"h:1\"\nmaxwait = \"1s\"\n"),
        path + ":3: unknown key \"maxwait\"; did you mean \"max_wait\"?"
    );
    EXPECT_EQ(refusal("[sever]\n"), path + ":1: unknown key \"sever\"; did you mean \"server\"?");
}

TEST_F(ConfigFile, AWrongValueNamesLineKeyAndMend) {
    EXPECT_EQ(
        refusal("[queues.a]\nexec = \"x\"\ntimeout = 5\n"),
        path + ":3: timeout: must be a duration in quotes, like \"30s\""
    );
    EXPECT_EQ(
        refusal("[queues.a]\nexec = \"x\"\nattempts = 0\n"),
        path + ":3: attempts: must be a whole number of at least 1"
    );
    EXPECT_EQ(
        refusal("[queues.a]\nexec = \"x\"\nnative = \"y\"\n"),
        path + ":3: native: a queue has one handler: exec, pool or native"
    );
}

TEST_F(ConfigFile, AQueueNeedsAHandlerAndAName) {
    EXPECT_NE(refusal("[queues.a]\ntimeout = \"1s\"\n").find("has no handler"), std::string::npos);
    EXPECT_NE(
        refusal("[queues.\"a/b\"]\nexec = \"x\"\n").find("cannot name a queue"), std::string::npos
    );
}

TEST_F(ConfigFile, BrokenTomlNamesTheLine) {
    EXPECT_EQ(refusal("[server]\nlisten = \n").find(path + ":2: "), 0U);
    EXPECT_NE(read_config_file("/nonexistent/bide.toml", config).error().detail, "");
}

}  // namespace
}  // namespace bide::cli
