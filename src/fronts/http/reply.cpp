// The server's side of a connection: answers.
#include "fronts/http/connection.hpp"
#include "runtime/descriptor.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <unistd.h>
#include <utility>

namespace bide::fronts::http {

using runtime::kTuple;
using runtime::Task;

namespace {

/// A piece of a file on its way from disk to socket.
constexpr std::size_t kPiece = 256 * 1024;

}  // namespace

Task<Connection::Next> Connection::send(wire::Reply reply) {
    keep_alive_ = keep_alive_ && !shard_.stopping();
    write_head(reply);
    const bool bodiless = head_only_ || wire::is_bodiless(reply.status);
    const std::string_view inline_body =
        bodiless ? std::string_view() : std::string_view(reply.body.bytes);
    const bool sent = co_await write({net::buffer(head_), net::buffer(inline_body)});
    if (!sent) co_return Next::close;
    if (reply.body.file && !bodiless) {
        const bool whole = co_await send_file(reply.body.file);
        if (!whole) co_return Next::close;
    }
    co_return keep_alive_ ? Next::request : Next::close;
}

Task<bool> Connection::write(std::array<net::const_buffer, 2> parts) {
    set_deadline(shard_, *session_, shard_.options().write_time_max);
    boost::system::error_code error;
    if (!session_->tls) {
        const auto written = co_await net::async_write(session_->socket, parts, kTuple);
        error = std::get<0>(written);
    } else {
        for (const auto& part : parts) {
            if (!error) error = co_await session_->tls->write(part);
        }
    }
    session_->deadline = kNever;
    co_return !error;
}

/// False when the connection or the file failed: then the answer is cut short, which the client
/// sees by its length.
Task<bool> Connection::send_file(std::shared_ptr<BodyFile> file) {
    const auto opened = runtime::open_for_reading(file->path());
    if (opened.has_error()) co_return false;
    const runtime::Descriptor& descriptor = opened.value();
    std::string piece(kPiece, '\0');
    std::uint64_t sent = 0;
    while (sent < file->size()) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, file->size() - sent));
        const auto read = [&piece, &descriptor, wanted, sent] {
            return ::pread(descriptor.get(), piece.data(), wanted, static_cast<off_t>(sent));
        };
        const ssize_t got = co_await runtime::on_pool(shard_.parts().pool, read);
        if (got <= 0) co_return false;
        const net::const_buffer bytes(piece.data(), static_cast<std::size_t>(got));
        const bool written = co_await write({bytes, net::const_buffer()});
        if (!written) co_return false;
        sent += static_cast<std::uint64_t>(got);
    }
    co_return true;
}

void Connection::write_head(const wire::Reply& reply) {
    const auto reason =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(reply.status));
    head_.clear();
    head_ += "HTTP/1.1 ";
    head_ += std::to_string(reply.status);
    head_ += ' ';
    head_.append(reason.data(), reason.size());
    head_ += "\r\n";
    head_ += shard_.date_line();
    head_ += reply.headers.lines();
    if (!wire::is_bodiless(reply.status)) {
        head_ += "Content-Length: ";
        head_ += std::to_string(reply.body.size());
        head_ += "\r\n";
    }
    head_ += keep_alive_ ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
}

}  // namespace bide::fronts::http
