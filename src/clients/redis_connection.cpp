#include "clients/redis_connection.hpp"

#include "runtime/tls.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <openssl/ssl.h>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;
namespace ssl = net::ssl;

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;
using Kind = RedisFailure::Kind;

/// Received at once. The decoder moves what it has left after each KiB of replies, so that much
/// more would cost more than it spares.
constexpr std::size_t kRead = 64U << 10;

/// A buffer that many commands made larger is not kept.
constexpr std::size_t kBufferKept = 1U << 20;

std::string place_of(const RedisAddress& address) {
    const bool bracketed = address.host.find(':') != std::string::npos;
    const std::string host = bracketed ? "[" + address.host + "]" : address.host;
    return host + ":" + std::to_string(address.port);
}

bool starts_with_code(std::string_view error, std::string_view code) {
    return error.substr(0, error.find(' ')) == code;
}

}  // namespace

struct RedisConnection::Lookup {
    explicit Lookup(const runtime::Executor& executor) : resolver(executor) {}
    net::ip::basic_resolver<runtime::tcp, runtime::Executor> resolver;
    std::vector<runtime::tcp::endpoint> endpoints;
    error_code error;
    bool done = false;
};

RedisConnection::RedisConnection(
    const runtime::Executor& executor, std::shared_ptr<const RedisOptions> options
)
    : executor_(executor),
      options_(std::move(options)),
      socket_(executor),
      decoder_(options_->reply_bytes_max),
      room_(kRead),
      limit_(executor),
      address_limit_(executor),
      wake_(executor) {}

void RedisConnection::end(Kind kind, std::string_view why) {
    if (failure_) return;
    failure_ = RedisFailure{kind, place_of(options_->address) + ": " + std::string(why)};
    error_code ignored;
    socket_.close(ignored);
    limit_.cancel();
    address_limit_.cancel();
    wake_.cancel();
}

/// A lookup blocks a thread of Asio's and cannot be broken off; the opening is, all the same, when
/// its time is over, and the result goes nowhere.
Task<void> RedisConnection::look_up(std::shared_ptr<Lookup> lookup) {
    const RedisAddress& to = options_->address;
    const auto address = net::ip::make_address(to.host, lookup->error);
    if (!lookup->error) {
        lookup->endpoints.emplace_back(address, to.port);
        co_return;
    }
    lookup->resolver.async_resolve(
        to.host,
        std::to_string(to.port),
        [lookup, weak = weak_from_this()](const error_code& error, const auto& found) {
            lookup->error = error;
            lookup->done = true;
            for (const auto& entry : found) lookup->endpoints.push_back(entry.endpoint());
            if (const auto living = weak.lock()) living->wake_.cancel();
        }
    );
    wake_.expires_at(runtime::Timer::time_point::max());
    while (!lookup->done && !ended()) co_await wake_.async_wait(kTuple);
}

/// One address that never answers leaves time for the others.
void RedisConnection::limit_address(Duration span) {
    address_limit_.expires_after(span);
    address_limit_.async_wait([weak = weak_from_this(), number = ++address_number_](auto error) {
        const auto self = weak.lock();
        if (error || !self || self->address_number_ != number) return;
        error_code ignored;
        self->socket_.close(ignored);
    });
}

Task<void> RedisConnection::connect() {
    auto lookup = std::make_shared<Lookup>(executor_);
    co_await look_up(lookup);
    error_code error = lookup->error;
    auto left = static_cast<std::int64_t>(lookup->endpoints.size());
    for (const auto& endpoint : lookup->endpoints) {
        if (ended()) co_return;
        error_code ignored;
        socket_.close(ignored);
        if (left > 1) limit_address(options_->connect_max / left);
        --left;
        std::tie(error) = co_await socket_.async_connect(endpoint, kTuple);
        ++address_number_;
        if (!error) break;
    }
    if (error) {
        end(Kind::unreachable, "cannot connect: " + error.message());
        co_return;
    }
    socket_.set_option(runtime::tcp::no_delay(true), error);
}

Task<void> RedisConnection::shake_hands() {
    phase_ = "shake hands (TLS)";
    if (!options_->tls) {
        end(Kind::unreachable, "TLS is not configured");
        co_return;
    }
    auto& tls = tls_.emplace(socket_, *options_->tls);
    runtime::expect_host(tls.native_handle(), options_->address.host);
    const auto [error] = co_await tls.async_handshake(ssl::stream_base::client, kTuple);
    if (error) end(Kind::unreachable, runtime::why_handshake_failed(error, tls.native_handle()));
}

/// Says who we are, all in one write, and reads what the server thinks of it.
Task<void> RedisConnection::introduce() {
    phase_ = "answer";
    const RedisAddress& address = options_->address;
    std::string password = address.password;
    if (options_->password) {
        auto asked = co_await options_->password();
        if (!asked) {
            end(Kind::unreachable, "no password: " + asked.error().detail);
            co_return;
        }
        password = std::move(asked.value());
    }
    std::vector<std::string> asked;
    const auto ask = [&](std::vector<std::string> args) {
        send(args);
        asked.push_back(args.front());
    };
    if (!address.user.empty())
        ask({"AUTH", address.user, password});
    else if (!password.empty())
        ask({"AUTH", password});
    if (address.database != 0) ask({"SELECT", std::to_string(address.database)});
    if (!options_->client_name.empty()) ask({"CLIENT", "SETNAME", options_->client_name});
    ask({"PING"});
    for (const auto& command : asked) {
        const auto reply = co_await read();
        if (!reply) co_return;
        if (reply->kind != wire::RespValue::Kind::error) continue;
        // Not every user may give names, or ask whether the server is there, and it is.
        if (command == "CLIENT") continue;
        if (command == "PING" && starts_with_code(reply->text, "NOPERM")) continue;
        end(Kind::refused, command + ": " + reply->text);
        co_return;
    }
}

Task<bool> RedisConnection::open() {
    limit_.expires_after(options_->connect_max);
    limit_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->phase_ != nullptr)
            self->end(Kind::timeout, std::string("took too long to ") + self->phase_);
    });
    co_await connect();
    if (!ended() && options_->address.tls) co_await shake_hands();
    if (!ended()) co_await introduce();
    phase_ = nullptr;
    limit_.cancel();
    co_return !ended();
}

void RedisConnection::send(const std::vector<std::string>& args) {
    if (ended()) return;
    wire::append_resp_command(waiting_, args);
    if (posted_ || writing_) return;
    posted_ = true;
    net::post(executor_, [self = shared_from_this()] {
        self->posted_ = false;
        self->flush();
    });
}

void RedisConnection::flush() {
    if (ended() || writing_ || waiting_.empty()) return;
    writing_ = true;
    ++writes_;
    leaving_.swap(waiting_);
    auto done = [self = shared_from_this()](const error_code& error, std::size_t) {
        self->writing_ = false;
        self->leaving_.clear();
        if (self->leaving_.capacity() > kBufferKept) self->leaving_ = {};
        if (error) self->end(Kind::lost, "the connection broke: " + error.message());
        self->flush();
    };
    if (tls_)
        net::async_write(*tls_, net::buffer(leaving_), std::move(done));
    else
        net::async_write(socket_, net::buffer(leaving_), std::move(done));
}

Task<std::optional<wire::RespValue>> RedisConnection::read() {
    while (!ended()) {
        auto next = decoder_.next();
        if (!next) {
            end(Kind::lost, next.error().detail);
            break;
        }
        if (next.value()) co_return std::move(next.value());
        error_code error;
        std::size_t got = 0;
        if (tls_)
            std::tie(error, got) = co_await tls_->async_read_some(net::buffer(room_), kTuple);
        else
            std::tie(error, got) = co_await socket_.async_read_some(net::buffer(room_), kTuple);
        if (error == net::error::eof || error == ssl::error::stream_truncated)
            end(Kind::lost, "the server closed the connection");
        else if (error)
            end(Kind::lost, "the connection broke: " + error.message());
        else
            decoder_.feed({room_.data(), got});
    }
    co_return std::nullopt;
}

Duration RedisBackoff::next(Duration lasted) {
    if (lasted >= most_) {
        span_ = Duration(0);
        return span_;
    }
    span_ = std::clamp(span_ * 2, least_, most_);
    const auto half = span_ / 2;
    return half + Duration(rng_.below(static_cast<std::uint64_t>(half.count()) + 1));
}

}  // namespace bide::clients
