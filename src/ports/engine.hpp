#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "core/ledger.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bide::ports {

/// Takes the answers of the waits begun with its ids. Any thread; does not block.
class AnswerSink {
  public:
    /// Every answer of one commit that is for this sink comes in one call.
    virtual void deliver(std::vector<core::Answer>&& answers) = 0;

  protected:
    ~AnswerSink() = default;
};

struct EngineHealth {
    bool ready = false;
    std::string reason;  ///< when not ready: what is wrong and how to mend it
};

/// Queue, result store and notifier as a front sees them: begin a wait, be told once. The port lies
/// this high because the promise does: the embedded engine can put a job's input and its result
/// into one commit only if both pass through one door (docs/decisions/0002).
///
/// Calls may come from any thread and do not block. Each wait is answered exactly once through
/// its sink, possibly before the call returns, unless leave() was called first; after leave() an
/// answer already on its way may still come.
class Engine {
  public:
    virtual ~Engine() = default;

    /// `sink` must outlive the engine's run. The returned number goes into waiter ids.
    virtual std::uint8_t add_sink(AnswerSink& sink) = 0;

    virtual JobId make_id() = 0;
    virtual void submit(core::event::Submit&& submit) = 0;
    virtual void join(const JobId& job, const core::Wait& wait) = 0;
    virtual void cancel(const JobId& job, const core::Wait& wait) = 0;
    virtual void leave(core::WaiterId waiter) = 0;

    virtual EngineHealth health() const = 0;
    /// What a success answered by this engine has reached: the value of Bide-Durability.
    virtual std::string_view durability() const = 0;
};

/// The sink's number is in the top byte, so that an engine finds the sink of a wait at once.
constexpr core::WaiterId make_waiter_id(std::uint8_t sink, std::uint64_t local) {
    return static_cast<core::WaiterId>(sink) << 56 | (local & 0x00ff'ffff'ffff'ffff);
}
constexpr std::uint8_t sink_of(core::WaiterId id) {
    return static_cast<std::uint8_t>(id >> 56);
}

}  // namespace bide::ports
