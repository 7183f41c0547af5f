#include "fronts/http/body_io.hpp"

#include "runtime/descriptor.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <unistd.h>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;

namespace {

/// A piece of a large body on its way between socket and disk.
constexpr std::size_t kPiece = 256 * 1024;

/// Read at once from a socket with a body on it.
constexpr std::size_t kReceive = 64 * 1024;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// Reads some of the body into `room`; how much, or what to tell the peer.
Task<Result<std::size_t>> receive_some(
    Shard& shard,
    Session& session,
    Parser& parser,
    beast::flat_buffer& buffer,
    net::mutable_buffer room
) {
    auto& sink = parser.get().body();
    sink.data = room.data();
    sink.size = room.size();
    error_code error = feed(parser, buffer);
    while (error == bhttp::error::need_more && sink.size == room.size()) {
        set_deadline(shard, session, shard.options().body_pause_max);
        error = co_await receive_more(session, buffer, std::min(room.size() + 1, kReceive));
        if (!error) error = feed(parser, buffer);
    }
    session.deadline = kNever;
    const bool goes_on = error == bhttp::error::need_more || error == bhttp::error::need_buffer;
    if (error && !goes_on) co_return request_error(error, session, shard.options());
    co_return room.size() - sink.size;
}

/// A body that announced a length small enough to stay in memory: straight into its place.
Task<Result<Body>> receive_small(
    Shard& shard, Session& session, Parser& parser, beast::flat_buffer& buffer, std::size_t length
) {
    Body body;
    body.bytes.resize(length);
    std::size_t filled = 0;
    while (!parser.is_done()) {
        const net::mutable_buffer room(body.bytes.data() + filled, length - filled);
        BIDE_CO_TRY(
            const std::size_t got, co_await receive_some(shard, session, parser, buffer, room)
        );
        filled += got;
    }
    co_return body;
}

Task<Result<Body>> receive_large(
    Shard& shard, Session& session, Parser& parser, beast::flat_buffer& buffer
) {
    runtime::BodyWriter writer(shard.parts().spool, shard.parts().contract.rules().body_bytes_max);
    std::string piece(kPiece, '\0');
    while (!parser.is_done()) {
        const net::mutable_buffer room(piece.data(), piece.size());
        BIDE_CO_TRY(
            const std::size_t got, co_await receive_some(shard, session, parser, buffer, room)
        );
        const std::string_view bytes(piece.data(), got);
        const auto append = [&writer, bytes] { return writer.append(bytes); };
        Result<void> appended = success();
        if (writer.needs_disk(got))
            appended = co_await runtime::on_pool(shard.parts().pool, append);
        else
            appended = append();
        if (appended.has_error()) co_return std::move(appended.error());
    }
    const auto finish = [&writer] { return writer.finish(); };
    if (!writer.needs_disk(0)) co_return finish();
    co_return co_await runtime::on_pool(shard.parts().pool, finish);
}

}  // namespace

void set_deadline(Shard& shard, Session& session, Duration span) {
    session.deadline = shard.parts().clock.now() + span;
}

error_code feed(Parser& parser, beast::flat_buffer& buffer) {
    if (buffer.size() == 0) return bhttp::error::need_more;
    error_code error;
    buffer.consume(parser.put(buffer.data(), error));
    return error;
}

Task<error_code> receive_more(Session& session, beast::flat_buffer& buffer, std::size_t room) {
    auto [error, got] = co_await session.socket.async_read_some(buffer.prepare(room), kTuple);
    buffer.commit(got);
    if (error == net::error::eof) co_return bhttp::error::partial_message;
    co_return error;
}

bool is_syntax_error(const error_code& error) {
    return error.category() == bhttp::make_error_code(bhttp::error::bad_version).category();
}

Result<void> check_head(const Parser::value_type& head) {
    const auto bad = [](std::string detail) {
        return Error{Code::bad_request, Retry::never, std::move(detail)};
    };
    const auto hosts = head.count(bhttp::field::host);
    if (hosts > 1 || (hosts == 0 && head.version() >= 11))
        return bad("a request of HTTP/1.1 has exactly one Host field");
    const auto codings = head.count(bhttp::field::transfer_encoding);
    if (codings == 0) return success();
    if (head.version() < 11) return bad("HTTP/1.0 has no Transfer-Encoding");
    // Where a body in another coding ends, the parser does not know.
    if (codings > 1 || !beast::iequals(head[bhttp::field::transfer_encoding], "chunked"))
        return bad("the only Transfer-Encoding understood is \"chunked\"");
    return success();
}

Error request_error(const error_code& error, const Session& session, const Options& options) {
    if (session.timed_out)
        return {Code::request_timeout, Retry::safe, "the request did not come in time"};
    if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
        return {
            Code::headers_too_large,
            Retry::never,
            "the header section is larger than " + std::to_string(options.header_bytes_max) +
                " bytes"};
    }
    if (error == bhttp::error::body_limit)
        return {Code::too_large, Retry::never, "the body is larger than the limit of the server"};
    if (error == bhttp::error::partial_message || error == net::error::eof)
        return {Code::bad_request, Retry::safe, "the request ended before it was complete"};
    return {Code::bad_request, Retry::never, "not a valid HTTP request: " + error.message()};
}

Task<Result<Body>> receive_body(
    Shard& shard, Session& session, Parser& parser, beast::flat_buffer& buffer
) {
    if (parser.is_done()) co_return Body{};
    const auto& message = parser.get();
    if (message.version() >= 11 && buffer.size() == 0 &&
        beast::iequals(message[bhttp::field::expect], "100-continue")) {
        auto [error, sent] =
            co_await net::async_write(session.socket, net::buffer(kContinue), kTuple);
        if (error) co_return request_error(error, session, shard.options());
    }
    const auto length = parser.content_length();
    if (length && *length <= std::min<std::uint64_t>(shard.parts().spool.threshold(), kPiece)) {
        co_return co_await receive_small(
            shard, session, parser, buffer, static_cast<std::size_t>(*length)
        );
    }
    co_return co_await receive_large(shard, session, parser, buffer);
}

Task<bool> send_file(Shard& shard, Session& session, const BodyFile& file) {
    const auto opened = runtime::open_for_reading(file.path());
    if (opened.has_error()) co_return false;
    const runtime::Descriptor& descriptor = opened.value();
    std::string piece(kPiece, '\0');
    std::uint64_t sent = 0;
    while (sent < file.size()) {
        const std::size_t wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file.size() - sent));
        const auto read = [&piece, &descriptor, wanted, sent] {
            return ::pread(descriptor.get(), piece.data(), wanted, static_cast<off_t>(sent));
        };
        const ssize_t got = co_await runtime::on_pool(shard.parts().pool, read);
        if (got <= 0) co_return false;
        set_deadline(shard, session, shard.options().write_time_max);
        auto [error, written] = co_await net::async_write(
            session.socket, net::buffer(piece.data(), static_cast<std::size_t>(got)), kTuple
        );
        session.deadline = kNever;
        if (error) co_return false;
        sent += static_cast<std::uint64_t>(got);
    }
    co_return true;
}

}  // namespace bide::fronts::http
