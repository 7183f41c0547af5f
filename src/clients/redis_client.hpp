#pragma once

#include "base/rng.hpp"
#include "clients/redis_options.hpp"
#include "wire/resp.hpp"

#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace bide::clients {

/// A reply that is no error, or why there is none.
using RedisResult = BOOST_OUTCOME_V2_NAMESPACE::
    basic_result<wire::RespValue, RedisFailure, BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

/// Since the start; read them on the client's thread.
struct RedisCounters {
    std::uint64_t commands = 0;  ///< given to send() or command()
    std::uint64_t failed = 0;    ///< of them, ended as a RedisFailure
    std::uint64_t connections = 0;
    std::uint64_t writes = 0;  ///< many commands leave in one
};

/// Commands to a Redis or Valkey server over one connection, pipelined: each is sent without
/// waiting for the replies of those before it, and the commands of one turn of the event loop leave
/// together. It connects by itself and again when the connection is lost; while there is none,
/// commands fail at once. So each command ends within command_max, and nothing is sent twice. A
/// reply that does not come in time ends the connection: the server stalls, and later replies would
/// be later still.
///
/// For a single node, or a cluster that shows itself as one: a redirection (MOVED) is an error. One
/// READONLY ends the connection, since after a failover the name leads to another node.
///
/// All of it, making and destroying included, on the executor's one thread. It goes on until
/// close(), which completes what waits; what is left under way after that keeps what it needs alive
/// and ends at once. `clock` outlives that end.
class RedisClient {
  public:
    using Done = std::function<void(RedisResult)>;

    RedisClient(
        const runtime::Executor& executor, const Clock& clock, Rng rng, RedisOptions options
    );
    ~RedisClient();
    RedisClient(const RedisClient&) = delete;
    RedisClient& operator=(const RedisClient&) = delete;

    runtime::Task<RedisResult> command(std::vector<std::string> args);

    /// The same for who does not wait. `done` may be empty; it is never called from within.
    void send(const std::vector<std::string>& args, Done done);

    /// The process was frozen: the connection may be dead without a word. Asks the server, and
    /// gives the connection up unless it answers within `patience`; where there is none, connects
    /// at once.
    void doubt(Duration patience);

    bool connected() const;
    RedisCounters counters() const;
    void close();

    struct Shared;

  private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
