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

class Http2Session;

struct HttpConnection {
    explicit HttpConnection(const Executor& executor) : socket(executor) {}

    Socket socket;
    std::optional<net::ssl::stream<Socket&>> tls;
    boost::beast::flat_buffer buffer;  ///< received and not yet understood; empty while idle
    std::string head;                  ///< of the request being sent; kept for its capacity
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

    /// Whether it was broken in a way that permits sending it again; `kept` says whether its
    /// connection was there before.
    bool may_send_again(bool kept) const;

    const HttpRequest request;
    HttpResponse response;
    std::optional<HttpFailure> trouble;  ///< why there is no response
    std::unique_ptr<HttpConnection> connection;
    std::shared_ptr<Http2Session> session;  ///< instead of a connection, with HTTP/2
    Timer wake;  ///< cancelled to wake one that waits for a connection, a name or a stream
    Time deadline = kNever;
    Time address_deadline = kNever;  ///< of one address among several
    const char* phase = "";          ///< what the deadline is for
    std::optional<HttpFailure::Kind> interrupted;
    bool fresh_only = false;   ///< is sent for the last time; HTTP/1.1: on no kept connection
    bool has_slot = false;     ///< counts among the origin's open connections; HTTP/2: was woken
    bool answered = false;     ///< some of an answer has come
    bool head_came = false;    ///< and the head of the final one
    bool unseen = false;       ///< the peer has not looked at it, for sure
    bool left_behind = false;  ///< and it was not even sent, for the connection goes away
    bool refused = false;      ///< the peer ended its stream on purpose, or had to be cut off
    bool write_ended = false;  ///< nothing more is to be sent
    bool cut = false;          ///< the connection cannot send any more
    bool whole = false;        ///< the request was sent to its end
    bool keep_alive = false;   ///< the peer has nothing against another request
    bool sent = false;         ///< some of it was written to a connection before
    std::uint64_t written = 0;
};

/// The next piece of a request's body, from `at` on: of its bytes, or of its file into `place`,
/// through the pool.
Task<Result<std::string_view>> next_piece(
    BlockingPool& pool, const Body* body, int descriptor, std::uint64_t at, std::string* place
);

struct HttpOrigin {
    std::vector<std::unique_ptr<HttpConnection>> idle;  ///< the last used is the last
    std::size_t open = 0;                               ///< idle ones and those in exchanges
    std::deque<HttpExchange*> waiting;
    /// With HTTP/2 exchanges share the last; others carry what they have to its end.
    std::vector<std::shared_ptr<Http2Session>> sessions;
    bool opening = false;  ///< somebody opens a session; others wait
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
    /// The connection over HTTP/2 that takes the exchange's request, if there is one.
    std::shared_ptr<Http2Session> session_of(const HttpExchange& exchange) const;
    /// Lets those who wait for a session look again; with `trouble`, that is what they get.
    void opened(HttpOrigin& origin, const std::optional<HttpFailure>& trouble);
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
