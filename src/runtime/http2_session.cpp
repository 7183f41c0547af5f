#include "runtime/http2_session.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <exception>
#include <nghttp2/nghttp2.h>
#include <utility>

namespace bide::runtime {

using boost::system::error_code;
using Kind = HttpFailure::Kind;

namespace {

/// Written at once.
constexpr std::size_t kOutMax = 64U << 10;

/// Bytes of an answer that may be on their way or wait for the disk; of all answers together.
constexpr std::int32_t kStreamWindow = 256 << 10;
constexpr std::int32_t kConnectionWindow = 16 << 20;

/// With requests under way: so long nothing may come before the peer is asked whether it is there,
/// and so long it has to say so. Silence is usual, for work may take long.
constexpr auto kQuietMax = std::chrono::seconds(30);
constexpr auto kPongMax = std::chrono::seconds(15);

}  // namespace

/// nghttp2 is told of these functions and calls them with the session.
struct Http2SessionCallbacks {
    static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

    static Http2Stream* stream(nghttp2_session* http, std::int32_t id) {
        return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(http, id));
    }

    static int header(
        nghttp2_session* http,
        const nghttp2_frame* frame,
        const std::uint8_t* name_bytes,
        std::size_t name_size,
        const std::uint8_t* value_bytes,
        std::size_t value_size,
        std::uint8_t,
        void* user
    ) {
        Http2Stream* const to = stream(http, frame->hd.stream_id);
        if (to == nullptr || to->exchange.head_came) return 0;  // trailers are of no use
        to->exchange.answered = true;
        const std::string_view name(reinterpret_cast<const char*>(name_bytes), name_size);
        const std::string_view value(reinterpret_cast<const char*>(value_bytes), value_size);
        HttpResponse& response = to->exchange.response;
        to->head_bytes += name_size + value_size + 4;
        if (to->head_bytes > self(user).options_.head_bytes_max) {
            to->wrong(Kind::malformed, "not a valid HTTP answer: its head is too large");
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        if (name != ":status") {
            response.fields.add(name, value);
            return 0;
        }
        std::from_chars(value.data(), value.data() + value.size(), response.status);
        if (response.status >= 100 && response.status <= 599) return 0;
        to->wrong(Kind::malformed, "not a valid HTTP answer: status " + std::string(value));
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static void head_came(Http2Stream& to) {
        HttpExchange& exchange = to.exchange;
        if (exchange.head_came) return;
        if (exchange.response.status < 200) {
            if (exchange.request.on_interim)
                exchange.request.on_interim(exchange.response.status, exchange.response.fields);
            exchange.response.fields.clear();
            to.head_bytes = 0;
            return;
        }
        exchange.head_came = true;
        to.wait_for("send the rest of the answer", to.shared.options.pause_max);
    }

    static int frame_received(nghttp2_session* http, const nghttp2_frame* frame, void* user) {
        Http2Session& session = self(user);
        if (frame->hd.type == NGHTTP2_GOAWAY) session.goes_away(frame->goaway.error_code);
        if (frame->hd.type == NGHTTP2_SETTINGS && !session.ready_) {
            session.ready_ = true;
            session.tell_opening();
        }
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
        Http2Stream* const to = stream(http, frame->hd.stream_id);
        if (to == nullptr) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS) head_came(*to);
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        to->answer_over = to->exchange.head_came;
        // Who answers before the request's end does not want the rest (RFC 9113, 8.1).
        if (!to->has_sent_all()) session.reset(*to, NGHTTP2_NO_ERROR);
        return 0;
    }

    static int
    data(nghttp2_session* http, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void*) {
        Http2Stream* const to = stream(http, id);
        if (to == nullptr) {
            nghttp2_session_consume_connection(http, size);
            return 0;
        }
        to->size += size;
        const std::uint64_t most = to->exchange.request.response_bytes_max;
        if (to->size > most) {
            nghttp2_session_consume_connection(http, size);
            HttpResponse& response = to->exchange.response;
            if (std::exchange(response.cut, response.is_error())) return 0;
            if (response.cut) {
                response.keep_beginning(to->received);
                to->answer_over = true;
                return nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
            }
            to->wrong(
                Kind::too_large, "the answer is larger than " + std::to_string(most) + " bytes"
            );
            return nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        }
        to->received.append(reinterpret_cast<const char*>(bytes), size);
        to->wait_for("send the rest of the answer", to->shared.options.pause_max);
        if (to->is_large()) {
            to->held += size;
            to->wake();
        } else {
            nghttp2_session_consume(http, id, size);
        }
        return 0;
    }

    static int before_frame(nghttp2_session* http, const nghttp2_frame* frame, void*) {
        if (frame->hd.type != NGHTTP2_HEADERS) return 0;
        if (Http2Stream* const from = stream(http, frame->hd.stream_id)) ++from->exchange.written;
        return 0;
    }

    static int frame_sent(nghttp2_session* http, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_GOAWAY)
            self(user).fault_ = std::string("the peer broke the rules of HTTP/2 (") +
                                nghttp2_http2_strerror(frame->goaway.error_code) + ")";
        Http2Stream* const from = stream(http, frame->hd.stream_id);
        if (from == nullptr) return 0;
        if (frame->hd.type == NGHTTP2_RST_STREAM && !from->answer_over)
            from->wrong(
                Kind::malformed,
                std::string("not a valid HTTP answer (") +
                    nghttp2_http2_strerror(frame->rst_stream.error_code) + ")"
            );
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS)
            from->wait_for("take the request", from->shared.options.pause_max);
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && !from->exchange.head_came)
            from->wait_for("answer", from->shared.options.head_max);
        return 0;
    }

    static int frame_not_sent(
        nghttp2_session* http, const nghttp2_frame* frame, int error, void* user
    ) {
        if (frame->hd.type != NGHTTP2_HEADERS) return 0;
        Http2Stream* const from = stream(http, frame->hd.stream_id);
        if (from == nullptr) return 0;
        nghttp2_session_set_stream_user_data(http, from->id, nullptr);
        self(user).refuse(*from, nghttp2_strerror(error));
        return 0;
    }

    static int stream_closed(nghttp2_session* http, std::int32_t id, std::uint32_t code, void*) {
        Http2Stream* const to = stream(http, id);
        if (to == nullptr) return 0;
        to->closed = true;
        to->unlink();
        if (!to->answer_over) {
            // It was not looked at (RFC 9113, 8.7), so that sending it again is safe. Who resets it
            // otherwise has said something: not to ask at once again.
            if (code == NGHTTP2_REFUSED_STREAM)
                to->exchange.unseen = true;
            else
                to->exchange.refused = true;
            to->wrong(
                Kind::broken,
                std::string("the stream was closed ") +
                    (to->exchange.answered ? "in the middle of the answer" : "before it answered") +
                    " (" + nghttp2_http2_strerror(code) + ")"
            );
        }
        to->wake();
        return 0;
    }

    static nghttp2_session_callbacks* make() {
        nghttp2_session_callbacks* raw = nullptr;
        if (nghttp2_session_callbacks_new(&raw) != 0) std::terminate();
        nghttp2_session_callbacks_set_on_header_callback(raw, header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(raw, frame_received);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, data);
        nghttp2_session_callbacks_set_before_frame_send_callback(raw, before_frame);
        nghttp2_session_callbacks_set_on_frame_send_callback(raw, frame_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(raw, frame_not_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(raw, stream_closed);
        return raw;
    }
};

Http2Session::Http2Session(
    const Executor& executor,
    BlockingPool& pool,
    const HttpClientOptions& options,
    std::unique_ptr<HttpConnection> connection
)
    : executor_(executor), pool_(pool), options_(options), connection_(std::move(connection)) {}

Http2Session::~Http2Session() {
    nghttp2_session_del(http_);
}

void Http2Session::start(HttpExchange& opening) {
    static const auto* const callbacks = Http2SessionCallbacks::make();
    static const auto* const options = [] {
        nghttp2_option* raw = nullptr;
        if (nghttp2_option_new(&raw) != 0) std::terminate();
        nghttp2_option_set_no_auto_window_update(raw, 1);
        return raw;
    }();
    if (nghttp2_session_client_new2(&http_, callbacks, this, options) != 0)
        return close("out of memory");
    opening_ = opening.weak_from_this();
    const std::array<nghttp2_settings_entry, 3> settings{{
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kStreamWindow)},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options_.head_bytes_max},
    }};
    nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(http_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
    write();
    read();
}

void Http2Session::read() {
    auto done = [self = shared_from_this()](const error_code& error, std::size_t size) {
        self->received(error, size);
    };
    if (connection_->tls)
        connection_->tls->async_read_some(net::buffer(room_), std::move(done));
    else
        connection_->socket.async_read_some(net::buffer(room_), std::move(done));
}

void Http2Session::received(const error_code& error, std::size_t size) {
    if (over_) return;
    if (error) {
        if (!fault_.empty()) return close(fault_);
        const bool ended = error == net::error::eof || error == net::ssl::error::stream_truncated;
        return close(
            ended ? "the connection was closed" : "the connection broke: " + error.message()
        );
    }
    heard_ = true;
    const ssize_t done = nghttp2_session_mem_recv(http_, room_.data(), size);
    if (done < 0)
        return close(std::string("not valid HTTP/2: ") + nghttp2_strerror(static_cast<int>(done)));
    write();
    if (!over_) read();
}

void Http2Session::write_soon() {
    if (over_ || writing_ || std::exchange(write_posted_, true)) return;
    net::post(executor_, [self = shared_from_this()] {
        self->write_posted_ = false;
        self->write();
    });
}

void Http2Session::write() {
    if (over_ || writing_) return;
    out_.clear();
    while (out_.size() < kOutMax) {
        const std::uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(http_, &bytes);
        if (size < 0) return close(nghttp2_strerror(static_cast<int>(size)));
        if (size == 0) break;
        out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    }
    if (out_.empty()) {
        if (nghttp2_session_want_read(http_) == 0 && nghttp2_session_want_write(http_) == 0)
            close(fault_.empty() ? "the connection was ended" : fault_);
        return;
    }
    writing_ = true;
    auto done = [self = shared_from_this()](const error_code& error, std::size_t) {
        // The reader learns why, after the answers that came before.
        if (error) return;
        self->writing_ = false;
        self->write();
    };
    if (connection_->tls)
        net::async_write(*connection_->tls, net::buffer(out_), std::move(done));
    else
        net::async_write(connection_->socket, net::buffer(out_), std::move(done));
}

void Http2Session::tick(Time now) {
    if (over_ || !ready_) return;
    if (streams_.empty()) {
        quiet_since_ = kNever;
        if (idle_since_ == kNever) idle_since_ = now;
        if (idle_since_ + options_.idle_max <= now) close("nobody used it");
        return;
    }
    if (std::exchange(heard_, false) || quiet_since_ == kNever) {
        quiet_since_ = now;
        pinged_at_ = kNever;
    } else if (pinged_at_ != kNever) {
        if (pinged_at_ + kPongMax <= now) close("the connection is dead, a PING was not answered");
    } else if (quiet_since_ + kQuietMax <= now) {
        pinged_at_ = now;
        nghttp2_submit_ping(http_, NGHTTP2_FLAG_NONE, nullptr);
        write_soon();
    }
}

void Http2Session::close(std::string why) {
    if (std::exchange(over_, true)) return;
    reason_ = std::move(why);
    if (!ready_) reason_ += "; it does not seem to speak HTTP/2";
    error_code ignored;
    connection_->socket.close(ignored);
    while (!streams_.empty()) {
        Http2Stream& stream = streams_.front();
        stream.unlink();
        stream.closed = true;
        if (!stream.answer_over) {
            stream.wrong(
                Kind::broken,
                reason_ + (stream.exchange.answered ? ", in the middle of the answer"
                                                    : ", before it answered")
            );
        }
        stream.wake();
    }
    tell_opening();
}

void Http2Session::tell_opening() {
    if (const auto opening = std::exchange(opening_, {}).lock()) opening->wake.cancel();
}

/// The peer takes no further request. nghttp2 closes those that it did not look at, but not those
/// that wait for others to end.
void Http2Session::goes_away(std::uint32_t code) {
    going_away_ = true;
    if (code != NGHTTP2_NO_ERROR)
        fault_ =
            std::string("the peer ended the connection (") + nghttp2_http2_strerror(code) + ")";
    for (auto at = streams_.begin(); at != streams_.end();) {
        Http2Stream& stream = *at++;
        if (stream.exchange.written > 0) continue;
        drop(stream);
        stream.exchange.left_behind = true;
        refuse(stream, "the peer goes away");
    }
}

}  // namespace bide::runtime
