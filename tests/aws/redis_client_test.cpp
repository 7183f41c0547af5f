#include "aws/redis_fixture.hpp"
#include "clients/redis_connection.hpp"
#include "runtime/tls.hpp"

#include <boost/asio/write.hpp>

#include <atomic>
#include <csignal>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::RedisServer;
using Kind = RedisFailure::Kind;

TEST(RedisUrl, HasAllParts) {
    const RedisAddress all = parse_redis_url("rediss://me:p%40ss@cache.example:6380/3").value();
    EXPECT_TRUE(all.tls);
    EXPECT_EQ(all.host, "cache.example");
    EXPECT_EQ(all.port, 6380);
    EXPECT_EQ(all.user, "me");
    EXPECT_EQ(all.password, "p@ss");
    EXPECT_EQ(all.database, 3U);
    const RedisAddress least = parse_redis_url("redis://[::1]").value();
    EXPECT_FALSE(least.tls);
    EXPECT_EQ(least.host, "::1");
    EXPECT_EQ(least.port, 6379);
    EXPECT_EQ(least.user + least.password, "");
    EXPECT_EQ(least.database, 0U);
    EXPECT_EQ(parse_redis_url("redis://:pw@h/").value().password, "pw");
}

TEST(RedisUrl, RefusesWhatItDoesNotKnowWithoutRepeatingIt) {
    for (const char* text :
         {"secret",
          "http://:secret@h",
          "redis://",
          "redis://:secret@",
          "redis://:secret@h:0",
          "redis://:secret@h:99999",
          "redis://:secret@h/x",
          "redis://:secret@h/1/2",
          "redis://:secret@h/-1",
          "redis://:secret@h/99999999999",
          "redis://:secret@h?db=1",
          "redis://:secret@h#1",
          "redis://:secret@a%20b",
          "redis://:secret%zz@h"}) {
        const auto parsed = parse_redis_url(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().detail.find("secret"), std::string::npos) << text;
    }
}

TEST(RedisBackoff, DoublesWithJitterAndStartsAnewAfterAConnectionThatLasted) {
    RedisBackoff backoff(Rng(1), 50ms, 2s);
    for (const auto span : {50ms, 100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms}) {
        const Duration pause = backoff.next(1s);
        EXPECT_GE(pause, span / 2);
        EXPECT_LE(pause, span);
    }
    EXPECT_EQ(backoff.next(2s), 0s);
    EXPECT_LE(backoff.next(0s), 50ms);
}

TEST_F(RedisTest, RepliesOfEveryKind) {
    const RedisServer server;
    connect(server);
    const std::string binary("a\r\n\0b", 5);
    EXPECT_EQ(say({"SET", "k", binary}), "OK");
    EXPECT_EQ(say({"GET", "k"}), binary);
    EXPECT_EQ(say({"GET", "none"}), "nil");
    EXPECT_EQ(say({"INCRBY", "n", "-5"}), "-5");
    const RedisResult both = ask({"MGET", "k", "none"});
    ASSERT_EQ(both.value().items.size(), 2U);
    EXPECT_EQ(both.value().items[0].text, binary);
    EXPECT_EQ(both.value().items[1].kind, wire::RespValue::Kind::nil);
    const RedisFailure wrong = fail({"INCR", "k"});
    EXPECT_EQ(wrong.kind, Kind::refused);
    EXPECT_NE(wrong.detail.find("not an integer"), std::string::npos) << wrong.detail;
    EXPECT_EQ(say({"CLIENT", "GETNAME"}), "bide");
}

TEST_F(RedisTest, LargeRepliesAreWholeAndTooLargeOnesEndTheConnection) {
    const RedisServer server;
    RedisOptions options = options_for(server.url());
    options.reply_bytes_max = 2U << 20;
    connect(std::move(options));
    std::string large(1U << 20, '\0');
    for (std::size_t i = 0; i < large.size(); ++i)
        large[i] = static_cast<char>(i * 2654435761U >> 24);
    EXPECT_EQ(say({"SET", "k", large}), "OK");
    EXPECT_TRUE(say({"GET", "k"}) == large);
    EXPECT_EQ(
        say({"SETRANGE", "k", std::to_string(3U << 20), "x"}), std::to_string((3U << 20) + 1)
    );
    const RedisFailure failure = fail({"GET", "k"});
    EXPECT_EQ(failure.kind, Kind::lost);
    EXPECT_NE(failure.detail.find("more than 2097152 bytes"), std::string::npos) << failure.detail;
    EXPECT_TRUE(log_.says("up", 2));
    EXPECT_EQ(say({"PING"}), "PONG");
}

TEST_F(RedisTest, ManyCommandsLeaveTogetherAndAreAnsweredInOrder) {
    constexpr int kMany = 10'000;
    const RedisServer server;
    connect(server);
    const RedisCounters before = counters();
    std::atomic<int> answered = 0;
    std::atomic<int> in_order = 0;
    on_thread([&] {
        for (int i = 1; i <= kMany; ++i) {
            client_->send({"INCR", "n"}, [&, i](const RedisResult& result) {
                in_order += result && result.value().integer == i ? 1 : 0;
                ++answered;
            });
        }
    });
    EXPECT_TRUE(eventually([&] { return answered == kMany; }));
    EXPECT_EQ(in_order, kMany);
    const RedisCounters after = counters();
    EXPECT_EQ(after.commands - before.commands, static_cast<std::uint64_t>(kMany));
    EXPECT_EQ(after.writes - before.writes, 1U);
    EXPECT_EQ(after.failed, 0U);
}

TEST_F(RedisTest, PastTheLimitCommandsFailAtOnce) {
    const RedisServer server;
    RedisOptions options = options_for(server.url());
    options.commands_max = 10;
    options.unsent_bytes_max = 1000;
    connect(std::move(options));
    Log said;
    on_thread([&] {
        const auto note = [&](const RedisResult& result) {
            said.add(result ? "done" : result.error().detail);
        };
        for (int i = 0; i < 15; ++i) client_->send({"INCR", "n"}, note);
    });
    EXPECT_TRUE(said.says("done", 10));
    EXPECT_TRUE(said.says("too many commands", 5));
    const RedisFailure failure = fail({"SET", "k", std::string(1000, 'x')});
    EXPECT_EQ(failure.kind, Kind::overloaded);
    EXPECT_NE(failure.detail.find("too many bytes"), std::string::npos);
    EXPECT_EQ(say({"GET", "n"}), "10");
}

TEST_F(RedisTest, SpeaksAsAUserToADatabase) {
    const RedisServer server(
        {{"--requirepass", "other", "--user", "app", "on", ">p@ss", "~*", "&*", "+@all"}, nullptr}
    );
    connect(options_for(server.url("app:p%40ss@") + "/3"));
    EXPECT_EQ(say({"ACL", "WHOAMI"}), "app");
    EXPECT_NE(say({"CLIENT", "INFO"}).find(" db=3 "), std::string::npos);
    on_thread([this] { client_.reset(); });
    connect(options_for(server.url(":other@")));
    EXPECT_EQ(say({"ACL", "WHOAMI"}), "default");
}

TEST_F(RedisTest, AUserOfFewRightsIsEnough) {
    const RedisServer server(
        {{"--user", "app", "on", ">pw", "resetchannels", "&bide:*", "-@all", "+publish"}, nullptr}
    );
    connect(options_for(server.url("app:pw@")));
    EXPECT_EQ(say({"PUBLISH", "bide:a", "x"}), "0");
    const RedisFailure failure = fail({"PUBLISH", "other", "x"});
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_NE(failure.detail.find("NOPERM"), std::string::npos);
}

TEST_F(RedisTest, AWrongPasswordIsSaidAndNotRepeated) {
    const RedisServer server({{"--user", "app", "on", ">right", "~*", "&*", "+@all"}, nullptr});
    make_client(options_for(server.url("app:wrong-one@")));
    EXPECT_TRUE(log_.says("AUTH: WRONGPASS", 3));
    const RedisFailure failure = fail({"PING"});
    EXPECT_EQ(failure.kind, Kind::unreachable);
    EXPECT_EQ(failure.detail.find("wrong-one"), std::string::npos) << failure.detail;
}

TEST_F(RedisTest, NoPasswordWhereOneIsAskedForIsSaid) {
    const RedisServer server({{"--requirepass", "secret"}, nullptr});
    make_client(options_for(server.url()));
    EXPECT_TRUE(log_.says("PING: NOAUTH"));
}

/// A password function that others can change.
struct Password {
    std::mutex mutex;
    std::string now = "first";
    std::atomic<int> asked = 0;

    void set(std::string to) {
        const std::lock_guard lock(mutex);
        now = std::move(to);
    }
    static runtime::Task<Result<std::string>> ask(Password* self) {
        ++self->asked;
        const std::lock_guard lock(self->mutex);
        if (self->now.empty()) co_return Error{Code::internal, Retry::safe, "no token"};
        co_return self->now;
    }
    std::function<runtime::Task<Result<std::string>>()> function() {
        return [this] { return ask(this); };
    }
};

TEST_F(RedisTest, PasswordsOfAFunctionAreRenewedOnTheSameConnection) {
    const RedisServer server({{"--user", "app", "on", ">first", "~*", "&*", "+@all"}, nullptr});
    Password password;
    RedisOptions options = options_for(server.url("app@"));
    options.password = password.function();
    options.reauthenticate_every = 5ms;
    connect(std::move(options));
    EXPECT_TRUE(eventually([&] { return password.asked > 5; }));
    EXPECT_EQ(say({"ACL", "WHOAMI"}), "app");
    EXPECT_EQ(counters().connections, 1U);
    // A token that the server does not take ends the connection; the next one is asked for anew.
    password.set("second");
    EXPECT_TRUE(log_.says("AUTH: WRONGPASS"));
    password.set("");
    EXPECT_TRUE(log_.says("no password: no token"));
    password.set("first");
    EXPECT_TRUE(log_.says("up", 2));
    on_thread([this] { client_.reset(); });
}

TEST_F(RedisTest, TlsVerifiesTheServer) {
    const test::TempDir directory;
    const test::TempDir elsewhere;
    const test::TlsFiles files(directory);
    const test::TlsFiles others(elsewhere);
    const RedisServer server({{}, &files});
    RedisOptions options = options_for(server.url());
    make_client(options);
    EXPECT_TRUE(log_.says("TLS is not configured"));
    options.tls = runtime::make_tls_client_context(others.ca).value();
    make_client(options);
    EXPECT_TRUE(log_.says("TLS handshake"));
    options.tls = runtime::make_tls_client_context(files.ca).value();
    options.address.host = "localhost";
    make_client(options);
    EXPECT_TRUE(log_.says("localhost:" + std::to_string(server.port()) + ": TLS handshake"));
    EXPECT_TRUE(log_.says("the certificate is not for localhost"));
    EXPECT_EQ(log_.count("up"), 0U);
    options.address.host = "127.0.0.1";
    connect(options);
    const std::string large(1U << 20, 'x');
    EXPECT_EQ(say({"SET", "k", large}), "OK");
    EXPECT_TRUE(say({"GET", "k"}) == large);
}

TEST_F(RedisTest, AServerThatIsKilledIsMissedAndFoundAgain) {
    RedisServer server;
    connect(server);
    // BLPOP is answered by nothing but the end.
    auto waiting = begin({"BLPOP", "none", "0"});
    server.kill();
    EXPECT_EQ(waiting.get().error().kind, Kind::lost);
    EXPECT_TRUE(log_.says("cannot connect"));
    const RedisFailure failure = fail({"PING"});
    EXPECT_EQ(failure.kind, Kind::unreachable);
    EXPECT_NE(failure.detail.find("cannot connect"), std::string::npos) << failure.detail;
    server.start();
    EXPECT_TRUE(log_.says("up", 2));
    EXPECT_EQ(say({"PING"}), "PONG");
}

TEST_F(RedisTest, AServerThatStallsIsGivenUp) {
    RedisServer server;
    RedisOptions options = options_for(server.url());
    options.command_max = 300ms;
    options.connect_max = 300ms;
    connect(std::move(options));
    server.signal(SIGSTOP);
    auto first = begin({"INCR", "n"});
    auto second = begin({"INCR", "n"});
    EXPECT_EQ(first.get().error().kind, Kind::timeout);
    EXPECT_EQ(second.get().error().kind, Kind::timeout);
    EXPECT_EQ(fail({"PING"}).kind, Kind::unreachable);
    // The kernel takes connections for it, but nobody answers.
    EXPECT_TRUE(log_.says("took too long to answer"));
    server.signal(SIGCONT);
    EXPECT_TRUE(log_.says("up", 2));
    EXPECT_TRUE(eventually([&] { return say({"PING"}) == "PONG"; }));
}

TEST_F(RedisTest, AReplicaIsLeft) {
    const RedisServer server({{"--replicaof", "127.0.0.1 1"}, nullptr});
    connect(server);
    const RedisFailure failure = fail({"SET", "k", "v"});
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_TRUE(failure.detail.starts_with("READONLY")) << failure.detail;
    EXPECT_TRUE(log_.says("up", 2));
}

TEST_F(RedisTest, ClosingEndsWhatWaits) {
    const RedisServer server;
    connect(server);
    auto waiting = begin({"BLPOP", "none", "0"});
    on_thread([this] { client_->close(); });
    EXPECT_EQ(waiting.get().error().kind, Kind::stopped);
    EXPECT_EQ(fail({"PING"}).kind, Kind::stopped);
}

/// A server that says one thing to each connection, once it was spoken to, and closes it.
class Monologue {
  public:
    explicit Monologue(std::string text)
        : acceptor_(context_, {runtime::net::ip::address_v4::loopback(), 0}),
          thread_(&Monologue::serve, this, std::move(text)) {}
    ~Monologue() {
        stopping_ = true;
        boost::system::error_code ignored;
        runtime::Socket(context_.get_executor()).connect(acceptor_.local_endpoint(), ignored);
        thread_.join();
    }
    std::string url() const {
        return "redis://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

  private:
    void serve(const std::string& text) {
        for (;;) {
            runtime::Socket socket(context_.get_executor());
            acceptor_.accept(socket);
            if (stopping_) return;
            boost::system::error_code ignored;
            std::array<char, 4096> room;
            if (text.empty()) continue;
            socket.read_some(runtime::net::buffer(room), ignored);
            runtime::net::write(socket, runtime::net::buffer(text), ignored);
        }
    }

    runtime::net::io_context context_;
    runtime::Acceptor acceptor_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

TEST_F(RedisTest, AServerThatClosesAtOnceIsTriedAgain) {
    const Monologue server("");
    make_client(options_for(server.url()));
    EXPECT_TRUE(log_.says("127.0.0.1", 4));
    EXPECT_EQ(fail({"PING"}).kind, Kind::unreachable);
    EXPECT_EQ(log_.count("up"), 0U);
}

TEST_F(RedisTest, AServerThatSpeaksSomethingElseIsRefused) {
    const Monologue server("HTTP/1.1 400 Bad Request\r\n\r\n");
    make_client(options_for(server.url()));
    EXPECT_TRUE(log_.says("not a reply of RESP2"));
}

TEST_F(RedisTest, WordsThatNobodyAskedForEndTheConnection) {
    const Monologue server("+OK\r\n+PONG\r\n+PONG\r\n");
    make_client(options_for(server.url()));
    EXPECT_TRUE(log_.says("nobody asked for", 2));
}

TEST_F(RedisTest, AllAddressesOfANameAreTried) {
    // Where localhost is ::1 first, nobody listens there.
    const RedisServer server;
    RedisOptions options = options_for(server.url());
    options.address.host = "localhost";
    connect(std::move(options));
    EXPECT_EQ(say({"PING"}), "PONG");
}

TEST_F(RedisTest, ANameThatIsNoneIsSaid) {
    make_client(options_for("redis://no-such-host.invalid"));
    EXPECT_TRUE(log_.says("no-such-host.invalid:6379: "));
    EXPECT_EQ(log_.count("up"), 0U);
}

TEST_F(RedisTest, ClosingWhileItLooksANameUpOrPausesLeavesNothingBehind) {
    RedisOptions options = options_for("redis://no-such-host.invalid");
    options.backoff_min = options.backoff_max = std::chrono::hours(1);
    make_client(options);
    on_thread([this] { client_.reset(); });
    make_client(options);
    EXPECT_TRUE(log_.says("no-such-host.invalid:6379: "));
}

}  // namespace
}  // namespace bide::clients
