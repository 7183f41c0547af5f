// A worker as a Lambda function: real stores and cache (services.py run), messages brought by hand.
#include "engines/aws/function_worker.hpp"

#include "base/rng.hpp"
#include "support/files.hpp"
#include "support/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <future>
#include <map>
#include <mutex>

namespace bide::engines::aws {
namespace {

using namespace std::chrono_literals;
using core::AttemptResult;
using core::JobState;
using test::eventually;

std::string said(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr)
        throw std::runtime_error(std::string(name) + " is not set; start me with services.py run");
    return value;
}

/// What its bodies say: "echo", "fail", "hold" until it is stopped, "deaf" until release().
class Hands final : public ports::Handler {
  public:
    void start(ports::Attempt attempt, ports::Completion done) override {
        const std::string body = attempt.input->body.bytes;
        const std::lock_guard lock(mutex_);
        ++started;
        deadline = attempt.deadline;
        if (body == "echo" || body == "fail") return end(body, std::move(done));
        running.push_back(std::make_unique<Running>(std::move(done)));
        Running& one = *running.back();
        if (body == "hold") {
            one.stop.emplace(attempt.stop, std::function<void()>([this, &one] {
                                 ++stopped;
                                 const std::lock_guard inner(ends_);
                                 end("fail", std::move(one.done));
                             }));
        }
    }
    /// Whoever is deaf has done it.
    void release() {
        const std::lock_guard lock(mutex_);
        for (auto& one : running) end("echo", std::move(one->done));
        running.clear();
    }

    std::atomic<int> started{0};
    std::atomic<int> stopped{0};
    std::atomic<Time> deadline{};

  private:
    struct Running {
        explicit Running(ports::Completion&& right) : done(std::move(right)) {}
        ports::Completion done;
        std::optional<std::stop_callback<std::function<void()>>> stop;
    };
    static void end(const std::string& how, ports::Completion done) {
        AttemptResult result;
        result.verdict =
            how == "echo" ? AttemptResult::Verdict::success : AttemptResult::Verdict::retry;
        result.body.bytes = how;
        result.detail = how;
        done(std::move(result));
    }

    std::mutex mutex_;
    std::mutex ends_;
    std::vector<std::unique_ptr<Running>> running;
};

class Answer final : public clients::LambdaAnswer {
  public:
    runtime::Task<Result<void>> respond(std::string json) override {
        said = std::move(json);
        co_return success();
    }
    runtime::Task<Result<void>> fail(std::string type, std::string) override {
        said = "failed: " + type;
        co_return success();
    }
    runtime::Task<Result<void>> open(std::string) override { co_return success(); }
    runtime::Task<Result<void>> write(std::string_view) override { co_return success(); }
    runtime::Task<Result<void>> close() override { co_return success(); }
    runtime::Task<Result<void>> break_off(std::string, std::string) override {
        co_return success();
    }

    std::string said = "nothing";
};

class FunctionWorkerTest : public testing::Test {
  protected:
    FunctionWorkerTest() : spool_(runtime::Spool::open(directory_ / "bodies", 1U << 20).value()) {
        thread_.start();
    }
    ~FunctionWorkerTest() override {
        hands_.release();
        if (worker_) {
            worker_->stop_now();
            worker_->stop();
        }
        worker_.reset();
        services_.reset();
        thread_.stop();
        thread_.join();
    }

    void start(
        core::Consumer::Role role = core::Consumer::Role::work,
        const std::string& sqs = said("AWS_ENDPOINT_URL_SQS")
    ) {
        ServicesOptions where;
        where.aws.environment = clients::process_environment();
        where.aws.environment["AWS_ENDPOINT_URL_SQS"] = sqs;
        where.incoming_bucket = where.outgoing_bucket = said("BIDE_S3_BUCKET");
        where.redis_url = said("BIDE_REDIS");
        where.log = [this](const std::string& text) {
            const std::lock_guard lock(mutex_);
            log_ += text + '\n';
        };
        services_ = Services::open(std::move(where), thread_, pool_, *spool_, clock_).value();
        WorkerOptions options;
        options.role = role;
        QueueOptions queue;
        queue.name = "loud";
        queue.url = said("BIDE_SQS_QUEUE");
        queue.dead_letter_url = said("BIDE_SQS_QUEUE_DEAD");
        queue.rules.concurrency = concurrency_;
        queue.rules.retry.attempts_max = 3;
        queue.handler = &hands_;
        options.queues.push_back(std::move(queue));
        worker_ = std::make_unique<FunctionWorker>(std::move(options), *services_);
        worker_->start();
    }

    struct Record {
        JobId id;
        std::string body = "echo";
        std::uint32_t receives = 1;
        std::string arn = "arn:aws:sqs:here:1:" + std::string("jobs");
    };
    JobId make_id() { return ids_.make(clock_.now()); }
    /// As a foreign producer sends it: the job's id is the message's.
    std::string event_of(const std::vector<Record>& records) {
        std::string event = R"({"Records":[)";
        for (const Record& record : records) {
            if (event.back() == '}') event += ',';
            event += R"({"messageId":")" + to_string(record.id) +
                     R"(","receiptHandle":"no-handle",)" + R"("body":")" + record.body +
                     R"(","eventSource":"aws:sqs",)" + R"("eventSourceARN":")" + record.arn +
                     R"(","attributes":{"ApproximateReceiveCount":")" +
                     std::to_string(record.receives) + R"("}})";
        }
        return event + "]}";
    }
    std::future<std::string> begin(const std::vector<Record>& records, Duration time = 60s) {
        return begin_event(event_of(records), time);
    }
    std::future<std::string> begin_event(std::string payload, Duration time = 60s) {
        clients::LambdaInvocation invocation;
        invocation.id = "1";
        invocation.deadline = clock_.now() + time;
        invocation.payload = std::move(payload);
        std::promise<std::string> promise;
        auto future = promise.get_future();
        runtime::net::co_spawn(
            services_->executor(),
            invoke(worker_.get(), std::move(invocation), std::move(promise)),
            [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
        );
        return future;
    }
    static std::string back(const std::vector<JobId>& ids) {
        std::string text = R"({"batchItemFailures":[)";
        for (const JobId& id : ids) {
            if (text.back() == '}') text += ',';
            text += R"({"itemIdentifier":")" + to_string(id) + R"("})";
        }
        return text + "]}";
    }
    /// State and body of what is in the store; "nothing".
    std::string stored(const JobId& id) {
        return runtime::net::co_spawn(
                   services_->executor(), read(services_.get(), id), runtime::net::use_future
        )
            .get();
    }
    std::uint64_t notices() const {
        for (const auto& counter : services_->counters()) {
            if (counter.name == std::string_view("bide_notices")) return counter.value;
        }
        return 0;
    }

    Hands hands_;
    std::uint32_t concurrency_ = 10;
    SystemClock clock_;
    std::unique_ptr<Services> services_;
    std::unique_ptr<FunctionWorker> worker_;
    std::mutex mutex_;
    std::string log_;

  private:
    static runtime::Task<void> invoke(
        FunctionWorker* worker,
        clients::LambdaInvocation invocation,
        std::promise<std::string> promise
    ) {
        Answer answer;
        co_await worker->invoke(std::move(invocation), answer);
        promise.set_value(answer.said);
    }
    static runtime::Task<std::string> read(Services* services, JobId id) {
        std::string queue = "loud";
        auto found = co_await services->store().get_result(std::move(queue), 0, id);
        if (!found) co_return "failed: " + found.error().detail;
        if (!found.value()) co_return "nothing";
        const core::Outcome& outcome = *found.value()->outcome;
        if (outcome.state == JobState::succeeded) co_return "succeeded: " + outcome.body.bytes;
        co_return outcome.kind == core::FailureKind::lost ? "lost"
        : outcome.kind == core::FailureKind::timeout      ? "timeout"
                                                          : "failed: " + outcome.detail;
    }

    test::TempDir directory_;
    runtime::BlockingPool pool_{2};
    std::unique_ptr<runtime::Spool> spool_;
    runtime::WorkThread thread_{"bide-aws"};
    IdMaker ids_{3, 0};
};

TEST_F(FunctionWorkerTest, WhatIsDoneIsStoredBeforeTheAnswerAndWhatFailsComesAgain) {
    start();
    std::vector<Record> records;
    for (int i = 0; i < 10; ++i) records.push_back({make_id()});
    records[3].body = records[7].body = "fail";
    EXPECT_EQ(begin(records).get(), back({records[3].id, records[7].id}));
    for (const auto& record : records)
        EXPECT_EQ(stored(record.id), record.body == "echo" ? "succeeded: echo" : "nothing");
}

TEST_F(FunctionWorkerTest, TheLastAttemptsFailureIsStored) {
    start();
    const JobId id = make_id();
    EXPECT_EQ(begin({{id, "fail", 3}}).get(), back({}));
    EXPECT_EQ(stored(id), "failed: fail");
}

TEST_F(FunctionWorkerTest, NoMoreRunAtOnceThanTheQueueAllows) {
    concurrency_ = 2;
    start();
    std::vector<Record> records;
    for (int i = 0; i < 5; ++i) records.push_back({make_id(), "deaf"});
    auto answer = begin(records);
    for (int done = 0; done < 4; done += 2) {
        ASSERT_TRUE(eventually([&] { return hands_.started == done + 2; }));
        hands_.release();
    }
    ASSERT_TRUE(eventually([&] { return hands_.started == 5; }));
    hands_.release();
    EXPECT_EQ(answer.get(), back({}));
}

TEST_F(FunctionWorkerTest, WhatTakesLongerThanTheFunctionHasIsStoppedAndComesAgain) {
    start();
    const JobId quick = make_id();
    const JobId slow = make_id();
    const Time end = clock_.now() + 2s;
    EXPECT_EQ(begin({{quick}, {slow, "hold"}}, 2s).get(), back({slow}));
    EXPECT_LT(clock_.now(), end);
    EXPECT_EQ(hands_.stopped, 1);
    EXPECT_LT(hands_.deadline.load(), end);
    EXPECT_EQ(stored(quick), "succeeded: echo");
    EXPECT_EQ(stored(slow), "nothing");
    // And fails for good when it was the last time.
    EXPECT_EQ(begin({{slow, "hold", 3}}, 2s).get(), back({}));
    EXPECT_EQ(stored(slow), "timeout");
}

TEST_F(FunctionWorkerTest, WhatDoesNotStopIsLeftAndDoesNotRunBesideItself) {
    start();
    const JobId id = make_id();
    const Time end = clock_.now() + 2s;
    EXPECT_EQ(begin({{id, "deaf"}}, 2s).get(), back({id}));
    EXPECT_LT(clock_.now(), end);
    auto again = begin({{id, "deaf", 2}});
    auto other = begin({{make_id()}});
    EXPECT_EQ(other.get(), back({}));
    EXPECT_EQ(hands_.started, 2);  // the deaf one once
    hands_.release();
    ASSERT_TRUE(eventually([&] { return hands_.started == 3; }));
    hands_.release();
    EXPECT_EQ(again.get(), back({}));
    EXPECT_EQ(stored(id), "succeeded: echo");
}

TEST_F(FunctionWorkerTest, OneJobInTwoInvocationsRunsOnceAndBothAreAnswered) {
    start();
    const JobId id = make_id();
    auto first = begin({{id, "deaf"}});
    auto second = begin({{id, "deaf", 2}});
    ASSERT_TRUE(eventually([&] { return hands_.started == 1; }));
    EXPECT_EQ(begin({{make_id()}}).get(), back({}));
    hands_.release();
    EXPECT_EQ(first.get(), back({}));
    EXPECT_EQ(second.get(), back({}));
    EXPECT_EQ(hands_.started, 2);
}

TEST_F(FunctionWorkerTest, AResultThatWasThereStands) {
    start();
    const JobId id = make_id();
    EXPECT_EQ(begin({{id}}).get(), back({}));
    EXPECT_EQ(begin({{id, "fail", 3}}).get(), back({}));
    EXPECT_EQ(stored(id), "succeeded: echo");
}

TEST_F(FunctionWorkerTest, DeadLettersAreAnsweredForAndNothingIsRun) {
    start(core::Consumer::Role::dead_letters);
    const JobId id = make_id();
    EXPECT_EQ(begin({{id, "echo", 1, "arn:aws:sqs:here:1:jobs-dead"}}).get(), back({}));
    EXPECT_EQ(stored(id), "lost");
    EXPECT_EQ(hands_.started, 0);
    const JobId live = make_id();
    EXPECT_EQ(begin({{live}}).get(), back({live}));  // not of the dead-letter queue
}

TEST_F(FunctionWorkerTest, WhatIsNoEventOrOfNoQueueIsRefused) {
    start();
    EXPECT_EQ(begin_event("{}").get(), "failed: Function.BadEvent");
    EXPECT_EQ(begin_event(R"({"Records":[]})").get(), back({}));
    const JobId id = make_id();
    const JobId other = make_id();
    EXPECT_EQ(begin({{id}, {other, "echo", 1, "arn:aws:sqs:here:1:other"}}).get(), back({other}));
    const std::lock_guard lock(mutex_);
    EXPECT_NE(log_.find("arn:aws:sqs:here:1:other"), std::string::npos);
}

/// A function in a VPC may have no way to SQS.
TEST_F(FunctionWorkerTest, WithoutSqsTheAnswerAloneSaysWhatComesAgain) {
    // Who listens there never answers.
    runtime::net::io_context context;
    const runtime::tcp::acceptor silent(
        context, runtime::tcp::endpoint(runtime::net::ip::make_address("127.0.0.1"), 0)
    );
    const auto port = std::to_string(silent.local_endpoint().port());
    start(core::Consumer::Role::work, "http://127.0.0.1:" + port);
    const JobId id = make_id();
    const test::Stopwatch watch;
    EXPECT_EQ(begin({{id, "fail"}}).get(), back({id}));
    EXPECT_GE(watch.elapsed(), 2s);
    EXPECT_LT(watch.elapsed(), 30s);
}

}  // namespace
}  // namespace bide::engines::aws
