#include "runtime/http_client.hpp"

#include "runtime/descriptor.hpp"
#include "runtime/http2_session.hpp"
#include "runtime/http_names.hpp"
#include "runtime/http_pool.hpp"
#include "runtime/stop_post.hpp"
#include "runtime/tls.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <array>
#include <openssl/ssl.h>
#include <utility>

namespace bide::runtime {
namespace {

namespace bhttp = boost::beast::http;
namespace ssl = net::ssl;

using boost::system::error_code;
using Kind = HttpFailure::Kind;
using SharedPtr = std::shared_ptr<HttpClient::Shared>;
using ExchangePtr = std::shared_ptr<HttpExchange>;

/// Bodies up to this go out in one write with the head; larger ones while the answer is awaited.
constexpr std::size_t kSmallBody = 64U << 10;

/// Read at once: most answers fit; once a body is seen to be large, more.
constexpr std::size_t kFirstRead = 4U << 10;
constexpr std::size_t kFurtherRead = 64U << 10;

/// What is offered in a TLS handshake for HTTP/2, in OpenSSL's form.
constexpr std::array<unsigned char, 3> kAlpn{2, 'h', '2'};

/// A lookup cannot be broken off; the exchange is, all the same, when its time is over.
Task<std::shared_ptr<const HttpLookup>> look_up(SharedPtr shared, ExchangePtr exchange) {
    auto known = std::make_shared<HttpLookup>();
    const auto address = net::ip::make_address(exchange->request.url->host, known->found.error);
    if (!known->found.error) {
        known->found.addresses.push_back(address);
        co_return known;
    }
    const auto lookup = HttpNames::of(shared->executor).look_up(exchange, shared->options.resolve);
    exchange->wake.expires_at(Timer::time_point::max());
    while (!lookup->done && !exchange->interrupted) co_await exchange->wake.async_wait(kTuple);
    co_return lookup;
}

Task<void> shake_hands(SharedPtr shared, ExchangePtr exchange) {
    if (!shared->options.tls) {
        exchange->trouble = exchange->failure(Kind::tls, "TLS is not configured");
        co_return;
    }
    HttpConnection& connection = *exchange->connection;
    auto& tls = connection.tls.emplace(connection.socket, *shared->options.tls);
    expect_host(tls.native_handle(), exchange->request.url->host);
    if (shared->options.http2)
        ::SSL_set_alpn_protos(tls.native_handle(), kAlpn.data(), kAlpn.size());
    exchange->phase = "shake hands (TLS)";
    exchange->deadline = shared->deadline(shared->options.handshake_max);
    const auto [error] = co_await tls.async_handshake(ssl::stream_base::client, kTuple);
    if (error) {
        exchange->trouble =
            exchange->failure_or(Kind::tls, why_handshake_failed(error, tls.native_handle()));
        co_return;
    }
    if (!shared->options.http2) co_return;
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    ::SSL_get0_alpn_selected(tls.native_handle(), &chosen, &size);
    if (size == 0)
        exchange->trouble = exchange->failure_or(Kind::tls, "the peer does not offer HTTP/2");
}

Task<void> connect(SharedPtr shared, ExchangePtr exchange) {
    exchange->phase = "connect";
    exchange->deadline = shared->deadline(shared->options.connect_max);
    const auto lookup = co_await look_up(shared, exchange);
    error_code error = lookup->found.error;
    std::size_t left = lookup->found.addresses.size();
    for (const auto& address : lookup->found.addresses) {
        if (exchange->interrupted) break;
        exchange->connection = std::make_unique<HttpConnection>(shared->executor);
        Socket& socket = exchange->connection->socket;
        // One that never answers leaves time for the others.
        if (left > 1 && exchange->deadline != kNever) {
            const Time now = shared->clock.now();
            exchange->address_deadline =
                now + (exchange->deadline - now) / static_cast<std::int64_t>(left);
        }
        --left;
        const tcp::endpoint endpoint(address, exchange->request.url->port);
        std::tie(error) = co_await socket.async_connect(endpoint, kTuple);
        exchange->address_deadline = kNever;
        if (!error) break;
    }
    if (exchange->interrupted || error || !exchange->connection) {
        exchange->trouble =
            exchange->failure_or(Kind::unreachable, "cannot connect: " + error.message());
        co_return;
    }
    exchange->connection->socket.set_option(tcp::no_delay(true), error);
    if (exchange->request.url->tls) co_await shake_hands(shared, exchange);
}

void compose_head(const HttpRequest& request, std::string& head) {
    head.clear();
    head += request.method;
    head += ' ';
    head += request.url->target;
    head += " HTTP/1.1\r\nHost: ";
    head += request.url->authority;
    head += "\r\n";
    head += request.header_lines;
    if (request.fixed_lines) head += *request.fixed_lines;
    if (request.body) {
        head += "Content-Length: ";
        head += std::to_string(request.body->size());
        head += "\r\n";
    }
    head += "\r\n";
}

bool is_small(const HttpRequest& request) {
    return !request.body || (!request.body->file && request.body->bytes.size() <= kSmallBody);
}

template <class Buffers>
Task<error_code> write(ExchangePtr exchange, Buffers buffers) {
    HttpConnection& connection = *exchange->connection;
    error_code error;
    std::size_t count = 0;
    if (connection.tls)
        std::tie(error, count) = co_await net::async_write(*connection.tls, buffers, kTuple);
    else
        std::tie(error, count) = co_await net::async_write(connection.socket, buffers, kTuple);
    exchange->written += count;
    co_return error;
}

/// Sends a large body. The reader learns of trouble from the connection; only trouble of our own is
/// told here, by closing it.
Task<void> write_large(SharedPtr shared, ExchangePtr exchange) {
    const Body& body = *exchange->request.body;
    Descriptor file;
    std::optional<Error> trouble;
    if (body.file) {
        auto opened = open_for_reading(body.file->path());
        if (opened)
            file = std::move(opened.value());
        else
            trouble = opened.error();
    }
    std::string place;
    exchange->phase = "take the request";
    std::uint64_t at = 0;
    error_code error;
    exchange->deadline = shared->deadline(shared->options.pause_max);
    if (!trouble) error = co_await write(exchange, net::buffer(exchange->connection->head));
    while (!trouble && !error && at < body.size() && !exchange->write_ended) {
        const auto piece = co_await next_piece(shared->pool, &body, file.get(), at, &place);
        if (!piece) {
            trouble = piece.error();
            break;
        }
        if (exchange->write_ended) break;
        exchange->deadline = shared->deadline(shared->options.pause_max);
        error = co_await write(exchange, net::buffer(piece.value()));
        at += piece.value().size();
    }
    exchange->whole = !trouble && !error && at == body.size();
    if (trouble && !exchange->write_ended) {
        exchange->interrupt(Kind::storage);
        exchange->trouble = exchange->failure(Kind::storage, trouble->detail);
    }
    exchange->write_ended = true;
    if (!exchange->head_came) {
        exchange->phase = "answer";
        exchange->deadline = shared->deadline(shared->options.head_max);
    }
}

/// Ends a request that is still being sent: its answer has come.
void stop_writing(HttpExchange& exchange) {
    if (std::exchange(exchange.write_ended, true)) return;
    exchange.cut = true;
    error_code ignored;
    // Not close: the answer may still be under way. A write that waits ends with an error.
    exchange.connection->socket.shutdown(net::socket_base::shutdown_send, ignored);
}

/// Reads one answer, interim or final, into a parser that does not outlive it.
class Reader {
  public:
    Reader(HttpClient::Shared& shared, HttpExchange& exchange)
        : shared_(shared),
          exchange_(exchange),
          connection_(*exchange.connection),
          parser_(shared.options.head_bytes_max, exchange.request.response_bytes_max) {
        if (exchange.request.method == "HEAD") parser_.skip(true);
    }

    /// False: exchange.trouble says why.
    Task<bool> read();
    bool is_interim() const { return parser_.is_interim(); }
    void take_interim();
    Task<void> finish();

  private:
    bool understand();
    void head_came();
    bool is_over(const error_code& error);
    bool is_large() const;
    bool cut_short();
    Task<bool> spool();
    bool wrong(HttpFailure::Kind kind, std::string what);

    HttpClient::Shared& shared_;
    HttpExchange& exchange_;
    HttpConnection& connection_;
    HttpResponseParser parser_;
    std::optional<BodyWriter> writer_;
    std::uint64_t stored_ = 0;  ///< by writer_
    bool head_came_ = false;
};

bool Reader::wrong(HttpFailure::Kind kind, std::string what) {
    if (!exchange_.trouble) exchange_.trouble = exchange_.failure_or(kind, std::move(what));
    return false;
}

/// Takes in what has been received. False: it makes no sense.
bool Reader::understand() {
    auto& buffer = connection_.buffer;
    error_code error;
    while (buffer.size() > 0 && !parser_.is_done() && !error)
        buffer.consume(parser_.put(buffer.data(), error));
    if (parser_.is_header_done() && !head_came_) head_came();
    if (error == bhttp::error::body_limit) {
        return wrong(
            Kind::too_large,
            "the answer is larger than " + std::to_string(exchange_.request.response_bytes_max) +
                " bytes"
        );
    }
    if (error && error != bhttp::error::need_more)
        return wrong(Kind::malformed, "not a valid HTTP answer: " + error.message());
    // The parser wants heads, and the lines between chunks, whole.
    if (!parser_.is_done() && buffer.size() >= shared_.options.head_bytes_max)
        return wrong(Kind::malformed, "not a valid HTTP answer: a line without end");
    return true;
}

void Reader::head_came() {
    head_came_ = true;
    if (parser_.is_interim()) return;
    exchange_.head_came = true;
    // Who refuses may not want the rest of the request; who accepts may answer as it reads.
    if (parser_.status >= 300) stop_writing(exchange_);
}

/// After an error of reading: whether it was the proper end of the answer.
bool Reader::is_over(const error_code& error) {
    if (error == net::error::eof && parser_.got_some()) {
        error_code incomplete;
        parser_.put_eof(incomplete);
        if (!incomplete && parser_.is_done()) return true;
    }
    const bool ended = error == net::error::eof || error == ssl::error::stream_truncated;
    const char* when = exchange_.answered ? "in the middle of the answer" : "before it answered";
    return wrong(
        Kind::broken,
        ended ? std::string("the connection was closed ") + when
              : std::string("the connection broke ") + when + ": " + error.message()
    );
}

Task<bool> Reader::read() {
    auto& buffer = connection_.buffer;
    for (;;) {
        if (!understand()) co_return false;
        if (cut_short() || parser_.is_done()) co_return true;
        if (is_large()) {
            if (!co_await spool()) co_return false;
        }
        if (head_came_ && !parser_.is_interim()) {
            exchange_.phase = "send the rest of the answer";
            exchange_.deadline = shared_.deadline(shared_.options.pause_max);
        }
        const auto room =
            buffer.prepare(parser_.body.size() > kFirstRead || writer_ ? kFurtherRead : kFirstRead);
        error_code error;
        std::size_t got = 0;
        if (connection_.tls)
            std::tie(error, got) = co_await connection_.tls->async_read_some(room, kTuple);
        else
            std::tie(error, got) = co_await connection_.socket.async_read_some(room, kTuple);
        buffer.commit(got);
        if (got > 0) exchange_.answered = true;
        if (error) co_return is_over(error);
    }
}

void Reader::take_interim() {
    if (exchange_.request.on_interim) exchange_.request.on_interim(parser_.status, parser_.fields);
}

/// Whether what has come of the body and is not on the disk yet should go there.
bool Reader::is_large() const {
    const Spool* to = exchange_.request.spool;
    return to != nullptr && parser_.body.size() > to->threshold();
}

/// Whether it is an error that is larger than an answer may be: nothing more of it is read.
bool Reader::cut_short() {
    const std::uint64_t size = stored_ + parser_.body.size();
    if (parser_.status < 400 || size <= exchange_.request.response_bytes_max) return false;
    HttpResponse& response = exchange_.response;
    response.cut = true;
    response.keep_beginning(parser_.body);
    parser_.body.clear();
    writer_.reset();
    return true;
}

/// Moves what has come of the body to the disk.
Task<bool> Reader::spool() {
    if (parser_.status >= 400) exchange_.response.keep_beginning(parser_.body);
    if (!writer_) writer_.emplace(*exchange_.request.spool, exchange_.request.response_bytes_max);
    const auto append = [this] { return writer_->append(parser_.body); };
    const Result<void> appended = co_await on_pool(shared_.pool, append);
    stored_ += parser_.body.size();
    parser_.body.clear();
    co_return appended ? true : wrong(Kind::storage, appended.error().detail);
}

Task<void> Reader::finish() {
    exchange_.deadline = kNever;
    HttpResponse& response = exchange_.response;
    exchange_.keep_alive = !response.cut && parser_.keep_alive() && connection_.buffer.size() == 0;
    response.status = parser_.status;
    response.fields = std::move(parser_.fields);
    if (!writer_ && !is_large()) {
        response.body.bytes = std::move(parser_.body);
        co_return;
    }
    if (!parser_.body.empty()) {
        if (!co_await spool()) co_return;
    }
    const auto finish = [this] { return writer_->finish(); };
    auto body = co_await on_pool(shared_.pool, finish);
    if (body)
        response.body = std::move(body.value());
    else
        wrong(Kind::storage, body.error().detail);
}

Task<void> read_answer(SharedPtr shared, ExchangePtr exchange) {
    for (;;) {
        Reader reader(*shared, *exchange);
        if (!co_await reader.read()) break;
        if (!reader.is_interim()) {
            co_await reader.finish();
            break;
        }
        reader.take_interim();
    }
    stop_writing(*exchange);
}

Task<void> talk(SharedPtr shared, ExchangePtr exchange) {
    using namespace net::experimental::awaitable_operators;
    HttpConnection& connection = *exchange->connection;
    compose_head(exchange->request, connection.head);
    exchange->write_ended = false;
    exchange->cut = false;
    if (!is_small(exchange->request)) {
        co_await (write_large(shared, exchange) && read_answer(shared, exchange));
        co_return;
    }
    const std::string_view body =
        exchange->request.body ? std::string_view(exchange->request.body->bytes) : "";
    const std::array<net::const_buffer, 2> parts{net::buffer(connection.head), net::buffer(body)};
    exchange->phase = "take the request";
    exchange->deadline = shared->deadline(shared->options.pause_max);
    const error_code error = co_await write(exchange, parts);
    exchange->whole = !error;
    exchange->write_ended = true;
    exchange->phase = "answer";
    exchange->deadline = shared->deadline(shared->options.head_max);
    // Also when it could not be sent to its end: the peer may have said why.
    co_await read_answer(shared, exchange);
}

/// Waits until the exchange has a connection or may open one.
Task<void> acquire(SharedPtr shared, ExchangePtr exchange) {
    auto& waiting = shared->origins[exchange->request.url->origin].waiting;
    if (waiting.size() >= shared->options.waiting_max) {
        exchange->trouble =
            exchange->failure(Kind::overloaded, "too many requests wait for a connection");
        co_return;
    }
    waiting.push_back(exchange.get());
    exchange->wake.expires_at(Timer::time_point::max());
    while (!exchange->has_slot && !exchange->interrupted)
        co_await exchange->wake.async_wait(kTuple);
    if (!exchange->interrupted) co_return;
    exchange->trouble = exchange->failure_or(Kind::stopped, "stopped");
    if (exchange->has_slot) co_return;
    std::erase(waiting, exchange.get());
}

/// Opens a connection over HTTP/2.
Task<void> open_session(SharedPtr shared, ExchangePtr exchange) {
    co_await connect(shared, exchange);
    if (exchange->trouble) co_return;
    auto session = std::make_shared<Http2Session>(
        shared->executor, shared->pool, shared->options, std::move(exchange->connection)
    );
    exchange->phase = "speak HTTP/2";
    exchange->deadline = shared->deadline(shared->options.connect_max);
    exchange->wake.expires_at(Timer::time_point::max());
    session->start(*exchange);
    while (!session->is_ready() && !session->is_over() && !exchange->interrupted)
        co_await exchange->wake.async_wait(kTuple);
    exchange->deadline = kNever;
    if (session->is_ready() && !exchange->interrupted) {
        exchange->session = std::move(session);
        co_return;
    }
    session->close("given up");
    exchange->trouble = exchange->failure_or(Kind::malformed, session->reason());
}

/// Waits until the exchange has a session, opening one if nobody does. Whether it was there.
Task<bool> join(SharedPtr shared, ExchangePtr exchange) {
    for (;;) {
        // Stays while somebody waits for it or opens a session.
        HttpOrigin& origin = shared->origins[exchange->request.url->origin];
        exchange->session = shared->session_of(*exchange);
        if (exchange->session) co_return true;
        if (!origin.opening) {
            origin.opening = true;
            try {
                co_await open_session(shared, exchange);
                if (exchange->session) origin.sessions.push_back(exchange->session);
            } catch (...) {
                shared->opened(origin, std::nullopt);
                throw;
            }
            // Who was stopped has found out nothing about the peer.
            const bool stopped = exchange->interrupted == Kind::stopped;
            shared->opened(origin, stopped ? std::nullopt : exchange->trouble);
            co_return false;
        }
        co_await acquire(shared, exchange);
        exchange->has_slot = false;
        if (exchange->trouble) co_return false;
    }
}

/// One go at an exchange: exchange.response, or .trouble. Whether its connection was there before.
Task<bool> attempt(SharedPtr shared, ExchangePtr exchange) {
    if (shared->options.http2) {
        const bool kept = co_await join(shared, exchange);
        const auto session = std::move(exchange->session);
        if (!exchange->trouble) co_await session->talk(*shared, *exchange);
        co_return kept;
    }
    if (!shared->try_acquire(*exchange)) co_await acquire(shared, exchange);
    const bool kept = exchange->connection != nullptr;
    if (!exchange->trouble && !kept) co_await connect(shared, exchange);
    if (!exchange->trouble) co_await talk(shared, exchange);
    const bool idle = !exchange->trouble && !exchange->interrupted && !exchange->cut;
    shared->release(*exchange, idle && exchange->whole && exchange->keep_alive);
    co_return kept;
}

Task<HttpResult> run(SharedPtr shared, HttpRequest request) {
    auto exchange = std::make_shared<HttpExchange>(shared->executor, std::move(request));
    const std::stop_token& stop = exchange->request.stop;
    if (shared->closed || stop.stop_requested())
        co_return exchange->failure(Kind::stopped, "stopped");
    shared->active.push_back(*exchange);
    shared->tick_later();
    std::optional<std::stop_callback<StopPost<HttpExchange>>> on_stop;
    if (stop.stop_possible())
        on_stop.emplace(stop, StopPost<HttpExchange>{shared->executor, exchange});
    for (;;) {
        const auto session = shared->session_of(*exchange);
        bool kept = session != nullptr;
        if (kept)
            co_await session->talk(*shared, *exchange);
        else
            kept = co_await attempt(shared, exchange);
        if (!exchange->trouble) co_return std::move(exchange->response);
        if (!exchange->may_send_again(kept)) co_return std::move(*exchange->trouble);
        // What only waited for its turn on a connection that went has not been tried yet.
        const bool left_behind = std::exchange(exchange->left_behind, false);
        exchange->fresh_only = !(kept && left_behind);
        exchange->trouble.reset();
        exchange->sent = exchange->sent || (exchange->written > 0 && !exchange->unseen);
        exchange->unseen = false;
        exchange->written = 0;
    }
}

}  // namespace

void HttpResponse::keep_beginning(std::string_view of) {
    if (beginning.empty()) beginning.assign(of.substr(0, kBeginning));
}

HttpClient::HttpClient(
    Executor executor, BlockingPool& pool, const Clock& clock, HttpClientOptions options
)
    : shared_(std::make_shared<Shared>(executor, pool, clock, std::move(options))) {}

HttpClient::~HttpClient() {
    close();
}

Task<HttpResult> HttpClient::send(HttpRequest request) {
    return run(shared_, std::move(request));
}

void HttpClient::close_idle() {
    shared_->close_idle();
}

void HttpClient::close() {
    shared_->close();
}

std::size_t HttpClient::idle_connections() const {
    std::size_t count = 0;
    for (const auto& [name, origin] : shared_->origins) count += origin.idle.size();
    return count;
}

}  // namespace bide::runtime
