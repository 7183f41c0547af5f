#include "clients/lambda_runtime.hpp"

#include "clients/aws_fixture.hpp"
#include "wire/base64.hpp"

#include <boost/asio/co_spawn.hpp>

#include <condition_variable>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using runtime::Task;

std::string event(const std::string& id, const std::string& payload = "{}") {
    return answer(
        200,
        payload,
        "Lambda-Runtime-Aws-Request-Id: " + id +
            "\r\nLambda-Runtime-Deadline-Ms: 1795416269123\r\nLambda-Runtime-Trace-Id: "
            "Root=1-2-3\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:f\r\n"
    );
}

const std::string kTaken = answer(202, R"({"status":"OK"})");

/// Lambda's side: hands out events, takes answers.
class FakeApi {
  public:
    ~FakeApi() {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        changed_.notify_all();
    }

    std::string address() const { return peer_.url("").substr(7); }
    int connections() const { return peer_.connections(); }
    void refuse() { peer_.refuse(); }

    /// What the next question is answered, to the byte; kCut at its end ends the connection.
    void give(std::string bytes) {
        const std::lock_guard lock(mutex_);
        events_.push_back(std::move(bytes));
        changed_.notify_all();
    }
    /// What each answer to an invocation is answered from now on; kHang: nothing.
    void take_with(std::string bytes) {
        const std::lock_guard lock(mutex_);
        reply_ = std::move(bytes);
    }
    std::vector<Seen> posts(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, 20s, [&] { return posts_.size() >= count; });
        return posts_;
    }
    Seen post() {
        const auto all = posts(1);
        EXPECT_EQ(all.size(), 1U);
        return all.empty() ? Seen{} : all.front();
    }
    /// Waits until so many questions wait for an event at once.
    bool asked(int count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 20s, [&] { return asking_ == count; });
    }

  private:
    void talk(runtime::Conversation& with) {
        for (;;) {
            Seen seen;
            seen.head = with.read_head();
            if (seen.head.empty()) return;
            seen.method = seen.head.substr(0, seen.head.find(' '));
            const std::size_t at = seen.method.size() + 1;
            seen.target = seen.head.substr(at, seen.head.find(' ', at) - at);
            const bool goes_on =
                seen.method == "GET" ? hand_out(with) : take(with, std::move(seen));
            if (!goes_on) return;
        }
    }
    bool hand_out(runtime::Conversation& with) {
        std::unique_lock lock(mutex_);
        ++asking_;
        changed_.notify_all();
        changed_.wait(lock, [&] { return closing_ || !events_.empty(); });
        --asking_;
        if (closing_) return false;
        std::string bytes = events_.front();
        events_.pop_front();
        lock.unlock();
        const bool cut = bytes.ends_with(kCut);
        if (cut) bytes.resize(bytes.size() - kCut.size());
        return with.send(bytes) && !cut;
    }
    bool take(runtime::Conversation& with, Seen seen) {
        if (const std::string length = seen.field("Content-Length"); !length.empty()) {
            seen.body = with.read(std::stoul(length));
        } else {
            // As it came, framing included.
            std::string line = "none";
            while (line != "0\r\n" && !line.empty()) {
                line = with.read_to("\r\n");
                seen.body += line;
                if (line == "0\r\n" || line.empty()) break;
                seen.body += with.read(std::stoul(line, nullptr, 16) + 2);
            }
            while (line != "\r\n" && !line.empty()) seen.body += line = with.read_to("\r\n");
        }
        std::unique_lock lock(mutex_);
        posts_.push_back(std::move(seen));
        changed_.notify_all();
        const std::string bytes = reply_;
        if (bytes == kHang) changed_.wait(lock, [&] { return closing_; });
        lock.unlock();
        return with.send(bytes);
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> events_;
    std::vector<Seen> posts_;
    std::string reply_ = kTaken;
    int asking_ = 0;
    bool closing_ = false;
    runtime::Peer peer_{[this](runtime::Conversation& with, int) { talk(with); }};
};

struct Told {
    LambdaInvocation invocation;
    std::vector<std::string> errors;  ///< "CODE: DETAIL" of the calls of the answer
    std::promise<void> done;
};

void note(Told& told, const Result<void>& result) {
    if (result.has_error())
        told.errors.push_back(
            std::string(to_string(result.error().code)) + ": " + result.error().detail
        );
}

Task<void> respond(LambdaInvocation invocation, LambdaAnswer& to, Told* told, std::string json) {
    told->invocation = std::move(invocation);
    note(*told, co_await to.respond(std::move(json)));
    told->done.set_value();
}

Task<void> give_up(LambdaInvocation, LambdaAnswer& to, Told* told) {
    note(*told, co_await to.fail("Function.Bad\r\nEvent", "no \"such\" thing"));
    told->done.set_value();
}

Task<void> stream(LambdaInvocation, LambdaAnswer& to, Told* told, std::string end) {
    note(*told, co_await to.open(R"({"statusCode":200})"));
    note(*told, co_await to.write("hello"));
    note(*told, co_await to.write(std::string(300, 'x')));
    if (end == "close") note(*told, co_await to.close());
    if (end == "break off") note(*told, co_await to.break_off("Function.Lost", "it is gone"));
    told->done.set_value();
}

Task<void> throw_up(LambdaInvocation, LambdaAnswer&) {
    throw std::runtime_error("out of luck");
    co_return;
}

Task<void> echo(LambdaInvocation invocation, LambdaAnswer& to) {
    std::string payload = std::move(invocation.payload);
    const auto ignored = co_await to.respond(std::move(payload));
    EXPECT_TRUE(ignored.has_value());
}

class LambdaRuntimeTest : public runtime::HttpClientTest {
  protected:
    ~LambdaRuntimeTest() override {
        if (!runtime_) return;
        on_thread([this] { runtime_->stop(); });
        if (ended_.valid()) ended_.wait();
        on_thread([this] { runtime_.reset(); });
    }

    LambdaRuntime& make(LambdaRuntimeOptions options = {}) {
        if (options.address.empty()) options.address = api_.address();
        options.log = [this](const std::string& text) { log_ += text + "\n"; };
        on_thread([&] {
            runtime_ = std::make_unique<LambdaRuntime>(
                context_.get_executor(), pool_, clock_, std::move(options)
            );
        });
        return *runtime_;
    }
    void serve(LambdaFunction function, LambdaRuntimeOptions options = {}) {
        LambdaRuntime& runtime = make(std::move(options));
        std::promise<Result<void>> promise;
        ended_ = promise.get_future();
        runtime::net::co_spawn(
            context_,
            run(&runtime, std::move(function), std::move(promise)),
            [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
        );
    }
    /// Serves one invocation with a coroutine of (invocation, answer, Told*, more...).
    template <class Coroutine, class... More>
    void serve_with(LambdaRuntimeOptions options, Coroutine* coroutine, More... more) {
        serve(
            [this, coroutine, more...](LambdaInvocation invocation, LambdaAnswer& to) {
                return coroutine(std::move(invocation), to, &told_, more...);
            },
            std::move(options)
        );
    }
    void wait_for_the_function() {
        ASSERT_EQ(told_.done.get_future().wait_for(20s), std::future_status::ready);
    }

    static Task<void> run(
        LambdaRuntime* runtime, LambdaFunction function, std::promise<Result<void>> promise
    ) {
        promise.set_value(co_await runtime->serve(std::move(function)));
    }
    static Task<void> fail_init(LambdaRuntime* runtime, std::promise<Result<void>> promise) {
        promise.set_value(co_await runtime->fail_init("Runtime.BadConfig", "no queue"));
    }

    FakeApi api_;
    Told told_;
    std::string log_;
    std::unique_ptr<LambdaRuntime> runtime_;
    std::future<Result<void>> ended_;
};

TEST_F(LambdaRuntimeTest, HandsTheEventOverAndSendsTheAnswer) {
    serve_with({}, respond, std::string(R"({"a":1})"));
    api_.give(event("id-1", R"({"b":2})"));
    wait_for_the_function();
    EXPECT_EQ(told_.invocation.id, "id-1");
    EXPECT_EQ(told_.invocation.payload, R"({"b":2})");
    EXPECT_EQ(told_.invocation.deadline, Time(1'795'416'269'123ms));
    EXPECT_EQ(told_.invocation.trace, "Root=1-2-3");
    EXPECT_EQ(told_.errors, std::vector<std::string>{});
    const Seen seen = api_.post();
    EXPECT_EQ(seen.target, "/2018-06-01/runtime/invocation/id-1/response");
    EXPECT_EQ(seen.body, R"({"a":1})");
    EXPECT_EQ(seen.field("Content-Type"), "application/json");
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, AnErrorGoesToItsPageWithItsType) {
    serve_with({}, give_up);
    api_.give(event("id-1"));
    wait_for_the_function();
    const Seen seen = api_.post();
    EXPECT_EQ(seen.target, "/2018-06-01/runtime/invocation/id-1/error");
    EXPECT_EQ(seen.field("Lambda-Runtime-Function-Error-Type"), "Function.Bad__Event");
    EXPECT_EQ(
        seen.body, R"({"errorMessage":"no \"such\" thing","errorType":"Function.Bad__Event"})"
    );
}

const std::string kStreamed = "1a\r\n" + (R"({"statusCode":200})" + std::string(8, '\0')) +
                              "\r\n5\r\nhello\r\n12c\r\n" + std::string(300, 'x') + "\r\n0\r\n";

TEST_F(LambdaRuntimeTest, AStreamIsSentInChunksAfterItsPrelude) {
    serve_with({}, stream, std::string("close"));
    api_.give(event("id-1"));
    wait_for_the_function();
    EXPECT_EQ(told_.errors, std::vector<std::string>{});
    const Seen seen = api_.post();
    EXPECT_EQ(
        seen.head,
        "POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\nHost: " + api_.address() +
            "\r\nConnection: close\r\n"
            "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n"
            "Transfer-Encoding: chunked\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Type\r\n"
            "Trailer: Lambda-Runtime-Function-Error-Body\r\n\r\n"
    );
    EXPECT_EQ(seen.body, kStreamed + "\r\n");
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, AStreamThatIsBrokenOffSaysWhyInItsTrailers) {
    serve_with({}, stream, std::string("break off"));
    api_.give(event("id-1"));
    wait_for_the_function();
    std::string why;
    wire::append_base64(why, R"({"errorMessage":"it is gone","errorType":"Function.Lost"})");
    EXPECT_EQ(
        api_.post().body,
        kStreamed +
            "Lambda-Runtime-Function-Error-Type: Function.Lost\r\n"
            "Lambda-Runtime-Function-Error-Body: " +
            why + "\r\n\r\n"
    );
}

TEST_F(LambdaRuntimeTest, AStreamThatIsLeftOpenIsBrokenOff) {
    serve_with({}, stream, std::string("leave"));
    api_.give(event("id-1"));
    wait_for_the_function();
    EXPECT_NE(api_.post().body.find("Error-Type: Function.NoAnswer\r\n"), std::string::npos);
    EXPECT_TRUE(api_.asked(1));
}

Task<void> echo_or_open(LambdaInvocation invocation, LambdaAnswer& to, Told* told) {
    if (invocation.payload == "echo") {
        co_await echo(std::move(invocation), to);
        co_return;
    }
    note(*told, co_await to.open("{}"));
    told->done.set_value();
}

TEST_F(LambdaRuntimeTest, AStreamThatCannotBeginIsAFailedInvocation) {
    serve_with({}, echo_or_open);
    api_.give(event("id-1", "echo"));
    ASSERT_EQ(api_.posts(1).size(), 1U);
    ASSERT_TRUE(api_.asked(1));
    api_.refuse();  // a third connection, beside those for questions and for whole answers
    api_.give(event("id-2"));
    wait_for_the_function();
    ASSERT_EQ(told_.errors.size(), 1U);
    EXPECT_NE(told_.errors[0].find("cannot connect"), std::string::npos) << told_.errors[0];
    EXPECT_EQ(api_.posts(2).back().target, "/2018-06-01/runtime/invocation/id-2/error");
}

TEST_F(LambdaRuntimeTest, WhatTheFunctionLeavesUnansweredIsFailedForIt) {
    serve([](LambdaInvocation invocation, LambdaAnswer& to) {
        return throw_up(std::move(invocation), to);
    });
    api_.give(event("id-1"));
    const Seen seen = api_.post();
    EXPECT_EQ(seen.target, "/2018-06-01/runtime/invocation/id-1/error");
    EXPECT_NE(seen.body.find("out of luck"), std::string::npos) << seen.body;
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, AnAnswerThatIsTooLargeIsToldAsThat) {
    api_.take_with(answer(413, R"({"errorMessage":"Exceeded","errorType":"TooLarge"})"));
    serve_with({}, respond, std::string("{}"));
    api_.give(event("id-1"));
    wait_for_the_function();
    ASSERT_EQ(told_.errors.size(), 1U);
    EXPECT_EQ(told_.errors[0], "too-large: Lambda's Runtime API: 413 TooLarge: Exceeded");
    EXPECT_EQ(api_.posts(1).size(), 1U);
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, ARefusedAnswerIsAnErrorAndTheLoopGoesOn) {
    api_.take_with(answer(403, R"({"errorMessage":"No","errorType":"InvalidStateTransition"})"));
    serve_with({}, stream, std::string("close"));
    api_.give(event("id-1"));
    wait_for_the_function();
    ASSERT_EQ(told_.errors.size(), 1U);
    EXPECT_NE(told_.errors[0].find("403 InvalidStateTransition: No"), std::string::npos);
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, A500EndsTheProcess) {
    api_.take_with(answer(500));
    serve_with({}, respond, std::string("{}"));
    api_.give(event("id-1"));
    ASSERT_EQ(ended_.wait_for(20s), std::future_status::ready);
    const Result<void> ended = ended_.get();
    ASSERT_TRUE(ended.has_error());
    EXPECT_NE(ended.error().detail.find("500"), std::string::npos);
}

TEST_F(LambdaRuntimeTest, AsksAgainWhenTheConnectionDiedMeanwhile) {
    serve([](LambdaInvocation invocation, LambdaAnswer& to) {
        return echo(std::move(invocation), to);
    });
    api_.give(kCut);  // of the first connection
    api_.give(event("id-1", "1"));
    ASSERT_EQ(api_.posts(1).size(), 1U);
    api_.give(kCut);  // of one that has been used
    api_.give(event("id-2", "2"));
    const auto posts = api_.posts(2);
    ASSERT_EQ(posts.size(), 2U);
    EXPECT_EQ(posts[1].body, "2");
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, GarbageIsNoEventAndTooMuchOfItIsTheEnd) {
    serve([](LambdaInvocation invocation, LambdaAnswer& to) {
        return echo(std::move(invocation), to);
    });
    api_.give("it is raining\r\n\r\n");
    api_.give("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{" + kCut);
    api_.give(answer(200, "{}"));  // without an id
    api_.give(event("../../etc"));
    api_.give(answer(204));
    api_.give(event("id-1", "1"));
    EXPECT_EQ(api_.post().body, "1");
    for (int i = 0; i < 8; ++i) api_.give(answer(403));
    ASSERT_EQ(ended_.wait_for(20s), std::future_status::ready);
    EXPECT_TRUE(ended_.get().has_error());
    EXPECT_EQ(api_.posts(1).size(), 1U);
}

Task<void> keep_deadline(LambdaInvocation invocation, LambdaAnswer& to, std::vector<Time>* all) {
    all->push_back(invocation.deadline);
    co_await echo(std::move(invocation), to);
}

TEST_F(LambdaRuntimeTest, ADeadlineThatMakesNoSenseIsNone) {
    std::vector<Time> deadlines;
    serve([&deadlines](LambdaInvocation invocation, LambdaAnswer& to) {
        return keep_deadline(std::move(invocation), to, &deadlines);
    });
    for (const char* deadline : {"soon", "-5", "99999999999999999", "99999999999999999999999"}) {
        api_.give(answer(
            200,
            "{}",
            std::string("Lambda-Runtime-Aws-Request-Id: a\r\nLambda-Runtime-Deadline-Ms: ") +
                deadline + "\r\n"
        ));
    }
    ASSERT_EQ(api_.posts(4).size(), 4U);
    EXPECT_EQ(deadlines, std::vector<Time>(4, kNever));
}

TEST_F(LambdaRuntimeTest, AnAnswerThatIsNotTakenInTimeIsAnError) {
    api_.take_with(kHang);
    LambdaRuntimeOptions options;
    options.answer_max = 50ms;
    serve_with(std::move(options), respond, std::string("{}"));
    api_.give(event("id-1"));
    wait_for_the_function();
    ASSERT_EQ(told_.errors.size(), 1U);
    EXPECT_NE(told_.errors[0].find("too long"), std::string::npos) << told_.errors[0];
    EXPECT_TRUE(api_.asked(1));
}

TEST_F(LambdaRuntimeTest, AStreamThatIsNotTakenInTimeIsAnError) {
    api_.take_with(kHang);
    LambdaRuntimeOptions options;
    options.answer_max = 50ms;
    serve_with(std::move(options), stream, std::string("close"));
    api_.give(event("id-1"));
    wait_for_the_function();
    ASSERT_EQ(told_.errors.size(), 1U);
    EXPECT_NE(told_.errors[0].find("in time"), std::string::npos) << told_.errors[0];
    EXPECT_TRUE(api_.asked(1));
}

/// Answers when three are there.
Task<void> gather(
    LambdaInvocation invocation,
    LambdaAnswer& to,
    std::vector<runtime::Timer*>* here,
    runtime::Executor executor
) {
    runtime::Timer timer(executor, runtime::Timer::time_point::max());
    here->push_back(&timer);
    if (here->size() < 3) {
        co_await timer.async_wait(runtime::kTuple);
    } else {
        for (auto* other : *here) other->cancel();
    }
    co_await echo(std::move(invocation), to);
}

TEST_F(LambdaRuntimeTest, SeveralInvocationsAtOnceInConcurrentMode) {
    std::vector<runtime::Timer*> here;
    LambdaRuntimeOptions options;
    options.concurrency = 3;
    serve(
        [&here, executor = context_.get_executor()](LambdaInvocation invocation, LambdaAnswer& to) {
            return gather(std::move(invocation), to, &here, executor);
        },
        std::move(options)
    );
    ASSERT_TRUE(api_.asked(3));
    for (const char* id : {"a", "b", "c"}) api_.give(event(id, id));
    EXPECT_EQ(api_.posts(3).size(), 3U);
    EXPECT_TRUE(api_.asked(3));
}

TEST_F(LambdaRuntimeTest, SaysWhyThereWillBeNoServing) {
    make();
    std::promise<Result<void>> promise;
    auto done = promise.get_future();
    runtime::net::co_spawn(
        context_,
        fail_init(runtime_.get(), std::move(promise)),
        [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
    );
    EXPECT_TRUE(done.get().has_value());
    const Seen seen = api_.post();
    EXPECT_EQ(seen.target, "/2018-06-01/runtime/init/error");
    EXPECT_EQ(seen.field("Lambda-Runtime-Function-Error-Type"), "Runtime.BadConfig");
    EXPECT_EQ(seen.body, R"({"errorMessage":"no queue","errorType":"Runtime.BadConfig"})");
}

TEST_F(LambdaRuntimeTest, NobodyThereIsTheEndAndNotForever) {
    LambdaRuntimeOptions options;
    {
        const runtime::Peer gone([](runtime::Conversation&, int) {});
        options.address = gone.url("").substr(7);
    }
    serve(
        [](LambdaInvocation invocation, LambdaAnswer& to) {
            return echo(std::move(invocation), to);
        },
        std::move(options)
    );
    ASSERT_EQ(ended_.wait_for(20s), std::future_status::ready);
    EXPECT_TRUE(ended_.get().has_error());
}

}  // namespace
}  // namespace bide::clients
