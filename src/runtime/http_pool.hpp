#pragma once

#include "runtime/http_client.hpp"
#include "runtime/http_parser.hpp"

#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/intrusive/list.hpp>

#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

/// The inside of HttpClient: connections, and who has them. All on the client's thread.
namespace bide::runtime {

struct HttpConnection {
    explicit HttpConnection(const Executor& executor) : socket(executor) {}

    Socket socket;
    std::optional<net::ssl::stream<Socket&>> tls;
    boost::beast::flat_buffer buffer;  ///< received and not yet understood; empty while idle
    std::string head;                  ///< of the request being sent; kept for its capacity
    bool used = false;                 ///< has carried an exchange
    Time idle_since{};
};

/// One request on its way. Owned by the coroutine in send(); what interrupts it (the ticker, a
/// stop, close()) only sets `interrupted` and closes the socket, and the coroutine finds out.
class HttpExchange final : public std::enable_shared_from_this<HttpExchange>,
                           public boost::intrusive::list_base_hook<
                               boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    HttpExchange(const Executor& executor, HttpRequest what)
        : request(std::move(what)), wake(executor) {}

    void interrupt(HttpFailure::Kind why);
    /// The stop.
    void shut_down() { interrupt(HttpFailure::Kind::stopped); }

    HttpFailure failure(HttpFailure::Kind kind, std::string what) const;
    /// What went wrong: the interruption, if that is what broke `what`.
    HttpFailure failure_or(HttpFailure::Kind kind, std::string what) const;

    /// Whether it was broken on a kept connection in a way that permits sending it again.
    bool may_send_again() const;

    const HttpRequest request;
    HttpResponse response;
    std::optional<HttpFailure> trouble;  ///< why there is no response
    std::unique_ptr<HttpConnection> connection;
    Timer wake;  ///< cancelled to wake one that waits for a connection or a name
    Time deadline = kNever;
    Time address_deadline = kNever;  ///< of one address among several
    const char* phase = "";          ///< what the deadline is for
    std::optional<HttpFailure::Kind> interrupted;
    bool fresh_only = false;   ///< wants no kept connection
    bool has_slot = false;     ///< counts among the origin's open connections
    bool answered = false;     ///< some of an answer has come
    bool head_came = false;    ///< and the head of the final one
    bool write_ended = false;  ///< nothing more is to be sent
    bool cut = false;          ///< the connection cannot send any more
    bool whole = false;        ///< the request was sent to its end
    bool keep_alive = false;   ///< the peer has nothing against another request
    bool sent = false;         ///< some of it was written to a connection before
    std::uint64_t written = 0;
};

struct HttpOrigin {
    std::vector<std::unique_ptr<HttpConnection>> idle;  ///< the last used is the last
    std::size_t open = 0;                               ///< idle ones and those in exchanges
    std::deque<HttpExchange*> waiting;
};

struct HttpClient::Shared : std::enable_shared_from_this<HttpClient::Shared> {
    Shared(Executor where, BlockingPool& blocking, const Clock& time, HttpClientOptions rules);

    Time deadline(Duration span) const;
    void tick_later();
    void tick();
    void close();
    void close_idle();

    /// Takes an idle connection, or the right to open one, if there is either.
    bool try_acquire(HttpExchange& exchange);
    /// Puts back what the exchange has: the connection, when it can carry another, or its place.
    void release(HttpExchange& exchange, bool reusable);

    const Executor executor;
    BlockingPool& pool;
    const Clock& clock;
    const HttpClientOptions options;
    std::unordered_map<std::string, HttpOrigin> origins;
    boost::intrusive::list<HttpExchange, boost::intrusive::constant_time_size<false>> active;
    Timer ticker;
    bool ticking = false;
    bool closed = false;
};

}  // namespace bide::runtime
