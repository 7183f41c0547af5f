#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "fronts/http/budget.hpp"
#include "fronts/http/tls.hpp"
#include "ports/engine.hpp"
#include "runtime/asio.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/spool.hpp"
#include "service/contract.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bide::fronts::http {

class Shard;

/// The open connections of all threads. Each takes one of `descriptors`.
class ConnectionCount {
  public:
    ConnectionCount(std::size_t max, Budget& descriptors) : max_(max), descriptors_(descriptors) {}

    /// False when there are as many as may be.
    bool add();
    void remove();
    /// False when some are left after `patience`.
    bool wait_for_none(Duration patience);
    std::size_t count() const { return count_.load(std::memory_order_relaxed); }

  private:
    std::size_t max_;
    Budget& descriptors_;
    std::mutex mutex_;
    std::condition_variable none_;
    std::atomic<std::size_t> count_{0};  ///< changes under the lock
};

struct Options {
    std::string host = "127.0.0.1";
    std::uint16_t port = 8080;  ///< 0: the system picks one
    std::size_t threads = 1;
    std::size_t connections_max = 16'000;  ///< over all threads; more are answered 503 and closed
    /// For connections and for the files of bodies that come and go on them: a body past it is
    /// answered 503. The files leave 256 of them, or a quarter, to connections, so that a probe is
    /// still heard.
    std::size_t descriptors_max = 16'000;
    std::uint32_t header_bytes_max = 16 * 1024;
    Duration header_time_max = std::chrono::seconds(10);  ///< from the first byte of a request
    Duration body_pause_max = std::chrono::seconds(30);   ///< between two pieces of a body
    std::uint64_t body_pace_min = 1024;  ///< bytes per second, once a body takes body_pause_max
    std::uint64_t body_memory_max = 64 << 20;  ///< for bodies on their way; past it: to disk
    Duration idle_time_max = std::chrono::seconds(75);       ///< of a connection between requests
    Duration write_time_max = std::chrono::seconds(60);      ///< for a piece of an answer to go out
    std::optional<TlsFiles> tls;                             ///< empty: plain HTTP
    Duration handshake_time_max = std::chrono::seconds(10);  ///< of TLS
    bool http2 = true;                       ///< agreed on in TLS, or begun with by the client
    std::uint32_t http2_streams_max = 1000;  ///< requests under way on one connection of HTTP/2
    std::function<void(const std::string&)> log_error;  ///< any thread
};

/// The HTTP daemon. Its threads share nothing: each has an io_context, an acceptor
/// (SO_REUSEPORT), its connections and their timers.
class Server {
  public:
    struct Parts {
        ports::Engine& engine;
        const service::Contract& contract;
        runtime::Spool& spool;
        runtime::BlockingPool& pool;
        const Clock& clock;
    };

    /// Binds and listens; no connection is served before start(). The parts must outlive it.
    static Result<std::unique_ptr<Server>> listen(Options options, Parts parts);
    ~Server();

    void start();
    /// The port listened on.
    std::uint16_t port() const { return port_; }

    /// Accepts no more, and closes connections that carry no request. Those that wait go on.
    void stop_accepting();
    /// Waits until the last answers are sent, at most for `patience`, then closes everything and
    /// ends the threads.
    void stop(Duration patience);

  private:
    explicit Server(Options options);

    Options options_;
    std::uint16_t port_ = 0;
    /// What bodies take while they are being received, or over HTTP/2 sent. Who gets none sends his
    /// body straight to disk.
    Budget body_memory_;
    Budget descriptors_;
    ConnectionCount connections_;
    std::unique_ptr<TlsIdentity> tls_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace bide::fronts::http
