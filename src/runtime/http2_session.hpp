#pragma once

#include "runtime/http2_stream.hpp"
#include "runtime/http_pool.hpp"

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nghttp2/nghttp2.h>
#include <optional>
#include <string>
#include <string_view>

namespace bide::runtime {

/// Header lines ("Name: value", CR LF) for nghttp2, names in lower case. Refers to the lines.
class Http2Fields {
  public:
    Http2Fields(std::string_view lines, std::uint8_t flags);
    Http2Fields(const Http2Fields&) = delete;
    Http2Fields& operator=(const Http2Fields&) = delete;

    auto begin() const { return fields_.begin(); }
    auto end() const { return fields_.end(); }

  private:
    std::string names_;
    boost::container::small_vector<nghttp2_nv, 12> fields_;
};

/// A client's connection over HTTP/2, which many exchanges use at once. Owned by its origin, by the
/// exchanges on it and by its own reads and writes; on the client's thread.
///
/// As many requests are on it as the peer allows; nghttp2 keeps the others until it does.
class Http2Session final : public std::enable_shared_from_this<Http2Session> {
  public:
    /// `connection` is connected, and has shaken hands if it is one with TLS.
    Http2Session(
        const Executor& executor,
        BlockingPool& pool,
        const HttpClientOptions& options,
        std::unique_ptr<HttpConnection> connection
    );
    ~Http2Session();
    Http2Session(const Http2Session&) = delete;
    Http2Session& operator=(const Http2Session&) = delete;

    /// Begins to read and write. `opening` is woken when it is known whether the peer speaks
    /// HTTP/2.
    void start(HttpExchange& opening);
    bool is_ready() const { return ready_; }
    bool is_over() const { return over_; }

    /// Whether it takes another request.
    bool is_open() const { return ready_ && !over_ && !going_away_; }
    bool is_idle() const { return streams_.empty(); }

    /// Why it is over: "the connection was closed". Empty before.
    const std::string& reason() const { return reason_; }

    /// Sends the exchange's request and waits for its answer: exchange.response, or .trouble.
    /// Whoever interrupts the exchange ends that, and its stream.
    Task<void> talk(HttpClient::Shared& shared, HttpExchange& exchange);

    /// Ends the connection when nobody has used it for long, or when the peer is gone unseen.
    void tick(Time now);

    /// Exchanges on it break. May be called again.
    void close(std::string why);

  private:
    friend struct Http2SessionCallbacks;

    void begin(Http2Stream& stream);
    void refuse(Http2Stream& stream, std::string why);
    void reset(Http2Stream& stream, std::uint32_t code);
    void goes_away(std::uint32_t code);
    void tell_opening();
    void drop(Http2Stream& stream);
    Task<void> store(Http2Stream& stream);
    void take(const Http2Stream& stream, std::size_t size);
    Task<void> read_piece(Http2Stream& stream);
    Task<void> finish(Http2Stream& stream);

    void read();
    void received(const boost::system::error_code& error, std::size_t size);
    /// Writes what there is, at the end of this turn of the loop.
    void write_soon();
    void write();

    const Executor executor_;
    BlockingPool& pool_;
    const HttpClientOptions& options_;
    std::unique_ptr<HttpConnection> connection_;
    nghttp2_session* http_ = nullptr;
    boost::intrusive::list<Http2Stream, boost::intrusive::constant_time_size<false>> streams_;
    std::weak_ptr<HttpExchange> opening_;
    std::shared_ptr<const std::string> fixed_lines_;
    std::optional<Http2Fields> fixed_;  ///< the same for nghttp2
    std::string reason_;
    std::string fault_;  ///< what either side said of the connection's end; empty: nothing
    std::array<std::uint8_t, 32U << 10> room_;
    std::string out_;
    std::size_t dropped_unsent_ = 0;
    bool ready_ = false;       ///< the peer's SETTINGS have come
    bool going_away_ = false;  ///< the peer takes no further request
    bool over_ = false;
    bool write_posted_ = false;
    bool writing_ = false;
    bool heard_ = true;  ///< something came since the last tick
    Time quiet_since_ = kNever;
    Time pinged_at_ = kNever;
    Time idle_since_ = kNever;
};

}  // namespace bide::runtime
