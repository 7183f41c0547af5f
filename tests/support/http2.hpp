#pragma once

#include "support/http.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_hd_inflater;

namespace bide::test {

/// A frame of HTTP/2 (RFC 9113, 4.1).
struct Frame {
    enum Type : std::uint8_t {
        data = 0x0,
        headers = 0x1,
        priority = 0x2,
        reset = 0x3,
        settings = 0x4,
        ping = 0x6,
        goaway = 0x7,
        window_update = 0x8,
        continuation = 0x9,
    };
    static constexpr std::uint8_t kEndStream = 0x1;  ///< and, of others, an acknowledgement
    static constexpr std::uint8_t kEndHeaders = 0x4;

    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint32_t stream = 0;
    std::string payload;

    std::string text() const;
    /// The payload's number at `offset`.
    std::uint32_t number(std::size_t offset = 0) const;
};

/// As HTTP/2 writes numbers.
std::string four_bytes(std::uint32_t value);
/// A field that needs no table.
std::string plain_field(std::string_view name, std::string_view value);
/// The fields of a request; `lines` as Request has them, with lower-case names.
std::string request_fields(const Request& request);

/// A client of HTTP/2 by prior knowledge that does exactly what it is told, also what is wrong.
/// Reading updates no window by itself. One thread.
class Http2Client {
  public:
    using Settings = std::vector<std::pair<std::uint16_t, std::uint32_t>>;

    explicit Http2Client(const Address& address, const Settings& settings = {});
    ~Http2Client();
    Http2Client(const Http2Client&) = delete;
    Http2Client& operator=(const Http2Client&) = delete;

    bool send(std::string_view bytes) { return connection_.send(bytes); }
    bool send(const Frame& frame) { return send(frame.text()); }
    /// The same again and again, until the peer takes no more.
    void flood(std::string_view bytes, int times);
    /// The number of its stream. Its body goes with it, as far as it is not empty.
    std::uint32_t send(const Request& request);
    /// Only the head: the stream stays open.
    std::uint32_t begin(const Request& request);
    void send_data(std::uint32_t stream, std::string bytes, std::uint8_t flags = 0);
    void open_window(std::uint32_t stream, std::uint32_t by);
    /// Until the connection's window, which bodies close, is at least so wide.
    void wait_for_window(std::int64_t size);
    /// Until the head of the answer is there, or all of it.
    const Response& wait_for_head(std::uint32_t stream);
    void acknowledge_settings();

    /// Throws HttpError at the end of the connection.
    Frame read();
    struct Answer {
        Response response;
        bool whole = false;
        bool reset = false;
        std::uint32_t code = 0;  ///< of a reset
    };
    /// What comes of a stream, until it is over.
    Answer answer(std::uint32_t stream);
    Answer ask(const Request& request) { return answer(send(request)); }
    /// The code of the GOAWAY that comes next but for other frames; -1 when there is none before
    /// the end.
    std::int64_t goaway();
    /// What that said of the last stream that is answered.
    std::uint32_t last_stream() const { return last_stream_; }
    Connection& connection() { return connection_; }

  private:
    void take(const Frame& frame);

    Connection connection_;
    std::uint32_t next_stream_ = 1;
    std::uint32_t last_stream_ = 0;
    std::int64_t window_ = 65'535;
    std::map<std::uint32_t, Answer> answers_;
    std::vector<Frame> goaways_;
    nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace bide::test
