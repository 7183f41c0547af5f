#pragma once

#include "clients/redis_client.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

/// Called on the executor's thread, never from within a call of the subscription. They may call it,
/// but not destroy it. None is called after close().
struct RedisSubscriptionHooks {
    std::function<void(std::string_view channel, std::string_view payload)> on_message;
    /// Whether what is published is known to arrive, each time that changes; at first it is not.
    std::function<void(bool proven)> on_proven;
    /// The server has taken a channel up: what is published from now on arrives while the
    /// connection stands. Again after each reconnect.
    std::function<void(std::string_view channel)> on_subscribed;
};

struct RedisSubscriptionOptions {
    RedisOptions redis;         ///< the connection; its command_max is not used
    std::string proof_channel;  ///< of this process alone; empty: bide:proof: and chance
    Duration proof_every = std::chrono::seconds(1);
    Duration proof_max = std::chrono::seconds(3);  ///< without a proof
    std::size_t channels_max = 100'000;
};

/// Channels of a Redis server, over a connection of their own, with proof from end to end: each
/// second a word is published through the RedisClient to a channel of ours and must come back here.
/// So it is seen when messages do not arrive, whatever the reason: a dead connection, a stalled
/// server, a failover that left the subscription on the old node.
///
/// Proven is a subscription when the server has acknowledged all channels that were wanted when the
/// connection stood, and a word that was published after that came round. That is lost at once with
/// the connection, and when no word came for proof_max; then it reconnects and subscribes to
/// everything anew. A channel added later takes nothing from the others: on_subscribed tells when
/// it stands.
///
/// A process that was frozen, or too busy, for longer than a proof takes proves nothing about the
/// connection: it is doubted then, and given up only when no new proof comes.
///
/// Messages lost while not proven are not told: who waits for one must look elsewhere whenever
/// on_proven(true) comes.
///
/// A server that refuses a channel (ACL) has the connection given up, with its text as the reason:
/// all channels of a bide are of one pattern. Connections with tokens that expire are replaced
/// after reauthenticate_every: AUTH is not allowed among subscriptions.
///
/// Threads, lifetime and closing are as RedisClient's. `publisher` outlives it.
class RedisSubscription {
  public:
    RedisSubscription(
        const runtime::Executor& executor,
        const Clock& clock,
        Rng rng,
        RedisClient& publisher,
        RedisSubscriptionOptions options,
        RedisSubscriptionHooks hooks
    );
    ~RedisSubscription();
    RedisSubscription(const RedisSubscription&) = delete;
    RedisSubscription& operator=(const RedisSubscription&) = delete;

    /// Any time; wanted until unsubscribe(), across reconnects. One that is wanted already stays as
    /// it is. False: there are channels_max.
    bool subscribe(const std::string& channel);
    void unsubscribe(const std::string& channel);

    /// Whether the server has acknowledged this channel on the connection there is.
    bool subscribed(const std::string& channel) const;
    bool proven() const;
    /// The process was frozen: not proven until a new word has come round, which may take as long
    /// as `patience`. Where there is no connection it connects at once.
    void doubt(Duration patience);
    void close();

    struct Shared;

  private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
