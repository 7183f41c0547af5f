#include "handlers/exec/fixture.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <sys/wait.h>

namespace bide::exec {
namespace {

using namespace std::chrono_literals;

using core::AttemptResult;
using core::FailureKind;
using Verdict = AttemptResult::Verdict;

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class BatchTest : public ExecTest {
  protected:
    /// Processes that run `script` for each line, with its id, in quotes, in $id and its body in
    /// $body; then `after`.
    static Options loop(const std::string& script, const std::string& after = {}) {
        Options options = shell(
            R"(while IFS= read -r line; do id=${line#*:}; id=${id%%,*};
            body=${line##*\"body\":\"}; body=${body%\"\}}; )" +
            script + "; done; " + after
        );
        options.batch = 10;
        return options;
    }
    /// Batches that go as soon as they are full, and not before.
    static Options full(Options options, std::uint32_t batch) {
        options.batch = batch;
        options.batch_window = 1h;
        return options;
    }
    std::vector<JobId> start_all(ports::Handler& handler, const std::vector<std::string>& bodies) {
        std::vector<JobId> jobs;
        for (const auto& body : bodies) jobs.push_back(start(handler, body));
        return jobs;
    }
    /// How a batch of these bodies ends, job by job.
    std::vector<AttemptResult> run_batch(Options options, const std::vector<std::string>& bodies) {
        const auto size = static_cast<std::uint32_t>(bodies.size());
        const auto handler = batches(full(std::move(options), size));
        std::vector<AttemptResult> results;
        for (const JobId& job : start_all(*handler, bodies)) results.push_back(ended_.take(job));
        return results;
    }
    void expect_success(const AttemptResult& result, const std::string& body) {
        EXPECT_EQ(result.verdict, Verdict::success) << result.detail;
        EXPECT_EQ(bytes_of(result.body), body);
    }
    static void expect_failure(
        const AttemptResult& result, Verdict verdict, FailureKind kind, const std::string& words
    ) {
        EXPECT_EQ(result.verdict, verdict);
        EXPECT_EQ(result.kind, kind);
        EXPECT_TRUE(has(result.detail, words)) << result.detail;
    }
};

constexpr const char* kAnswer = R"(echo "{\"id\":$id,\"body\":\"$body\"}")";
constexpr const char* kAnswerProcess = R"(echo "{\"id\":$id,\"body\":\"$$\"}")";

TEST_F(BatchTest, AFullBatchGoesAtOnceInOneProcessAndInOrder) {
    const auto results = run_batch(
        loop(R"(n=$((n + 1)); echo "{\"id\":$id,\"body\":\"$$ $n $body\"}")"), {"a", "b", "c"}
    );
    const std::string process =
        bytes_of(results[0].body).substr(0, bytes_of(results[0].body).find(' '));
    expect_success(results[0], process + " 1 a");
    expect_success(results[1], process + " 2 b");
    expect_success(results[2], process + " 3 c");
}

TEST_F(BatchTest, WithoutAWindowNobodyWaitsForCompany) {
    const auto handler = batches(loop(kAnswer));
    expect_success(run(*handler, "alone"), "alone");
}

TEST_F(BatchTest, WhoFindsAllProcessesBusyGoesWithTheOthers) {
    const std::string up = make_fifo("up");
    make_fifo("go");
    const auto handler = batches(loop(
        "[ $body != wait ] || { echo up >'" + up + "'; read go <'" + path("go") + "'; }; " +
        kAnswerProcess
    ));
    const JobId first = start(*handler, "wait");
    EXPECT_EQ(read_fifo(up), "up\n");
    const auto others = start_all(*handler, std::vector<std::string>(12, "more"));
    std::ofstream(path("go")) << "go\n";
    std::map<std::string, std::size_t> sizes;
    for (const JobId& job : others) ++sizes[bytes_of(ended_.take(job).body)];
    EXPECT_FALSE(sizes.contains(bytes_of(ended_.take(first).body)));
    ASSERT_EQ(sizes.size(), 2U);
    EXPECT_EQ(std::max(sizes.begin()->second, sizes.rbegin()->second), 10U);
}

TEST_F(BatchTest, AWindowGivesTimeForCompany) {
    Options options = loop(kAnswerProcess);
    options.batch_window = 500ms;
    const auto handler = batches(options);
    const auto jobs = start_all(*handler, {"1", "2", "3"});
    std::set<std::string> processes;
    for (const JobId& job : jobs) processes.insert(bytes_of(ended_.take(job).body));
    EXPECT_EQ(processes.size(), 1U);
    EXPECT_EQ(run(*handler).verdict, Verdict::success) << "alone, when the window is over";
}

TEST_F(BatchTest, AnAnswerCountsBeforeTheProcessEnds) {
    make_fifo("go");
    const auto handler =
        batches(full(loop(R"([ $body = fast ] || read go <')" + path("go") + "'; " + kAnswer), 2));
    const auto jobs = start_all(*handler, {"fast", "slow"});
    expect_success(ended_.take(jobs[0]), "fast");
    EXPECT_EQ(ended_.count(), 1U);
    std::ofstream(path("go")) << "go\n";
    expect_success(ended_.take(jobs[1]), "slow");
}

TEST_F(BatchTest, OnlyTheFailedOnesFail) {
    const auto results = run_batch(
        loop(R"(case $body in
             good) echo "{\"id\":$id,\"body\":\"fine\",\"status\":201}" ;;
             busy) echo "{\"id\":$id,\"error\":\"busy\"}" ;;
             bad) echo "{\"id\":$id,\"error\":\"bad\",\"retry\":false,\"status\":422}" ;;
             esac)"),
        {"busy", "good", "bad"}
    );
    expect_failure(results[0], Verdict::retry, FailureKind::handler, "busy");
    expect_success(results[1], "fine");
    EXPECT_EQ(results[1].status, 201);
    expect_failure(results[2], Verdict::fail, FailureKind::handler, "bad");
    EXPECT_EQ(results[2].status, 422);
}

TEST_F(BatchTest, WhatWasNotAnsweredEndsByTheExitStatus) {
    struct Case {
        const char* end;
        Verdict verdict;
        FailureKind kind;
        const char* words;
    };
    for (const Case& c : {
             Case{"exit 0", Verdict::retry, FailureKind::lost, "without an answer"},
             Case{"exit 65", Verdict::fail, FailureKind::handler, "exit status 65"},
             Case{"exit 75", Verdict::retry, FailureKind::handler, "exit status 75"},
             Case{"exit 1", Verdict::retry, FailureKind::handler, "exit status 1"},
             Case{"kill -9 $$", Verdict::retry, FailureKind::lost, "signal 9"},
         }) {
        SCOPED_TRACE(c.end);
        const auto results = run_batch(
            loop(
                std::string("case $body in answer) ") + kAnswer + ";; die) echo last words >&2; " +
                c.end + ";; esac"
            ),
            {"answer", "skip", "die", "unread"}
        );
        expect_success(results[0], "answer");
        for (std::size_t i = 1; i < 4; ++i) {
            expect_failure(results[i], c.verdict, c.kind, c.words);
            EXPECT_TRUE(has(results[i].detail, "last words")) << results[i].detail;
        }
    }
}

TEST_F(BatchTest, AnAnswerNeedsNoNewlineButItsEnd) {
    const auto whole = run_batch(loop(R"(printf '%s' "{\"id\":$id}")"), {"only"});
    expect_success(whole[0], "");
    const auto half = run_batch(loop(R"(printf '%s' "{\"id\":$id"; kill -9 $$)"), {"only"});
    expect_failure(half[0], Verdict::retry, FailureKind::lost, "signal 9");
}

TEST_F(BatchTest, WhatIsNoAnswerEndsTheProcess) {
    for (const auto& [line, words] : std::vector<std::pair<std::string, std::string>>{
             {"echo loading", "no answer (not JSON"},
             {R"(echo '{"id":"019aaf1e-5c00-7123-8abc-0123456789ab"}')", "a job it does not have"},
         }) {
        const auto results = run_batch(
            loop(
                "case $body in answer) " + std::string(kAnswer) + ";; *) " + line +
                "; exec sleep 1000 ;; esac"
            ),
            {"answer", "bad"}
        );
        expect_success(results[0], "answer");
        expect_failure(results[1], Verdict::retry, FailureKind::lost, words);
        EXPECT_TRUE(has(results[1].detail, "was killed")) << results[1].detail;
    }
}

TEST_F(BatchTest, ASecondAnswerIsIgnored) {
    const auto results = run_batch(
        loop(std::string(kAnswer) + R"(; echo "{\"id\":$id,\"error\":\"again\"}")"), {"a", "b"}
    );
    expect_success(results[0], "a");
    expect_success(results[1], "b");
    EXPECT_EQ(ended_.count(), 2U);
}

TEST_F(BatchTest, ProgressIsPassedOn) {
    const auto results = run_batch(
        loop(R"(echo "{\"id\":$id,\"progress\":{\"at\":1}}"; )" + std::string(kAnswer)), {"a"}
    );
    expect_success(results[0], "a");
    EXPECT_EQ(ended_.progress(), std::vector<std::string>{R"({"at":1})"});
}

TEST_F(BatchTest, TheStopOfOneLeavesTheOthersAlone) {
    const std::string up = make_fifo("up");
    make_fifo("go");
    const auto handler = batches(full(
        loop(
            R"([ $body = one ] || { echo up >')" + up + "'; read go <'" + path("go") +
            "'; }; [ $body = one ] || " + kAnswer
        ),
        2
    ));
    std::stop_source stop;
    const JobId one = start(*handler, "one", stop.get_token());
    const JobId other = start(*handler, "other");
    EXPECT_EQ(read_fifo(up), "up\n");
    stop.request_stop();
    std::ofstream(path("go")) << "go\n";
    expect_success(ended_.take(other), "other");
    expect_failure(ended_.take(one), Verdict::retry, FailureKind::lost, "without an answer");
}

TEST_F(BatchTest, TheStopOfAllThatAreUnansweredEndsTheProcess) {
    const std::string up = make_fifo("up");
    const auto handler = batches(full(
        loop(
            "[ $body = stay ] || " + std::string(kAnswer), "echo up >'" + up + "'; exec sleep 1000"
        ),
        3
    ));
    std::stop_source stop;
    const JobId first = start(*handler, "stay", stop.get_token());
    const JobId second = start(*handler, "stay", stop.get_token());
    expect_success(run(*handler, "answer"), "answer");
    EXPECT_EQ(read_fifo(up), "up\n");
    stop.request_stop();
    expect_failure(ended_.take(first), Verdict::retry, FailureKind::lost, "signal 15");
    expect_failure(ended_.take(second), Verdict::retry, FailureKind::lost, "signal 15");
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(BatchTest, AStopWhileItGathersTakesOutOne) {
    const auto handler = batches(full(loop(kAnswer), 3));
    std::stop_source stop;
    const JobId stopped = start(*handler, "stopped", stop.get_token());
    const JobId first = start(*handler, "first");
    stop.request_stop();
    EXPECT_EQ(ended_.take(stopped).detail, "stopped before it was started");
    const JobId second = start(*handler, "second");
    expect_success(run(*handler, "third"), "third");
    expect_success(ended_.take(first), "first");
    expect_success(ended_.take(second), "second");
}

TEST_F(BatchTest, WhoStaysAfterTheLastAnswerIsEndedAtTheDeadline) {
    const std::string fifo = make_fifo("fifo");
    deadline_ = clock_.now() + 1s;
    const auto handler = batches(full(loop(kAnswer, "exec sleep 1000 >'" + fifo + "'"), 1));
    const JobId job = start(*handler, "a");
    const int descriptor = ::open(fifo.c_str(), O_RDONLY | O_CLOEXEC);
    char byte = 0;
    EXPECT_EQ(::read(descriptor, &byte, 1), 0) << "ends only when its writer is gone";
    ::close(descriptor);
    expect_success(ended_.take(job), "a");
}

TEST_F(BatchTest, LargeBodiesGoByFile) {
    const std::string bytes(3 * kThreshold, 'b');
    std::ofstream(path("input"), std::ios::binary) << bytes;
    Body body;
    body.file = std::make_shared<BodyFile>(path("input"), bytes.size());
    const auto handler =
        batches(loop(R"(file=${line##*\"body_file\":\"}; file=${file%\"\}}; )"
                     R"(printf '{"id":%s,"body":"' "$id"; cat "$file"; echo '"}')"));
    const AttemptResult result = ended_.take(start(*handler, std::move(body)));
    ASSERT_TRUE(result.body.file) << result.detail;
    expect_success(result, bytes);
}

TEST_F(BatchTest, ACommandThatCannotRunFailsForGood) {
    Options options;
    options.argv = {"no-such-command-anywhere"};
    for (const auto& result : run_batch(options, {"a", "b"}))
        expect_failure(result, Verdict::fail, FailureKind::handler, "no-such-command-anywhere");
}

TEST_F(BatchTest, TheEndOfTheThreadEndsWhatRunsAndWhatGathers) {
    const std::string up = make_fifo("up");
    const auto handler = batches(full(loop("echo up >'" + up + "'; exec sleep 1000"), 2));
    const auto running = start_all(*handler, {"a", "b"});
    EXPECT_EQ(read_fifo(up), "up\n");
    const JobId gathering = start(*handler, "c");
    threads_.stop();
    const auto late = start_all(*handler, {"d", "e"});
    threads_.join();
    for (const JobId& job : late)
        expect_failure(ended_.take(job), Verdict::retry, FailureKind::lost, "the server stops");
    expect_failure(ended_.take(running[0]), Verdict::retry, FailureKind::lost, "signal 15");
    expect_failure(ended_.take(running[1]), Verdict::retry, FailureKind::lost, "signal 15");
    expect_failure(ended_.take(gathering), Verdict::retry, FailureKind::lost, "");
}

TEST_F(BatchTest, ManyBatchesLeaveNothingBehind) {
    Options options = loop(kAnswer);
    options.processes = 2;
    const auto handler = batches(options);
    run(*handler);
    const std::size_t before = open_descriptors();
    constexpr std::size_t kJobs = 300;
    for (const JobId& job : start_all(*handler, std::vector<std::string>(kJobs, "job")))
        EXPECT_EQ(ended_.take(job).verdict, Verdict::success);
    // The last process may take a moment longer than its answers.
    threads_.stop();
    threads_.join();
    EXPECT_LE(open_descriptors(), before);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace bide::exec
