// Requests on a connection over HTTP/2, and what comes of them. The connection: http2_session.cpp.
#include "runtime/http2_session.hpp"

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <cstring>
#include <nghttp2/nghttp2.h>
#include <utility>

namespace bide::runtime {

using Kind = HttpFailure::Kind;

namespace {

/// Requests stopped before they were sent, until another connection is opened.
constexpr std::size_t kDroppedUnsentMax = 1000;

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags) {
    const auto bytes = [](std::string_view text) {
        return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
    };
    return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

/// Gives a piece of a request's body.
ssize_t
read_body(nghttp2_session* http, std::int32_t id, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source*, void*) {
    auto* const from = static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(http, id));
    if (from == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    HttpExchange& exchange = from->exchange;
    const Body& all = *from->body();
    const bool on_disk = all.file != nullptr;
    const std::string_view left =
        on_disk ? std::string_view(from->piece).substr(from->piece_at)
                : std::string_view(all.bytes).substr(static_cast<std::size_t>(from->sent));
    if (left.empty() && from->sent < all.size()) {
        from->piece_wanted = true;
        from->wake();
        return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t count = std::min(size, left.size());
    std::memcpy(room, left.data(), count);
    if (on_disk) from->piece_at += count;
    from->sent += count;
    exchange.written += count;
    if (from->sent == all.size()) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        from->file.reset();
        from->piece = std::string();
    }
    from->wait_for("take the request", from->shared.options.pause_max);
    return static_cast<ssize_t>(count);
}

}  // namespace

Http2Fields::Http2Fields(std::string_view lines, std::uint8_t flags) {
    names_.reserve(lines.size());
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find("\r\n"));
        const std::size_t colon = line.find(':');
        const std::size_t at = names_.size();
        for (const char c : line.substr(0, colon))
            names_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
        while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
        fields_.push_back(field(std::string_view(names_).substr(at), value, flags));
        lines.remove_prefix(std::min(line.size() + 2, lines.size()));
    }
}

Task<void> Http2Session::talk(HttpClient::Shared& shared, HttpExchange& exchange) {
    Http2Stream stream(shared, exchange);
    try {
        begin(stream);
        while (!stream.closed) {
            if (exchange.interrupted || exchange.trouble) {
                stream.wrong(Kind::stopped, "stopped");
                drop(stream);
            } else if (stream.is_large() && !stream.received.empty()) {
                co_await store(stream);
            } else if (std::exchange(stream.piece_wanted, false)) {
                co_await read_piece(stream);
            } else {
                exchange.wake.expires_at(Timer::time_point::max());
                co_await exchange.wake.async_wait(kTuple);
            }
        }
    } catch (...) {
        // Out of memory, say. nghttp2 may not call the stream when it is gone.
        if (!stream.closed) drop(stream);
        take(stream, std::exchange(stream.held, 0));
        throw;
    }
    take(stream, std::exchange(stream.held, 0));
    exchange.deadline = kNever;
    if (exchange.trouble || exchange.response.cut) co_return;
    if (stream.is_large())
        co_await finish(stream);
    else
        exchange.response.body.bytes = std::move(stream.received);
}

void Http2Session::begin(Http2Stream& stream) {
    HttpExchange& exchange = stream.exchange;
    const HttpRequest& request = exchange.request;
    const HttpUrl& url = *request.url;
    // What differs from request to request is of no use in the table of those sent before.
    const Http2Fields own(request.header_lines, NGHTTP2_NV_FLAG_NO_INDEX);
    if (request.fixed_lines != fixed_lines_) {
        fixed_lines_ = request.fixed_lines;
        fixed_.emplace(fixed_lines_ ? std::string_view(*fixed_lines_) : "", NGHTTP2_NV_FLAG_NONE);
    }
    const std::string length = request.body ? std::to_string(request.body->size()) : "";
    boost::container::small_vector<nghttp2_nv, 24> fields{
        field(":method", request.method, NGHTTP2_NV_FLAG_NONE),
        field(":scheme", url.tls ? "https" : "http", NGHTTP2_NV_FLAG_NONE),
        field(":authority", url.authority, NGHTTP2_NV_FLAG_NONE),
        field(":path", url.target, NGHTTP2_NV_FLAG_NONE)};
    fields.insert(fields.end(), own.begin(), own.end());
    if (fixed_) fields.insert(fields.end(), fixed_->begin(), fixed_->end());
    if (request.body) fields.push_back(field("content-length", length, NGHTTP2_NV_FLAG_NONE));
    const nghttp2_data_provider body{{}, read_body};
    stream.id = nghttp2_submit_request(
        http_,
        nullptr,
        fields.data(),
        fields.size(),
        stream.has_sent_all() ? nullptr : &body,
        &stream
    );
    streams_.push_back(stream);
    idle_since_ = kNever;
    if (stream.id < 0 || over_) {
        // Streams are numbered, and a connection that lives long runs out of numbers.
        going_away_ = true;
        return refuse(stream, over_ ? reason_ : nghttp2_strerror(stream.id));
    }
    write_soon();
}

/// The peer has seen nothing of it.
void Http2Session::refuse(Http2Stream& stream, std::string why) {
    stream.exchange.unseen = true;
    stream.wrong(Kind::broken, "the request was not sent: " + std::move(why));
    stream.closed = true;
    stream.unlink();
    stream.wake();
}

void Http2Session::reset(Http2Stream& stream, std::uint32_t code) {
    nghttp2_submit_rst_stream(http_, NGHTTP2_FLAG_NONE, stream.id, code);
    write_soon();
}

/// Forgets a stream that nobody waits for any more.
void Http2Session::drop(Http2Stream& stream) {
    stream.closed = true;
    stream.unlink();
    nghttp2_session_set_stream_user_data(http_, stream.id, nullptr);
    // nghttp2 keeps a request that waits for others to end even so.
    if (stream.exchange.written == 0 && ++dropped_unsent_ > kDroppedUnsentMax) going_away_ = true;
    reset(stream, NGHTTP2_CANCEL);
}

/// Moves what has come of a large answer to the disk.
Task<void> Http2Session::store(Http2Stream& stream) {
    const HttpRequest& request = stream.exchange.request;
    if (!stream.writer) stream.writer.emplace(*request.spool, request.response_bytes_max);
    HttpResponse& response = stream.exchange.response;
    if (response.is_error()) response.keep_beginning(stream.received);
    const std::string bytes = std::exchange(stream.received, {});
    const std::size_t held = std::exchange(stream.held, 0);
    const auto append = [&bytes, writer = &*stream.writer] { return writer->append(bytes); };
    const Result<void> appended = co_await on_pool(pool_, append);
    if (!appended) stream.wrong(Kind::storage, appended.error().detail);
    take(stream, held);
}

/// Lets as much come again; of a stream that is closed, to the connection.
void Http2Session::take(const Http2Stream& stream, std::size_t size) {
    if (over_ || size == 0) return;
    nghttp2_session_consume(http_, stream.id, size);
    write_soon();
}

Task<void> Http2Session::read_piece(Http2Stream& stream) {
    const Body& body = *stream.body();
    if (!stream.file) {
        auto opened = open_for_reading(body.file->path());
        if (!opened) {
            stream.wrong(Kind::storage, opened.error().detail);
            co_return;
        }
        stream.file = std::move(opened.value());
    }
    std::string place;
    const auto piece = co_await next_piece(pool_, &body, stream.file.get(), stream.sent, &place);
    if (!piece) {
        stream.wrong(Kind::storage, piece.error().detail);
        co_return;
    }
    place.resize(piece.value().size());
    stream.piece = std::move(place);
    stream.piece_at = 0;
    if (stream.closed) co_return;
    nghttp2_session_resume_data(http_, stream.id);
    write_soon();
}

/// Makes the file of a large answer.
Task<void> Http2Session::finish(Http2Stream& stream) {
    if (!stream.received.empty()) co_await store(stream);
    if (stream.exchange.trouble) co_return;
    const auto finish = [writer = &*stream.writer] { return writer->finish(); };
    auto body = co_await on_pool(pool_, finish);
    if (body)
        stream.exchange.response.body = std::move(body.value());
    else
        stream.wrong(Kind::storage, body.error().detail);
}

}  // namespace bide::runtime
