#include "clients/redis_subscription.hpp"

#include "aws/redis_fixture.hpp"
#include "runtime/tls.hpp"

#include <csignal>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RedisServer;

/// A client, a subscription beside it, and what that tells, in one log: "proven", "doubted",
/// "CHANNEL stands", "CHANNEL: PAYLOAD", and "up" or why not of its connection.
class RedisSubscriptionTest : public RedisTest {
  protected:
    ~RedisSubscriptionTest() override {
        on_thread([this] { subscription_.reset(); });
    }

    static RedisSubscriptionOptions subscription_options_for(const std::string& url) {
        RedisSubscriptionOptions options;
        options.redis = options_for(url);
        options.proof_every = 10ms;
        options.proof_max = test::kPatience;
        return options;
    }

    void make_subscription(
        RedisSubscriptionOptions options, const std::vector<std::string>& channels = {}
    ) {
        options.redis.on_connection = [this](bool up, const std::string& why) {
            told_.add(up ? "up" : why);
        };
        RedisSubscriptionHooks hooks;
        hooks.on_message = [this](std::string_view channel, std::string_view payload) {
            told_.add(std::string(channel) + ": " + std::string(payload));
        };
        hooks.on_proven = [this](bool proven) { told_.add(proven ? "proven" : "doubted"); };
        hooks.on_subscribed = [this](std::string_view channel) {
            told_.add(std::string(channel) + " stands");
        };
        on_thread([&] {
            subscription_ = std::make_unique<RedisSubscription>(
                context_.get_executor(),
                clock_,
                Rng(os_random()),
                *client_,
                std::move(options),
                std::move(hooks)
            );
            for (const auto& channel : channels) EXPECT_TRUE(subscription_->subscribe(channel));
        });
    }
    /// Proven, on a client of its own.
    void subscribe(const RedisServer& server, const std::vector<std::string>& channels) {
        connect(server);
        make_subscription(subscription_options_for(server.url()), channels);
        ASSERT_TRUE(told_.says("proven"));
    }

    void add(const std::string& channel) {
        EXPECT_TRUE(on_thread([&] { return subscription_->subscribe(channel); }));
    }
    void drop(const std::string& channel) {
        on_thread([&] { subscription_->unsubscribe(channel); });
    }
    /// How many got it.
    std::string publish(const std::string& channel, const std::string& payload) {
        return say({"PUBLISH", channel, payload});
    }
    std::string kill_subscriptions() { return say({"CLIENT", "KILL", "TYPE", "pubsub"}); }

    Log told_;
    std::unique_ptr<RedisSubscription> subscription_;
};

TEST_F(RedisSubscriptionTest, MessagesArriveOnceItIsProven) {
    const RedisServer server;
    subscribe(server, {"a", "b"});
    EXPECT_EQ(told_.count("a stands") + told_.count("b stands"), 2U);
    const std::string binary("x\r\n\0y", 5);
    EXPECT_EQ(publish("a", binary), "1");
    EXPECT_EQ(publish("b", ""), "1");
    EXPECT_EQ(publish("c", "nobody"), "0");
    EXPECT_TRUE(told_.says("a: " + binary));
    EXPECT_TRUE(told_.says("b: "));
    EXPECT_EQ(told_.count("doubted"), 0U);
}

TEST_F(RedisSubscriptionTest, ChannelsComeAndGoWithoutDoubtInTheOthers) {
    const RedisServer server;
    subscribe(server, {"a"});
    add("b");
    EXPECT_TRUE(told_.says("b stands"));
    EXPECT_EQ(publish("b", "1"), "1");
    EXPECT_TRUE(told_.says("b: 1"));
    drop("b");
    EXPECT_FALSE(on_thread([this] { return subscription_->subscribed("b"); }));
    EXPECT_TRUE(eventually([&] { return publish("b", "2") == "0"; }));
    EXPECT_EQ(publish("a", "3"), "1");
    EXPECT_TRUE(told_.says("a: 3"));
    EXPECT_EQ(told_.count("b: 2"), 0U);
    EXPECT_EQ(told_.count("proven"), 1U);
    EXPECT_EQ(told_.count("doubted"), 0U);
}

TEST_F(RedisSubscriptionTest, TheLastWordOnAChannelCounts) {
    const RedisServer server;
    subscribe(server, {});
    on_thread([this] {
        for (int i = 0; i < 100; ++i) {
            subscription_->subscribe("in");
            subscription_->unsubscribe("in");
            subscription_->subscribe("in");
            subscription_->subscribe("in");
            subscription_->subscribe("out");
            subscription_->unsubscribe("out");
            subscription_->unsubscribe("out");
        }
    });
    EXPECT_TRUE(told_.says("in stands"));
    EXPECT_TRUE(eventually([&] { return publish("out", "x") == "0"; }));
    EXPECT_EQ(publish("in", "x"), "1");
    EXPECT_TRUE(told_.says("in: x"));
    EXPECT_EQ(told_.count("out"), 0U);
}

TEST_F(RedisSubscriptionTest, ThereIsALimitOnChannels) {
    const RedisServer server;
    connect(server);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.channels_max = 2;
    make_subscription(std::move(options), {"a", "b"});
    EXPECT_FALSE(on_thread([this] { return subscription_->subscribe("c"); }));
    EXPECT_TRUE(on_thread([this] { return subscription_->subscribe("a"); }));
    drop("a");
    EXPECT_TRUE(eventually([this] {
        return on_thread([this] { return subscription_->subscribe("c"); });
    }));
}

TEST_F(RedisSubscriptionTest, AKilledConnectionIsDoubtedAtOnceAndReplaced) {
    const RedisServer server;
    std::vector<std::string> channels;
    channels.reserve(1000);
    for (int i = 0; i < 1000; ++i) channels.push_back("channel-" + std::to_string(i));
    subscribe(server, channels);
    for (std::size_t times = 1; times <= 5; ++times) {
        EXPECT_EQ(kill_subscriptions(), "1");
        EXPECT_TRUE(told_.says("doubted", times));
        EXPECT_TRUE(told_.says("proven", times + 1));
        // All stand again, and the proof's channel.
        EXPECT_EQ(ask({"PUBSUB", "CHANNELS"}).value().items.size(), channels.size() + 1);
        EXPECT_EQ(publish("channel-999", std::to_string(times)), "1");
        EXPECT_TRUE(told_.says("channel-999: " + std::to_string(times)));
    }
}

TEST_F(RedisSubscriptionTest, ChannelsChangeWhileThereIsNoConnection) {
    RedisServer server;
    subscribe(server, {"old", "stays"});
    server.kill();
    EXPECT_TRUE(told_.says("doubted"));
    add("new");
    drop("old");
    EXPECT_FALSE(on_thread([this] { return subscription_->subscribed("stays"); }));
    server.start();
    EXPECT_TRUE(told_.says("proven", 2));
    EXPECT_TRUE(told_.says("new stands"));
    EXPECT_TRUE(told_.says("stays stands", 2));
    EXPECT_TRUE(eventually([this] { return publish("new", "x") == "1"; }));
    EXPECT_EQ(publish("old", "x"), "0");
    EXPECT_TRUE(told_.says("new: x"));
}

TEST_F(RedisSubscriptionTest, AStalledServerIsDoubtedThoughTheConnectionStands) {
    RedisServer server;
    RedisOptions client = options_for(server.url());
    client.command_max = client.connect_max = 300ms;
    connect(client);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.redis.connect_max = 300ms;
    options.proof_max = 1s;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("proven"));
    server.signal(SIGSTOP);
    EXPECT_TRUE(told_.says("doubted"));
    EXPECT_TRUE(told_.says("no proof came round"));
    server.signal(SIGCONT);
    EXPECT_TRUE(told_.says("proven", 2));
    EXPECT_TRUE(eventually([this] { return publish("a", "x") == "1"; }));
    EXPECT_TRUE(told_.says("a: x"));
}

TEST_F(RedisSubscriptionTest, AConnectionThatStandsIsNoProof) {
    // The publisher speaks to another server: all is acknowledged, and nothing comes round.
    const RedisServer server;
    const RedisServer other;
    connect(other);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.proof_max = 100ms;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("no proof came round", 3));
    EXPECT_TRUE(told_.says("a stands", 3));
    EXPECT_EQ(told_.count("proven"), 0U);
}

TEST_F(RedisSubscriptionTest, ProofThatEndsIsDoubt) {
    const RedisServer server;
    connect(server);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.proof_max = 1s;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("proven"));
    on_thread([this] { client_->close(); });
    EXPECT_TRUE(told_.says("doubted"));
    EXPECT_TRUE(told_.says("no proof came round"));
}

TEST_F(RedisSubscriptionTest, WhoWasFrozenAsksForAProofAndKeepsTheConnectionThatGivesIt) {
    const RedisServer server;
    connect(server);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.proof_max = 100ms;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("proven"));
    on_thread([] { std::this_thread::sleep_for(300ms); });
    EXPECT_TRUE(told_.says("doubted"));
    EXPECT_TRUE(told_.says("proven", 2));
    on_thread([this] { subscription_->doubt(1s); });
    EXPECT_TRUE(told_.says("doubted", 2));
    EXPECT_TRUE(told_.says("proven", 3));
    EXPECT_EQ(told_.count("up"), 1U);
    EXPECT_EQ(told_.count("no proof"), 0U);
}

TEST_F(RedisSubscriptionTest, AConnectionInDoubtIsGivenUpSoonerThanOthers) {
    RedisServer server;
    connect(server);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.proof_every = options.proof_max = test::kPatience;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("proven"));
    server.signal(SIGSTOP);
    on_thread([this] {
        client_->doubt(50ms);
        subscription_->doubt(50ms);
    });
    EXPECT_TRUE(told_.says("no proof came round"));
    EXPECT_TRUE(log_.says("no sign of life"));
    server.signal(SIGCONT);
    EXPECT_TRUE(told_.says("proven", 2));
    EXPECT_TRUE(eventually([this] { return publish("a", "x") == "1"; }));
}

TEST_F(RedisSubscriptionTest, WordsOfOthersProveNothing) {
    const RedisServer server;
    const RedisServer other;
    connect(other);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.proof_channel = "proof";
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("a stands"));
    const auto publish_there = [&](const std::string& channel, const std::string& payload) {
        test::ProcessOptions cli;
        cli.argv = {"redis-cli", "-p", std::to_string(server.port()), "PUBLISH", channel, payload};
        EXPECT_EQ(test::run(cli).output, "1\n");
    };
    for (const char* word : {"", "1", "18446744073709551615"}) publish_there("proof", word);
    publish_there("a", "behind them");
    EXPECT_TRUE(told_.says("a: behind them"));
    EXPECT_EQ(told_.count("proven"), 0U);
}

TEST_F(RedisSubscriptionTest, ARefusedChannelIsSaid) {
    const RedisServer server(
        {{"--user", "app", "on", ">pw", "resetchannels", "&bide:*", "+@all"}, nullptr}
    );
    connect(server);
    make_subscription(subscription_options_for(server.url("app:pw@")), {"bide:a"});
    EXPECT_TRUE(told_.says("proven"));
    add("other");
    EXPECT_TRUE(told_.says("NOPERM", 2));
    EXPECT_TRUE(told_.says("doubted"));
    drop("other");
    EXPECT_TRUE(told_.says("proven", 2));
}

runtime::Task<Result<std::string>> token() {
    co_return "secret";
}

TEST_F(RedisSubscriptionTest, PasswordsThatExpireAreRenewedByAnotherConnection) {
    const RedisServer server({{"--requirepass", "secret"}, nullptr});
    connect(options_for(server.url(":secret@")));
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.redis.password = token;
    options.redis.reauthenticate_every = 50ms;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("time for a new password", 2));
    EXPECT_TRUE(told_.says("proven", 3));
}

TEST_F(RedisSubscriptionTest, SpeaksTls) {
    const test::TempDir directory;
    const test::TlsFiles files(directory);
    const RedisServer server({{}, &files});
    RedisOptions client = options_for(server.url());
    client.tls = runtime::make_tls_client_context(files.ca).value();
    connect(client);
    RedisSubscriptionOptions options = subscription_options_for(server.url());
    options.redis.tls = client.tls;
    make_subscription(std::move(options), {"a"});
    EXPECT_TRUE(told_.says("proven"));
    EXPECT_EQ(publish("a", "x"), "1");
    EXPECT_TRUE(told_.says("a: x"));
    EXPECT_EQ(kill_subscriptions(), "1");
    EXPECT_TRUE(told_.says("proven", 2));
}

TEST_F(RedisSubscriptionTest, NothingIsToldAfterItWasClosed) {
    const RedisServer server;
    subscribe(server, {"a"});
    on_thread([this] { subscription_->close(); });
    EXPECT_TRUE(eventually([&] { return publish("a", "x") == "0"; }));
    EXPECT_EQ(told_.count("doubted"), 0U);
    EXPECT_EQ(told_.count("a: x"), 0U);
}

}  // namespace
}  // namespace bide::clients
