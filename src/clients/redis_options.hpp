#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "runtime/asio.hpp"

#include <boost/asio/ssl/context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

struct RedisFailure {
    enum class Kind : std::uint8_t {
        stopped,      ///< the client was closed
        overloaded,   ///< too many commands, or bytes of them, wait; not sent
        unreachable,  ///< there is no connection; not sent
        refused,      ///< the server answered with an error: detail is its text
        lost,         ///< the connection ended before the reply: it may have been done
        timeout,      ///< no reply in time: it may have been done, and the connection is given up
    };
    Kind kind = Kind::lost;
    std::string detail;  ///< for a person
};

/// Where a Redis server is, and as whom to speak to it.
struct RedisAddress {
    bool tls = false;
    std::string host;  ///< a name or an address, without brackets
    std::uint16_t port = 6379;
    std::string user;  ///< empty: the default user
    std::string password;
    std::uint32_t database = 0;
};

/// redis://user:password@host:port/database, or rediss:// with TLS; all but the host may be absent,
/// and what is not plain in user and password is percent-encoded. No error repeats the text: it may
/// hold a password.
Result<RedisAddress> parse_redis_url(std::string_view text);

struct RedisOptions {
    RedisAddress address;
    /// For rediss (runtime/tls.hpp); without one such connections fail.
    std::shared_ptr<runtime::net::ssl::context> tls;
    /// Asked at each connection for the password to use instead of address.password, for tokens
    /// that expire. It must end by itself in bounded time.
    std::function<runtime::Task<Result<std::string>>()> password;
    /// With `password`: servers drop such connections 12 h after the last AUTH.
    Duration reauthenticate_every = std::chrono::hours(11);
    std::string client_name = "bide";  ///< CLIENT SETNAME, for CLIENT LIST; empty: not said

    Duration connect_max = std::chrono::seconds(5);  ///< name, connection, TLS and AUTH together
    Duration command_max = std::chrono::seconds(2);  ///< from a command to its reply
    /// Between attempts to connect: the first comes at once, then after the least, doubled each
    /// time, with jitter. A connection that lasts for backoff_max ends the row.
    Duration backoff_min = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(2);

    std::size_t commands_max = 65'536;         ///< without their reply yet
    std::size_t unsent_bytes_max = 64U << 20;  ///< of commands, not yet taken by the kernel
    std::size_t reply_bytes_max = 16U << 20;   ///< of one reply or message

    /// For logs: a connection stands, or it is lost or could not be made, with the reason for a
    /// person. Each attempt is told.
    std::function<void(bool connected, const std::string& why)> on_connection;
};

}  // namespace bide::clients
