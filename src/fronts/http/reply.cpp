// The server's side of a connection: answers.
#include "fronts/http/connection.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <string>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utility>

namespace bide::fronts::http {

using runtime::kTuple;
using runtime::Task;

namespace {

/// A piece of a file on its way from disk to socket, through memory.
constexpr std::size_t kPiece = 256 * 1024;

/// The most that the kernel is asked to send at once: a thread of the pool is busy that long.
constexpr std::size_t kSendfileMax = 4 << 20;

}  // namespace

Task<Connection::Next> Connection::send(wire::Reply reply) {
    keep_alive_ = keep_alive_ && !shard_.stopping();
    std::optional<OpenBody> file;
    if (reply.body.file && !head_only_) file = shard_.open_body(reply);
    write_head(reply, Ending::length);
    const bool bodiless = head_only_ || wire::is_bodiless(reply.status);
    const wire::ByteRange range = reply.range.value_or(wire::ByteRange{0, reply.body.size()});
    std::string_view inline_body;
    if (!bodiless && !reply.body.file) {
        inline_body =
            std::string_view(reply.body.bytes)
                .substr(
                    static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.length)
                );
    }
    std::array<net::const_buffer, 2> parts{net::buffer(head_), net::buffer(inline_body)};
    if (!write_at_once(parts)) {
        const bool sent = co_await write(parts);
        if (!sent) co_return Next::close;
    }
    if (file && !bodiless) {
        const bool whole = co_await send_file(std::move(*file), range);
        if (!whole) co_return Next::close;
    }
    co_return keep_alive_ ? Next::request : Next::close;
}

/// Most answers fit the socket's buffer: no deadline, no operation in the reactor, no turn of the
/// loop. A connection that broke is told by write().
bool Connection::write_at_once(std::array<net::const_buffer, 2>& parts) {
    if (session_->tls) return false;
    std::array<iovec, 2> pieces{};
    for (std::size_t i = 0; i < parts.size(); ++i)
        pieces[i] = {const_cast<void*>(parts[i].data()), parts[i].size()};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = pieces.size();
    const ssize_t sent =
        ::sendmsg(session_->socket.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    auto rest = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    for (auto& part : parts) {
        const std::size_t taken = std::min(rest, part.size());
        part += taken;
        rest -= taken;
    }
    return parts[0].size() + parts[1].size() == 0;
}

Task<bool> Connection::write(std::array<net::const_buffer, 2> parts) {
    // While an upload is read the session's own deadline is for reading.
    Mailbox* const mailbox = session_->mailbox.get();
    Time& deadline = mailbox != nullptr ? mailbox->write_deadline : session_->deadline;
    deadline = shard_.parts().clock.coarse_now() + shard_.options().write_time_max;
    boost::system::error_code error;
    if (!session_->tls) {
        const auto written = co_await net::async_write(session_->socket, parts, kTuple);
        error = std::get<0>(written);
    } else {
        for (const auto& part : parts) {
            if (!error) error = co_await session_->tls->write(part);
        }
    }
    deadline = kNever;
    co_return !error;
}

/// False when the connection or the file failed: then the answer is cut short, which the client
/// sees by its length.
Task<bool> Connection::send_file(OpenBody source, wire::ByteRange range) {
    if (session_->tls) co_return co_await send_pieces(std::move(source), range);
    // A number of its own: when the shard closes the socket meanwhile, the old one may become
    // another connection's.
    const runtime::Descriptor target(::fcntl(session_->socket.native_handle(), F_DUPFD_CLOEXEC, 0));
    if (!target) co_return false;
    while (range.length > 0) {
        const auto most =
            static_cast<std::size_t>(std::min<std::uint64_t>(kSendfileMax, range.length));
        // On the pool, since it may have to wait for the disk. The socket does not block.
        const auto send =
            [out = target.get(), in = source.descriptor(), from = range.offset, most] {
                auto at = static_cast<off_t>(from);
                const ssize_t sent = ::sendfile(out, in, &at, most);
                return sent < 0 ? -errno : sent;
            };
        const ssize_t sent = co_await runtime::on_pool(shard_.parts().pool, send);
        if (sent == -EAGAIN) {
            const bool takes_more = co_await writable();
            if (!takes_more) co_return false;
        } else if (sent <= 0) {
            co_return false;
        } else {
            range.offset += static_cast<std::uint64_t>(sent);
            range.length -= static_cast<std::uint64_t>(sent);
        }
    }
    co_return true;
}

/// As send_file(), for what is to be encrypted on its way.
Task<bool> Connection::send_pieces(OpenBody source, wire::ByteRange range) {
    std::string piece(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, range.length)), 0);
    while (range.length > 0) {
        const auto wanted =
            static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), range.length));
        const auto from = static_cast<off_t>(range.offset);
        const auto read = [&piece, &source, wanted, from] {
            return ::pread(source.descriptor(), piece.data(), wanted, from);
        };
        const ssize_t got = co_await runtime::on_pool(shard_.parts().pool, read);
        if (got <= 0) co_return false;
        const net::const_buffer bytes(piece.data(), static_cast<std::size_t>(got));
        const bool written = co_await write({bytes, net::const_buffer()});
        if (!written) co_return false;
        range.offset += static_cast<std::uint64_t>(got);
        range.length -= static_cast<std::uint64_t>(got);
    }
    co_return true;
}

/// Waits, within the time for a piece of an answer, until the socket takes more.
Task<bool> Connection::writable() {
    set_deadline(shard_, *session_, shard_.options().write_time_max);
    auto [error] = co_await session_->socket.async_wait(runtime::Socket::wait_write, kTuple);
    session_->deadline = kNever;
    co_return !error;
}

void Connection::write_head(const wire::Reply& reply, Ending ending) {
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
    if (ending == Ending::chunks) {
        head_ += "Transfer-Encoding: chunked\r\n";
    } else if (ending == Ending::length && !wire::is_bodiless(reply.status)) {
        head_ += "Content-Length: ";
        head_ += std::to_string(reply.content_length());
        head_ += "\r\n";
    }
    // From HTTP/1.1 on a connection stays unless something is said.
    if (!keep_alive_) {
        head_ += "Connection: close\r\n";
    } else if (minor_ == 0) {
        head_ += "Connection: keep-alive\r\n";
    }
    head_ += "\r\n";
}

// --- answers whose end is not known -------------------------------------------------------------

void Connection::begin_stream(const wire::Reply& reply) {
    ending_ = minor_ >= 1 ? Ending::chunks : Ending::close;
    if (ending_ == Ending::close || shard_.stopping()) keep_alive_ = false;
    write_head(reply, ending_);
}

/// The head goes out with the first piece.
Task<bool> Connection::send_piece(std::string text) {
    if (!text.empty() && ending_ == Ending::chunks && !head_only_) {
        std::array<char, 16> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + 16, text.size(), 16).ptr;
        head_.append(digits.data(), end);
        head_ += "\r\n";
        text += "\r\n";
    }
    const std::string_view body = head_only_ ? std::string_view() : std::string_view(text);
    const bool sent = co_await write({net::buffer(head_), net::buffer(body)});
    head_.clear();
    co_return sent;
}

Task<bool> Connection::end_stream() {
    if (ending_ == Ending::chunks && !head_only_) head_ += "0\r\n\r\n";
    const bool sent = co_await write({net::buffer(head_), net::const_buffer()});
    head_.clear();
    co_return sent;
}

}  // namespace bide::fronts::http
