#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace bide::wire {

/// Takes a body in chunks apart (RFC 9112, 7.1), piece by piece, and lets nothing grow: sizes are
/// bounded by the body's limit, extensions and trailers by a number of bytes. Both are skipped. A
/// line that ends in a bare LF is an error.
class ChunkedDecoder {
  public:
    /// Bytes of chunk extensions of one body, and of its trailers.
    static constexpr std::size_t kExtensionsMax = 16 * 1024;
    static constexpr std::size_t kTrailersMax = 8 * 1024;

    /// A chunk that would lead past `size_max` is told as too_large before it is there.
    explicit ChunkedDecoder(std::uint64_t size_max) : size_max_(size_max) {}

    /// From here on the body may be of any size.
    void lift_limit() { size_max_ = std::numeric_limits<std::uint64_t>::max(); }

    struct Step {
        std::size_t consumed = 0;  ///< of the input
        std::size_t produced = 0;  ///< into the room
    };
    /// Goes on until the input or the room is used up, or the body is done.
    Result<Step> decode(std::string_view input, std::span<char> room);

    bool done() const { return state_ == State::done; }

  private:
    enum class State : std::uint8_t {
        size_first,
        size,
        space,  ///< behind a size: an extension must follow
        extension,
        size_end,
        data,
        data_end,
        data_end_lf,
        trailer_first,
        trailer,
        trailer_value,
        trailer_end,
        last_end,
        done,
    };
    Result<void> take(char c);
    Result<void> take_digit(char c);
    Result<void> take_size_line(char c);
    Result<void> take_trailer(char c);

    std::uint64_t size_max_;
    std::uint64_t total_ = 0;  ///< announced by all chunks so far
    std::uint64_t size_ = 0;   ///< of the chunk; in State::data: what is left of it
    std::size_t extensions_ = 0;
    std::size_t trailers_ = 0;
    std::uint8_t digits_ = 0;
    State state_ = State::size_first;
};

}  // namespace bide::wire
