// Answers of HTTP/2: heads, and bodies from memory or from files.
#include "fronts/http/body_intake.hpp"
#include "fronts/http/http2.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/spool.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <nghttp2/nghttp2.h>
#include <string>
#include <unistd.h>
#include <utility>

namespace bide::fronts::http {

namespace {

/// Fields that are about a connection of HTTP/1 (RFC 9113, 8.2.2); handlers may have said them.
bool is_of_connection(std::string_view name) {
    return name == "connection" || name == "keep-alive" || name == "transfer-encoding" ||
           name == "upgrade" || name == "proxy-connection";
}

/// A body that is in memory.
class SendBytes final : public StreamWork {
  public:
    SendBytes(Http2Stream& stream, std::string bytes, wire::ByteRange range, Budget::Share memory)
        : StreamWork(stream),
          memory_(std::move(memory)),
          bytes_(std::move(bytes)),
          at_(static_cast<std::size_t>(range.offset)) {
        bytes_.resize(static_cast<std::size_t>(range.offset + range.length));
        expect_progress();
    }

    Read read(std::span<char> room) override {
        Read read = copy(bytes_, at_, room);
        read.end = at_ == bytes_.size();
        return read;
    }

  private:
    Budget::Share memory_;
    std::string bytes_;
    std::size_t at_;
};

/// A body that is a file, read ahead by a piece when there is memory for it, else by as much as
/// goes out at once.
class SendFile final : public StreamWork {
  public:
    SendFile(Http2Stream& stream, OpenBody file, wire::ByteRange range)
        : StreamWork(stream), disk_(std::make_shared<Disk>(std::move(file), this)), left_(range) {
        memory_ = connection().shard().body_memory().take(kBodyPiece);
        expect_progress();
    }
    ~SendFile() override { disk_->owner = nullptr; }

    Read read(std::span<char> room) override {
        if (disk_->got < 0) return {0, false, true};
        if (busy_) return {};
        if (at_ == disk_->piece.size()) {
            load(memory_ ? kBodyPiece : room.size());
            return {};
        }
        Read read = copy(disk_->piece, at_, room);
        read.end = at_ == disk_->piece.size() && left_.length == 0;
        // The file is not at its end: the client still has to take something.
        if (!read.end) expect_progress();
        return read;
    }

  private:
    /// What the blocking pool uses, perhaps after the stream has gone.
    struct Disk {
        Disk(OpenBody opened, SendFile* of) : file(std::move(opened)), owner(of) {}
        OpenBody file;
        std::string piece;
        ssize_t got = 0;
        SendFile* owner;  ///< null when it is gone

        ssize_t load(std::uint64_t from, std::size_t size) {
            piece.resize(size);
            return ::pread(file.descriptor(), piece.data(), size, static_cast<off_t>(from));
        }
    };

    void load(std::size_t most) {
        busy_ = true;
        expect_nothing();
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(most, left_.length));
        connection().on_disk(
            [disk = disk_, from = left_.offset, size] { return disk->load(from, size); },
            [disk = disk_](ssize_t got) {
                if (disk->owner != nullptr) disk->owner->loaded(got);
            }
        );
    }

    void loaded(ssize_t got) {
        busy_ = false;
        at_ = 0;
        disk_->got = got > 0 ? got : -1;
        disk_->piece.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        left_.offset += disk_->piece.size();
        left_.length -= disk_->piece.size();
        expect_progress();
        connection().resume(stream_);
    }

    std::shared_ptr<Disk> disk_;
    Budget::Share memory_;
    wire::ByteRange left_;  ///< not yet read from the file
    std::size_t at_ = 0;
    bool busy_ = false;
};

/// A body that was to be sent from memory when there was none left, because clients open no window:
/// it goes to a file, and from there when it can.
class SetAside final : public StreamWork {
  public:
    SetAside(Http2Stream& stream, wire::ByteRange range)
        : StreamWork(stream), range_(range), self_(std::make_shared<SetAside*>(this)) {}
    ~SetAside() override { *self_ = nullptr; }

    void begin(std::string bytes) {
        connection().on_disk(
            [spool = &connection().shard().parts().spool, bytes = std::move(bytes)] {
                return spool->set_aside(bytes);
            },
            [self = self_](Result<std::shared_ptr<BodyFile>> file) {
                if (*self != nullptr) (*self)->written(std::move(file));
            }
        );
    }
    bool ticks() const override { return false; }

  private:
    void written(Result<std::shared_ptr<BodyFile>> file) {
        Http2& http2 = connection();
        Http2Stream& stream = stream_;
        if (file.has_error()) return http2.reset(stream, NGHTTP2_INTERNAL_ERROR);
        Budget::Share descriptor = http2.shard().descriptors().take(1);
        if (!descriptor) return http2.reset(stream, NGHTTP2_ENHANCE_YOUR_CALM);
        auto opened = OpenBody::open(std::move(file.value()), std::move(descriptor));
        if (opened.has_error()) return http2.reset(stream, NGHTTP2_INTERNAL_ERROR);
        http2.become(stream, std::make_unique<SendFile>(stream, std::move(opened.value()), range_));
        http2.resume(stream);
    }

    wire::ByteRange range_;
    std::shared_ptr<SetAside*> self_;  ///< null when it is gone
};

ssize_t
read_work(nghttp2_session* http, std::int32_t id, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source*, void*) {
    const auto* const stream =
        static_cast<const Http2Stream*>(nghttp2_session_get_stream_user_data(http, id));
    if (stream == nullptr || !stream->work) return NGHTTP2_ERR_DEFERRED;
    const StreamWork::Read read = stream->work->read({reinterpret_cast<char*>(room), size});
    if (read.failed) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (read.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (read.size == 0 && !read.end) return NGHTTP2_ERR_DEFERRED;
    return static_cast<ssize_t>(read.size);
}

/// Of lines like "Name: value\r\n". The names become lower-case in place; the result has views.
std::vector<nghttp2_nv> split_lines(std::string& lines) {
    std::vector<nghttp2_nv> fields;
    fields.reserve(16);
    auto* const bytes = reinterpret_cast<std::uint8_t*>(lines.data());
    for (std::size_t begin = 0; begin < lines.size();) {
        const std::size_t end = lines.find("\r\n", begin);
        const std::size_t colon = lines.find(": ", begin + 1);  // :status begins with one
        for (std::size_t i = begin; i < colon; ++i) {
            if (lines[i] >= 'A' && lines[i] <= 'Z') lines[i] = static_cast<char>(lines[i] + 32);
        }
        if (!is_of_connection(std::string_view(lines).substr(begin, colon - begin)))
            fields.push_back(
                {bytes + begin,
                 bytes + colon + 2,
                 colon - begin,
                 end - colon - 2,
                 NGHTTP2_NV_FLAG_NONE}
            );
        begin = end + 2;
    }
    return fields;
}

}  // namespace

void Http2::respond(Http2Stream& stream, wire::Reply reply) {
    std::optional<OpenBody> file;
    if (reply.body.file && !stream.head_only) file = shard_.open_body(reply);
    const std::uint64_t size = reply.content_length();
    const bool bodiless = stream.head_only || wire::is_bodiless(reply.status) || size == 0;
    const wire::ByteRange range = reply.range.value_or(wire::ByteRange{0, size});
    if (bodiless)
        become(stream, nullptr);
    else if (file)
        become(stream, std::make_unique<SendFile>(stream, std::move(*file), range));
    else
        send_bytes(stream, std::move(reply.body.bytes), range);
    // The length was taken before the body was.
    reply.range = range;
    send_head(stream, reply, bodiless ? HeadOf::whole : HeadOf::body);
}

void Http2::send_bytes(Http2Stream& stream, std::string bytes, wire::ByteRange range) {
    Budget::Share memory;
    if (bytes.size() > kUncounted) {
        memory = shard_.body_memory().take(bytes.size());
        if (!memory) {
            auto work = std::make_unique<SetAside>(stream, range);
            SetAside& aside = *work;
            become(stream, std::move(work));
            return aside.begin(std::move(bytes));
        }
    }
    become(stream, std::make_unique<SendBytes>(stream, std::move(bytes), range, std::move(memory)));
}

void Http2::send_head(Http2Stream& stream, const wire::Reply& reply, HeadOf what) {
    std::string lines = ":status: " + std::to_string(reply.status) + "\r\n";
    lines += shard_.date_line();
    lines += reply.headers.lines();
    if (what != HeadOf::stream && !wire::is_bodiless(reply.status))
        lines += "content-length: " + std::to_string(reply.content_length()) + "\r\n";
    const std::vector<nghttp2_nv> fields = split_lines(lines);
    nghttp2_data_provider provider{};
    provider.read_callback = read_work;
    const bool more = what != HeadOf::whole;
    // Fails when the stream is over already; then that is told, too.
    nghttp2_submit_response(
        http_, stream.id, fields.data(), fields.size(), more ? &provider : nullptr
    );
    wake();
}

void Http2::invite_body(const Http2Stream& stream) {
    std::string lines = ":status: 100\r\n";
    const std::vector<nghttp2_nv> fields = split_lines(lines);
    nghttp2_submit_headers(
        http_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(), nullptr
    );
}

void Http2::resume(const Http2Stream& stream) {
    nghttp2_session_resume_data(http_, stream.id);
    wake();
}

void Http2::reset(const Http2Stream& stream, std::uint32_t code) {
    nghttp2_submit_rst_stream(http_, NGHTTP2_FLAG_NONE, stream.id, code);
    wake();
}

void Http2::consume(Http2Stream& stream, std::size_t size) {
    stream.held -= static_cast<std::uint32_t>(size);
    nghttp2_session_consume(http_, stream.id, size);
    wake();
}

void Http2::discard(std::size_t size) {
    nghttp2_session_consume_connection(http_, size);
    wake();
}

void Http2::widen(const Http2Stream& stream, std::size_t window) {
    nghttp2_session_set_local_window_size(
        http_, NGHTTP2_FLAG_NONE, stream.id, static_cast<std::int32_t>(window)
    );
}

}  // namespace bide::fronts::http
