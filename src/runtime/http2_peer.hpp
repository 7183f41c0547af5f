#pragma once

#include "runtime/http_client_fixture.hpp"

#include <cstring>
#include <map>
#include <nghttp2/nghttp2.h>

namespace bide::runtime {

/// The peer's side of one connection over HTTP/2, on nghttp2. All on the connection's thread.
class Http2Talk {
  public:
    using Fields = std::vector<std::pair<std::string, std::string>>;

    struct Request {
        std::int32_t id = 0;
        std::map<std::string, std::string> fields;
        std::string body;
        bool whole = false;
    };
    struct Script {
        std::function<void(Http2Talk& talk, Request& request)> on_head;
        std::function<void(Http2Talk& talk, Request& request)> on_request;  ///< whole
        std::function<void(Http2Talk& talk, std::int32_t id, std::uint32_t code)> on_reset;
        std::function<void(Http2Talk& talk)> on_ping;
        std::uint32_t streams_max = 100;
        bool answers_pings = true;
    };

    Http2Talk(Conversation& conversation, const Script& script, int which)
        : number(which), conversation_(conversation), script_(script) {
        nghttp2_session_callbacks* callbacks = nullptr;
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data);
        nghttp2_option* options = nullptr;
        nghttp2_option_new(&options);
        nghttp2_option_set_no_auto_ping_ack(options, script.answers_pings ? 0 : 1);
        nghttp2_session_server_new2(&http_, callbacks, this, options);
        nghttp2_option_del(options);
        nghttp2_session_callbacks_del(callbacks);
        const nghttp2_settings_entry streams{
            NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, script.streams_max};
        nghttp2_submit_settings(http_, NGHTTP2_FLAG_NONE, &streams, 1);
    }
    ~Http2Talk() { nghttp2_session_del(http_); }
    Http2Talk(const Http2Talk&) = delete;
    Http2Talk& operator=(const Http2Talk&) = delete;

    /// Until either side ends the connection.
    void run() {
        while (flush() && !over_) {
            const std::string bytes = conversation_.some();
            if (bytes.empty()) return;
            const auto* at = reinterpret_cast<const std::uint8_t*>(bytes.data());
            if (nghttp2_session_mem_recv(http_, at, bytes.size()) < 0) return;
        }
    }

    void answer(std::int32_t id, int status, Fields fields = {}, std::string body = "") {
        answers_[id] = {std::move(body), 0};
        nghttp2_data_provider provider{{}, read};
        provider.source.ptr = &answers_[id];
        send_head(id, status, std::move(fields), &provider);
    }
    /// The head and some of the body; the rest never comes.
    void begin_answer(std::int32_t id, int status, std::string body) {
        answers_[id] = {std::move(body), 0, true};
        nghttp2_data_provider provider{{}, read};
        provider.source.ptr = &answers_[id];
        send_head(id, status, {}, &provider);
    }
    void interim(std::int32_t id, int status, Fields fields) {
        fields.insert(fields.begin(), {":status", std::to_string(status)});
        const auto entries = entries_of(fields);
        nghttp2_submit_headers(
            http_, NGHTTP2_FLAG_NONE, id, nullptr, entries.data(), entries.size(), nullptr
        );
    }
    void reset(std::int32_t id, std::uint32_t code) {
        nghttp2_submit_rst_stream(http_, NGHTTP2_FLAG_NONE, id, code);
    }
    /// The peer takes nothing after the stream `last`.
    void go_away(std::int32_t last) {
        nghttp2_submit_goaway(http_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
    }
    /// When what was said is sent.
    void end() { over_ = true; }

    const int number;

  private:
    struct Answer {
        std::string body;
        std::size_t at = 0;
        bool endless = false;
    };

    static Http2Talk& self(void* user) { return *static_cast<Http2Talk*>(user); }

    static std::vector<nghttp2_nv> entries_of(const Fields& fields) {
        std::vector<nghttp2_nv> entries;
        const auto bytes = [](const std::string& text) {
            return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
        };
        for (const auto& [name, value] : fields)
            entries.push_back(
                {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE}
            );
        return entries;
    }

    void send_head(std::int32_t id, int status, Fields fields, nghttp2_data_provider* body) {
        fields.insert(fields.begin(), {":status", std::to_string(status)});
        const auto entries = entries_of(fields);
        nghttp2_submit_response(http_, id, entries.data(), entries.size(), body);
    }

    bool flush() {
        std::string out;
        const std::uint8_t* bytes = nullptr;
        for (ssize_t size = 0; (size = nghttp2_session_mem_send(http_, &bytes)) > 0;)
            out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        return out.empty() || conversation_.send(out);
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
        Request& request = self(user).requests_[frame->hd.stream_id];
        request.id = frame->hd.stream_id;
        request.fields[{reinterpret_cast<const char*>(name), name_size}] = {
            reinterpret_cast<const char*>(value), value_size};
        return 0;
    }

    static int data(
        nghttp2_session*,
        std::uint8_t,
        std::int32_t id,
        const std::uint8_t* bytes,
        std::size_t size,
        void* user
    ) {
        self(user).requests_[id].body.append(reinterpret_cast<const char*>(bytes), size);
        return 0;
    }

    static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
        Http2Talk& talk = self(user);
        const Script& script = talk.script_;
        if (frame->hd.type == NGHTTP2_RST_STREAM && script.on_reset)
            script.on_reset(talk, frame->hd.stream_id, frame->rst_stream.error_code);
        if (frame->hd.type == NGHTTP2_PING && script.on_ping) script.on_ping(talk);
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
        Request& request = talk.requests_[frame->hd.stream_id];
        if (frame->hd.type == NGHTTP2_HEADERS && script.on_head) script.on_head(talk, request);
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
        request.whole = true;
        if (script.on_request) script.on_request(talk, request);
        return 0;
    }

    static ssize_t
    read(nghttp2_session*, std::int32_t, std::uint8_t* room, std::size_t size, std::uint32_t* flags, nghttp2_data_source* source, void*) {
        auto& answer = *static_cast<Answer*>(source->ptr);
        const std::size_t count = std::min(size, answer.body.size() - answer.at);
        if (count == 0 && answer.endless) return NGHTTP2_ERR_DEFERRED;
        std::memcpy(room, answer.body.data() + answer.at, count);
        answer.at += count;
        if (answer.at == answer.body.size() && !answer.endless) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(count);
    }

    Conversation& conversation_;
    const Script& script_;
    nghttp2_session* http_ = nullptr;
    std::map<std::int32_t, Request> requests_;
    std::map<std::int32_t, Answer> answers_;
    bool over_ = false;
};

/// A server over HTTP/2 that follows a script on each of its connections.
class Http2Peer {
  public:
    explicit Http2Peer(Http2Talk::Script script)
        : script_(std::move(script)), peer_([this](Conversation& conversation, int number) {
              Http2Talk(conversation, script_, number).run();
          }) {}

    std::string url(const std::string& path = "/") const { return peer_.url(path); }
    int connections() const { return peer_.connections(); }

  private:
    const Http2Talk::Script script_;
    Peer peer_;
};

}  // namespace bide::runtime
