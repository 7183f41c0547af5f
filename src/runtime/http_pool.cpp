#include "runtime/http_pool.hpp"

#include "runtime/http2_session.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace bide::runtime {

using boost::system::error_code;
using Kind = HttpFailure::Kind;

namespace {

/// Limits on time are this coarse.
constexpr auto kTick = std::chrono::milliseconds(200);

/// A piece of a large body on its way between socket and disk.
constexpr std::size_t kPiece = 256U << 10;

/// A buffer that a large answer made larger is not kept.
constexpr std::size_t kBufferKept = 32U << 10;

/// Whether a kept connection can still be used: the peer has neither ended it nor sent what nobody
/// asked for. A TLS peer may have sent session tickets; they show only when they are read.
bool is_alive(HttpConnection& connection) {
    char byte = 0;
    const ssize_t got =
        ::recv(connection.socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    return got > 0 && connection.tls.has_value();
}

void close_socket(HttpConnection& connection) {
    error_code ignored;
    connection.socket.close(ignored);
}

}  // namespace

Task<Result<std::string_view>> next_piece(
    BlockingPool& pool, const Body* body, int descriptor, std::uint64_t at, std::string* place
) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, body->size() - at));
    if (!body->file) co_return std::string_view(body->bytes).substr(at, size);
    place->resize(size);
    const auto read = [place, descriptor, at] {
        const ssize_t got =
            ::pread(descriptor, place->data(), place->size(), static_cast<off_t>(at));
        return std::pair(got, got < 0 ? errno : 0);
    };
    const auto [got, reason] = co_await on_pool(pool, read);
    if (got < 0) co_return disk_error("cannot read a body", reason);
    if (got == 0) co_return Error{Code::store_failed, Retry::unsafe, "a body's file is cut short"};
    co_return std::string_view(*place).substr(0, static_cast<std::size_t>(got));
}

void HttpExchange::interrupt(Kind why) {
    if (interrupted) return;
    interrupted = why;
    deadline = kNever;
    if (connection) close_socket(*connection);
    wake.cancel();
}

HttpFailure HttpExchange::failure(Kind kind, std::string what) const {
    return {kind, request.url->origin + ": " + std::move(what), sent || (written > 0 && !unseen)};
}

HttpFailure HttpExchange::failure_or(Kind kind, std::string what) const {
    if (!interrupted) return failure(kind, std::move(what));
    switch (*interrupted) {
        case Kind::timeout: return failure(Kind::timeout, std::string("took too long to ") + phase);
        case Kind::stopped: return failure(Kind::stopped, "stopped");
        default: break;
    }
    return failure(*interrupted, std::move(what));
}

bool HttpExchange::may_send_again(bool kept) const {
    if (fresh_only || interrupted || answered || refused) return false;
    if (!trouble || trouble->kind != Kind::broken) return false;
    return unseen || (kept && (request.idempotent || written == 0));
}

HttpClient::Shared::Shared(
    Executor where, BlockingPool& blocking, const Clock& time, HttpClientOptions rules
)
    : executor(where), pool(blocking), clock(time), options(std::move(rules)), ticker(where) {}

Time HttpClient::Shared::deadline(Duration span) const {
    return span == kNoLimit ? kNever : clock.now() + span;
}

/// Ticks while there is anything to watch, so that an unused client costs nothing.
void HttpClient::Shared::tick_later() {
    if (ticking || closed) return;
    ticking = true;
    ticker.expires_after(kTick);
    ticker.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (error || !self || self->closed) return;
        self->ticking = false;
        self->tick();
    });
}

void HttpClient::Shared::tick() {
    const Time now = clock.now();
    for (auto at = active.begin(); at != active.end();) {
        HttpExchange& exchange = *at++;
        if (exchange.deadline <= now) {
            exchange.interrupt(Kind::timeout);
        } else if (exchange.address_deadline <= now) {
            exchange.address_deadline = kNever;
            close_socket(*exchange.connection);
        }
    }
    for (auto at = origins.begin(); at != origins.end();) {
        HttpOrigin& origin = at->second;
        const auto before = origin.idle.size();
        std::erase_if(origin.idle, [&](const auto& connection) {
            return connection->idle_since + options.idle_max <= now || !is_alive(*connection);
        });
        origin.open -= before - origin.idle.size();
        for (const auto& session : origin.sessions) session->tick(now);
        std::erase_if(origin.sessions, [](const auto& session) { return session->is_over(); });
        const bool unused = origin.open == 0 && origin.waiting.empty() && origin.sessions.empty() &&
                            !origin.opening;
        at = unused ? origins.erase(at) : std::next(at);
    }
    if (!active.empty() || !origins.empty()) tick_later();
}

void HttpClient::Shared::close() {
    closed = true;
    ticker.cancel();
    close_idle();
    for (auto at = active.begin(); at != active.end();) {
        HttpExchange& exchange = *at++;
        exchange.interrupt(Kind::stopped);
    }
    for (const auto& [name, origin] : origins)
        for (const auto& session : origin.sessions) session->close("stopped");
}

void HttpClient::Shared::close_idle() {
    for (auto& [name, origin] : origins) {
        origin.open -= origin.idle.size();
        origin.idle.clear();
        for (const auto& session : origin.sessions)
            if (session->is_idle()) session->close("it was idle");
    }
}

bool HttpClient::Shared::try_acquire(HttpExchange& exchange) {
    HttpOrigin& origin = origins[exchange.request.url->origin];
    while (!origin.idle.empty()) {
        if (exchange.fresh_only) {
            if (origin.open < options.connections_max) break;
            origin.idle.pop_back();
            --origin.open;
            break;
        }
        exchange.connection = std::move(origin.idle.back());
        origin.idle.pop_back();
        exchange.has_slot = true;
        if (is_alive(*exchange.connection)) return true;
        exchange.connection.reset();
        exchange.has_slot = false;
        --origin.open;
    }
    if (origin.open >= options.connections_max) return false;
    ++origin.open;
    exchange.has_slot = true;
    return true;
}

std::shared_ptr<Http2Session> HttpClient::Shared::session_of(const HttpExchange& exchange) const {
    if (!options.http2) return nullptr;
    const auto found = origins.find(exchange.request.url->origin);
    if (found == origins.end() || found->second.sessions.empty()) return nullptr;
    const auto& last = found->second.sessions.back();
    return last->is_open() ? last : nullptr;
}

void HttpClient::Shared::opened(HttpOrigin& origin, const std::optional<HttpFailure>& trouble) {
    origin.opening = false;
    for (HttpExchange* const waiting : std::exchange(origin.waiting, {})) {
        waiting->trouble = trouble;
        if (trouble) waiting->trouble->sent = waiting->sent;
        waiting->has_slot = true;
        waiting->wake.cancel();
    }
}

void HttpClient::Shared::release(HttpExchange& exchange, bool reusable) {
    std::unique_ptr<HttpConnection> connection = std::move(exchange.connection);
    if (!std::exchange(exchange.has_slot, false)) return;
    const auto found = origins.find(exchange.request.url->origin);
    if (found == origins.end()) return;
    HttpOrigin& origin = found->second;
    if (!reusable || closed) connection.reset();
    if (connection && connection->buffer.capacity() > kBufferKept) connection->buffer = {};
    if (!origin.waiting.empty()) {
        HttpExchange& next = *origin.waiting.front();
        origin.waiting.pop_front();
        // A kept one may have been closed unseen as well, and who met that is not sent again.
        if (next.fresh_only) connection.reset();
        next.connection = std::move(connection);
        next.has_slot = true;
        next.wake.cancel();
    } else if (connection) {
        connection->idle_since = clock.now();
        origin.idle.push_back(std::move(connection));
    } else {
        --origin.open;
    }
}

}  // namespace bide::runtime
