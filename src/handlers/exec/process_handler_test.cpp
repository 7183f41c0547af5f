#include "handlers/exec/fixture.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <sys/wait.h>

namespace bide::exec {
namespace {

using core::AttemptResult;
using core::FailureKind;
using Verdict = AttemptResult::Verdict;

std::string megabytes(std::size_t count) {
    std::string bytes(count << 20, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>((i * 2654435761U) >> 16 & 0xff);
    return bytes;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(ExecTest, StdinToStdout) {
    for (const std::string& body :
         {std::string(), std::string("Grüße, 世界\n"), std::string("a\0b", 3)}) {
        const AttemptResult result = run_shell("exec cat", body);
        EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
        EXPECT_EQ(result.kind, FailureKind::none);
        EXPECT_EQ(result.status, 0);
        EXPECT_EQ(result.content_type, "application/octet-stream");
        EXPECT_EQ(bytes_of(result.body), body);
        EXPECT_EQ(result.detail, "");
    }
}

TEST_F(ExecTest, LargeBodyOutOfMemoryAndBack) {
    const std::string bytes = megabytes(10);
    const AttemptResult result = run_shell("exec cat", bytes);
    ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
    ASSERT_TRUE(result.body.file);
    EXPECT_EQ(result.body.size(), bytes.size());
    EXPECT_TRUE(bytes_of(result.body) == bytes);
}

TEST_F(ExecTest, LargeBodyFromAFile) {
    const std::string bytes = megabytes(10);
    std::ofstream(path("input"), std::ios::binary) << bytes;
    Body body;
    body.file = std::make_shared<BodyFile>(path("input"), bytes.size());
    const auto handler = process(shell("exec cat"));
    const AttemptResult result = ended_.take(start(*handler, std::move(body)));
    ASSERT_EQ(result.verdict, Verdict::success) << result.detail;
    EXPECT_TRUE(bytes_of(result.body) == bytes);
}

TEST_F(ExecTest, ExitStatusDecides) {
    struct Case {
        const char* script;
        Verdict verdict;
        FailureKind kind;
        const char* detail;
    };
    for (const Case& c : {
             Case{"exit 0", Verdict::success, FailureKind::none, ""},
             Case{"exit 75", Verdict::retry, FailureKind::handler, "exit status 75"},
             Case{"exit 65", Verdict::fail, FailureKind::handler, "exit status 65"},
             Case{"exit 1", Verdict::retry, FailureKind::handler, "exit status 1"},
             Case{"exit 127", Verdict::retry, FailureKind::handler, "exit status 127"},
             Case{"kill -9 $$", Verdict::retry, FailureKind::lost, "killed by signal 9 (Killed)"},
             Case{"kill -11 $$", Verdict::retry, FailureKind::lost, "Segmentation fault"},
         }) {
        const AttemptResult result = run_shell(c.script);
        EXPECT_EQ(result.verdict, c.verdict) << c.script;
        EXPECT_EQ(result.kind, c.kind) << c.script;
        EXPECT_TRUE(has(result.detail, c.detail)) << result.detail;
    }
}

TEST_F(ExecTest, FailureTellsTheLastWordsOfStderr) {
    const AttemptResult result =
        run_shell("echo out; printf 'no such v\\377ice: \\033[1m7\\n' >&2; exit 65");
    EXPECT_EQ(
        result.detail,
        "the handler ended: exit status 65; its last words:\nno such v\ufffdice:  [1m7"
    );
    EXPECT_EQ(bytes_of(result.body), "");
}

TEST_F(ExecTest, StderrFloodKeepsTheTail) {
    const AttemptResult result =
        run_shell("yes 0123456789 | head -c 20000000 >&2; echo >&2; echo the end >&2; exit 3");
    EXPECT_EQ(result.verdict, Verdict::retry);
    EXPECT_TRUE(result.detail.ends_with("\nthe end")) << result.detail;
    EXPECT_LT(result.detail.size(), 4096U + 100);
    EXPECT_GT(result.detail.size(), 4000U);
}

TEST_F(ExecTest, StdoutFloodIsCutOff) {
    for (const std::uint64_t limit : {std::uint64_t{1000}, 3 * kThreshold}) {
        Options options = shell("echo starting >&2; exec cat /dev/zero");
        options.output_bytes_max = limit;
        const AttemptResult result = run(options);
        EXPECT_EQ(result.verdict, Verdict::fail);
        EXPECT_EQ(result.kind, FailureKind::handler);
        EXPECT_TRUE(has(result.detail, "limit of " + std::to_string(limit))) << result.detail;
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/bodies/tmp"));
}

TEST_F(ExecTest, OutputOfExactlyTheLimitPasses) {
    Options options = shell("head -c 1000 /dev/zero");
    options.output_bytes_max = 1000;
    EXPECT_EQ(run(options).body.size(), 1000U);
    options.output_bytes_max = 999;
    EXPECT_EQ(run(options).verdict, Verdict::fail);
}

TEST_F(ExecTest, FactsAreInTheEnvironment) {
    traceparent_ = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const auto handler = process(
        shell("echo $BIDE_JOB_ID $BIDE_QUEUE $BIDE_ATTEMPT $BIDE_ATTEMPTS_MAX $BIDE_CONTENT_TYPE "
              "$BIDE_DEADLINE $TRACEPARENT")
    );
    const JobId job = start(*handler);
    EXPECT_EQ(
        bytes_of(ended_.take(job).body),
        to_string(job) + " testing 2 3 text/plain 1800000000 " + traceparent_ + "\n"
    );
}

TEST_F(ExecTest, EnvironmentIsByAllowList) {
    ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    ::setenv("LC_NUMERIC", "C", 1);
    ::setenv("TZ", "UTC", 1);
    ::setenv("TRACEPARENT", "of another job", 1);
    ::setenv("BIDE_SOMETHING", "of a bide around us", 1);
    Options options = shell("env");
    options.environment_extra = {{"VOICE", "anna"}, {"TZ", "Europe/Paris"}};
    const std::string seen = "\n" + bytes_of(run(options).body);
    EXPECT_TRUE(has(seen, "\nLC_NUMERIC=C\n")) << seen;
    EXPECT_TRUE(has(seen, "\nVOICE=anna\n")) << seen;
    EXPECT_TRUE(has(seen, "\nTZ=Europe/Paris\n")) << seen;
    EXPECT_TRUE(has(seen, "\nPATH=")) << seen;
    EXPECT_FALSE(has(seen, "secret")) << seen;
    EXPECT_FALSE(has(seen, "TRACEPARENT")) << seen;
    EXPECT_FALSE(has(seen, "BIDE_SOMETHING")) << seen;
    ::unsetenv("TRACEPARENT");
    ::unsetenv("BIDE_SOMETHING");
}

TEST_F(ExecTest, Descriptor3NamesTypeAndStatus) {
    const AttemptResult result = run_shell(
        "echo '{\"content_type\":\"audio/wav\"}' >&3; echo '{\"progress\":0.5}' >&3; echo hi;"
        "printf '{\"status\":201}' >&3"
    );
    EXPECT_EQ(result.verdict, Verdict::success);
    EXPECT_EQ(result.content_type, "audio/wav");
    EXPECT_EQ(result.status, 201);
    EXPECT_EQ(bytes_of(result.body), "hi\n");
}

TEST_F(ExecTest, GarbageOnDescriptor3IsHarmless) {
    const AttemptResult result = run_shell(
        "echo '{\"status\":201}' >&3; head -c 20000000 /dev/zero >&3; echo '{\"status\":202}' >&3;"
        "echo hi"
    );
    EXPECT_EQ(result.verdict, Verdict::success);
    EXPECT_EQ(result.status, 201);
    EXPECT_EQ(bytes_of(result.body), "hi\n");
}

TEST_F(ExecTest, StatusOfSuccessDoesNotAdornAFailure) {
    EXPECT_EQ(run_shell("echo '{\"status\":201}' >&3; exit 65").status, 0);
    EXPECT_EQ(run_shell("echo '{\"status\":422}' >&3; exit 65").status, 422);
}

TEST_F(ExecTest, CommandThatCannotRunFailsForGood) {
    Options options;
    options.argv = {"no-such-command-anywhere"};
    AttemptResult result = run(options);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "cannot run no-such-command-anywhere: No such file"))
        << result.detail;
    EXPECT_TRUE(has(result.detail, "PATH")) << result.detail;

    std::ofstream(path("script")) << "echo hi\n";
    options.argv = {path("script")};
    result = run(options);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "chmod +x")) << result.detail;

    // No shell steps in for a missing first line.
    std::filesystem::permissions(path("script"), std::filesystem::perms::owner_all);
    result = run(options);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "#!/bin/sh")) << result.detail;

    std::ofstream(path("script")) << "#!/bin/sh\necho hi\n";
    EXPECT_EQ(bytes_of(run(options).body), "hi\n");

    options.working_directory = path("nowhere");
    result = run(options);
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_TRUE(has(result.detail, "cannot enter " + path("nowhere"))) << result.detail;

    options.argv = {};
    EXPECT_EQ(run(options).verdict, Verdict::fail);
}

TEST_F(ExecTest, RunsInTheWorkingDirectory) {
    Options options = shell("pwd");
    options.working_directory = directory_;
    EXPECT_EQ(bytes_of(run(options).body), directory_ + "\n");
    std::ofstream(path("here")) << "#!/bin/sh\necho here\n";
    std::filesystem::permissions(path("here"), std::filesystem::perms::owner_all);
    options.argv = {"./here"};
    EXPECT_EQ(bytes_of(run(options).body), "here\n");
}

TEST_F(ExecTest, LimitsAreSet) {
    Options options = shell("ulimit -n; ulimit -v; ulimit -t; ulimit -c");
    options.files_max = 64;
    options.memory_bytes_max = 512U << 20;
    options.cpu_seconds_max = 30;
    EXPECT_EQ(bytes_of(run(options).body), "64\n524288\n30\n0\n");
}

TEST_F(ExecTest, CpuLimitEndsTheProcess) {
    Options options = shell("while :; do :; done");
    options.cpu_seconds_max = 1;
    const AttemptResult result = run(options);
    EXPECT_EQ(result.verdict, Verdict::retry);
    EXPECT_TRUE(has(result.detail, "CPU time limit exceeded")) << result.detail;
}

TEST_F(ExecTest, EndingItsInputAndOutputEarlyIsItsOwnAffair) {
    EXPECT_EQ(bytes_of(run_shell("exec <&-; echo hi", megabytes(1)).body), "hi\n");
    EXPECT_EQ(bytes_of(run_shell("echo hi", megabytes(1)).body), "hi\n");
    const AttemptResult result = run_shell("echo hi; exec >&- 2>&- 3>&-; sleep 0.05; exit 65");
    EXPECT_EQ(result.verdict, Verdict::fail);
    EXPECT_EQ(bytes_of(run_shell("echo hi; exec >&- 2>&- 3>&-; sleep 0.05").body), "hi\n");
}

TEST_F(ExecTest, GrandchildIsNotWaitedForAndDoesNotSurvive) {
    const std::string fifo = make_fifo("fifo");
    // The grandchild has the FIFO and all pipes open. Opening a FIFO waits for the other side.
    const auto handler =
        process(shell("sleep 1000 >'" + fifo + "' & echo hi; read line <'" + path("go") + "'"));
    make_fifo("go");
    const JobId job = start(*handler);
    const int descriptor = ::open(fifo.c_str(), O_RDONLY | O_CLOEXEC);
    std::ofstream(path("go")) << "go\n";
    const AttemptResult result = ended_.take(job);
    EXPECT_EQ(result.verdict, Verdict::success);
    EXPECT_EQ(bytes_of(result.body), "hi\n");
    char byte = 0;
    EXPECT_EQ(::read(descriptor, &byte, 1), 0) << "ends only when the last writer is gone";
    ::close(descriptor);
}

TEST_F(ExecTest, GrandchildThatFloodsDoesNotKeepTheAttempt) {
    // In a session of its own it is out of the group's reach; it dies of its closed pipe.
    const AttemptResult result =
        run_shell("setsid cat /dev/zero & setsid cat /dev/zero >&2 & exit 65");
    EXPECT_EQ(result.verdict, Verdict::fail);
}

TEST_F(ExecTest, StopEndsTheWholeGroup) {
    const std::string fifo = make_fifo("fifo");
    const auto handler =
        process(shell("sh -c 'echo up >\"" + fifo + "\"; exec sleep 1000'; exit 0"));
    std::stop_source stop;
    const JobId job = start(*handler, "", stop.get_token());
    EXPECT_EQ(read_fifo(fifo), "up\n");
    EXPECT_EQ(ended_.count(), 0U);
    stop.request_stop();
    const AttemptResult result = ended_.take(job);
    EXPECT_EQ(result.verdict, Verdict::retry);
    EXPECT_EQ(result.kind, FailureKind::lost);
    EXPECT_TRUE(has(result.detail, "signal 15")) << result.detail;
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(ExecTest, WhoIgnoresTermIsKilledAfterTheGrace) {
    const std::string fifo = make_fifo("fifo");
    Options options = shell("trap '' TERM; echo up >'" + fifo + "'; exec sleep 1000");
    options.grace = std::chrono::milliseconds(50);
    const auto handler = process(options);
    std::stop_source stop;
    const JobId job = start(*handler, "", stop.get_token());
    EXPECT_EQ(read_fifo(fifo), "up\n");
    stop.request_stop();
    EXPECT_TRUE(has(ended_.take(job).detail, "signal 9")) << "not by SIGTERM";
}

TEST_F(ExecTest, GraceIsForAnOrderlyEnd) {
    const std::string fifo = make_fifo("fifo");
    const auto handler = process(shell(
        "trap 'echo saved; exit 0' TERM; echo up >'" + fifo + "'; while :; do sleep 0.01; done"
    ));
    std::stop_source stop;
    const JobId job = start(*handler, "", stop.get_token());
    EXPECT_EQ(read_fifo(fifo), "up\n");
    stop.request_stop();
    const AttemptResult result = ended_.take(job);
    EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
    EXPECT_EQ(bytes_of(result.body), "saved\n");
}

TEST_F(ExecTest, StoppedBeforeTheStartRunsNothing) {
    std::stop_source stop;
    stop.request_stop();
    const auto handler = process(shell("touch '" + path("ran") + "'"));
    EXPECT_EQ(ended_.take(start(*handler, "", stop.get_token())).kind, FailureKind::lost);
    EXPECT_FALSE(std::filesystem::exists(path("ran")));
}

TEST_F(ExecTest, ThreadStopEndsWhatRunsAndRefusesTheRest) {
    const std::string fifo = make_fifo("fifo");
    const auto handler = process(shell("echo up >'" + fifo + "'; exec sleep 1000"));
    const JobId running = start(*handler);
    EXPECT_EQ(read_fifo(fifo), "up\n");
    threads_.stop();
    const std::array late{start(*handler), start(*handler)};  // one on each thread
    threads_.join();
    EXPECT_EQ(ended_.count(), 3U);
    EXPECT_TRUE(has(ended_.take(running).detail, "signal 15"));
    for (const JobId& job : late) EXPECT_EQ(ended_.take(job).kind, FailureKind::lost);
}

TEST_F(ExecTest, HandlerMayGoWhileItsAttemptRuns) {
    const std::string fifo = make_fifo("fifo");
    auto handler = process(shell("cat '" + fifo + "'"));
    const JobId job = start(*handler);
    handler.reset();
    std::ofstream(fifo) << "go";
    EXPECT_EQ(bytes_of(ended_.take(job).body), "go");
}

TEST_F(ExecTest, ChildStartsClean) {
    std::signal(SIGPIPE, SIG_IGN);
    const std::string seen = bytes_of(
        run_shell("ls /proc/$$/fd; grep -E 'SigBlk|SigIgn' /proc/$$/status | sed 's/.*\t//'").body
    );
    std::signal(SIGPIPE, SIG_DFL);
    EXPECT_EQ(seen, "0\n1\n2\n3\n0000000000000000\n0000000000000000\n");
}

TEST_F(ExecTest, ManyJobsLeaveNothingBehind) {
    const auto handler = process(shell("cat; echo log >&2; echo '{}' >&3"));
    for (int thread = 0; thread < 2; ++thread) run(*handler);  // each has its own from then on
    const std::size_t before = open_descriptors();
    constexpr std::size_t kJobs = 200;
    constexpr std::size_t kAtOnce = 8;
    for (std::size_t done = 0; done < kJobs; done += kAtOnce) {
        for (std::size_t i = 0; i < kAtOnce; ++i) start(*handler, "job");
        ASSERT_TRUE(ended_.wait_for(2 + done + kAtOnce));
    }
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace bide::exec
