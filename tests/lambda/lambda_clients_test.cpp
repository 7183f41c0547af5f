// bide serve before real functions: a custom runtime in C++ (tests/support/lambda_runtime.cpp), and
// app.py and index.mjs with the official runtime clients.
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

namespace bide::test {
namespace {

class Function : public testing::Test {
  protected:
    /// A queue for each of the functions, named as they are.
    void serve(const std::string& module, const std::vector<std::string>& functions) {
        const char* client = std::getenv("BIDE_LAMBDA_CLIENT");
        ASSERT_NE(client, nullptr) << "run it by with_client";
        const std::string run = module == "app" ? R"(", "-m", "awslambdaric)" : "";
        ServerOptions options;
        options.config =
            "[server]\ninline_max = \"64KiB\"\ndefault_queue = \"" + functions[0] + "\"\n";
        for (const auto& name : functions) {
            options.config += "[queues." + name + "]\nlambda = [\"" + client + run + "\", \"" +
                              module + "." + name +
                              "\"]\ndirectory = \"" BIDE_LAMBDA_FUNCTIONS
                              "\"\nprocesses = 1\nbackoff = \"1ms\"\n"
                              "environment = [\"PATH\", \"HOME\", \"PYTHON*\"]\n";
        }
        // No __pycache__ in the tree.
        options.environment["PYTHONDONTWRITEBYTECODE"] = "1";
        server_ = std::make_unique<Server>(std::move(options));
    }
    Response post(const std::string& queue, std::string body) {
        return test::post(server_->address(), "/queues/" + queue + "/jobs", std::move(body));
    }
    void TearDown() override {
        if (!server_) return;
        EXPECT_EQ(server_->stop().status, 0) << server_->log();
    }

    std::unique_ptr<Server> server_;
};

class PythonFunction : public Function {};
class NodeFunction : public Function {};

/// One process of the custom runtime, from flags.
class CustomRuntime : public Function {
  protected:
    void SetUp() override {
        ServerOptions options;
        options.flags = {"--lambda", BIDE_LAMBDA_RUNTIME, "--attempts", "1", "--concurrency", "4"};
        server_ = std::make_unique<Server>(std::move(options));
    }
    Response post(std::string body) { return Function::post("default", std::move(body)); }
};

TEST_F(CustomRuntime, AnswersJobs) {
    const Response record = post("some text");
    EXPECT_EQ(record.status, 200) << record.body;
    EXPECT_EQ(record["Content-Type"], "application/json");
    EXPECT_EQ(record.member("body"), "some text");
    EXPECT_EQ(record.member("messageId"), record["Bide-Job-Id"]);
    const Response proxy = post("proxy");
    EXPECT_EQ(proxy.status, 201);
    EXPECT_EQ(proxy["Content-Type"], "text/html");
    EXPECT_EQ(proxy.body, "<p>");
    const Response stream = post("stream_large");
    EXPECT_EQ(stream.status, 200);
    EXPECT_EQ(stream["Content-Type"], "audio/wav");
    EXPECT_EQ(stream.body, std::string(8U << 20, 's'));
    EXPECT_EQ(post("large").body.size(), (5U << 20) + 2);
}

TEST_F(CustomRuntime, FailuresAreTold) {
    const Response error = post("error");
    EXPECT_EQ(error.status, 502);
    EXPECT_EQ(error.problem(), "handler-failed");
    EXPECT_EQ(error.member("detail"), "KeyError: no such key");
    const Response large = post("too_large");
    EXPECT_EQ(large.status, 502);
    EXPECT_EQ(large.problem(), "handler-rejected");
    const Response crash = post("crash");
    EXPECT_EQ(crash.status, 502);
    EXPECT_EQ(crash.problem(), "handler-lost");
    EXPECT_EQ(post("nothing").status, 200);
}

TEST_F(CustomRuntime, AJobThatRunsCanBeCancelled) {
    const Response accepted =
        test::post(server_->address(), "/", "hang", {"Prefer: respond-async"});
    const std::string job = accepted["Location"];
    ASSERT_TRUE(eventually([&] { return get(server_->address(), job).member("state") == "running"; }
    ));
    EXPECT_EQ(ask(server_->address(), {"DELETE", job, {}, {}}).status, 200);
    EXPECT_EQ(post("nothing").status, 200);
}

TEST_F(PythonFunction, TheReturnedObjectIsTheResult) {
    serve("app", {"words"});
    for (int i = 0; i < 20; ++i) {
        const Response answer = post("words", "four words of text");
        ASSERT_EQ(answer.status, 200) << answer.body;
        EXPECT_EQ(answer["Content-Type"], "application/json");
        EXPECT_EQ(answer.member("words"), "4");
        EXPECT_EQ(answer.member("job"), answer["Bide-Job-Id"]);
        EXPECT_EQ(answer.member("in_time"), "true");
        EXPECT_EQ(answer.member("function"), "words");
    }
}

TEST_F(PythonFunction, BodiesOfAnyKindArrive) {
    serve("app", {"size"});
    EXPECT_EQ(post("size", "Grüße").body, R"({"encoding": "text", "size": 7})");
    EXPECT_EQ(post("size", std::string("\xff\0", 2)).body, R"({"encoding": "base64", "size": 2})");
    EXPECT_EQ(
        post("size", std::string(3'000'000, '\xff')).body,
        R"({"encoding": "file", "size": 3000000})"
    );
}

TEST_F(PythonFunction, AFailedRecordAndAnErrorAreRetried) {
    serve("app", {"moody"});
    const Response answer = post("moody", "x");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer["Bide-Attempts"], "3");
    EXPECT_EQ(answer.body, "");
}

TEST_F(PythonFunction, AnErrorIsTold) {
    serve("app", {"hopeless", "missing"});
    const Response raised = post("hopeless", "x");
    EXPECT_EQ(raised.status, 502);
    EXPECT_EQ(raised.problem(), "handler-failed");
    EXPECT_EQ(raised.member("detail"), "ValueError: never");
    EXPECT_EQ(raised["Bide-Attempts"], "3");
    const Response missing = post("missing", "x");
    EXPECT_EQ(missing.status, 502);
    EXPECT_NE(missing.member("detail").find("Runtime.HandlerNotFound"), std::string::npos)
        << missing.body;
}

TEST_F(PythonFunction, TheExampleCountsWords) {
    const std::string client = std::getenv("BIDE_LAMBDA_CLIENT");
    ServerOptions options;
    options.flags = {"--config", BIDE_EXAMPLES "/lambda/bide.toml"};
    options.environment["PATH"] = client.substr(0, client.rfind('/')) + ":" + std::getenv("PATH");
    server_ = std::make_unique<Server>(std::move(options));
    EXPECT_EQ(
        post("words", "to be or not to be").body,
        R"({"words": 6, "most_common": [["to", 2], ["be", 2], ["or", 1]]})"
    );
}

TEST_F(NodeFunction, AProxyAnswerSetsStatusAndType) {
    serve("index", {"shout"});
    for (int i = 0; i < 20; ++i) {
        const Response answer = post("shout", "hello");
        ASSERT_EQ(answer.status, 201) << answer.body;
        EXPECT_EQ(answer["Content-Type"], "text/plain");
        EXPECT_EQ(answer.body, "HELLO");
    }
}

TEST_F(NodeFunction, StreamedResponses) {
    serve("index", {"stream", "brokenStream"});
    const Response whole = post("stream", "x");
    EXPECT_EQ(whole.status, 202) << whole.body;
    EXPECT_EQ(whole["Content-Type"], "text/csv");
    EXPECT_EQ(whole.body, "0,x\n1,x\n2,x\n");
    const Response broken = post("brokenStream", "x");
    EXPECT_EQ(broken.status, 502) << broken.body;
    EXPECT_NE(broken.member("detail").find("the rest is missing"), std::string::npos)
        << broken.body;
}

TEST_F(NodeFunction, AnErrorIsTold) {
    serve("index", {"fail", "missing"});
    const Response thrown = post("fail", "x");
    EXPECT_EQ(thrown.status, 502);
    EXPECT_EQ(thrown.problem(), "handler-failed");
    EXPECT_EQ(thrown.member("detail"), "TypeError: not today");
    const Response missing = post("missing", "x");
    EXPECT_EQ(missing.status, 502);
    EXPECT_NE(missing.member("detail").find("Runtime.HandlerNotFound"), std::string::npos)
        << missing.body;
}

}  // namespace
}  // namespace bide::test
