#include "wire/chunked.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace bide::wire {
namespace {

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char folded = static_cast<char>(c | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

bool is_control(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

/// More digits than a 64-bit number needs are a trick.
constexpr std::uint8_t kDigitsMax = 16;

}  // namespace

Result<ChunkedDecoder::Step> ChunkedDecoder::decode(std::string_view input, std::span<char> room) {
    Step step;
    while (!done() && step.consumed < input.size()) {
        if (state_ == State::data) {
            const std::uint64_t left =
                std::min<std::uint64_t>(input.size() - step.consumed, room.size() - step.produced);
            const auto count = static_cast<std::size_t>(std::min(left, size_));
            if (count == 0) break;  // no room
            std::memcpy(room.data() + step.produced, input.data() + step.consumed, count);
            step.consumed += count;
            step.produced += count;
            size_ -= count;
            if (size_ == 0) state_ = State::data_end;
            continue;
        }
        BIDE_TRY(take(input[step.consumed]));
        ++step.consumed;
    }
    return step;
}

Result<void> ChunkedDecoder::take(char c) {
    switch (state_) {
        case State::size_first:
        case State::size:
        case State::space:
        case State::extension:
        case State::size_end: return take_size_line(c);
        case State::data_end:
            if (c != '\r') return bad("a chunk is longer than its size says");
            state_ = State::data_end_lf;
            return success();
        case State::data_end_lf:
            if (c != '\n') return bad("a chunk does not end in CR LF");
            state_ = State::size_first;
            return success();
        case State::trailer_first:
        case State::trailer:
        case State::trailer_value:
        case State::trailer_end:
        case State::last_end: return take_trailer(c);
        case State::data:
        case State::done: break;
    }
    return success();
}

Result<void> ChunkedDecoder::take_digit(char c) {
    const int digit = digit_of(c);
    if (digit < 0 || ++digits_ > kDigitsMax) return bad("a chunk's size is not a hex number");
    size_ = size_ << 4 | static_cast<std::uint64_t>(digit);
    state_ = State::size;
    return success();
}

Result<void> ChunkedDecoder::take_size_line(char c) {
    if (state_ == State::size_first) {
        size_ = 0;
        digits_ = 0;
        return take_digit(c);
    }
    if (state_ == State::size_end) {
        if (c != '\n') return bad("the line of a chunk's size does not end in CR LF");
        if (size_ > size_max_ - total_) {
            return Error{
                Code::too_large,
                Retry::never,
                "the body is larger than the limit of " + std::to_string(size_max_) + " bytes"};
        }
        total_ += size_;
        state_ = size_ == 0 ? State::trailer_first : State::data;
        return success();
    }
    if (c == '\r' && state_ != State::space) {
        state_ = State::size_end;
        return success();
    }
    if (state_ == State::size && digit_of(c) >= 0) return take_digit(c);
    if (++extensions_ > kExtensionsMax) return bad("the chunk extensions are too long");
    if (state_ == State::extension) {
        if (is_control(c)) return bad("a chunk extension has a control character in it");
    } else if (c == ';') {
        state_ = State::extension;
    } else if (c == ' ' || c == '\t') {
        state_ = State::space;
    } else {
        return bad("a chunk's size is not a hex number");
    }
    return success();
}

/// Trailers are not handed on; they must look like header lines all the same.
Result<void> ChunkedDecoder::take_trailer(char c) {
    if (++trailers_ > kTrailersMax) return bad("the trailer section is too long");
    switch (state_) {
        case State::trailer_end:
        case State::last_end:
            if (c != '\n') return bad("a trailer line does not end in CR LF");
            state_ = state_ == State::last_end ? State::done : State::trailer_first;
            return success();
        case State::trailer_value:
            if (c == '\r')
                state_ = State::trailer_end;
            else if (is_control(c))
                return bad("a trailer field has a control character in it");
            return success();
        default: break;
    }
    if (c == '\r' && state_ == State::trailer_first) {
        state_ = State::last_end;
    } else if (c == ':' && state_ == State::trailer) {
        state_ = State::trailer_value;
    } else if (is_control(c) || c == ' ' || c == '\t' || c == ':') {
        return bad("a trailer line is no header field");
    } else {
        state_ = State::trailer;
    }
    return success();
}

}  // namespace bide::wire
