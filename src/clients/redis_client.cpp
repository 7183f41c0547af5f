#include "clients/redis_client.hpp"

#include "clients/redis_connection.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <exception>
#include <optional>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;
using Kind = RedisFailure::Kind;

/// After a password could not be had for a connection that still stands.
constexpr auto kPasswordRetry = std::chrono::minutes(1);

/// What a command takes on the wire beside its arguments, at most: "$", up to 20 digits, two line
/// ends each.
std::size_t size_on_wire(const std::vector<std::string>& args) {
    std::size_t size = 25;
    for (const auto& arg : args) size += arg.size() + 25;
    return size;
}

void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

/// Kept by what is under way: the loop of connections, replies on their way to who asked.
struct RedisClient::Shared : std::enable_shared_from_this<RedisClient::Shared> {
    Shared(const runtime::Executor& where, const Clock& time, Rng rng, RedisOptions what)
        : executor(where),
          clock(time),
          options(std::make_shared<const RedisOptions>(std::move(what))),
          backoff(rng, options->backoff_min, options->backoff_max),
          pause(where),
          watch(where),
          password_timer(where),
          doubt_timer(where) {}

    struct Pending {
        Done done;
        Time deadline;
    };

    std::optional<RedisFailure> refusal(const std::vector<std::string>& args) const;
    void put(const std::vector<std::string>& args, Done done);
    void settle(Done done, RedisResult result);
    void take(wire::RespValue reply);
    void lose();
    void watch_later();
    void doubt(Duration patience);
    void close();

    const runtime::Executor executor;
    const Clock& clock;
    const std::shared_ptr<const RedisOptions> options;
    RedisBackoff backoff;
    std::shared_ptr<RedisConnection> connection;  ///< the last one: being opened, standing, ended
    bool standing = false;
    std::deque<Pending> pending;  ///< in the order of their replies
    RedisCounters counters;
    runtime::Timer pause;           ///< before the next attempt to connect
    runtime::Timer watch;           ///< for the deadline of the first pending command
    runtime::Timer password_timer;  ///< until the next AUTH
    runtime::Timer doubt_timer;     ///< until a connection in doubt must have answered
    bool watching = false;
    bool closed = false;
};

std::optional<RedisFailure> RedisClient::Shared::refusal(const std::vector<std::string>& args
) const {
    if (closed) return RedisFailure{Kind::stopped, "the Redis client was closed"};
    if (!standing) {
        if (!connection || !connection->ended())
            return RedisFailure{Kind::unreachable, "no connection to Redis yet"};
        return RedisFailure{
            Kind::unreachable, "no connection to Redis: " + connection->failure().detail};
    }
    // Between its end and the loop's notice of it.
    if (connection->ended()) return RedisFailure{Kind::unreachable, connection->failure().detail};
    if (pending.size() >= options->commands_max)
        return RedisFailure{Kind::overloaded, "too many commands wait for Redis"};
    if (connection->unsent() + size_on_wire(args) > options->unsent_bytes_max)
        return RedisFailure{Kind::overloaded, "too many bytes wait for Redis"};
    return std::nullopt;
}

void RedisClient::Shared::put(const std::vector<std::string>& args, Done done) {
    connection->send(args);
    pending.push_back({std::move(done), clock.now() + options->command_max});
    watch_later();
}

/// Not at once: who is told may call us, and this may be in the middle of something.
void RedisClient::Shared::settle(Done done, RedisResult result) {
    if (!result) ++counters.failed;
    if (!done) return;
    net::post(executor, [done = std::move(done), result = std::move(result)]() mutable {
        done(std::move(result));
    });
}

void RedisClient::Shared::take(wire::RespValue reply) {
    if (pending.empty()) {
        connection->end(Kind::lost, "the server said what nobody asked for");
        return;
    }
    Done done = std::move(pending.front().done);
    pending.pop_front();
    if (reply.kind != wire::RespValue::Kind::error) {
        settle(std::move(done), std::move(reply));
        return;
    }
    // After a failover the name may lead to the new primary already.
    if (reply.text.starts_with("READONLY"))
        connection->end(Kind::lost, "the server is a replica by now");
    settle(std::move(done), RedisFailure{Kind::refused, std::move(reply.text)});
}

void RedisClient::Shared::lose() {
    standing = false;
    password_timer.cancel();
    std::deque<Pending> lost;
    lost.swap(pending);
    for (auto& command : lost) settle(std::move(command.done), connection->failure());
}

/// Deadlines come in the order of the commands, so that one timer serves them all; it is not moved
/// with each reply.
void RedisClient::Shared::watch_later() {
    if (watching || pending.empty()) return;
    watching = true;
    watch.expires_after(pending.front().deadline - clock.now());
    watch.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!self) return;
        self->watching = false;
        if (error || self->pending.empty()) return;
        if (self->pending.front().deadline > self->clock.now())
            self->watch_later();
        else
            self->connection->end(
                Kind::timeout, "no reply within " + to_string(self->options->command_max)
            );
    });
}

void RedisClient::Shared::doubt(Duration patience) {
    pause.cancel();
    if (!standing || connection->ended()) return;
    put({"PING"}, [weak = weak_from_this()](const RedisResult&) {
        if (const auto self = weak.lock()) self->doubt_timer.cancel();
    });
    doubt_timer.expires_after(patience);
    doubt_timer.async_wait([suspect = connection](const error_code& error) {
        if (!error) suspect->end(Kind::timeout, "no sign of life after a pause");
    });
}

void RedisClient::Shared::close() {
    closed = true;
    pause.cancel();
    watch.cancel();
    doubt_timer.cancel();
    if (connection) connection->end(Kind::stopped, "the Redis client was closed");
}

namespace {

using SharedPtr = std::shared_ptr<RedisClient::Shared>;

void told_to_authenticate(const std::weak_ptr<RedisConnection>& weak, const RedisResult& result) {
    const auto connection = weak.lock();
    // The next connection asks for a password anew.
    if (connection && !result && result.error().kind == Kind::refused)
        connection->end(Kind::lost, "AUTH: " + result.error().detail);
}

/// Renews the AUTH of one connection with fresh passwords until it ends.
Task<void> keep_authenticated(SharedPtr shared, std::shared_ptr<RedisConnection> connection) {
    const RedisOptions& options = *shared->options;
    Duration wait = options.reauthenticate_every;
    for (;;) {
        shared->password_timer.expires_after(wait);
        co_await shared->password_timer.async_wait(kTuple);
        if (connection->ended()) co_return;
        const auto password = co_await options.password();
        if (connection->ended()) co_return;
        wait = password ? options.reauthenticate_every : Duration(kPasswordRetry);
        if (!password) continue;
        std::vector<std::string> args{"AUTH"};
        if (!options.address.user.empty()) args.push_back(options.address.user);
        args.push_back(password.value());
        shared->put(args, [weak = std::weak_ptr(connection)](const RedisResult& result) {
            told_to_authenticate(weak, result);
        });
    }
}

void tell(const SharedPtr& shared, bool connected, const std::string& why) {
    if (shared->options->on_connection && !shared->closed)
        shared->options->on_connection(connected, why);
}

/// One connection after the other.
Task<void> run(SharedPtr shared) {
    while (!shared->closed) {
        auto connection = std::make_shared<RedisConnection>(shared->executor, shared->options);
        shared->connection = connection;
        Duration lasted{0};
        if (co_await connection->open()) {
            const Time since = shared->clock.now();
            ++shared->counters.connections;
            shared->standing = true;
            tell(shared, true, "");
            if (shared->options->password)
                net::co_spawn(shared->executor, keep_authenticated(shared, connection), rethrow);
            while (auto reply = co_await connection->read()) shared->take(std::move(*reply));
            lasted = shared->clock.now() - since;
        }
        shared->counters.writes += connection->writes();
        shared->lose();
        tell(shared, false, connection->failure().detail);
        if (shared->closed) break;
        shared->pause.expires_after(shared->backoff.next(lasted));
        co_await shared->pause.async_wait(kTuple);
    }
}

Task<RedisResult> ask(SharedPtr shared, std::vector<std::string> args) {
    ++shared->counters.commands;
    if (auto refused = shared->refusal(args)) {
        ++shared->counters.failed;
        co_return std::move(*refused);
    }
    co_return co_await net::
        async_initiate<const net::use_awaitable_t<runtime::Executor>, void(RedisResult)>(
            [](auto handler, const SharedPtr& to, const std::vector<std::string>& what) {
                // A std::function must be able to be copied; this one never is.
                auto kept = std::make_shared<decltype(handler)>(std::move(handler));
                to->put(what, [kept](RedisResult result) { (*kept)(std::move(result)); });
            },
            net::use_awaitable_t<runtime::Executor>{},
            shared,
            std::move(args)
        );
}

}  // namespace

RedisClient::RedisClient(
    const runtime::Executor& executor, const Clock& clock, Rng rng, RedisOptions options
)
    : shared_(std::make_shared<Shared>(executor, clock, rng, std::move(options))) {
    net::co_spawn(executor, run(shared_), rethrow);
}

RedisClient::~RedisClient() {
    close();
}

Task<RedisResult> RedisClient::command(std::vector<std::string> args) {
    return ask(shared_, std::move(args));
}

void RedisClient::send(const std::vector<std::string>& args, Done done) {
    ++shared_->counters.commands;
    if (auto refused = shared_->refusal(args))
        shared_->settle(std::move(done), std::move(*refused));
    else
        shared_->put(args, std::move(done));
}

void RedisClient::doubt(Duration patience) {
    shared_->doubt(patience);
}

bool RedisClient::connected() const {
    return shared_->standing && !shared_->connection->ended();
}

RedisCounters RedisClient::counters() const {
    RedisCounters counters = shared_->counters;
    if (shared_->standing) counters.writes += shared_->connection->writes();
    return counters;
}

void RedisClient::close() {
    shared_->close();
}

}  // namespace bide::clients
