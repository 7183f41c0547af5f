#include "cli/config_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace bide::cli {
namespace {

using namespace std::chrono_literals;

class ConfigFile : public testing::Test {
  protected:
    Result<void> read(const std::string& text, Program program = Program::serve) {
        std::ofstream(path) << text;
        return read_config_file(path, config, program);
    }
    std::string refusal(const std::string& text, Program program = Program::serve) {
        const auto result = read(text, program);
        return result.has_error() ? result.error().detail : "accepted";
    }
    const QueueConfig& queue(const std::string& name) const {
        const auto found =
            std::find_if(config.queues.begin(), config.queues.end(), [&](const auto& q) {
                return q.name == name;
            });
        return found == config.queues.end() ? throw std::out_of_range(name) : *found;
    }
    void TearDown() override { std::filesystem::remove(path); }

    std::string path = testing::TempDir() + "bide_config_file_test.toml";
    Config config;
};

TEST_F(ConfigFile, SaysWhatIsInFrontOfAFunction) {
    ASSERT_TRUE(read("").has_value());
    EXPECT_FALSE(config.lambda.streaming);
    EXPECT_EQ(config.lambda.idle_limit, 28s);
    EXPECT_FALSE(config.lambda.whitespace);
    ASSERT_TRUE(
        read("[lambda]\nstreaming = true\nidle_limit = \"290s\"\nwhitespace = true\n").has_value()
    );
    EXPECT_TRUE(config.lambda.streaming);
    EXPECT_EQ(config.lambda.idle_limit, 290s);
    EXPECT_TRUE(config.lambda.whitespace);
    EXPECT_NE(refusal("[lambda]\nidle_limt = \"1s\"\n").find("idle_limit"), std::string::npos);
}

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
[queues.lambda]
lambda = ["./bootstrap", "x"]
lambda_handler = "app.handler"
directory = "function"
processes = 3
[queues.far]
http = "https://host/path"
http_headers = {Authorization = "Bearer abc", X-One = "1"}
http_connections = 5
http_ca = "ca.pem"
http_connect_timeout = "2s"
[queues.far2]
http = "http://host/"
http_headers = ["X-One: 1"]
http2 = true
)")
                    .has_value());
    EXPECT_EQ(config.server.host, "::1");
    EXPECT_EQ(config.server.port, 99);
    EXPECT_EQ(config.server.max_wait, Duration(28s));
    EXPECT_EQ(config.server.body_max, 1U << 20);
    ASSERT_EQ(config.queues.size(), 5U);
    const QueueConfig& chart = queue("chart");
    const QueueConfig& speak = queue("speak");
    const HandlerConfig& far = queue("far").handler;
    EXPECT_EQ(far.kind, HandlerConfig::Kind::http);
    EXPECT_EQ(far.url, "https://host/path");
    const std::vector<std::string> headers{"Authorization: Bearer abc", "X-One: 1"};
    EXPECT_EQ(far.http_headers, headers);
    EXPECT_EQ(far.http_connections, 5U);
    EXPECT_EQ(far.http_ca, testing::TempDir() + "ca.pem") << "relative to the file";
    EXPECT_EQ(far.http_connect_time, Duration(2s));
    EXPECT_FALSE(far.http2);
    EXPECT_EQ(queue("far2").handler.http_headers, std::vector<std::string>{"X-One: 1"});
    EXPECT_TRUE(queue("far2").handler.http2);
    const HandlerConfig& function = queue("lambda").handler;
    EXPECT_EQ(function.kind, HandlerConfig::Kind::lambda);
    EXPECT_EQ(function.argv, (std::vector<std::string>{testing::TempDir() + "bootstrap", "x"}));
    EXPECT_EQ(function.lambda_handler, "app.handler");
    EXPECT_EQ(function.working_directory, testing::TempDir() + "function");
    EXPECT_EQ(function.processes, 3U);
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
        refusal("[server]\nlisten = \"127.0.0.1:1\"\nmaxwait = \"1s\"\n"),
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
        path + ":3: native: a queue has one handler: exec, pool, lambda, http or native"
    );
}

TEST_F(ConfigFile, AnUnknownLogLevelIsRefused) {
    // The logger would take it for "off", and the refusal to start would not be heard.
    EXPECT_EQ(
        refusal("[server]\nlog_level = \"loud\"\n"),
        path + ":2: log_level: must be debug, info, warn or error"
    );
    for (const std::string level : {"debug", "info", "warn", "error"})
        EXPECT_EQ(refusal("[server]\nlog_level = \"" + level + "\"\n"), "accepted");
    EXPECT_EQ(config.server.log_level, "error");
}

TEST_F(ConfigFile, ThereAreNoMoreThreadsThanTheEngineCanTell) {
    EXPECT_EQ(
        refusal("[server]\nio_threads = 255\n"), path + ":2: io_threads: must be at most 254"
    );
    EXPECT_EQ(refusal("[server]\nio_threads = 254\n"), "accepted");
}

TEST_F(ConfigFile, WhatCanNeverWorkIsRefused) {
    const std::string time = "must be more than 0s";
    const std::string origin = "\"app.example\" is no origin";
    for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
             {"heartbeat = \"0s\"", time},
             {"header_time = \"0s\"", time},
             {"body_pause = \"0ms\"", time},
             {"idle_time = \"0s\"", time},
             {"write_time = \"0s\"", time},
             {"header_max = 10", "must be 256 bytes to 1GiB"},
             {"header_max = \"4GiB\"", "must be 256 bytes to 1GiB"},
             {"inline_max = 16777217", "must be at most 16MiB"},
             {"cors_origins = [\"app.example\"]", origin},
             {"cors_origins = [\"https://app.example/\"]", "without a path"},
             {"cors_origins = [\"https://App.example\"]", "in small letters"}}) {
        const std::string error = refusal("[server]\n" + line + "\n");
        const std::string key = line.substr(0, line.find(' '));
        EXPECT_EQ(error.find(path + ":2: " + key + ": "), 0U) << error;
        EXPECT_NE(error.find(why), std::string::npos) << line << " -> " << error;
    }
    for (const auto& [line, why] : std::vector<std::pair<std::string, std::string>>{
             {"timeout = \"0s\"", time},
             {"timeout = \"0.0001ms\"", time},
             {"output_max = 0", "must be at least 1"}}) {
        const std::string error = refusal("[queues.a]\nexec = \"x\"\n" + line + "\n");
        const std::string key = line.substr(0, line.find(' '));
        EXPECT_EQ(error, path + ":3: " + key + ": " + why);
    }
    EXPECT_EQ(
        refusal("[queues.a]\nhttp = \"http://x/\"\nhttp_connect_timeout = \"0s\"\n"),
        path + ":3: http_connect_timeout: " + time
    );
}

TEST_F(ConfigFile, ZerosThatMeanSomethingAreTaken) {
    EXPECT_EQ(
        refusal("[server]\nmax_wait = \"0s\"\ndefault_wait = \"0s\"\ndrain_time = \"0s\"\n"
                "header_max = 256\ninline_max = \"16MiB\"\n"
                "cors_origins = [\"*\", \"null\", \"https://a.b\", \"http://[::1]:1\"]\n"
                "[queues.a]\nexec = \"x\"\nretention = \"0s\"\ngrace = \"0s\"\n"
                "backoff = \"0s\"\nmemory_max = 0\n"),
        "accepted"
    );
}

TEST_F(ConfigFile, KeysOfAnotherKindOfHandlerAreRefused) {
    EXPECT_EQ(
        refusal("[queues.a]\nnative = \"echo\"\n\nin_flight = 2\n"),
        path + ":4: in_flight: is for pool, not for native"
    );
    EXPECT_EQ(
        refusal("[queues.a]\ngrace = \"1s\"\nhttp = \"http://x/\"\n"),
        path + ":2: grace: is for exec, pool and lambda, not for http"
    );
    for (const auto& [handler, line] : std::vector<std::pair<std::string, std::string>>{
             {"native = \"x\"", "http2 = true"},
             {"exec = \"x\"", "http_headers = []"},
             {"exec = \"x\"", "lambda_handler = \"a.b\""},
             {"native = \"x\"", "directory = \"d\""},
             {"native = \"x\"", "output_max = 1"},
             {"http = \"http://x/\"", "environment = [\"A\"]"},
             {"lambda = \"x\"", "http_ca = \"x.pem\""},
             {"http = \"http://x/\"", "processes = 2"}}) {
        const std::string error = refusal("[queues.a]\n" + handler + "\n" + line + "\n");
        EXPECT_EQ(error.find(path + ":3: " + line.substr(0, line.find(' ')) + ": is for "), 0U)
            << error;
    }
    EXPECT_EQ(
        refusal("[queues.a]\nexec = \"x\"\nprocesses = 2\n"),
        path + ":3: processes: is for pool, lambda and exec with batch, not for exec"
    );
    EXPECT_EQ(refusal("[queues.a]\nexec = \"x\"\nprocesses = 2\nbatch = 2\n"), "accepted");
    EXPECT_EQ(refusal("[queues.a]\nnative = \"x\"\ncontent_type = \"a/b\"\n"), "accepted");
    // A front passes over the handler, and needs none.
    EXPECT_EQ(refusal("[queues.b]\nsqs = \"b\"\nin_flight = 2\n", Program::front), "accepted");
}

TEST_F(ConfigFile, BatchesAreForThoseWhoTakeThem) {
    ASSERT_TRUE(read("[queues.a]\nexec = \"x\"\nbatch = 10\nbatch_window = \"50ms\"\n").has_value()
    );
    EXPECT_EQ(queue("a").handler.batch, 10U);
    EXPECT_EQ(queue("a").handler.batch_window, Duration(50ms));
    EXPECT_NE(
        refusal("[queues.b]\nexec = \"x\"\nbatch = 11\n").find(":3: batch: must be at most 10"),
        std::string::npos
    );
    for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
             {"exec = \"x\"\nbatch_window = \"1s\"\n", "with batch only"},
             {"pool = \"x\"\nbatch = 2\n", "in_flight"},
             {"http = \"http://x/\"\nbatch = 2\n", "for exec and lambda"},
             {"exec = \"x\"\nbatch = 4\nbatch_window = \"5m\"\n", "must be less"},
             {"exec = \"x\"\nbatch = 4\nconcurrency = 3\n", "concurrency is less than batch"},
         }) {
        const std::string error = refusal("[queues.c]\n" + text);
        EXPECT_NE(error.find(word), std::string::npos) << text << " -> " << error;
    }
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

TEST_F(ConfigFile, TenantsAndKeys) {
    const std::string hash(64, 'a');
    ASSERT_TRUE(read(
                    "[tenants.acme]\nweight = 3\nrate = \"600/m\"\nconcurrency = 2\n"
                    "[tenants.\"*\"]\nrate = \"5/s\"\nburst = 9\ndepth_max = 7\n"
                    "[keys.ci]\nhash = \"sha256:" +
                    hash + "\"\nscopes = [\"submit\"]\ntenant = \"acme\"\n"
    )
                    .has_value());
    const auto& acme = config.tenancy.named.at("acme");
    EXPECT_EQ(acme.weight, 3);
    EXPECT_EQ(acme.rate, 10);
    EXPECT_EQ(acme.burst, 10U) << "a second's worth";
    EXPECT_EQ(acme.concurrency, 2U);
    EXPECT_EQ(config.tenancy.others.burst, 9U);
    EXPECT_EQ(config.tenancy.others.depth_max, 7U);
    ASSERT_EQ(config.keys.size(), 1U);
    EXPECT_EQ(config.keys[0].name, "ci");
    EXPECT_EQ(config.keys[0].hash[31], 0xaa);
    EXPECT_EQ(config.keys[0].scopes, std::vector<std::string>{"submit"});
    EXPECT_EQ(config.keys[0].tenant, "acme");
}

TEST_F(ConfigFile, BadTenantsAndKeysAreNamed) {
    const std::string hash(64, 'a');
    for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
             {"[tenants.\"a b\"]\n", "tenant"},
             {"[tenants.a]\nweight = 0\n", "weight"},
             {"[tenants.a]\nrate = \"5\"\n", "rate"},
             {"[tenants]\na = 1\n", "tenants.a"},
             {"[keys.a]\nscopes = [\"read\"]\n", "hash"},
             {"[keys.a]\nhash = \"sha256:" + hash + "\"\n", "scopes"},
             {"[keys.a]\nhash = \"sha256:" + hash + "\"\nscopes = [\"root\"]\n", "root"},
             {"[keys.a]\nhash = \"md5:abc\"\nscopes = [\"read\"]\n", "sha256"},
         }) {
        const std::string error = refusal(text);
        EXPECT_NE(error.find(word), std::string::npos) << text << " -> " << error;
    }
}

TEST_F(ConfigFile, WhereEverythingIsInAws) {
    ASSERT_TRUE(read(
                    "[aws]\nregion = \"eu-central-1\"\nprofile = \"work\"\nbucket = \"all\"\n"
                    "incoming_bucket = \"in\"\nredis = \"rediss://u:p@cache:6379/1\"\n"
                    "redis_ca = \"ca.pem\"\nredis_iam = \"jobs\"\nredis_serverless = true\nbatches "
                    "= \"b\"\nlease = \"45s\"\n"
                    "inline_max = \"64KiB\"\nworker_listen = \"127.0.0.1:9\"\n"
                    "[queues.a]\nsqs = \"https://sqs/a\"\ndead_letters = \"a-dead\"\n",
                    Program::front
    )
                    .has_value());
    const AwsConfig& aws = config.aws;
    EXPECT_EQ(aws.region, "eu-central-1");
    EXPECT_EQ(aws.profile, "work");
    EXPECT_EQ(aws.incoming_bucket, "in");
    EXPECT_EQ(aws.outgoing_bucket, "all");
    EXPECT_EQ(aws.redis, "rediss://u:p@cache:6379/1");
    EXPECT_EQ(aws.redis_iam, "jobs");
    EXPECT_TRUE(aws.redis_serverless);
    EXPECT_EQ(aws.redis_ca, std::filesystem::path(path).parent_path() / "ca.pem");
    EXPECT_EQ(aws.batches, "b");
    EXPECT_EQ(aws.lease, 45s);
    EXPECT_EQ(aws.inline_max, 65'536U);
    EXPECT_EQ(aws.worker_listen, "127.0.0.1:9");
    EXPECT_EQ(queue("a").sqs, "https://sqs/a");
    EXPECT_EQ(queue("a").dead_letters, "a-dead");
}

TEST_F(ConfigFile, EachProgramWantsItsPartOfAQueue) {
    const std::string sqs_only = "[queues.a]\nsqs = \"a\"\n";
    const std::string handler_only = "[queues.a]\nexec = \"x\"\n";
    EXPECT_NE(refusal(sqs_only).find("has no handler"), std::string::npos);
    EXPECT_NE(refusal(sqs_only, Program::worker).find("has no handler"), std::string::npos);
    for (const Program program : {Program::front, Program::doctor})
        EXPECT_EQ(refusal(sqs_only, program), "accepted");
    EXPECT_EQ(refusal(handler_only), "accepted");
    for (const Program program : {Program::front, Program::worker, Program::doctor})
        EXPECT_NE(refusal(handler_only, program).find("add sqs = "), std::string::npos);
}

TEST_F(ConfigFile, BadValuesOfAwsAreNamed) {
    for (const auto& [line, word] : std::vector<std::pair<std::string, std::string>>{
             {"buckt = \"x\"", "\"bucket\""},
             {"lease = \"0s\"", "1s to 11h"},
             {"lease = \"12h\"", "1s to 11h"},
             {"lease = 30", "duration"},
             {"inline_max = \"1MiB\"", "at most 1000000"},
             {"redis = 1", "text in quotes"}}) {
        const std::string error = refusal("[aws]\n" + line + "\n");
        EXPECT_EQ(error.find(path + ":2: "), 0U) << error;
        EXPECT_NE(error.find(word), std::string::npos) << line << " -> " << error;
    }
}

}  // namespace
}  // namespace bide::cli
