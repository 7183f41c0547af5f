// The HTTP/2 limit: a server on nghttp2 that sends each request's body back, over HTTP/2 with prior
// knowledge. One thread; what the frames read at once ask for is answered in one write. No limits,
// no timers, no TLS.
//
//     bare_echo_http2 [PORT]
#include "bare_server.hpp"

#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <string>
#include <unordered_map>
#include <utility>

namespace net = boost::asio;
using bare::Socket;
using boost::system::error_code;

namespace {

struct Stream {
    std::string body;
    std::size_t sent = 0;
};

class Session : public std::enable_shared_from_this<Session> {
  public:
    explicit Session(Socket socket) : socket_(std::move(socket)) {}
    ~Session() { nghttp2_session_del(http_); }

    void start() {
        nghttp2_session_server_new(&http_, callbacks(), this);
        const nghttp2_settings_entry streams{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 10'000};
        nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, &streams, 1);
        read();
    }

  private:
    static Session& self(void* user) { return *static_cast<Session*>(user); }

    static int data(
        nghttp2_session*,
        std::uint8_t,
        std::int32_t id,
        const std::uint8_t* bytes,
        std::size_t size,
        void* user
    ) {
        self(user).streams_[id].body.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }

    static ssize_t
    read_body(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void*) {
        auto& stream = *static_cast<Stream*>(source->ptr);
        const std::size_t count = std::min(size, stream.body.size() - stream.sent);
        std::memcpy(room, stream.body.data() + stream.sent, count);
        stream.sent += count;
        if (stream.sent == stream.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    static int frame(nghttp2_session* http, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        nghttp2_data_provider body{{}, read_body};
        body.source.ptr = &self(user).streams_[frame->hd.stream_id];
        char name[] = ":status";
        char value[] = "200";
        const nghttp2_nv status{
            reinterpret_cast<std::uint8_t*>(name),
            reinterpret_cast<std::uint8_t*>(value),
            7,
            3,
            NGHTTP2_NV_FLAG_NONE};
        return nghttp2_submit_response(http, frame->hd.stream_id, &status, 1, &body);
    }

    static int closed(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
        self(user).streams_.erase(id);
        return 0;
    }

    static nghttp2_session_callbacks* callbacks() {
        static nghttp2_session_callbacks* const made = [] {
            nghttp2_session_callbacks* raw = nullptr;
            if (nghttp2_session_callbacks_new(&raw) != 0) std::abort();
            nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, data);
            nghttp2_session_callbacks_set_on_frame_recv_callback(raw, frame);
            nghttp2_session_callbacks_set_on_stream_close_callback(raw, closed);
            return raw;
        }();
        return made;
    }

    void read() {
        socket_.async_read_some(
            net::buffer(room_),
            [self = shared_from_this()](error_code error, std::size_t size) {
                if (error || nghttp2_session_mem_recv(self->http_, self->room_.data(), size) < 0)
                    return;
                self->write();
            }
        );
    }

    void write() {
        out_.clear();
        const std::uint8_t* bytes = nullptr;
        for (ssize_t size = 0; (size = nghttp2_session_mem_send(http_, &bytes)) > 0;)
            out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        if (out_.empty()) return read();
        net::async_write(
            socket_,
            net::buffer(out_),
            [self = shared_from_this()](error_code error, std::size_t) {
                if (!error) self->read();
            }
        );
    }

    Socket socket_;
    nghttp2_session* http_ = nullptr;
    std::unordered_map<std::int32_t, Stream> streams_;
    std::array<std::uint8_t, 65536> room_{};
    std::string out_;
};

}  // namespace

int main(int argc, char** argv) {
    bare::serve<Session>(argc, argv);
}
