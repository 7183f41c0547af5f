#pragma once

#include "base/rng.hpp"
#include "clients/redis_options.hpp"
#include "wire/resp.hpp"

#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The inside of RedisClient and RedisSubscription. All on their thread.
namespace bide::clients {

/// One connection from its making to its end. What ends it (a limit on time, its owner) only says
/// why and closes the socket; the coroutine that opens or reads finds out. Coroutines of it are
/// awaited by an owner that keeps it.
class RedisConnection : public std::enable_shared_from_this<RedisConnection> {
  public:
    RedisConnection(const runtime::Executor& executor, std::shared_ptr<const RedisOptions> options);

    /// Name, connection, TLS, AUTH, and a first answer. False: it has ended.
    runtime::Task<bool> open();

    /// Adds a command to those that leave together when this turn of the event loop is over.
    void send(const std::vector<std::string>& args);

    /// The next reply or message; empty: it has ended.
    runtime::Task<std::optional<wire::RespValue>> read();

    /// The first reason counts.
    void end(RedisFailure::Kind kind, std::string_view why);

    bool ended() const { return failure_.has_value(); }
    /// Of one that has ended.
    const RedisFailure& failure() const { return *failure_; }
    /// Bytes that the kernel has not taken yet.
    std::size_t unsent() const { return waiting_.size() + leaving_.size(); }
    std::uint64_t writes() const { return writes_; }

  private:
    struct Lookup;

    runtime::Task<void> look_up(std::shared_ptr<Lookup> lookup);
    runtime::Task<void> connect();
    runtime::Task<void> shake_hands();
    runtime::Task<void> introduce();
    void limit_address(Duration span);
    void flush();

    const runtime::Executor executor_;
    const std::shared_ptr<const RedisOptions> options_;
    runtime::Socket socket_;
    std::optional<runtime::net::ssl::stream<runtime::Socket&>> tls_;
    wire::RespDecoder decoder_;
    std::vector<char> room_;
    std::string waiting_;  ///< commands for the next write
    std::string leaving_;  ///< those of the write under way
    std::uint64_t writes_ = 0;
    bool posted_ = false;
    bool writing_ = false;
    const char* phase_ = "connect";  ///< what opening is at
    runtime::Timer limit_;           ///< of opening
    runtime::Timer address_limit_;   ///< of one address among several
    runtime::Timer wake_;            ///< cancelled when the name is found, or at the end
    int address_number_ = 0;
    std::optional<RedisFailure> failure_;
};

/// How long to wait before the next attempt to connect.
class RedisBackoff {
  public:
    RedisBackoff(Rng rng, Duration least, Duration most) : rng_(rng), least_(least), most_(most) {}

    /// `lasted`: of the connection that ended; 0: none came to be.
    Duration next(Duration lasted);

  private:
    Rng rng_;
    Duration least_;
    Duration most_;
    Duration span_{0};
};

}  // namespace bide::clients
