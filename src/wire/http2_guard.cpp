#include "wire/http2_guard.hpp"

#include <algorithm>
#include <chrono>

namespace bide::wire {

namespace {

enum Type : std::uint8_t {
    kData = 0x0,
    kHeaders = 0x1,
    kPriority = 0x2,
    kSettings = 0x4,
    kPing = 0x6,
    kWindowUpdate = 0x8,
    kContinuation = 0x9,
};
constexpr std::uint8_t kAck = 0x1;
constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kPadded = 0x8;

/// Frames that ask for nothing: more than a client with a thousand requests under way can need.
constexpr double kIdleFrames = 2000;
constexpr double kIdleFramesPerSecond = 200;

std::uint32_t number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

}  // namespace

bool Allowance::take(Time now) {
    if (last_ != Time{}) {
        const std::chrono::duration<double> passed = now - last_;
        left_ = std::min(burst_, left_ + std::max(0.0, passed.count()) * per_second_);
    }
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
}

Http2Guard::Http2Guard() : idle_frames_(kIdleFrames, kIdleFramesPerSecond) {}

/// How much of a frame is needed to judge it, once its own head is there.
std::size_t Http2Guard::head_size(std::string_view begin) {
    if (begin.size() < kFrameHead) return kFrameHead;
    const std::uint32_t size = number(begin.substr(0, 3));
    const auto type = static_cast<std::uint8_t>(begin[3]);
    const auto flags = static_cast<std::uint8_t>(begin[4]);
    if (type == kData) return kFrameHead + ((flags & kPadded) != 0 && size > 0 ? 1 : 0);
    const bool has_word = size >= kWord;
    return has_word && (type == kPriority || type == kWindowUpdate) ? kFrameHead + kWord
                                                                    : kFrameHead;
}

Http2Guard::Frame Http2Guard::parse(std::string_view head) {
    Frame frame;
    frame.size = number(head.substr(0, 3));
    frame.type = static_cast<std::uint8_t>(head[3]);
    frame.flags = static_cast<std::uint8_t>(head[4]);
    frame.stream = number(head.substr(5, 4)) & 0x7fffffffU;
    // Both words that are looked at have a bit for something else in front.
    if (head.size() > kFrameHead) frame.word = number(head.substr(kFrameHead)) & 0x7fffffffU;
    return frame;
}

Http2Guard::Piece Http2Guard::next(std::string_view& bytes, Time now) {
    const auto take = [&bytes](std::size_t size) {
        const std::string_view taken = bytes.substr(0, size);
        bytes.remove_prefix(taken.size());
        return taken;
    };
    if (left_ > 0) {
        const std::string_view taken = take(left_);
        left_ -= taken.size();
        return {taken, Fault::none};
    }
    // Nearly always all of a head has come, and with it the whole frame.
    if (held_size_ == 0) {
        const std::size_t needed = head_size(bytes);
        if (bytes.size() >= needed) {
            const Frame frame = parse(bytes.substr(0, needed));
            const std::string_view taken = take(kFrameHead + frame.size);
            left_ = kFrameHead + frame.size - taken.size();
            return {taken, judge(frame, now)};
        }
    }
    for (;;) {
        const std::string_view held(held_.data(), held_size_);
        const std::size_t needed = head_size(held);
        if (held_size_ == needed) {
            const Frame frame = parse(held);
            left_ = kFrameHead + frame.size - held_size_;
            held_size_ = 0;
            return {held, judge(frame, now)};
        }
        if (bytes.empty()) return {};
        held_[held_size_++] = bytes.front();
        bytes.remove_prefix(1);
    }
}

/// Whether it brings nothing but padding, which nghttp2 gives back to the windows by itself.
bool Http2Guard::is_empty(const Frame& data) {
    if ((data.flags & kPadded) == 0) return data.size == 0;
    return data.size <= 1 + data.word;
}

Http2Guard::Fault Http2Guard::judge(const Frame& frame, Time now) {
    bool idle = false;
    switch (frame.type) {
        case kData:
            if (is_closed(frame.stream)) return Fault::stream_closed;
            idle = is_empty(frame) && (frame.flags & kEndStream) == 0;
            break;
        case kHeaders: return judge_request(frame);
        case kContinuation: break;  // nghttp2 has a limit
        case kWindowUpdate:
            // Also on streams that nghttp2 has forgotten (RFC 9113, 6.9; a stream's error may be
            // made the connection's, 5.4).
            if (frame.word == 0) return Fault::protocol_error;
            break;
        case kPriority:
            // nghttp2 skips these frames whole (RFC 9113, 6.3; RFC 7540, 5.3.1).
            if (frame.stream == 0 || frame.word == frame.stream) return Fault::protocol_error;
            idle = true;
            break;
        case kSettings:
        case kPing: idle = (frame.flags & kAck) == 0; break;
        default: idle = true;  // of no type that is known here
    }
    if (idle && !idle_frames_.take(now)) return Fault::enhance_your_calm;
    return Fault::none;
}

Http2Guard::Fault Http2Guard::judge_request(const Frame& frame) {
    const std::uint32_t stream = frame.stream;
    if (stream > last_stream_) {
        const std::uint32_t due = last_stream_ == 0 ? 1 : last_stream_ + 2;
        if (stream > due) {
            skipped_from_ = due;
            skipped_to_ = stream;
        }
        last_stream_ = stream;
        return Fault::none;
    }
    if (is_closed(stream)) return Fault::stream_closed;
    if (stream >= skipped_from_ && stream < skipped_to_) return Fault::protocol_error;
    return Fault::none;
}

void Http2Guard::closed(std::uint32_t stream) {
    closed_[next_closed_++ % closed_.size()] = stream;
}

bool Http2Guard::is_closed(std::uint32_t stream) const {
    return stream != 0 && std::find(closed_.begin(), closed_.end(), stream) != closed_.end();
}

}  // namespace bide::wire
