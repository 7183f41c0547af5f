#include "cli/flags.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bide::cli {
namespace {

const std::string kText =
    "[aws]\nbucket = \"b\"\n[queues.speak]\nsqs = \"speak\"\nexec = [\"./speak\"]\n";

/// What a Lambda function finds in its environment.
class FunctionConfig : public testing::Test {
  protected:
    FunctionConfig() {
        for (const char* name : {"BIDE_CONFIG", "BIDE_TOML", "LAMBDA_TASK_ROOT", "BIDE_DATA"})
            ::unsetenv(name);
        std::filesystem::create_directory(root_);
    }
    ~FunctionConfig() override { std::filesystem::remove_all(root_); }

    static Result<Config> with(const std::map<std::string, std::string>& environment) {
        for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        Result<Config> config = read_function_config();
        for (const auto& [name, value] : environment) ::unsetenv(name.c_str());
        return config;
    }
    static std::string refusal(const std::map<std::string, std::string>& environment) {
        const Result<Config> config = with(environment);
        return config.has_error() ? config.error().detail : "accepted";
    }

    const std::string root_ = testing::TempDir() + "bide_flags_test";
};

TEST_F(FunctionConfig, IsTheTextInTheEnvironment) {
    const auto config = with({{"BIDE_TOML", kText}, {"LAMBDA_TASK_ROOT", "/var/task"}});
    ASSERT_TRUE(config.has_value()) << config.error().detail;
    EXPECT_EQ(config.value().queues.at(0).handler.argv.at(0), "/var/task/speak");
    EXPECT_EQ(config.value().server.default_queue, "speak");
    EXPECT_EQ(config.value().server.data, "/tmp/bide");
}

TEST_F(FunctionConfig, IsTheNamedFileFirstAndThatOfThePackageLast) {
    std::ofstream(root_ + "/bide.toml") << kText;
    std::ofstream(root_ + "/other.toml") << "[aws]\nbucket = \"other\"\n[queues.q]\nsqs = \"q\"\n";
    const auto packaged = with({{"LAMBDA_TASK_ROOT", root_}, {"BIDE_DATA", "/mnt/data"}});
    ASSERT_TRUE(packaged.has_value()) << packaged.error().detail;
    EXPECT_EQ(packaged.value().queues.at(0).handler.argv.at(0), root_ + "/speak");
    EXPECT_EQ(packaged.value().server.data, "/mnt/data");
    const auto named = with(
        {{"LAMBDA_TASK_ROOT", root_}, {"BIDE_TOML", kText}, {"BIDE_CONFIG", root_ + "/other.toml"}}
    );
    ASSERT_TRUE(named.has_value()) << named.error().detail;
    EXPECT_EQ(named.value().aws.outgoing_bucket, "other");
}

TEST_F(FunctionConfig, OtherProgramsTakeTheTextToo) {
    char command[] = "bide front";
    char* arguments[] = {command, nullptr};
    const std::string text = kText + "[server]\nanonymous = true\n";
    ::setenv("BIDE_TOML", text.c_str(), 1);
    const auto parsed = read_config(1, arguments, command, Program::front);
    ::unsetenv("BIDE_TOML");
    ASSERT_TRUE(std::holds_alternative<Config>(parsed));
    EXPECT_EQ(std::get<Config>(parsed).queues.at(0).sqs, "speak");
    EXPECT_EQ(std::get<Config>(parsed).server.data, "bide-data");
}

/// What `bide serve` says to these flags and that environment.
std::string serve_refusal(
    std::vector<std::string> flags, const std::map<std::string, std::string>& environment = {}
) {
    flags.insert(flags.begin(), {"bide serve", "--native", "echo"});
    std::vector<char*> arguments;
    for (auto& flag : flags) arguments.push_back(flag.data());
    arguments.push_back(nullptr);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    testing::internal::CaptureStderr();
    const auto parsed = read_config(static_cast<int>(flags.size()), arguments.data(), "bide serve");
    const std::string said = testing::internal::GetCapturedStderr();
    for (const auto& [name, value] : environment) ::unsetenv(name.c_str());
    return std::holds_alternative<Config>(parsed) ? "accepted" : said.substr(0, said.find('\n'));
}

TEST(Flags, AWrongNumberIsRefusedInWords) {
    const std::string mend = ": must be a whole number of at least 1";
    for (const std::string flag : {"--attempts", "--concurrency", "--io-threads"}) {
        for (const std::string value : {"0", "abc", "-1", "1.5", "2x", "4294967296"})
            EXPECT_EQ(serve_refusal({flag + "=" + value}), "bide serve: " + flag + mend) << value;
        EXPECT_EQ(serve_refusal({flag, "7"}), "accepted");
    }
    EXPECT_EQ(serve_refusal({}, {{"BIDE_ATTEMPTS", "x"}}), "bide serve: BIDE_ATTEMPTS" + mend);
    EXPECT_EQ(
        serve_refusal({"--attempts", "0"}, {{"BIDE_ATTEMPTS", "2"}}),
        "bide serve: --attempts" + mend
    );
    EXPECT_EQ(serve_refusal({"--io-threads", "254"}), "accepted");
    EXPECT_EQ(
        serve_refusal({"--io-threads", "255"}), "bide serve: --io-threads: must be at most 254"
    );
    EXPECT_EQ(
        serve_refusal({}, {{"BIDE_IO_THREADS", "255"}}),
        "bide serve: BIDE_IO_THREADS: must be at most 254"
    );
}

TEST(Flags, AWrongTextNamesTheFlagOrTheVariable) {
    const std::vector<std::pair<std::string, std::string>> wrong{
        {"--max-wait", "5x"},
        {"--timeout", "5x"},
        {"--timeout", "0s"},
        {"--retention", "5x"},
        {"--listen", "nowhere"},
        {"--queue", "a/b"},
        {"--log-level", "loud"}};
    for (const auto& [flag, value] : wrong) {
        std::string variable = "BIDE_" + flag.substr(2);
        for (char& c : variable)
            c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        EXPECT_EQ(serve_refusal({flag, value}).find("bide serve: " + flag + ": "), 0U) << flag;
        EXPECT_EQ(serve_refusal({}, {{variable, value}}).find("bide serve: " + variable + ": "), 0U)
            << variable;
    }
    EXPECT_EQ(
        serve_refusal({"--log-level", "loud"}),
        "bide serve: --log-level: must be debug, info, warn or error"
    );
}

TEST_F(FunctionConfig, AnErrorNamesWhereItIs) {
    EXPECT_EQ(
        refusal({{"BIDE_TOML", kText + "timout = \"1s\"\n"}}),
        "BIDE_TOML:6: unknown key \"timout\"; did you mean \"timeout\"?"
    );
    EXPECT_NE(refusal({{"BIDE_TOML", "[aws"}}).find("BIDE_TOML:1: "), std::string::npos);
    EXPECT_NE(refusal({}).find("no configuration"), std::string::npos);
    EXPECT_NE(refusal({{"LAMBDA_TASK_ROOT", root_}}).find("BIDE_CONFIG"), std::string::npos);
    EXPECT_NE(refusal({{"BIDE_CONFIG", "/not/there.toml"}}).find("/not/there"), std::string::npos);
    EXPECT_NE(
        refusal({{"BIDE_TOML", kText}, {"BIDE_LOG_LEVEL", "loud"}}).find("BIDE_LOG_LEVEL"),
        std::string::npos
    );
}

}  // namespace
}  // namespace bide::cli
