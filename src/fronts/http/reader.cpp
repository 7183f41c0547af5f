#include "fronts/http/reader.hpp"

#include "fronts/http/body_intake.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;

namespace {

/// The first read of a request: most heads fit.
constexpr std::size_t kFirstRead = 2048;

/// In place of kBodyPiece when memory is short.
constexpr std::size_t kSmallPiece = 16 * 1024;

/// Read at once from a socket with a body in chunks on it.
constexpr std::size_t kReceive = 64 * 1024;

/// A body announced as smaller than this is read even when nobody wants it, so that the
/// connection can go on; past it the connection is closed instead.
constexpr std::uint64_t kDiscardMax = 64 * 1024;

/// The first line of a client that knows that this server speaks HTTP/2 (RFC 9113, 3.4).
constexpr std::string_view kHttp2Begins = "PRI * HTTP/2.0\r\n";

}  // namespace

// --- the socket -------------------------------------------------------------------------------

/// Reads what has come, at most `room` bytes, behind what the buffer holds. Not a coroutine itself:
/// the plain way costs one frame.
Task<error_code> RequestReader::receive_more(std::size_t room) {
    return session_.tls ? receive_more_tls(room) : receive_more_plain(room);
}

Task<error_code> RequestReader::receive_more_plain(std::size_t room) {
    auto [error, got] = co_await session_.socket.async_read_some(buffer_.prepare(room), kTuple);
    buffer_.commit(got);
    co_return error;
}

Task<error_code> RequestReader::receive_more_tls(std::size_t room) {
    const Tls::Transfer read = co_await session_.tls->read_some(buffer_.prepare(room));
    buffer_.commit(read.size);
    co_return read.error;
}

Error RequestReader::error_of(const error_code& error) const {
    if (session_.timed_out) return body_too_late();
    if (error == net::error::eof)
        return {Code::bad_request, Retry::safe, "the request ended before it was complete"};
    return {Code::bad_request, Retry::safe, "the connection broke: " + error.message()};
}

// --- the head ---------------------------------------------------------------------------------

Task<std::optional<RequestReader::Failure>> RequestReader::read_head() {
    session_.phase = Session::Phase::idle;
    session_.timed_out = false;
    // The first byte ends idleness; from then on the head has a time of its own.
    if (buffer_.size() == 0) {
        set_deadline(shard_, session_, shard_.options().idle_time_max);
        const error_code error = co_await receive_more(kFirstRead);
        if (error) co_return Failure{};
    }
    session_.phase = Session::Phase::busy;
    set_deadline(shard_, session_, shard_.options().header_time_max);
    wire::HeadScanner scanner(shard_.options().header_bytes_max);
    for (;;) {
        const std::string_view bytes(
            static_cast<const char*>(buffer_.data().data()), buffer_.size()
        );
        auto place = scanner.scan(bytes);
        if (place.has_error()) co_return Failure{std::move(place.error())};
        if (place.value()) {
            session_.deadline = kNever;
            const auto [begin, end] = *place.value();
            auto head = wire::parse_head(bytes.substr(begin, end - begin));
            if (head.has_error()) co_return Failure{std::move(head.error())};
            request_ = std::make_unique<Request>(shard_.parts().contract.rules().body_bytes_max);
            request_->head = std::move(head.value());
            request_->left = request_->head.length;
            buffer_.consume(end);
            co_return std::nullopt;
        }
        const error_code error = co_await receive_more(kFirstRead);
        if (!error) continue;
        session_.deadline = kNever;
        if (error != net::error::eof && !session_.timed_out) co_return Failure{};
        co_return Failure{error_of(error)};
    }
}

// --- the body ---------------------------------------------------------------------------------

bool RequestReader::body_is_done() const {
    switch (request_->head.framing) {
        case wire::Framing::none: return true;
        case wire::Framing::length: return request_->left == 0;
        case wire::Framing::chunked: return request_->chunks.done();
    }
    return true;
}

bool RequestReader::rest_is_small() const {
    if (body_is_done()) return true;
    const auto& head = request_->head;
    return head.framing == wire::Framing::length && request_->left <= kDiscardMax &&
           !head.expects_continue;
}

bool RequestReader::expects_continue() const {
    return request_->head.expects_continue && buffer_.size() == 0 && !body_is_done();
}

void RequestReader::set_body_deadline(Pace pace) {
    const Time now = shard_.parts().clock.coarse_now();
    if (request_->body_began == Time{}) request_->body_began = now;
    const Options& options = shard_.options();
    session_.deadline = pace == Pace::free
                            ? now + options.idle_time_max
                            : body_deadline(options, request_->body_began, now, request_->received);
}

std::size_t RequestReader::take_buffered(net::mutable_buffer room) {
    const auto most =
        static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), request_->left));
    const std::size_t got = net::buffer_copy(room, buffer_.data(), most);
    buffer_.consume(got);
    return got;
}

Result<std::size_t> RequestReader::decode_buffered(net::mutable_buffer room) {
    BIDE_TRY(
        const auto step,
        request_->chunks.decode(
            {static_cast<const char*>(buffer_.data().data()), buffer_.size()},
            {static_cast<char*>(room.data()), room.size()}
        )
    );
    buffer_.consume(step.consumed);
    return step.produced;
}

Task<Result<std::size_t>> RequestReader::receive_some(net::mutable_buffer room, Pace pace) {
    const bool chunked = request_->head.framing == wire::Framing::chunked;
    while (!body_is_done()) {
        std::size_t got = 0;
        if (chunked) {
            BIDE_CO_TRY(got, decode_buffered(room));
        } else {
            got = take_buffered(room);
        }
        if (got == 0 && !body_is_done()) {
            set_body_deadline(pace);
            error_code error;
            if (chunked || session_.tls) {
                error = co_await receive_more(std::min(room.size() + 1, kReceive));
            } else {
                // Straight into its place; no byte of a next request with it.
                const auto most = std::min<std::uint64_t>(room.size(), request_->left);
                const auto read = co_await session_.socket.async_read_some(
                    net::buffer(room, static_cast<std::size_t>(most)), kTuple
                );
                error = std::get<0>(read);
                got = std::get<1>(read);
            }
            session_.deadline = kNever;
            if (error) co_return error_of(error);
        }
        request_->received += got;
        if (!chunked) request_->left -= got;
        if (got > 0) co_return got;
    }
    co_return 0U;
}

std::uint64_t RequestReader::small() const {
    return std::min<std::uint64_t>(shard_.parts().spool.threshold(), kBodyPiece);
}

/// What has come with the head takes no memory that is not there already.
bool RequestReader::body_is_here() const {
    if (body_is_done()) return true;
    const bool whole =
        request_->head.framing == wire::Framing::length && request_->left == request_->head.length;
    return whole && request_->left <= std::min<std::uint64_t>(buffer_.size(), small());
}

Body RequestReader::take_body(wire::FingerprintMaker* maker) {
    Body body;
    body.bytes.resize(static_cast<std::size_t>(request_->left));
    request_->left -= take_buffered(net::buffer(body.bytes));
    if (maker != nullptr) maker->update(body.bytes);
    return body;
}

Task<Result<Body>> RequestReader::receive_body(wire::FingerprintMaker* maker) {
    if (body_is_here()) co_return take_body(maker);
    const auto& head = request_->head;
    if (head.framing == wire::Framing::length && head.length <= small()) {
        const auto length = static_cast<std::size_t>(head.length);
        const Budget::Share memory = shard_.body_memory().take(length);
        if (memory) co_return co_await receive_small(length, maker);
    }
    co_return co_await receive_large(maker);
}

/// A body that announced a length small enough to stay in memory: straight into its place.
Task<Result<Body>> RequestReader::receive_small(std::size_t length, wire::FingerprintMaker* maker) {
    Body body;
    body.bytes.resize(length);
    std::size_t filled = 0;
    while (!body_is_done()) {
        const net::mutable_buffer room(body.bytes.data() + filled, length - filled);
        BIDE_CO_TRY(const std::size_t got, co_await receive_some(room, Pace::held));
        filled += got;
    }
    if (maker != nullptr) maker->update(body.bytes);
    co_return body;
}

Task<Result<Body>> RequestReader::receive_large(wire::FingerprintMaker* maker) {
    BodyIntake intake(
        shard_, kBodyPiece + static_cast<std::size_t>(shard_.parts().spool.threshold())
    );
    std::string piece(intake.has_memory() ? kBodyPiece : kSmallPiece, '\0');
    while (!body_is_done()) {
        BIDE_CO_TRY(const std::size_t got, co_await receive_some(net::buffer(piece), Pace::held));
        if (got == 0) break;
        const std::string_view bytes(piece.data(), got);
        if (maker != nullptr) maker->update(bytes);
        const auto append = [&intake, bytes] { return intake.append(bytes); };
        Result<void> appended = success();
        if (intake.needs_disk(got))
            appended = co_await runtime::on_pool(shard_.parts().pool, append);
        else
            appended = append();
        if (appended.has_error()) co_return std::move(appended.error());
    }
    const auto finish = [&intake] { return intake.finish(); };
    if (!intake.needs_disk(0)) co_return finish();
    co_return co_await runtime::on_pool(shard_.parts().pool, finish);
}

void RequestReader::drop() {
    request_.reset();
    if (buffer_.size() == 0) buffer_ = beast::flat_buffer();
}

bool RequestReader::begins_http2() const {
    const std::string_view bytes(static_cast<const char*>(buffer_.data().data()), buffer_.size());
    return bytes.starts_with(kHttp2Begins);
}

std::string RequestReader::take_rest() {
    const auto bytes = buffer_.data();
    std::string rest(static_cast<const char*>(bytes.data()), bytes.size());
    buffer_ = beast::flat_buffer();
    return rest;
}

void RequestReader::put_back(std::string_view rest) {
    buffer_.commit(net::buffer_copy(buffer_.prepare(rest.size()), net::buffer(rest)));
}

}  // namespace bide::fronts::http
