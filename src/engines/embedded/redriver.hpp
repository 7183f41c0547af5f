#pragma once

#include "base/id.hpp"
#include "ports/engine.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace bide::engines::embedded {

/// Redrives many jobs for one caller: asks the engine for each, counts those that are open again,
/// and answers when the last is durable. Thread-safe.
class Redriver final : public ports::AnswerSink {
  public:
    using Deliver = std::function<void(core::Answer&&)>;
    /// The engine must outlive it. `deliver` takes the callers' answers.
    Redriver(ports::Engine& engine, Deliver deliver);

    /// `answer` is the caller's, delivered with its page set; `more`: the queue has further ones.
    void run(const std::vector<JobId>& jobs, bool more, core::Answer&& answer, Time now);

    void deliver(std::vector<core::Answer>&& answers) override;

  private:
    struct Run {
        core::Answer answer;
        std::size_t outstanding = 0;
        std::uint64_t redriven = 0;
        bool more = false;
    };
    static core::Answer finished(Run& run);

    ports::Engine& engine_;
    Deliver deliver_;
    std::uint8_t sink_;
    std::mutex mutex_;
    std::uint64_t next_waiter_ = 0;
    std::unordered_map<core::WaiterId, std::shared_ptr<Run>> runs_;
};

}  // namespace bide::engines::embedded
