#pragma once

#include "base/result.hpp"
#include "core/effect.hpp"
#include "wire/message.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bide::service {

/// One exchange about many jobs, without I/O: NDJSON goes in (POST /batches) or not (GET of a
/// batch's results), NDJSON comes out. Belongs to one connection and its thread. The front does
/// what it is told until complete():
///
///     loop:
///       begin(new_waiter, now)               begins waits with the engine, as many as the window
///       if head(): send it                   once: it is there at the start; or at the end with a
///                                            body of its own (respond-async, a refusal): then it
///                                            goes as any reply, and the exchange is over
///       send take_output()
///       if wants_upload(): read from the client, upload(bytes), at its end upload_ended()
///       take(answer, now) for each answer of the engine
///
/// In the end, and when the client goes away: engine.leave() for each of waiting(). Before a slow
/// client more than kOutputMax bytes are not collected: begin() does nothing meanwhile, and
/// wants_upload() is false.
class Batch {
  public:
    static constexpr std::size_t kOutstandingMax = 256;  ///< items with the engine at once
    static constexpr std::size_t kOutputMax = 1 << 20;

    virtual ~Batch() = default;

    virtual bool wants_upload() const = 0;
    virtual void upload(std::string_view bytes) = 0;
    /// The client said that this was all of it.
    virtual void upload_ended() = 0;
    /// Nothing more of it can be had, and why. What has begun is told to its end, and then this.
    virtual void upload_failed(const Error& error) = 0;

    virtual void begin(const std::function<core::WaiterId()>& new_waiter, Time now) = 0;
    virtual void take(core::Answer&& answer, Time now) = 0;

    /// Moves it out; status and headers, and for a reply that is no stream its body.
    struct Head {
        wire::Reply reply;
        bool streams = false;  ///< take_output() follows, chunked
    };
    virtual std::optional<Head> head() = 0;
    virtual std::string take_output() = 0;
    /// Nothing more will come; what take_output() has is the last.
    virtual bool complete() const = 0;
    virtual std::vector<core::WaiterId> waiting() const = 0;
};

}  // namespace bide::service
