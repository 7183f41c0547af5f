// A connection of HTTP/2: its bytes, its limits and its end. Requests: http2_request.cpp, answers:
// http2_reply.cpp.
#include "fronts/http/http2.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <exception>
#include <nghttp2/nghttp2.h>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;

namespace {

/// Written at once.
constexpr std::size_t kOutMax = 64 * 1024;

/// Bytes of bodies that may be on their way or in memory on one connection, over all its streams.
/// Those of one stream: the protocol's 64 KiB, until its body is found to be large.
constexpr std::int32_t kConnectionWindow = 1 << 20;

/// Frames that wait to be written before nothing more is read: a client that sends and does not
/// read fills no memory.
constexpr std::size_t kQueueMax = 2000;

/// How long a client may take to notice an answer that came before its request was complete.
constexpr auto kLingerTime = std::chrono::seconds(2);

/// Longer than most round trips.
constexpr auto kNoticeTime = std::chrono::milliseconds(200);

/// Reads of a connection with a fast peer before it lets others run.
constexpr unsigned kInARowMax = 16;

/// Streams that end by a reset in the long run, each second. At once it may be all of them.
constexpr double kResetsPerSecond = 100;

using OptionsOwner = std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)>;
using CallbacksOwner =
    std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)>;

OptionsOwner make_options() {
    nghttp2_option* raw = nullptr;
    if (nghttp2_option_new(&raw) != 0) std::terminate();
    nghttp2_option_set_no_auto_window_update(raw, 1);
    nghttp2_option_set_no_closed_streams(raw, 1);
    // Acknowledgements of PING and SETTINGS that the client does not read; entries of one SETTINGS;
    // frames of one head. Past them the connection ends.
    nghttp2_option_set_max_outbound_ack(raw, 1000);
    nghttp2_option_set_max_settings(raw, 32);
    nghttp2_option_set_max_continuations(raw, 8);
    // Resets are counted here, where ENHANCE_YOUR_CALM can be said.
    nghttp2_option_set_stream_reset_rate_limit(raw, 1'000'000, 1'000'000);
    return {raw, nghttp2_option_del};
}

bool is_flood(ssize_t error) {
    return error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
           error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
}

/// The rest of a request that is answered already. A client that sends on is told that it is not
/// wanted (RFC 9113, 8.1), but not at once: curl before 8 takes the reset for the answer.
class Unwanted final : public StreamWork {
  public:
    explicit Unwanted(Http2Stream& stream)
        : StreamWork(stream), until_(connection().now() + kLingerTime) {}
    void tick(Time now) override {
        if (until_ > now) return;
        until_ = kNever;
        connection().reset(stream_, NGHTTP2_NO_ERROR);
    }

  private:
    Time until_;
};

}  // namespace

/// nghttp2 is told of these functions and calls them with the connection. It never closes a stream
/// but in one of its own functions, so that what they call may use a stream to its end.
struct Http2Callbacks {
    static Http2& self(void* user) { return *static_cast<Http2*>(user); }

    static Http2Stream* stream(nghttp2_session* http, std::int32_t id) {
        return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(http, id));
    }

    static bool is_request(const nghttp2_frame* frame) {
        return frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    }

    static int begin_headers(nghttp2_session*, const nghttp2_frame*, void* user) {
        Http2& connection = self(user);
        const Options& options = connection.shard_.options();
        connection.head_ = wire::Http2Head(options.header_bytes_max);
        connection.head_deadline_ = connection.now() + options.header_time_max;
        return 0;
    }

    static int header(
        nghttp2_session*,
        const nghttp2_frame* frame,
        const std::uint8_t* name,
        std::size_t name_size,
        const std::uint8_t* value,
        std::size_t value_size,
        std::uint8_t,
        void* user
    ) {
        if (!is_request(frame)) return 0;  // trailers are of no use
        self(user).head_.add(
            {reinterpret_cast<const char*>(name), name_size},
            {reinterpret_cast<const char*>(value), value_size}
        );
        return 0;
    }

    static int frame_received(nghttp2_session* http, const nghttp2_frame* frame, void* user) {
        Http2& connection = self(user);
        const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        switch (frame->hd.type) {
            case NGHTTP2_SETTINGS:
            case NGHTTP2_HEADERS: connection.head_deadline_ = kNever; break;
            case NGHTTP2_RST_STREAM:
                if (Http2Stream* const reset = stream(http, frame->hd.stream_id))
                    reset->whole = true;
                connection.count_reset();
                return 0;
            case NGHTTP2_DATA: break;
            default: return 0;
        }
        if (is_request(frame)) {
            connection.begin_request(frame->hd.stream_id, end);
        } else if (end) {
            Http2Stream* const ended = stream(http, frame->hd.stream_id);
            if (ended == nullptr) return 0;
            ended->whole = true;
            if (ended->work) ended->work->data_ended();
        }
        return 0;
    }

    static int
    data(nghttp2_session* http, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void*) {
        Http2Stream* const to = stream(http, id);
        if (to == nullptr || !to->work) {
            // Nobody wants it: the stream's window is not opened again.
            nghttp2_session_consume_connection(http, size);
            return 0;
        }
        to->work->data({reinterpret_cast<const char*>(bytes), size});
        return 0;
    }

    static int frame_sent(nghttp2_session* http, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_RST_STREAM) {
            // A client that makes the server reset streams is counted as one that does so itself.
            if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR) self(user).count_reset();
            return 0;
        }
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
        Http2Stream* const answered = stream(http, frame->hd.stream_id);
        if (answered != nullptr && !answered->whole)
            self(user).become(*answered, std::make_unique<Unwanted>(*answered));
        return 0;
    }

    static int stream_closed(nghttp2_session* http, std::int32_t id, std::uint32_t, void* user) {
        Http2Stream* const closed = stream(http, id);
        if (closed == nullptr) return 0;
        if (closed->whole) self(user).guard_.closed(static_cast<std::uint32_t>(id));
        self(user).forget(*closed);
        return 0;
    }

    static CallbacksOwner make() {
        nghttp2_session_callbacks* raw = nullptr;
        if (nghttp2_session_callbacks_new(&raw) != 0) std::terminate();
        nghttp2_session_callbacks_set_on_begin_headers_callback(raw, begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(raw, header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(raw, frame_received);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, data);
        nghttp2_session_callbacks_set_on_frame_send_callback(raw, frame_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(raw, stream_closed);
        return {raw, nghttp2_session_callbacks_del};
    }
};

Http2::Http2(Shard& shard, std::shared_ptr<Session> session)
    : shard_(shard),
      session_(std::move(session)),
      signal_(session_->socket.get_executor(), runtime::Timer::time_point::max()),
      room_(session_->socket.get_executor(), runtime::Timer::time_point::max()),
      resets_(std::max(100U, shard.options().http2_streams_max), kResetsPerSecond) {}

Http2::~Http2() {
    // Without a word to the shard, which may be gone: abandon() comes before.
    const auto dispose = [](Http2Stream* stream) { delete stream; };
    quiet_.clear_and_dispose(dispose);
    active_.clear_and_dispose(dispose);
    nghttp2_session_del(http_);
}

bool Http2::start() {
    static const OptionsOwner options = make_options();
    static const CallbacksOwner callbacks = Http2Callbacks::make();
    if (nghttp2_session_server_new2(&http_, callbacks.get(), this, options.get()) != 0)
        return false;
    const std::array<nghttp2_settings_entry, 3> settings{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, shard_.options().http2_streams_max},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, shard_.options().header_bytes_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    }};
    error_code ignored;
    session_->socket.non_blocking(true, ignored);
    nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(http_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
    head_deadline_ = now() + shard_.options().header_time_max;
    idle_since_ = now();
    return true;
}

Task<void> Http2::run(std::string first) {
    if (!start()) co_return;
    session_->deadline = kNever;
    // Agreed on in TLS's handshake, nothing has ended idleness yet; and what comes after this, the
    // time to read the last answer, is not to be cut short either.
    session_->phase = Session::Phase::busy;
    session_->http2 = this;
    if (shard_.stopping()) drain();
    writing_ = true;
    net::co_spawn(session_->socket.get_executor(), write_loop(), [this](const std::exception_ptr&) {
        writing_ = false;
        over_ = true;
        error_code ignored;
        session_->socket.cancel(ignored);
        room_.cancel();
        wake();
    });
    co_await read_loop(std::move(first));
    // The writer may still have to say why.
    while (writing_) co_await signal_.async_wait(kTuple);
    abandon();
    while (on_disk_ > 0) co_await signal_.async_wait(kTuple);
    session_->http2 = nullptr;
}

// --- bytes --------------------------------------------------------------------------------------

Task<void> Http2::read_loop(std::string first) {
    if (!first.empty()) receive(first);
    first = std::string();
    while (!failed_ && !over_) {
        if (nghttp2_session_get_outbound_queue_size(http_) > kQueueMax) {
            co_await room_.async_wait(kTuple);
            continue;
        }
        error_code error = read_some();
        if (!error) continue;
        if (error == net::error::would_block) error = co_await readable();
        if (!error || over_) continue;
        over_ = true;
        session_->socket.cancel(error);  // what is being written, to nobody
    }
    wake();
}

Task<error_code> Http2::readable() {
    reads_in_a_row_ = 0;
    if (session_->tls) co_return co_await session_->tls->wait_to_read();
    auto [error] = co_await session_->socket.async_wait(runtime::Socket::wait_read, kTuple);
    co_return error;
}

/// What has come, without waiting for it; it is taken before anything else uses the room.
error_code Http2::read_some() {
    const net::mutable_buffer room = shard_.read_room();
    error_code error;
    std::size_t size = 0;
    if (session_->tls) {
        const Tls::Transfer read = session_->tls->read_now(room);
        error = read.error;
        size = read.size;
    } else if (++reads_in_a_row_ > kInARowMax) {
        return net::error::would_block;
    } else {
        size = session_->socket.read_some(net::buffer(room), error);
    }
    if (size > 0) receive({static_cast<const char*>(room.data()), size});
    // After a piece of TLS it is said there what to wait for.
    if (session_->tls && !error) error = net::error::would_block;
    return error;
}

void Http2::receive(std::string_view bytes) {
    retired_.clear();
    const Time at = now();
    while (!bytes.empty() && !failed_) {
        const wire::Http2Guard::Piece piece = guard_.next(bytes, at);
        if (piece.fault != wire::Http2Guard::Fault::none) {
            fail(static_cast<std::uint32_t>(piece.fault));
            break;
        }
        const auto* data = reinterpret_cast<const std::uint8_t*>(piece.bytes.data());
        // Most errors nghttp2 tells the client itself; after these it cannot go on.
        const ssize_t done = nghttp2_session_mem_recv(http_, data, piece.bytes.size());
        if (done < 0) fail(is_flood(done) ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
    }
    wake();
}

/// Nothing that comes after this can be understood.
void Http2::fail(std::uint32_t code) {
    failed_ = true;
    nghttp2_session_terminate_session(http_, code);
}

Task<void> Http2::write_loop() {
    while (!over_) {
        fill();
        if (out_.empty()) {
            if (nghttp2_session_want_read(http_) == 0 && nghttp2_session_want_write(http_) == 0)
                co_return;
            out_ = std::string();
            co_await signal_.async_wait(kTuple);
            continue;
        }
        write_deadline_ = now() + shard_.options().write_time_max;
        const error_code error = co_await write();
        write_deadline_ = kNever;
        out_.clear();
        if (error) co_return;
        room_.cancel();
    }
}

void Http2::fill() {
    retired_.clear();
    while (out_.size() < kOutMax) {
        const std::uint8_t* data = nullptr;
        const ssize_t size = nghttp2_session_mem_send(http_, &data);
        if (size < 0) over_ = true;
        if (size <= 0) return;
        out_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
    }
}

Task<error_code> Http2::write() {
    if (session_->tls) co_return co_await session_->tls->write(net::buffer(out_));
    auto [error, size] = co_await net::async_write(session_->socket, net::buffer(out_), kTuple);
    co_return error;
}

// --- limits and the end -------------------------------------------------------------------------

/// Tells the client why, and ends when that is written.
void Http2::stop(std::uint32_t code) {
    nghttp2_session_terminate_session(http_, code);
    wake();
}

void Http2::count_reset() {
    if (!resets_.take(now())) stop(NGHTTP2_ENHANCE_YOUR_CALM);
}

/// What the client has sent before it hears of this is still taken (RFC 9113, 6.8): a little later
/// it is told how far.
void Http2::drain() {
    if (std::exchange(draining_, true)) return;
    last_due_ = now() + kNoticeTime;
    nghttp2_submit_shutdown_notice(http_);
    wake();
}

void Http2::say_last() {
    last_due_ = kNever;
    const std::int32_t last = nghttp2_session_get_last_proc_stream_id(http_);
    nghttp2_submit_goaway(http_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
    wake();
}

void Http2::tick(Time now) {
    if (write_deadline_ <= now) {
        over_ = true;
        error_code ignored;
        session_->socket.close(ignored);
        room_.cancel();
        wake();
        return;
    }
    if (last_due_ <= now) say_last();
    if (head_deadline_ <= now) {
        head_deadline_ = kNever;
        stop(NGHTTP2_ENHANCE_YOUR_CALM);
    }
    for (auto next = active_.begin(); next != active_.end();) {
        Http2Stream& stream = *next++;
        if (stream.work) stream.work->tick(now);
    }
    const bool idle = active_.empty() && quiet_.empty();
    if (idle && now - idle_since_ >= shard_.options().idle_time_max) {
        idle_since_ = now;
        stop(NGHTTP2_NO_ERROR);
    }
}

void Http2::abandon() {
    for (Streams* const streams : {&quiet_, &active_}) {
        streams->clear_and_dispose([this](Http2Stream* stream) {
            leave(*stream);
            delete stream;
        });
    }
}

void Http2::leave(Http2Stream& stream) {
    if (stream.waiter != 0) shard_.leave(stream.waiter);
    if (stream.work) stream.work->leave();
}

void Http2::forget(Http2Stream& stream) {
    leave(stream);
    if (stream.held > 0) nghttp2_session_consume_connection(http_, stream.held);
    Streams& streams = stream.active ? active_ : quiet_;
    streams.erase_and_dispose(streams.iterator_to(stream), [](Http2Stream* gone) { delete gone; });
    if (active_.empty() && quiet_.empty()) idle_since_ = now();
}

void Http2::list(Http2Stream& stream) {
    Streams& from = stream.active ? active_ : quiet_;
    const bool active = stream.work && stream.work->ticks();
    Streams& to = active ? active_ : quiet_;
    if (&from == &to) return;
    from.erase(from.iterator_to(stream));
    to.push_back(stream);
    stream.active = active;
}

void Http2::become(Http2Stream& stream, std::unique_ptr<StreamWork> work) {
    if (stream.work) {
        stream.work->leave();
        retired_.push_back(std::move(stream.work));
    }
    stream.work = std::move(work);
    list(stream);
}

Task<void> serve_http2(Shard& shard, std::shared_ptr<Session> session, std::string first) {
    Http2 connection(shard, std::move(session));
    co_await connection.run(std::move(first));
}

}  // namespace bide::fronts::http
