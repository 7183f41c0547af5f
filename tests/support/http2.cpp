#include "support/http2.hpp"

#include <nghttp2/nghttp2.h>
#include <utility>

namespace bide::test {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// An integer with a prefix of seven bits (RFC 7541, 5.1).
std::string length(std::size_t value) {
    if (value < 127) return {static_cast<char>(value)};
    std::string bytes{127};
    for (value -= 127; value >= 128; value >>= 7U) bytes += static_cast<char>(value % 128 + 128);
    return bytes + static_cast<char>(value);
}

std::uint32_t number_of(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

}  // namespace

std::string four_bytes(std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
}

std::string Frame::text() const {
    std::string bytes = four_bytes(static_cast<std::uint32_t>(payload.size())).substr(1);
    bytes += static_cast<char>(type);
    bytes += static_cast<char>(flags);
    return bytes + four_bytes(stream) + payload;
}

std::uint32_t Frame::number(std::size_t offset) const {
    return number_of(std::string_view(payload).substr(offset, 4));
}

std::string plain_field(std::string_view name, std::string_view value) {
    std::string field(1, '\0');
    field += length(name.size());
    field += name;
    field += length(value.size());
    return field.append(value);
}

std::string request_fields(const Request& request) {
    std::string fields = plain_field(":method", request.method) + plain_field(":scheme", "http") +
                         plain_field(":path", request.target) + plain_field(":authority", "test");
    for (const auto& line : request.lines) {
        const std::size_t colon = line.find(": ");
        fields += plain_field(line.substr(0, colon), line.substr(colon + 2));
    }
    return fields;
}

Http2Client::Http2Client(const Address& address, const Settings& settings) : connection_(address) {
    if (nghttp2_hd_inflate_new(&inflater_) != 0) throw HttpError("no inflater");
    std::string payload;
    for (const auto& [name, value] : settings)
        payload += four_bytes(name).substr(2) + four_bytes(value);
    send(std::string(kPreface) + Frame{Frame::settings, 0, 0, payload}.text());
}

Http2Client::~Http2Client() {
    nghttp2_hd_inflate_del(inflater_);
}

std::uint32_t Http2Client::begin(const Request& request) {
    const std::uint32_t stream = std::exchange(next_stream_, next_stream_ + 2);
    send(Frame{Frame::headers, Frame::kEndHeaders, stream, request_fields(request)});
    return stream;
}

std::uint32_t Http2Client::send(const Request& request) {
    if (request.body.empty()) {
        const std::uint32_t stream = std::exchange(next_stream_, next_stream_ + 2);
        const std::uint8_t flags = Frame::kEndHeaders | Frame::kEndStream;
        send(Frame{Frame::headers, flags, stream, request_fields(request)});
        return stream;
    }
    const std::uint32_t stream = begin(request);
    constexpr std::size_t kPiece = 16384;
    for (std::size_t at = 0; at < request.body.size(); at += kPiece) {
        const bool last = at + kPiece >= request.body.size();
        const std::uint8_t flags = last ? Frame::kEndStream : 0;
        send_data(stream, request.body.substr(at, kPiece), flags);
    }
    return stream;
}

void Http2Client::send_data(std::uint32_t stream, std::string bytes, std::uint8_t flags) {
    window_ -= static_cast<std::int64_t>(bytes.size());
    send(Frame{Frame::data, flags, stream, std::move(bytes)});
}

void Http2Client::flood(std::string_view bytes, int times) {
    while (times-- > 0 && connection_.send_now(bytes)) {
    }
}

void Http2Client::open_window(std::uint32_t stream, std::uint32_t by) {
    send(Frame{Frame::window_update, 0, stream, four_bytes(by)});
}

void Http2Client::wait_for_window(std::int64_t size) {
    while (window_ < size) read();
}

const Response& Http2Client::wait_for_head(std::uint32_t stream) {
    const Answer& answer = answers_[stream];
    while (answer.response.status < 200 && !answer.reset) read();
    return answer.response;
}

void Http2Client::acknowledge_settings() {
    send(Frame{Frame::settings, Frame::kEndStream, 0, {}});
}

Frame Http2Client::read() {
    const std::string head = connection_.read_bytes(9);
    Frame frame;
    frame.type = static_cast<std::uint8_t>(head[3]);
    frame.flags = static_cast<std::uint8_t>(head[4]);
    frame.stream = number_of(std::string_view(head).substr(5));
    frame.payload = connection_.read_bytes(number_of(std::string_view(head).substr(0, 3)));
    take(frame);
    return frame;
}

void Http2Client::take(const Frame& frame) {
    Answer& answer = answers_[frame.stream];
    answer.whole = (frame.flags & Frame::kEndStream) != 0;
    switch (frame.type) {
        case Frame::data: answer.response.body += frame.payload; return;
        case Frame::reset:
            answer.reset = true;
            answer.code = frame.number();
            return;
        case Frame::goaway: goaways_.push_back(frame); break;
        case Frame::headers: break;
        case Frame::window_update:
            if (frame.stream == 0) window_ += frame.number();
            [[fallthrough]];
        default: answer.whole = false; return;
    }
    if (frame.type != Frame::headers) return;
    if (answer.response.status < 200) answer.response = {};
    auto* in = reinterpret_cast<const std::uint8_t*>(frame.payload.data());
    std::size_t left = frame.payload.size();
    for (;;) {
        nghttp2_nv field{};
        int flags = 0;
        const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, in, left, 1);
        if (used < 0) throw HttpError("fields that cannot be decoded");
        in += used;
        left -= static_cast<std::size_t>(used);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            std::string name(reinterpret_cast<const char*>(field.name), field.namelen);
            std::string value(reinterpret_cast<const char*>(field.value), field.valuelen);
            if (name == ":status")
                answer.response.status = std::stoi(value);
            else
                answer.response.fields.emplace_back(std::move(name), std::move(value));
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    answer.response.version = "HTTP/2";
}

Http2Client::Answer Http2Client::answer(std::uint32_t stream) {
    for (;;) {
        const auto place = answers_.find(stream);
        if (place != answers_.end() && (place->second.whole || place->second.reset)) {
            Answer answer = std::move(place->second);
            answers_.erase(place);
            return answer;
        }
        read();
    }
}

std::int64_t Http2Client::goaway() {
    try {
        while (goaways_.empty()) read();
    } catch (const HttpError&) {
        return -1;
    }
    const Frame frame = goaways_.front();
    goaways_.erase(goaways_.begin());
    last_stream_ = frame.number() & 0x7fffffffU;
    return frame.number(4);
}

}  // namespace bide::test
