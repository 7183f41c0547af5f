// The handler with real processes: tests/support/lambda_runtime.cpp does what the bodies say.
#include "handlers/lambda/lambda.hpp"

#include "handlers/exec/fixture.hpp"

#include <boost/json/parse.hpp>

#include <csignal>
#include <cstdlib>

namespace bide::lambda {
namespace {

namespace json = boost::json;

using core::AttemptResult;
using core::FailureKind;
using Verdict = AttemptResult::Verdict;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class Lambda : public exec::ExecTest {
  protected:
    static Options function(std::vector<std::string> arguments = {}) {
        Options options;
        options.command.argv = {BIDE_LAMBDA_RUNTIME};
        options.command.argv.insert(options.command.argv.end(), arguments.begin(), arguments.end());
        options.command.queue_name = "testing";
        return options;
    }
    std::unique_ptr<ports::Handler> serve(Options options) {
        return make_lambda_handler(threads_.first(), *spool_, blocking_, std::move(options));
    }
    /// What one job after another ends with, in one process.
    std::vector<AttemptResult> run_all(const std::vector<std::string>& bodies) {
        const auto handler = serve(function());
        std::vector<AttemptResult> results;
        for (const auto& body : bodies) results.push_back(run(*handler, body));
        return results;
    }
    static void expect_success(const AttemptResult& result, const std::string& body) {
        EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
        EXPECT_EQ(bytes_of(result.body), body);
    }
    static void expect_failure(
        const AttemptResult& result, Verdict verdict, const std::string& words
    ) {
        EXPECT_EQ(result.verdict, verdict);
        EXPECT_TRUE(has(result.detail, words)) << result.detail;
    }
};

TEST_F(Lambda, AJobIsAnSqsEvent) {
    traceparent_ = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const auto handler = serve(function());
    const JobId job = start(*handler, "some text");
    const AttemptResult result = ended_.take(job);
    ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
    EXPECT_EQ(result.content_type, "application/json");
    const json::value record = json::parse(bytes_of(result.body));
    EXPECT_EQ(record.at("messageId").as_string(), to_string(job));
    EXPECT_EQ(record.at("body").as_string(), "some text");
    EXPECT_EQ(record.at("eventSource").as_string(), "aws:sqs");
    EXPECT_EQ(record.at("attributes").at("ApproximateReceiveCount").as_string(), "2");
    EXPECT_EQ(
        record.at("messageAttributes").at("ContentType").at("stringValue").as_string(), "text/plain"
    );
}

TEST_F(Lambda, LargeBodiesGoByFile) {
    const std::string bytes(3 * kThreshold, 'b');
    std::ofstream(path("input"), std::ios::binary) << bytes;
    const auto handler = serve(function());
    Body body;
    body.file = std::make_shared<BodyFile>(path("input"), bytes.size());
    const AttemptResult result = ended_.take(start(*handler, std::move(body)));
    const json::value record = json::parse(bytes_of(result.body));
    EXPECT_EQ(record.at("body").as_string(), path("input"));
    EXPECT_EQ(
        record.at("messageAttributes").at("BodyEncoding").at("stringValue").as_string(), "file"
    );
}

TEST_F(Lambda, TheProcessIsToldWhatTheRealServiceTells) {
    ::setenv("BIDE_TEST_SECRET", "not for functions", 1);
    traceparent_ = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Options options = function();
    options.handler = "app.handler";
    options.command.working_directory = directory_;
    const auto handler = serve(options);
    const AttemptResult result = run(*handler, "facts");
    ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
    const json::object facts = json::parse(bytes_of(result.body)).as_object();
    const auto fact = [&facts](std::string_view name) {
        const json::value* value = facts.if_contains(name);
        return value ? std::string(value->as_string()) : "missing";
    };
    EXPECT_EQ(fact("_HANDLER"), "app.handler");
    EXPECT_EQ(fact("LAMBDA_TASK_ROOT"), directory_);
    EXPECT_EQ(fact("AWS_LAMBDA_FUNCTION_NAME"), "testing");
    EXPECT_EQ(fact("AWS_LAMBDA_FUNCTION_VERSION"), "$LATEST");
    EXPECT_EQ(fact("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "1024");
    EXPECT_EQ(fact("BIDE_TEST_SECRET"), "missing");
    EXPECT_EQ(fact("Content-Type"), "application/json");
    EXPECT_EQ(fact("Lambda-Runtime-Deadline-Ms"), "1800000000000");
    EXPECT_EQ(
        fact("Lambda-Runtime-Invoked-Function-Arn"),
        "arn:aws:lambda:" + fact("AWS_REGION") + ":000000000000:function:testing"
    );
    EXPECT_EQ(
        fact("Lambda-Runtime-Trace-Id"),
        "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"
    );
}

TEST_F(Lambda, TheAnswerIsTheResult) {
    const auto results =
        run_all({"nothing", "batch_done", "proxy", "bytes", "batch_failed", "expecting", "seen"});
    expect_success(results[0], "");
    expect_success(results[1], "");
    expect_success(results[2], "<p>");
    EXPECT_EQ(results[2].status, 201);
    EXPECT_EQ(results[2].content_type, "text/html");
    expect_success(results[3], std::string("\xff\0", 2));
    EXPECT_EQ(results[3].content_type, "image/x-test");
    expect_failure(results[4], Verdict::retry, "batchItemFailures");
    EXPECT_EQ(results[4].kind, FailureKind::handler);
    expect_success(results[5], "true");
    expect_success(results[6], "[202,202,202,202,202,100,202]");
}

TEST_F(Lambda, AnErrorIsRetriedAndSaysWhat) {
    const auto results = run_all({"error", "seen"});
    expect_failure(results[0], Verdict::retry, "KeyError: no such key");
    EXPECT_EQ(results[0].kind, FailureKind::handler);
    expect_success(results[1], "[202]");
}

TEST_F(Lambda, StreamedResponses) {
    const auto results = run_all(
        {"stream_plain",
         "stream_prelude",
         "stream_large",
         "stream_error",
         "stream_bad_prelude",
         "stream_broken",
         "seen"}
    );
    expect_success(results[0], "a,b\n");
    EXPECT_EQ(results[0].content_type, "text/csv");
    expect_success(results[1], "body");
    EXPECT_EQ(results[1].status, 202);
    EXPECT_EQ(results[1].content_type, "text/x-late");
    EXPECT_TRUE(results[2].body.file);
    EXPECT_EQ(results[2].body.size(), 8U << 20);
    expect_failure(results[3], Verdict::retry, "Late: too late");
    expect_failure(results[4], Verdict::retry, "no status and headers");
    expect_failure(results[5], Verdict::retry, "broke off");
    EXPECT_EQ(results[5].kind, FailureKind::lost);
    expect_success(results[6], "[202,202,202,202,202,400]");
}

TEST_F(Lambda, TheLimitsAreAnsweredAndTheProcessLivesOn) {
    const auto results = run_all(
        {"large",
         "too_large",
         "too_large_in_chunks",
         "too_large_expecting",
         "broken",
         "unknown_mode",
         "seen"}
    );
    EXPECT_EQ(results[0].verdict, Verdict::success);
    EXPECT_EQ(results[0].body.size(), (5U << 20) + 2);
    EXPECT_TRUE(results[0].body.file) << "over the threshold";
    for (int i = 1; i <= 3; ++i)
        expect_failure(
            results[static_cast<std::size_t>(i)], Verdict::fail, "larger than the limit"
        );
    expect_failure(results[4], Verdict::retry, "broke off");
    expect_failure(results[5], Verdict::retry, "unknown mode");
    expect_success(results[6], "[202,413,413,413,400,400]");
}

TEST_F(Lambda, StreamedResponsesMayBeAsLargeAsTheQueueSays) {
    Options options = function();
    options.command.output_bytes_max = 1U << 20;
    const auto handler = serve(options);
    expect_failure(run(*handler, "stream_large"), Verdict::fail, "1048576");
    expect_failure(run(*handler, "large"), Verdict::fail, "1048576");
    expect_success(run(*handler, "seen"), "[413,413]");
}

TEST_F(Lambda, WhatIsRefusedLeavesTheJobAlone) {
    const auto results = run_all({"abuse", "seen"});
    expect_success(results[0], "\"survived\"");
    const std::string seen = bytes_of(results[1].body);
    const std::string before = "[400,400,403,405,405,403,404,400,400,";
    EXPECT_TRUE(seen == before + "400,202,403,403]" || seen == before + "0,202,403,403]") << seen;
}

TEST_F(Lambda, ConnectionsAreLimited) {
    const auto results = run_all({"crowd", "nothing"});
    expect_success(results[0], "25");
    expect_success(results[1], "");
}

TEST_F(Lambda, ManyJobsOverTwoProcesses) {
    Options options = function();
    options.command.processes = 2;
    const auto handler = serve(options);
    std::vector<JobId> jobs;
    for (int i = 0; i < 200; ++i) jobs.push_back(start(*handler, "pid"));
    std::map<std::string, int> processes;
    for (const JobId& job : jobs) ++processes[bytes_of(ended_.take(job).body)];
    EXPECT_EQ(processes.size(), 2U);
}

TEST_F(Lambda, ACrashLosesTheJobAndTheProcessIsReplaced) {
    const auto handler = serve(function());
    const AttemptResult lost = run(*handler, "crash");
    expect_failure(lost, Verdict::retry, "killed by signal 6");
    expect_failure(lost, Verdict::retry, "the function crashes");
    EXPECT_EQ(lost.kind, FailureKind::lost);
    expect_success(run(*handler, "nothing"), "");
}

TEST_F(Lambda, AStopEndsTheProcess) {
    Options options = function();
    options.command.environment_extra["HANG_FIFO"] = make_fifo("hangs");
    const auto handler = serve(options);
    std::stop_source stop;
    const JobId job = start(*handler, "hang", stop.get_token());
    const std::string process = read_fifo(path("hangs"));
    stop.request_stop();
    const AttemptResult stopped = ended_.take(job);
    expect_failure(stopped, Verdict::retry, "killed by signal 15");
    EXPECT_EQ(stopped.kind, FailureKind::lost);
    EXPECT_NE(bytes_of(run(*handler, "pid").body), process);
}

class LambdaBatches : public Lambda {
  protected:
    /// Batches of exactly so many.
    static Options of(std::uint32_t batch) {
        Options options = function();
        options.command.batch = batch;
        options.command.batch_window = std::chrono::hours(1);
        return options;
    }
    /// How one batch of these bodies ends. What it does stands in the first.
    std::vector<AttemptResult> run_batch(Options options, const std::vector<std::string>& bodies) {
        options.command.batch = static_cast<std::uint32_t>(bodies.size());
        const auto handler = serve(std::move(options));
        std::vector<JobId> jobs;
        for (const auto& body : bodies) jobs.push_back(start(*handler, body));
        std::vector<AttemptResult> results;
        for (const JobId& job : jobs) results.push_back(ended_.take(job));
        return results;
    }
};

TEST_F(LambdaBatches, OneInvocationHasManyRecordsAndEachItsResult) {
    const auto results = run_batch(of(4), {"batch", "b", "fail", "d"});
    expect_failure(results[2], Verdict::retry, "batchItemFailures");
    std::map<std::string, int> receipts;
    for (const std::size_t i : {0U, 1U, 3U}) {
        ASSERT_EQ(results[i].verdict, Verdict::success) << results[i].detail;
        EXPECT_EQ(results[i].content_type, "application/json");
        const json::value said = json::parse(bytes_of(results[i].body));
        EXPECT_EQ(said.at("size").as_int64(), 4);
        const json::value& record = said.at("record");
        EXPECT_EQ(record.at("body").as_string(), i == 0 ? "batch" : i == 1 ? "b" : "d");
        ++receipts[std::string(record.at("receiptHandle").as_string())];
    }
    EXPECT_EQ(receipts.size(), 3U);
}

TEST_F(LambdaBatches, WhatIsAnsweredForAllIsNobodysResult) {
    for (const char* what : {"nothing", "pid", "proxy", "batch_done"})
        for (const auto& result : run_batch(of(2), {what, "x"})) expect_success(result, "");
}

TEST_F(LambdaBatches, WhatFailsFailsAll) {
    for (const auto& [what, words] : std::vector<std::pair<std::string, std::string>>{
             {"error", "no such key"},
             {"bytes", "not JSON"},
             {"batch_stranger", "does not name"},
             {"stream_error", "too late"},
             {"stream_prelude", "not JSON"},
             {"stream_plain", "not JSON"},
             {"broken", "broke off"},
             {"unknown_mode", "unknown mode"},
             {"crash", "killed by signal 6"},
         }) {
        SCOPED_TRACE(what);
        for (const auto& result : run_batch(of(2), {what, "x"}))
            expect_failure(result, Verdict::retry, words);
    }
}

TEST_F(LambdaBatches, WhoFindsTheProcessBusyGoesWithTheOthers) {
    Options options = function();
    options.command.batch = 10;
    options.command.environment_extra["HANG_FIFO"] = make_fifo("hangs");
    const auto handler = serve(options);
    std::stop_source stop;
    start(*handler, "hang", stop.get_token());
    read_fifo(path("hangs"));
    std::vector<JobId> jobs;
    for (int i = 0; i < 10; ++i) jobs.push_back(start(*handler, "batch"));
    stop.request_stop();
    for (const JobId& job : jobs)
        EXPECT_EQ(json::parse(bytes_of(ended_.take(job).body)).at("size").as_int64(), 10);
}

TEST_F(LambdaBatches, TheProcessEndsWhenTheLastIsStopped) {
    Options options = of(2);
    options.command.environment_extra["HANG_FIFO"] = make_fifo("hangs");
    const auto handler = serve(options);
    std::stop_source one;
    std::stop_source other;
    const JobId first = start(*handler, "hang", one.get_token());
    const JobId second = start(*handler, "x", other.get_token());
    read_fifo(path("hangs"));
    one.request_stop();
    EXPECT_EQ(ended_.count(), 0U);
    other.request_stop();
    expect_failure(ended_.take(first), Verdict::retry, "killed by signal 15");
    expect_failure(ended_.take(second), Verdict::retry, "killed by signal 15");
}

TEST_F(Lambda, AnInitErrorIsTold) {
    const auto handler = serve(function({"init_error"}));
    const AttemptResult result = run(*handler, "nothing");
    expect_failure(result, Verdict::retry, "Runtime.NoModel: no model");
    expect_failure(result, Verdict::retry, "init/error was answered with 202");
    EXPECT_EQ(result.kind, FailureKind::handler);
}

TEST_F(Lambda, AFunctionThatDoesNotStartIsNotWaitedFor) {
    expect_failure(run(*serve(function({"die"}))), Verdict::retry, "no libraries here");
    Options silent = function({"silent"});
    silent.silence_max = std::chrono::milliseconds(20);
    expect_failure(run(*serve(silent)), Verdict::retry, "did not ask for an invocation in time");
    Options missing = function();
    missing.command.argv = {"/nonexistent/bootstrap"};
    expect_failure(run(*serve(missing)), Verdict::fail, "/nonexistent/bootstrap");
}

TEST_F(Lambda, NothingIsLeftOpen) {
    run_shell("true");  // what is opened once for all is open
    const std::size_t before = open_descriptors();
    {
        const auto handler = serve(function());
        expect_success(run(*handler, "nothing"), "");
    }
    threads_.stop();
    threads_.join();
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace bide::lambda
