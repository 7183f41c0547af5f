#include "clients/redis_subscription.hpp"

#include "clients/redis_connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;
using wire::RespValue;
using Kind = RedisFailure::Kind;

/// When a proof could not be published, the next comes after this part of proof_every: the other
/// connection may be a moment later than ours.
constexpr int kHurry = 20;

/// For a proof after the thread did not run for longer than proof_max.
constexpr auto kPatience = std::chrono::milliseconds(500);

void rethrow(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct RedisSubscription::Shared : std::enable_shared_from_this<RedisSubscription::Shared> {
    Shared(
        const runtime::Executor& where,
        const Clock& time,
        Rng rng,
        RedisClient& to,
        RedisSubscriptionOptions what,
        RedisSubscriptionHooks told
    );

    struct Channel {
        bool wanted = true;
        bool stands = false;           ///< wanted and acknowledged
        std::uint32_t unanswered = 0;  ///< commands about it, on this connection
    };

    bool subscribe(const std::string& channel);
    void unsubscribe(const std::string& channel);
    void say(const char* command, const std::string& channel);
    void begin(std::shared_ptr<RedisConnection> with);
    void lose();
    void take(const RespValue& message);
    void acknowledged(const std::string& name);
    void take_proof(std::string_view payload);
    void publish_proof();
    void proof_sent(const RedisResult& result);
    void tick();
    void tick_later();
    void doubt(Duration patience);
    void set_proven(bool value);
    void close();

    const runtime::Executor executor;
    const Clock& clock;
    RedisClient& publisher;
    const RedisSubscriptionOptions options;
    const std::shared_ptr<const RedisOptions> redis;
    const RedisSubscriptionHooks hooks;
    RedisBackoff backoff;
    std::string proof_channel;
    std::string word;  ///< before the number of each proof: two of one channel are told apart

    std::unordered_map<std::string, Channel> channels;  ///< with the proof's
    std::shared_ptr<RedisConnection> connection;        ///< the last one, as in RedisClient
    bool standing = false;
    std::size_t first_left = 0;      ///< of the channels wanted when it stood: not acknowledged yet
    std::uint64_t proof = 0;         ///< the last one published
    std::uint64_t trusted_from = 0;  ///< proofs from this one on count
    bool proven = false;
    bool closed = false;
    Time since{};     ///< the connection stands
    Time next_at{};   ///< the next proof is published
    Time proof_by{};  ///< a proof must have come
    Time tick_at{};
    runtime::Timer pause;
    runtime::Timer ticker;
};

RedisSubscription::Shared::Shared(
    const runtime::Executor& where,
    const Clock& time,
    Rng rng,
    RedisClient& to,
    RedisSubscriptionOptions what,
    RedisSubscriptionHooks told
)
    : executor(where),
      clock(time),
      publisher(to),
      options(std::move(what)),
      redis(std::make_shared<const RedisOptions>(options.redis)),
      hooks(std::move(told)),
      backoff(Rng(rng.next()), redis->backoff_min, redis->backoff_max),
      proof_channel(options.proof_channel),
      word(std::to_string(rng.next()) + " "),
      pause(where),
      ticker(where) {
    if (proof_channel.empty()) proof_channel = "bide:proof:" + std::to_string(rng.next());
    channels.try_emplace(proof_channel);
}

bool RedisSubscription::Shared::subscribe(const std::string& name) {
    const auto found = channels.find(name);
    if (found == channels.end() && channels.size() > options.channels_max) return false;
    Channel& channel = found == channels.end() ? channels[name] : found->second;
    const bool already = found != channels.end() && channel.wanted;
    channel.wanted = true;
    if (!already) say("SUBSCRIBE", name);
    return true;
}

void RedisSubscription::Shared::unsubscribe(const std::string& name) {
    const auto found = channels.find(name);
    if (found == channels.end() || !found->second.wanted || name == proof_channel) return;
    found->second.wanted = false;
    found->second.stands = false;
    say("UNSUBSCRIBE", name);
    if (!standing) channels.erase(name);
}

void RedisSubscription::Shared::say(const char* command, const std::string& channel) {
    if (!standing) return;
    ++channels[channel].unanswered;
    connection->send({command, channel});
    if (connection->unsent() > redis->unsent_bytes_max)
        connection->end(Kind::overloaded, "too many bytes wait for Redis");
}

void RedisSubscription::Shared::begin(std::shared_ptr<RedisConnection> with) {
    connection = std::move(with);
    standing = true;
    since = clock.now();
    next_at = kNever;
    proof_by = since + options.proof_max;
    first_left = channels.size();
    for (auto& [name, channel] : channels) {
        channel.unanswered = 1;
        connection->send({"SUBSCRIBE", name});
    }
    tick_later();
}

void RedisSubscription::Shared::lose() {
    standing = false;
    ticker.cancel();
    std::erase_if(channels, [](const auto& entry) { return !entry.second.wanted; });
    for (auto& [name, channel] : channels) channel.stands = false;
    set_proven(false);
}

void RedisSubscription::Shared::set_proven(bool value) {
    if (proven == value) return;
    proven = value;
    if (hooks.on_proven && !closed) hooks.on_proven(value);
}

void RedisSubscription::Shared::take(const RespValue& message) {
    if (message.kind == RespValue::Kind::error) {
        connection->end(Kind::refused, message.text);
        return;
    }
    if (message.items.size() != 3) return;
    const std::string& kind = message.items[0].text;
    const std::string& channel = message.items[1].text;
    if (kind == "subscribe" || kind == "unsubscribe") {
        acknowledged(channel);
        return;
    }
    if (kind != "message") return;
    const std::string& payload = message.items[2].text;
    if (channel == proof_channel) {
        take_proof(payload);
        return;
    }
    const auto found = channels.find(channel);
    if (found != channels.end() && found->second.wanted && hooks.on_message)
        hooks.on_message(channel, payload);
}

void RedisSubscription::Shared::acknowledged(const std::string& name) {
    // In the order they were asked for: those of the beginning come first.
    if (first_left > 0 && --first_left == 0) {
        trusted_from = proof + 1;
        publish_proof();
        tick_later();
    }
    const auto found = channels.find(name);
    if (found == channels.end() || found->second.unanswered == 0) return;
    Channel& channel = found->second;
    if (--channel.unanswered > 0) return;
    if (!channel.wanted) {
        channels.erase(found);
        return;
    }
    channel.stands = true;
    if (hooks.on_subscribed && name != proof_channel) hooks.on_subscribed(name);
}

void RedisSubscription::Shared::take_proof(std::string_view payload) {
    if (!payload.starts_with(word) || first_left > 0) return;
    payload.remove_prefix(word.size());
    std::uint64_t number = 0;
    const char* const last = payload.data() + payload.size();
    const auto [end, error] = std::from_chars(payload.data(), last, number);
    if (error != std::errc() || end != last || number < trusted_from) return;
    proof_by = clock.now() + options.proof_max;
    set_proven(true);
}

void RedisSubscription::Shared::publish_proof() {
    next_at = clock.now() + options.proof_every;
    publisher.send(
        {"PUBLISH", proof_channel, word + std::to_string(++proof)},
        [weak = weak_from_this()](const RedisResult& result) {
            if (const auto self = weak.lock()) self->proof_sent(result);
        }
    );
}

void RedisSubscription::Shared::proof_sent(const RedisResult& result) {
    if (result || !standing || first_left > 0) return;
    next_at = std::min(next_at, clock.now() + options.proof_every / kHurry);
    tick_later();
}

void RedisSubscription::Shared::tick() {
    const Time now = clock.now();
    if (now - tick_at > options.proof_max && first_left == 0) {
        doubt(kPatience);
        return;
    }
    if (proof_by <= now) {
        connection->end(
            Kind::timeout, "no proof came round within " + to_string(options.proof_max)
        );
        return;
    }
    if (redis->password && since + redis->reauthenticate_every <= now) {
        connection->end(Kind::lost, "it is time for a new password");
        return;
    }
    if (next_at <= now) publish_proof();
    tick_later();
}

void RedisSubscription::Shared::tick_later() {
    tick_at = std::min(next_at, proof_by);
    ticker.expires_after(std::max(Duration(0), tick_at - clock.now()));
    ticker.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->standing && !self->connection->ended()) self->tick();
    });
}

void RedisSubscription::Shared::doubt(Duration patience) {
    pause.cancel();
    if (!standing || connection->ended() || first_left > 0) return;
    set_proven(false);
    trusted_from = proof + 1;
    proof_by = clock.now() + std::min(patience, options.proof_max);
    publish_proof();
    tick_later();
}

void RedisSubscription::Shared::close() {
    closed = true;
    pause.cancel();
    if (connection) connection->end(Kind::stopped, "the subscription was closed");
}

namespace {

using SharedPtr = std::shared_ptr<RedisSubscription::Shared>;

void tell(const SharedPtr& shared, bool connected, const std::string& why) {
    if (shared->redis->on_connection && !shared->closed)
        shared->redis->on_connection(connected, why);
}

/// One connection after the other.
Task<void> run(SharedPtr shared) {
    while (!shared->closed) {
        auto connection = std::make_shared<RedisConnection>(shared->executor, shared->redis);
        shared->connection = connection;
        Duration lasted{0};
        if (co_await connection->open()) {
            shared->begin(connection);
            tell(shared, true, "");
            while (const auto message = co_await connection->read()) shared->take(*message);
            // One that never proved itself is no better than none.
            if (shared->proven) lasted = shared->clock.now() - shared->since;
            shared->lose();
        }
        tell(shared, false, connection->failure().detail);
        if (shared->closed) break;
        shared->pause.expires_after(shared->backoff.next(lasted));
        co_await shared->pause.async_wait(kTuple);
    }
}

}  // namespace

RedisSubscription::RedisSubscription(
    const runtime::Executor& executor,
    const Clock& clock,
    Rng rng,
    RedisClient& publisher,
    RedisSubscriptionOptions options,
    RedisSubscriptionHooks hooks
)
    : shared_(std::make_shared<Shared>(
          executor, clock, rng, publisher, std::move(options), std::move(hooks)
      )) {
    net::co_spawn(executor, run(shared_), rethrow);
}

RedisSubscription::~RedisSubscription() {
    close();
}

bool RedisSubscription::subscribe(const std::string& channel) {
    return shared_->subscribe(channel);
}

void RedisSubscription::unsubscribe(const std::string& channel) {
    shared_->unsubscribe(channel);
}

bool RedisSubscription::subscribed(const std::string& channel) const {
    const auto found = shared_->channels.find(channel);
    return found != shared_->channels.end() && found->second.stands;
}

bool RedisSubscription::proven() const {
    return shared_->proven;
}

void RedisSubscription::doubt(Duration patience) {
    // Not at once: the hooks are not called from within.
    net::post(shared_->executor, [weak = std::weak_ptr(shared_), patience] {
        if (const auto living = weak.lock()) living->doubt(patience);
    });
}

void RedisSubscription::close() {
    shared_->close();
}

}  // namespace bide::clients
