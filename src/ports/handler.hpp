#pragma once

#include "core/ledger.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace bide::ports {

/// Takes the end of attempts; the engine implements it. Any thread; does not block.
class AttemptSink {
  public:
    virtual void attempt_ended(core::event::AttemptEnded&& ended) = 0;
    virtual void attempt_progressed(core::event::Progress&& progress) = 0;

  protected:
    ~AttemptSink() = default;
};

/// The right and the duty to say, once, how an attempt ended. Dropped without a word it says
/// "lost, may be retried", so that no path through a handler can strand a job.
class Completion {
  public:
    Completion(AttemptSink& sink, JobId job, core::QueueIndex queue, std::uint32_t attempt)
        : sink_(&sink), job_(job), queue_(queue), attempt_(attempt) {}
    Completion(Completion&& other) noexcept
        : sink_(std::exchange(other.sink_, nullptr)),
          job_(other.job_),
          queue_(other.queue_),
          attempt_(other.attempt_) {}
    Completion& operator=(Completion&& other) noexcept {
        if (this != &other) {
            give_up();
            sink_ = std::exchange(other.sink_, nullptr);
            job_ = other.job_;
            queue_ = other.queue_;
            attempt_ = other.attempt_;
        }
        return *this;
    }
    ~Completion() { give_up(); }

    void operator()(core::AttemptResult&& result) {
        if (AttemptSink* sink = std::exchange(sink_, nullptr))
            sink->attempt_ended({job_, attempt_, queue_, std::move(result)});
    }

  private:
    void give_up() {
        if (sink_ == nullptr) return;
        core::AttemptResult lost;
        lost.kind = core::FailureKind::lost;
        lost.detail = "the handler went away without an answer";
        (*this)(std::move(lost));
    }

    AttemptSink* sink_;
    JobId job_;
    core::QueueIndex queue_;
    std::uint32_t attempt_;
};

/// Lets an attempt say how far it is. Any thread; after the attempt's end it does nothing.
class Progress {
  public:
    /// What followers are sent at once; longer words are not passed on.
    static constexpr std::size_t kBytesMax = 1024;

    Progress() = default;
    Progress(AttemptSink& sink, JobId job, std::uint32_t attempt)
        : sink_(&sink), job_(job), attempt_(attempt) {}

    /// `json`: one JSON value without newlines; the caller has checked it.
    void operator()(std::string_view json) const {
        if (sink_ == nullptr || json.empty() || json.size() > kBytesMax) return;
        sink_->attempt_progressed({job_, attempt_, std::string(json)});
    }

    AttemptSink* sink() const { return sink_; }

  private:
    AttemptSink* sink_ = nullptr;
    JobId job_;
    std::uint32_t attempt_ = 0;
};

/// One run of a handler for a job.
struct Attempt {
    std::shared_ptr<const core::JobInput> input;  ///< never null
    std::uint32_t number = 1;
    std::uint32_t attempts_max = 1;
    Time deadline{};       ///< end of the lease, on the engine's Clock; stop is requested then
    std::stop_token stop;  ///< end soon. After a timeout or cancel the result no longer
                           ///< counts; at a shutdown a success still does
    Progress progress{};
};

/// The user's work for one queue. Lives until the engine stopped; the engine never runs more
/// attempts at once than the queue's concurrency.
class Handler {
  public:
    virtual ~Handler() = default;

    /// Begins an attempt and returns without blocking; `done` may be called before it returns,
    /// and must be called (or dropped) in the end, also after a stop. Any thread.
    virtual void start(Attempt attempt, Completion done) = 0;
};

}  // namespace bide::ports
