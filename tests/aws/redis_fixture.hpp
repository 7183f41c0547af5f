#pragma once

#include "base/rng.hpp"
#include "clients/redis_client.hpp"
#include "support/redis.hpp"
#include "support/wait.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace bide::clients {

/// Lines written by one thread and read by another.
class Log {
  public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::vector<std::string> lines() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    std::size_t count(const std::string& part) const {
        std::size_t found = 0;
        for (const auto& line : lines()) found += line.find(part) != std::string::npos ? 1 : 0;
        return found;
    }
    /// Waits until so many lines have this part.
    testing::AssertionResult says(const std::string& part, std::size_t times = 1) const {
        if (test::eventually([&] { return count(part) >= times; }))
            return testing::AssertionSuccess();
        auto failure = testing::AssertionFailure() << "no \"" << part << "\" in:";
        for (const auto& line : lines()) failure << "\n" << line;
        return failure;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

/// A client on a thread of its own, and what it says of its connections: "up", or the reason.
class RedisTest : public testing::Test {
  protected:
    using Args = std::vector<std::string>;

    RedisTest() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
    ~RedisTest() override {
        on_thread([this] { client_.reset(); });
        work_.reset();
        // Ends only if nothing of the client stays behind.
        thread_.join();
    }
    void SetUp() override {
        if (!test::has_redis()) GTEST_SKIP() << "there is no redis-server";
    }

    template <class What>
    std::invoke_result_t<What> on_thread(What what) {
        return runtime::net::post(context_, runtime::net::use_future(std::move(what))).get();
    }

    static RedisOptions options_for(const std::string& url) {
        RedisOptions options;
        options.address = parse_redis_url(url).value();
        options.backoff_max = std::chrono::milliseconds(100);
        options.command_max = test::kPatience;
        return options;
    }

    void make_client(RedisOptions options) {
        options.on_connection = [this](bool up, const std::string& why) {
            log_.add(up ? "up" : why);
        };
        on_thread([&] {
            client_ = std::make_unique<RedisClient>(
                context_.get_executor(), clock_, Rng(os_random()), std::move(options)
            );
        });
    }
    /// With a connection.
    void connect(RedisOptions options) {
        make_client(std::move(options));
        const auto connected = [this] {
            return on_thread([this] { return client_->connected(); });
        };
        ASSERT_TRUE(test::eventually(connected)) << log_.says("up");
    }
    void connect(const test::RedisServer& server) { connect(options_for(server.url())); }

    std::future<RedisResult> begin(Args args) {
        std::promise<RedisResult> promise;
        auto future = promise.get_future();
        runtime::net::co_spawn(
            context_,
            command(client_.get(), std::move(args), std::move(promise)),
            [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
        );
        return future;
    }
    RedisResult ask(Args args) { return begin(std::move(args)).get(); }
    /// The reply's text or number, or what failed.
    std::string say(Args args) { return show(ask(std::move(args))); }
    static std::string show(const RedisResult& result) {
        if (!result) return "failed: " + result.error().detail;
        const wire::RespValue& value = result.value();
        if (value.kind == wire::RespValue::Kind::nil) return "nil";
        if (value.kind == wire::RespValue::Kind::integer) return std::to_string(value.integer);
        return value.text;
    }
    RedisFailure fail(Args args) {
        RedisResult result = ask(std::move(args));
        if (!result) return result.error();
        ADD_FAILURE() << "answered " << show(result);
        return {};
    }
    RedisCounters counters() {
        return on_thread([this] { return client_->counters(); });
    }

    SystemClock clock_;
    Log log_;
    runtime::net::io_context context_{1};
    std::unique_ptr<RedisClient> client_;

  private:
    static runtime::Task<void> command(
        RedisClient* to, Args args, std::promise<RedisResult> promise
    ) {
        promise.set_value(co_await to->command(std::move(args)));
    }

    runtime::net::executor_work_guard<runtime::Executor> work_;
    std::thread thread_;
};

}  // namespace bide::clients
