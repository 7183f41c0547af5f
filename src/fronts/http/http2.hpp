#pragma once

#include "fronts/http/http2_stream.hpp"
#include "fronts/http/shard.hpp"
#include "service/contract.hpp"
#include "wire/http2_guard.hpp"
#include "wire/http2_head.hpp"
#include "wire/message.hpp"

#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace bide::fronts::http {

/// One connection of HTTP/2: nghttp2 has the protocol, this has the requests. Two coroutines read
/// and write; a stream has none, only a small record that is told what happens to it, so that a
/// waiting caller costs next to nothing. Nothing is buffered while nothing moves. Belongs to the
/// shard's thread. A connection that breaks ends all its waits.
class Http2 {
  public:
    Http2(Shard& shard, std::shared_ptr<Session> session);
    ~Http2();
    Http2(const Http2&) = delete;
    Http2& operator=(const Http2&) = delete;

    /// Until the connection is over. `first` was read from it before.
    runtime::Task<void> run(std::string first);

    // For the shard:
    /// Soon no more requests; ends when those under way are answered.
    void drain();
    /// Ends all waits.
    void abandon();
    void tick(Time now);

    // For streams (http2_request.cpp, http2_reply.cpp):
    Shard& shard() { return shard_; }
    const service::Contract& contract() const { return shard_.parts().contract; }
    ports::Engine& engine() { return shard_.parts().engine; }
    Time now() const { return shard_.parts().clock.now(); }
    void submit(
        Http2Stream& stream,
        service::SubmitPlan plan,
        Body body,
        const core::Fingerprint& fingerprint
    );
    void begin_events(
        Http2Stream& stream, service::Caller caller, service::WaitPlan wait, core::Answer first
    );
    void respond(Http2Stream& stream, wire::Reply reply);
    /// The answer's head; its body is what the stream's work lets read, if there is one.
    void send_head(Http2Stream& stream, const wire::Reply& reply, HeadOf what);
    void invite_body(const Http2Stream& stream);
    /// There is something to read from the stream's work again.
    void resume(const Http2Stream& stream);
    void reset(const Http2Stream& stream, std::uint32_t code);
    /// What the stream's work has made room for again.
    void consume(Http2Stream& stream, std::size_t size);
    /// What nobody wants.
    void discard(std::size_t size);
    void widen(const Http2Stream& stream, std::size_t window);
    void become(Http2Stream& stream, std::unique_ptr<StreamWork> work);
    /// `work` runs on the blocking pool, then `done` here with what it returned.
    template <class Work, class Done>
    void on_disk(Work work, Done done);

  private:
    friend struct Http2Callbacks;

    bool start();
    runtime::Task<void> read_loop(std::string first);
    runtime::Task<boost::system::error_code> readable();
    boost::system::error_code read_some();
    void receive(std::string_view bytes);
    void fail(std::uint32_t code);
    runtime::Task<void> write_loop();
    runtime::Task<boost::system::error_code> write();
    void fill();
    void wake() { signal_.cancel(); }
    void stop(std::uint32_t code);
    void count_reset();
    void say_last();

    void begin_request(std::int32_t id, bool whole);
    void begin_submission(
        Http2Stream& stream, service::SubmitPlan plan, const wire::ParsedHead& head
    );
    void send_bytes(Http2Stream& stream, std::string bytes, wire::ByteRange range);
    void list(Http2Stream& stream);
    void forget(Http2Stream& stream);
    void leave(Http2Stream& stream);

    using Streams = boost::intrusive::list<Http2Stream>;

    Shard& shard_;
    std::shared_ptr<Session> session_;
    nghttp2_session* http_ = nullptr;
    runtime::Timer signal_;  ///< cancelled when there may be something to write, or all is over
    runtime::Timer room_;    ///< cancelled when something was written
    wire::Http2Guard guard_;
    wire::Http2Head head_;                              ///< only one is under way on a connection
    Streams quiet_;                                     ///< nothing happens to them by time alone
    Streams active_;                                    ///< looked at each tick
    std::vector<std::unique_ptr<StreamWork>> retired_;  ///< perhaps on the stack still
    std::string out_;
    wire::Allowance resets_;
    Time head_deadline_ = kNever;
    Time write_deadline_ = kNever;
    Time last_due_ = kNever;  ///< then it is said which request was the last
    Time idle_since_{};
    std::size_t on_disk_ = 0;
    unsigned reads_in_a_row_ = 0;
    bool draining_ = false;
    bool writing_ = false;
    bool failed_ = false;  ///< nothing that comes can be understood any more
    bool over_ = false;
};

runtime::Task<void> serve_http2(Shard& shard, std::shared_ptr<Session> session, std::string first);

template <class Work, class Done>
void Http2::on_disk(Work work, Done done) {
    ++on_disk_;
    shard_.parts().pool.post([this,
                              executor = session_->socket.get_executor(),
                              work = std::move(work),
                              done = std::move(done)]() mutable {
        auto result = work();
        net::post(executor, [this, done = std::move(done), result = std::move(result)]() mutable {
            --on_disk_;
            done(std::move(result));
            wake();
        });
    });
}

}  // namespace bide::fronts::http
