#pragma once

#include "handlers/exec/child.hpp"
#include "handlers/exec/exec.hpp"
#include "handlers/exec/worker.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace bide::exec {

/// The processes of one queue and the attempts that wait for them. Everything but submit() is on
/// the ExecThread.
class Pool final : public Member, public std::enable_shared_from_this<Pool> {
  public:
    /// Starts one process that reports to the pool.
    using StartWorker = std::function<Result<std::shared_ptr<Worker>>(std::shared_ptr<Pool>)>;

    Pool(
        ExecThread& thread,
        runtime::Spool& spool,
        runtime::BlockingPool& blocking,
        std::uint32_t processes,
        StartWorker start_worker
    );

    /// Starts the processes.
    void open();

    /// Any thread. Wakes the ExecThread only when nothing was waiting there yet, so that a burst
    /// costs one wake-up and one write.
    void submit(std::shared_ptr<PoolJob> job);

    /// Ends the processes and all that waits.
    void shut_down() override;

    /// The job's stop was requested.
    void stop(PoolJob& job);

    /// Sends what waits to processes that can take it.
    void dispatch();

    // From the workers:
    void job_answered(PoolJob& job, core::AttemptResult&& result);
    void worker_ended(Worker& worker);

  private:
    struct Slot {
        explicit Slot(const runtime::Executor& executor) : timer(executor) {}
        std::shared_ptr<Worker> worker;
        std::uint32_t failures = 0;  ///< ends in a row without an answer
        bool cannot_start = false;
        Timer timer;  ///< until the next start, when there is no worker
    };

    void take_inbox();
    void start(Slot& slot);
    void start_later(Slot& slot);
    Worker* least_busy();
    /// Whether no process is there, nor likely to come up.
    bool hopeless() const;
    void refuse_waiting();

    ExecThread& thread_;
    runtime::Spool& spool_;
    runtime::BlockingPool& blocking_;
    const StartWorker start_worker_;
    std::vector<Slot> slots_;
    std::deque<std::shared_ptr<PoolJob>> waiting_;
    core::AttemptResult last_failure_;  ///< of a start, or of a process that never answered
    bool closing_ = false;

    std::mutex mutex_;
    std::vector<std::shared_ptr<PoolJob>> inbox_;  ///< guarded by mutex_
};

/// A handler whose attempts go through the pool. The pool opens now and closes with the handler.
std::unique_ptr<ports::Handler> make_handler_of(ExecThread& thread, std::shared_ptr<Pool> pool);

}  // namespace bide::exec
