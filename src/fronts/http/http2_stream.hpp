#pragma once

#include "base/time.hpp"
#include "core/effect.hpp"
#include "service/contract.hpp"

#include <boost/intrusive/list.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace bide::fronts::http {

class Http2;
struct Http2Stream;

/// Whether the end of an answer is known when its head is sent.
enum class HeadOf : std::uint8_t {
    whole,   ///< nothing follows
    body,    ///< a body of this reply's length
    stream,  ///< pieces as they come
};

/// What a stream is busy with, unless it only waits for the job that it has submitted: receiving a
/// body, asking, sending. Not while one of its own functions is running does it go away.
class StreamWork {
  public:
    explicit StreamWork(Http2Stream& stream) : stream_(stream) {}
    virtual ~StreamWork() = default;
    StreamWork(const StreamWork&) = delete;
    StreamWork& operator=(const StreamWork&) = delete;

    /// A piece of the request's body, and its end. Who keeps some of it calls Http2::consume()
    /// when there is room again.
    virtual void data(std::string_view bytes);
    virtual void data_ended() {}
    virtual void take(core::Answer&&) {}
    /// The next bytes of the answer's body into `room`.
    struct Read {
        std::size_t size = 0;  ///< 0: there is nothing before Http2::resume(), or it is the end
        bool end = false;
        bool failed = false;
    };
    virtual Read read(std::span<char>) { return {}; }
    /// Looks at the time.
    virtual void tick(Time now);
    virtual bool ticks() const { return true; }
    /// The stream is over: ends waits other than the stream's own.
    virtual void leave() {}

  protected:
    /// Copies what is left of `bytes` from `at`.
    Read copy(std::string_view bytes, std::size_t& at, std::span<char> room);
    Http2& connection() const;
    /// The client has this long to take what there is; kNever: there is nothing.
    void expect_progress();
    void expect_nothing() { stuck_at_ = kNever; }

    Http2Stream& stream_;

  private:
    Time stuck_at_ = kNever;
};

/// One request. This, nghttp2's own record and an entry in the shard's map are all there is while
/// it waits. Owned by its connection.
struct Http2Stream : boost::intrusive::list_base_hook<> {
    Http2Stream(Http2& of, std::int32_t number) : connection(of), id(number) {}

    Http2& connection;
    core::WaiterId waiter = 0;
    std::shared_ptr<const service::WaitTerms> submitted;
    std::unique_ptr<StreamWork> work;  ///< null: waits for what it has submitted, or is answered
    std::int32_t id;
    std::uint32_t held = 0;  ///< bytes received and not consumed
    bool head_only = false;
    bool whole = false;  ///< the request has come to its end
    bool active = false;

    void take(core::Answer&& answer);
};

}  // namespace bide::fronts::http
