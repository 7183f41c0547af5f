#pragma once

#include "fronts/lambda/front.hpp"
#include "service/fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// For the tests of this folder.
namespace bide::fronts::lambda {

namespace json = boost::json;

/// What Lambda is told; takes everything, until `broken`.
class Told final : public clients::LambdaAnswer {
  public:
    json::value whole;            ///< of respond()
    std::size_t whole_bytes = 0;  ///<
    std::string failure;          ///< type: message
    json::value prelude;          ///< of open()
    std::string body;             ///< of all write()
    std::vector<std::string> pieces;
    bool closed = false;
    bool cut = false;
    bool broken = false;

    runtime::Task<Result<void>> respond(std::string text) override {
        whole_bytes = text.size();
        whole = json::parse(text);
        co_return taken();
    }
    runtime::Task<Result<void>> fail(std::string type, std::string message) override {
        failure = type + ": " + message;
        co_return taken();
    }
    runtime::Task<Result<void>> open(std::string text) override {
        EXPECT_TRUE(prelude.is_null());
        prelude = json::parse(text);
        co_return taken();
    }
    runtime::Task<Result<void>> write(std::string_view piece) override {
        EXPECT_FALSE(piece.empty());
        pieces.emplace_back(piece);
        body += piece;
        co_return taken();
    }
    runtime::Task<Result<void>> close() override {
        closed = true;
        co_return taken();
    }
    runtime::Task<Result<void>> break_off(std::string, std::string) override {
        cut = true;
        co_return taken();
    }

    bool ended() const { return !whole.is_null() || !failure.empty() || closed || cut; }
    std::int64_t status() const {
        return (whole.is_null() ? prelude : whole).at("statusCode").as_int64();
    }
    std::string header(std::string_view name) const {
        const json::object& headers = (whole.is_null() ? prelude : whole).at("headers").as_object();
        const json::value* found = headers.if_contains(name);
        return found == nullptr ? std::string() : std::string(found->as_string());
    }
    /// Of a whole answer.
    std::string text() const { return std::string(whole.at("body").as_string()); }

  private:
    Result<void> taken() const {
        if (broken) return Error{Code::internal, Retry::never, "nobody is there"};
        return success();
    }
};

class ManualClock final : public Clock {
  public:
    explicit ManualClock(Time time) : time_(time) {}
    Time now() const override { return time_; }
    void advance(Duration span) { time_ += span; }

  private:
    Time time_;
};

class LambdaFrontTest : public service::ContractTest {
  protected:
    using Answer = core::Answer;

    /// An invocation has 15 minutes, silence 28 s, a wait 10 minutes.
    LambdaFrontTest() {
        service::ContractRules own = rules();
        own.max_wait = std::chrono::minutes(10);
        own.cors_origins = {"https://app.example"};
        restart(std::move(own));
        begin();
    }

    /// With `options`.
    void begin() {
        fronts.push_back(std::make_unique<Front>(
            options, Front::Parts{engine, *contract, pool, clock}, io.get_executor()
        ));
        front = fronts.back().get();
    }

    struct Ask {
        std::string method = "POST";
        std::string path = "/";
        json::object headers{};
        std::string body{};
        std::string whole_path{};  ///< in requestContext; empty: path
        json::object context{};    ///< besides
        Duration time = std::chrono::minutes(15);
    };
    static std::string event_of(const Ask& ask) {
        json::object context = ask.context;
        context["path"] = ask.whole_path.empty() ? ask.path : ask.whole_path;
        const json::object event{
            {"httpMethod", ask.method},
            {"path", ask.path},
            {"headers", ask.headers},
            {"body", ask.body},
            {"requestContext", context}};
        return json::serialize(event);
    }
    Told& ask(const Ask& ask) { return invoke(event_of(ask), ask.time); }
    Told& invoke(std::string event, Duration time = std::chrono::minutes(15)) {
        all.push_back(std::make_unique<Told>());
        clients::LambdaInvocation invocation;
        invocation.payload = std::move(event);
        invocation.deadline = clock.now() + time;
        invocation.trace = trace;
        runtime::net::co_spawn(
            io,
            front->invoke(std::move(invocation), *all.back()),
            [](const std::exception_ptr& failed) {
                if (failed) std::rethrow_exception(failed);
            }
        );
        settle();
        return *all.back();
    }
    void settle() {
        io.restart();
        io.poll();
    }
    /// Goes on, the threads of the pool too, until then.
    void run_until(const std::function<bool()>& done) {
        io.restart();
        while (!done()) io.run_one();
    }
    void pass(Duration span) {
        clock.advance(span);
        front->look_at_clock();
        settle();
    }
    core::WaiterId last_waiter() const {
        return engine.submitted.empty() ? engine.asked.back().wait.id
                                        : engine.submitted.back().wait.id;
    }
    void say(Answer answer) {
        answer.waiter = last_waiter();
        std::vector<Answer> answers;
        answers.push_back(std::move(answer));
        front->deliver(std::move(answers));
        settle();
    }
    /// How long the engine is to wait.
    Duration asked_wait() const {
        return (engine.submitted.empty() ? engine.asked.back().wait.deadline
                                         : engine.submitted.back().wait.deadline) -
               clock.now();
    }

    Options options;
    std::string trace;  ///< of the next invocations
    ManualClock clock{kNow};
    // What exchanges use that end with the context, unanswered.
    std::vector<std::unique_ptr<Told>> all;
    std::vector<std::unique_ptr<Front>> fronts;
    runtime::net::io_context io{1};
    runtime::BlockingPool pool{1};
    Front* front = nullptr;  ///< the last one
};

}  // namespace bide::fronts::lambda
