#include "engines/aws/notices.hpp"

#include "aws/redis_fixture.hpp"
#include "clients/redis_subscription.hpp"

#include <csignal>

namespace bide::engines::aws {
namespace {

using namespace std::chrono_literals;
using clients::RedisClient;
using clients::RedisOptions;
using clients::RedisSubscription;
using test::RedisServer;

/// A worker's side, and a front that listens by a client and a subscription of its own.
class NoticesTest : public clients::RedisTest {
  protected:
    ~NoticesTest() override {
        on_thread([this] {
            if (worker_) worker_->close();
            notices_.reset();
            worker_.reset();
            subscription_.reset();
        });
    }

    void listen(const RedisServer& server) {
        connect(server);
        clients::RedisSubscriptionHooks hooks;
        hooks.on_message = [this](std::string_view, std::string_view payload) {
            heard_.add(std::string(payload));
        };
        hooks.on_proven = [this](bool proven) { heard_.add(proven ? "proven" : "doubted"); };
        clients::RedisSubscriptionOptions options;
        options.redis = options_for(server.url());
        options.proof_every = 10ms;
        options.proof_max = test::kPatience;
        on_thread([&] {
            subscription_ = std::make_unique<RedisSubscription>(
                context_.get_executor(), clock_, Rng(1), *client_, options, std::move(hooks)
            );
            EXPECT_TRUE(subscription_->subscribe("front"));
        });
        ASSERT_TRUE(heard_.says("proven"));
    }

    /// Makes it, and publishes at once.
    void start(RedisOptions options, const std::string& text) {
        options.on_connection = [this](bool up, const std::string& why) {
            worker_log_.add(up ? "up" : why);
            if (up) notices_->connected();
        };
        on_thread([&] {
            worker_ = std::make_unique<RedisClient>(
                context_.get_executor(), clock_, Rng(2), std::move(options)
            );
            notices_ = std::make_shared<Notices>(context_.get_executor(), clock_, *worker_);
            notices_->publish("front", text);
        });
    }
    void publish(const std::string& text) {
        on_thread([&] { notices_->publish("front", text); });
    }

    clients::Log heard_;
    clients::Log worker_log_;
    std::unique_ptr<RedisSubscription> subscription_;
    std::unique_ptr<RedisClient> worker_;
    std::shared_ptr<Notices> notices_;
};

TEST_F(NoticesTest, WhatIsSaidBeforeThereIsAConnectionIsHeard) {
    const RedisServer server;
    listen(server);
    start(options_for(server.url()), "early");
    EXPECT_TRUE(notices_->wait(test::kPatience));
    EXPECT_TRUE(heard_.says("early"));
    EXPECT_EQ(notices_->taken(), 1U);
    EXPECT_EQ(heard_.count("doubted"), 0U);
}

TEST_F(NoticesTest, WhatTheServerRefusesIsSaidAgainUntilItIsTaken) {
    const RedisServer server;
    listen(server);
    EXPECT_EQ(say({"ACL", "SETUSER", "worker", "on", ">pw", "allkeys", "+ping"}), "OK");
    start(options_for(server.url("worker:pw@")), "refused at first");
    const auto refused = [this] {
        return on_thread([this] { return worker_->counters().failed; });
    };
    EXPECT_TRUE(test::eventually([&] { return refused() >= 2; }));
    EXPECT_FALSE(notices_->wait(0ms));
    EXPECT_EQ(say({"ACL", "SETUSER", "worker", "allchannels", "+publish"}), "OK");
    EXPECT_TRUE(notices_->wait(test::kPatience));
    EXPECT_TRUE(heard_.says("refused at first"));
    EXPECT_EQ(heard_.count("doubted"), 0U);
}

TEST_F(NoticesTest, WhatGoesIntoAConnectionThatBreaksIsSaidAgain) {
    RedisServer server;
    start(options_for(server.url()), "first");
    EXPECT_TRUE(notices_->wait(test::kPatience));
    server.signal(SIGSTOP);
    publish("second");
    EXPECT_FALSE(notices_->wait(50ms));
    server.kill();
    ASSERT_TRUE(worker_log_.says("127.0.0.1"));
    publish("third");
    server.start();
    EXPECT_TRUE(notices_->wait(test::kPatience));
    EXPECT_EQ(notices_->taken(), 3U);
    EXPECT_EQ(notices_->dropped(), 0U);
}

TEST_F(NoticesTest, NothingIsLeftBehindWhenItGoesWithNoticesUntold) {
    RedisServer server;
    start(options_for(server.url()), "first");
    EXPECT_TRUE(notices_->wait(test::kPatience));
    server.signal(SIGSTOP);
    publish("second");
    EXPECT_FALSE(notices_->wait(0ms));
}

}  // namespace
}  // namespace bide::engines::aws
