#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "core/ledger.hpp"

#include <cstdint>
#include <memory>
#include <optional>
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
    /// When not ready: what is wrong and how to mend it. When ready: what makes it slower.
    std::string reason;
};

/// A queue as the engine sees it, by core::QueueIndex.
struct QueueFacts {
    core::QueueRules rules;
    core::QueueCounts counts;
    core::QueueTotals totals;
    bool paused = false;
};

/// What only some engines count: a counter of the metrics, or a gauge.
struct EngineCounter {
    std::string_view name;  ///< "bide_" before it, without "_total"
    std::string_view help;
    std::uint64_t value = 0;
    bool gauge = false;
};

struct EngineFacts {
    std::vector<QueueFacts> queues;
    std::vector<EngineCounter> counters;
    std::uint64_t waiters = 0;
    std::uint64_t open_jobs = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t commits = 0;
};

/// Which jobs of a queue to list, the newest first.
struct ListQuery {
    core::QueueIndex queue = 0;
    std::optional<core::JobState> state;  ///< empty: all that have not ended
    std::optional<std::string> tenant;    ///< of this tenant only
    std::int64_t before = 0;  ///< cursor: JobPage::next of the page before; 0: the first
    std::uint32_t count_max = 100;
};

struct NewId {
    JobId id;
    std::int64_t sequence = 0;  ///< for JobInput::sequence, also when the caller chose the id
};

/// Queue, result store and notifier as a front sees them: begin a wait, be told once. The port lies
/// this high because the promise does: the embedded engine can put a job's input and its result
/// into one commit only if both pass through one door (docs/decisions/0002).
///
/// Calls may come from any thread and do not block. Each wait is answered exactly once through
/// its sink, possibly before the call returns, unless leave() was called first; after leave() an
/// answer already on its way may still come. A wait that follows (core::Follow) is told `accepted`
/// and `news` before that.
class Engine {
  public:
    virtual ~Engine() = default;

    /// `sink` must outlive the engine's run. The returned number goes into waiter ids.
    virtual std::uint8_t add_sink(AnswerSink& sink) = 0;

    virtual NewId make_id() = 0;
    virtual void submit(core::event::Submit&& submit) = 0;
    virtual void join(const JobId& job, const core::Wait& wait) = 0;
    virtual void cancel(const JobId& job, const core::Wait& wait) = 0;
    virtual void leave(core::WaiterId waiter) = 0;

    /// A failed job runs again. Answered `open` when that is durable.
    virtual void redrive(const JobId& job, const core::Wait& wait) = 0;
    /// As many failed jobs of the queue as `count_max`, the oldest first. Answered `listed`:
    /// JobPage::redriven, and in JobPage::next not 0 when there are more.
    virtual void redrive_queue(
        core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait
    ) = 0;
    /// Answered `applied` when it is durable.
    virtual void set_paused(core::event::SetPaused&& change) = 0;
    /// Answered `listed`. Reads a bounded number of rows: a page may hold fewer than asked for, or
    /// none, and still have a next one.
    virtual void list(const ListQuery& query, const core::Wait& wait) = 0;

    virtual EngineFacts facts() const = 0;
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
