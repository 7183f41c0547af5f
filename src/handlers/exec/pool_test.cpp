#include "handlers/exec/fixture.hpp"

#include <cerrno>
#include <set>
#include <sys/wait.h>

namespace bide::exec {
namespace {

using core::AttemptResult;
using core::FailureKind;
using Verdict = AttemptResult::Verdict;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// Answers each request with its own body, as it came.
constexpr const char* kEcho =
    R"x(exec sed -u -E 's/^\{"id":("[^"]*").*,"(body|body_base64)":(".*")\}$/{"id":\1,"\2":\3}/')x";

// For workers in sh: the id of the request in $line goes to $id.
constexpr const char* kTakeId = R"(id=${line#*:}; id=${id%%,*}; )";

class PoolTest : public ExecTest {
  protected:
    /// A worker that runs `script` for each request, with the request in $line and its id, in
    /// quotes, in $id.
    static Options loop(const std::string& script, const std::string& before = {}) {
        return shell(before + "while IFS= read -r line; do " + kTakeId + script + "; done");
    }
};

TEST_F(PoolTest, EchoesAnyBody) {
    Options options = shell(kEcho);
    options.content_type = "text/x-default";
    const auto handler = pool(options);
    for (const std::string& body :
         {std::string(),
          std::string("Grüße, \"世界\"\\\n\t\x01"),
          std::string("\xff\x00\xfe", 3),
          std::string(50'000, 'x')}) {
        const AttemptResult result = run(*handler, body);
        ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
        EXPECT_EQ(bytes_of(result.body), body);
        EXPECT_EQ(result.content_type, "text/x-default");
        EXPECT_EQ(result.status, 0);
    }
}

TEST_F(PoolTest, ManyJobsOverTwoProcesses) {
    Options options = loop(R"(echo "{\"id\":$id,\"body\":\"$$\"}")");
    options.processes = 2;
    options.in_flight = 4;
    const auto handler = pool(options);
    constexpr std::size_t kJobs = 1000;
    std::vector<JobId> jobs;
    for (std::size_t i = 0; i < kJobs; ++i) jobs.push_back(start(*handler, std::to_string(i)));
    ASSERT_TRUE(ended_.wait_for(kJobs));
    std::set<std::string> processes;
    for (const JobId& job : jobs) {
        const AttemptResult result = ended_.take(job);
        ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
        processes.insert(bytes_of(result.body));
    }
    EXPECT_EQ(processes.size(), 2U);
    EXPECT_EQ(ended_.count(), kJobs);
}

TEST_F(PoolTest, AnswersInAnyOrder) {
    Options options = shell(
        std::string("IFS= read -r line; ") + kTakeId + "first=$id; IFS= read -r line; " + kTakeId +
        R"(echo "{\"id\":$id,\"body\":\"second\"}"; echo "{\"id\":$first,\"body\":\"first\"}"; cat)"
    );
    options.in_flight = 2;
    const auto handler = pool(options);
    const JobId first = start(*handler);
    const JobId second = start(*handler);
    EXPECT_EQ(bytes_of(ended_.take(first).body), "first");
    EXPECT_EQ(bytes_of(ended_.take(second).body), "second");
    EXPECT_EQ(ended_.order(), (std::vector<JobId>{second, first}));
}

TEST_F(PoolTest, RequestTellsTheFacts) {
    traceparent_ = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const auto handler = pool(loop(R"(echo "{\"id\":$id,\"body_json\":$line}")"));
    const JobId job = start(*handler, "hé");
    const AttemptResult result = ended_.take(job);
    EXPECT_EQ(result.content_type, "application/json");
    EXPECT_EQ(
        bytes_of(result.body),
        R"({"id":")" + to_string(job) +
            R"(","queue":"testing","attempt":2,"attempts_max":3,"deadline":1800000000,)" +
            R"("content_type":"text/plain","traceparent":")" + traceparent_ + R"(","body":"hé"})"
    );
}

TEST_F(PoolTest, AnswerChoosesStatusTypeAndFailure) {
    const auto handler = pool(loop(
        R"(body=${line##*\"body\":\"}; body=${body%\"\}}
        case $body in
        made) echo "{\"id\":$id,\"status\":201,\"content_type\":\"audio/wav\"}" ;;
        busy) echo "{\"id\":$id,\"error\":\"busy\",\"status\":201}" ;;
        bad) echo "{\"id\":$id,\"error\":\"bad\",\"retry\":false,\"status\":422}" ;;
        esac)"
    ));
    const AttemptResult made = run(*handler, "made");
    EXPECT_EQ(made.verdict, Verdict::success) << made.detail;
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.content_type, "audio/wav");
    const AttemptResult busy = run(*handler, "busy");
    EXPECT_EQ(busy.verdict, Verdict::retry);
    EXPECT_EQ(busy.kind, FailureKind::handler);
    EXPECT_EQ(busy.detail, "busy");
    EXPECT_EQ(busy.status, 0);
    const AttemptResult bad = run(*handler, "bad");
    EXPECT_EQ(bad.verdict, Verdict::fail);
    EXPECT_EQ(bad.detail, "bad");
    EXPECT_EQ(bad.status, 422);
}

TEST_F(PoolTest, LargeBodiesGoByFile) {
    const std::string bytes(3 * kThreshold, 'b');
    std::ofstream(path("input"), std::ios::binary) << bytes;
    const auto handler = pool(loop(
        R"(file=${line##*\"body_file\":\"}; file=${file%\"\}}
        printf '{"id":%s,"body":"' "$id"; cat "$file"; echo '"}')"
    ));
    Body body;
    body.file = std::make_shared<BodyFile>(path("input"), bytes.size());
    const AttemptResult result = ended_.take(start(*handler, std::move(body)));
    ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
    EXPECT_TRUE(result.body.file);
    EXPECT_TRUE(bytes_of(result.body) == bytes);
}

TEST_F(PoolTest, ResultOverTheLimitFails) {
    Options options = shell(kEcho);
    options.output_bytes_max = 10;
    const auto handler = pool(options);
    EXPECT_EQ(run(*handler, "0123456789").verdict, Verdict::success);
    const AttemptResult result = run(*handler, "0123456789a");
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "limit of 10 bytes")) << result.detail;
}

TEST_F(PoolTest, CrashLosesWhatIsOutstandingAndIsReplaced) {
    Options options = loop(
        R"(case $line in *die*) read -r line; echo burning >&2; exit 3 ;; esac; echo "{\"id\":$id}")"
    );
    options.in_flight = 2;
    const auto handler = pool(options);
    const JobId first = start(*handler, "die");
    const JobId second = start(*handler, "well");
    for (const JobId& job : {first, second}) {
        const AttemptResult result = ended_.take(job);
        EXPECT_EQ(result.verdict, Verdict::retry);
        EXPECT_EQ(result.kind, FailureKind::lost);
        EXPECT_EQ(
            result.detail, "the handler's process ended: exit status 3; its last words:\nburning"
        );
    }
    EXPECT_EQ(run(*handler, "well").verdict, Verdict::success);
}

TEST_F(PoolTest, LastAnswersBeforeTheExitCount) {
    Options options = loop(R"(echo "{\"id\":$id,\"body\":\"bye\"}"; exit 0)");
    const auto handler = pool(options);
    // Each next job may be sent before the exit is known; nobody reads it, so it is not lost.
    for (int i = 0; i < 50; ++i) {
        const AttemptResult result = run(*handler);
        ASSERT_EQ(bytes_of(result.body), "bye") << result.detail;
    }
}

TEST_F(PoolTest, WhatACrashedProcessDidNotReadGoesToTheNext) {
    Options options = loop(R"(case $line in *die*) kill -9 $$ ;; esac; echo "{\"id\":$id}")");
    options.in_flight = 8;
    const auto handler = pool(options);
    for (int round = 0; round < 10; ++round) {
        std::vector<JobId> jobs{start(*handler, "die")};
        for (int i = 0; i < 7; ++i) jobs.push_back(start(*handler, "well"));
        const AttemptResult lost = ended_.take(jobs[0]);
        EXPECT_EQ(lost.kind, FailureKind::lost);
        EXPECT_TRUE(has(lost.detail, "killed by signal 9")) << lost.detail;
        for (std::size_t i = 1; i < jobs.size(); ++i)
            ASSERT_EQ(ended_.take(jobs[i]).verdict, Verdict::success);
    }
}

TEST_F(PoolTest, BreakingTheProtocolEndsTheProcess) {
    struct Case {
        const char* script;
        const char* detail;
    };
    for (const Case& c : {
             Case{"echo loading model", "wrote a line that is no answer (not JSON"},
             Case{
                 "echo '{\"id\":\"019aaf1e-5c00-7123-8abc-0123456789ab\"}'",
                 "answered a job it does not have"},
             Case{"echo \"{\\\"id\\\":$id,\\\"status\\\":7}\"", "\"status\" is not an integer"},
             Case{"cat /dev/zero", "wrote a line of more than 1000 bytes"},
             Case{"exec >&-", "closed its stdout"},
         }) {
        Options options = loop(std::string(c.script) + "; sleep 1000");
        options.line_bytes_max = 1000;
        const auto handler = pool(options);
        const AttemptResult result = run(*handler);
        EXPECT_EQ(result.verdict, Verdict::retry);
        EXPECT_EQ(result.kind, FailureKind::lost);
        EXPECT_TRUE(has(result.detail, c.detail)) << result.detail;
        EXPECT_TRUE(has(result.detail, " and was killed")) << result.detail;
    }
}

TEST_F(PoolTest, AnsweringTwiceEndsTheProcess) {
    const auto handler = pool(loop(R"(echo "{\"id\":$id}"; echo "{\"id\":$id}")"));
    EXPECT_EQ(run(*handler).verdict, Verdict::success);
    // The next one meets the dead process or its successor, which answers.
    const AttemptResult next = run(*handler);
    EXPECT_TRUE(next.verdict == Verdict::success || next.kind == FailureKind::lost);
}

TEST_F(PoolTest, ClosedStdinEndsTheProcess) {
    // Nobody reads the job; it is told when the third process has gone the same way.
    const auto handler = pool(shell("exec <&-; sleep 1000"));
    const AttemptResult result = run(*handler);
    EXPECT_EQ(result.verdict, Verdict::retry);
    EXPECT_EQ(result.kind, FailureKind::lost);
    EXPECT_TRUE(has(result.detail, "closed its stdin and was killed")) << result.detail;
}

TEST_F(PoolTest, StopEndsTheProcessAndTheOthersThereMayBeRetried) {
    const std::string fifo = make_fifo("fifo");
    Options options = loop(
        "case $line in *hang*) read -r line; echo up >'" + fifo + "'; sleep 1000 ;; esac; " +
        R"(echo "{\"id\":$id}")"
    );
    options.in_flight = 2;
    const auto handler = pool(options);
    std::stop_source stop;
    const JobId hanging = start(*handler, "hang", stop.get_token());
    const JobId other = start(*handler, "well");
    const JobId waiting = start(*handler, "well");
    EXPECT_EQ(read_fifo(fifo), "up\n");
    EXPECT_EQ(ended_.count(), 0U);
    stop.request_stop();
    for (const JobId& job : {hanging, other}) {
        const AttemptResult result = ended_.take(job);
        EXPECT_EQ(result.verdict, Verdict::retry);
        EXPECT_EQ(result.kind, FailureKind::lost);
    }
    EXPECT_EQ(ended_.take(waiting).verdict, Verdict::success);
}

TEST_F(PoolTest, StopOfAWaitingJobLeavesTheProcessAlone) {
    const std::string up = make_fifo("up");
    const std::string go = make_fifo("go");
    const auto handler =
        pool(loop("echo up >'" + up + "'; read -r x <'" + go + "'; " + R"(echo "{\"id\":$id}")"));
    const JobId running = start(*handler);
    EXPECT_EQ(read_fifo(up), "up\n");
    std::stop_source stop;
    const JobId waiting = start(*handler, "", stop.get_token());
    stop.request_stop();
    EXPECT_EQ(ended_.take(waiting).detail, "stopped before it was started");
    std::ofstream(go) << "go\n";
    EXPECT_EQ(ended_.take(running).verdict, Verdict::success);
}

TEST_F(PoolTest, WhoIgnoresTermIsKilledAfterTheGrace) {
    const std::string fifo = make_fifo("fifo");
    Options options = shell("trap '' TERM; read -r line; echo up >'" + fifo + "'; exec sleep 1000");
    options.grace = std::chrono::milliseconds(50);
    const auto handler = pool(options);
    std::stop_source stop;
    const JobId job = start(*handler, "", stop.get_token());
    EXPECT_EQ(read_fifo(fifo), "up\n");
    stop.request_stop();
    EXPECT_TRUE(has(ended_.take(job).detail, "signal 9"));
}

TEST_F(PoolTest, CommandThatCannotRunFailsTheJobs) {
    Options options;
    options.argv = {"no-such-command-anywhere"};
    options.processes = 2;
    const auto handler = pool(options);
    const AttemptResult result = run(*handler);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "cannot run no-such-command-anywhere")) << result.detail;
}

TEST_F(PoolTest, ProcessThatKeepsDyingIsToldInsteadOfWaitedFor) {
    const auto handler = pool(shell("echo 'no licence' >&2; exit 4"));
    // Wherever in the restarts it falls.
    for (int i = 0; i < 5; ++i) {
        const AttemptResult result = run(*handler);
        EXPECT_EQ(result.verdict, Verdict::retry);
        EXPECT_EQ(result.kind, FailureKind::lost);
        EXPECT_TRUE(has(result.detail, "exit status 4; its last words:\nno licence"))
            << result.detail;
    }
}

TEST_F(PoolTest, JobsThatEndTheirProcessDoNotCountAgainstOthers) {
    const auto handler =
        pool(loop(R"(case $line in *die*) echo secret >&2; kill -9 $$ ;; esac; echo "{\"id\":$id}")"
        ));
    std::vector<JobId> bad;
    for (int i = 0; i < 6; ++i) bad.push_back(start(*handler, "die"));
    std::vector<JobId> good;
    for (int i = 0; i < 6; ++i) good.push_back(start(*handler, "well"));
    for (const JobId& job : bad) EXPECT_EQ(ended_.take(job).kind, FailureKind::lost);
    for (const JobId& job : good) {
        const AttemptResult result = ended_.take(job);
        EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
    }
}

TEST_F(PoolTest, MendedCommandIsTakenUp) {
    Options options;
    options.argv = {path("late")};
    const auto handler = pool(options);
    EXPECT_EQ(run(*handler).verdict, Verdict::fail);
    std::ofstream(path("new")) << "#!/bin/sh\n" << kEcho << "\n";
    std::filesystem::permissions(path("new"), std::filesystem::perms::owner_all);
    std::filesystem::rename(path("new"), path("late"));
    AttemptResult result;
    for (int i = 0; i < 100'000 && result.verdict != Verdict::success; ++i) result = run(*handler);
    EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
}

TEST_F(PoolTest, RequestsToAReaderThatIsAwayAreBufferedWhole) {
    const std::string go = make_fifo("go");
    Options options = shell("read -r x <'" + go + "'; " + kEcho);
    options.in_flight = 64;
    const auto handler = pool(options);
    // 3 MB, far past what a pipe holds.
    std::vector<JobId> jobs;
    jobs.reserve(64);
    for (int i = 0; i < 64; ++i) jobs.push_back(start(*handler, std::string(50'000, 'x')));
    std::ofstream(go) << "go\n";
    for (const JobId& job : jobs) {
        const AttemptResult result = ended_.take(job);
        ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
        EXPECT_EQ(result.body.size(), 50'000U);
    }
}

TEST_F(PoolTest, ThreadStopEndsAll) {
    const std::string fifo = make_fifo("fifo");
    Options options = shell("read -r line; echo up >'" + fifo + "'; sleep 1000");
    const auto handler = pool(options);
    const JobId running = start(*handler);
    const JobId waiting = start(*handler);
    EXPECT_EQ(read_fifo(fifo), "up\n");
    threads_.stop();
    threads_.join();
    const JobId late = start(*handler);
    threads_.join();
    EXPECT_EQ(ended_.count(), 3U);
    for (const JobId& job : {running, waiting, late})
        EXPECT_EQ(ended_.take(job).kind, FailureKind::lost);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(PoolTest, HandlersComeAndGoWithoutATrace) {
    run(*pool(shell(kEcho)));
    std::vector<std::size_t> counts;
    counts.reserve(20);
    for (int i = 0; i < 20; ++i) {
        {
            const auto handler = pool(loop(R"(echo "{\"id\":$id}"; exit 0)"));
            for (int j = 0; j < 3; ++j) run(*handler);
        }
        // Processes are taken in the order in which they end; a process form's attempt comes last.
        run_shell("exit 0");
        counts.push_back(open_descriptors());
    }
    threads_.stop();
    threads_.join();
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
    EXPECT_LT(counts.back(), counts.front() + 20) << "three descriptors a process would be 240";
}

}  // namespace
}  // namespace bide::exec
