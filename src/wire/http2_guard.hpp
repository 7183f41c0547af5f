#pragma once

#include "base/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bide::wire {

/// So many at once, and so many a second in the long run.
class Allowance {
  public:
    Allowance(double burst, double per_second)
        : burst_(burst), per_second_(per_second), left_(burst) {}

    /// False when it is used up.
    bool take(Time now);

  private:
    double burst_;
    double per_second_;
    double left_;
    Time last_{};
};

/// Looks at the frames of a client of HTTP/2 before nghttp2 does, for what that lets pass: floods
/// of frames that are cheap to send and do nothing, and frames on streams that it has forgotten,
/// which it does at once so that a closed stream costs nothing. One for each connection.
class Http2Guard {
  public:
    /// Of a connection that ends (RFC 9113, 7).
    enum class Fault : std::uint32_t {
        none = 0x0,
        protocol_error = 0x1,
        stream_closed = 0x5,
        enhance_your_calm = 0xb,
    };
    struct Piece {
        std::string_view bytes;  ///< to be handed on; empty when more must come first
        Fault fault = Fault::none;
    };

    Http2Guard();

    /// Takes the next piece from the front of `bytes`, at most to the end of a frame. The views
    /// hold until the next call.
    Piece next(std::string_view& bytes, Time now);

    /// The client had said all it may on this stream, and the stream is closed. Only the latest are
    /// remembered: a frame on an older one is ignored, as RFC 9113 (5.1) allows.
    void closed(std::uint32_t stream);

  private:
    struct Frame {
        std::uint32_t size = 0;
        std::uint8_t type = 0;
        std::uint8_t flags = 0;
        std::uint32_t stream = 0;
        /// The first of a payload that is looked at, else no stream's; of padded data the padding's
        /// length.
        std::uint32_t word = ~0U;
    };

    static std::size_t head_size(std::string_view begin);
    static Frame parse(std::string_view head);
    static bool is_empty(const Frame& data);
    Fault judge(const Frame& frame, Time now);
    Fault judge_request(const Frame& frame);
    bool is_closed(std::uint32_t stream) const;

    static constexpr std::size_t kFrameHead = 9;
    static constexpr std::size_t kWord = 4;

    /// Of the frame that is under way; first the client's preface, 24 bytes.
    std::size_t left_ = 24;
    std::array<char, kFrameHead + kWord> held_{};  ///< a head that came in pieces
    std::size_t held_size_ = 0;
    std::array<std::uint32_t, 16> closed_{};
    std::size_t next_closed_ = 0;
    std::uint32_t last_stream_ = 0;
    std::uint32_t skipped_from_ = 0;  ///< streams that were left out by the last one that did so
    std::uint32_t skipped_to_ = 0;
    Allowance idle_frames_;
};

}  // namespace bide::wire
