#pragma once

#include "handlers/exec/child.hpp"
#include "handlers/exec/exec.hpp"
#include "handlers/exec/worker.hpp"
#include "runtime/inbox.hpp"
#include "runtime/turn.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace bide::exec {

/// How a pool hands out jobs.
struct PoolPlan {
    enum class Start : std::uint8_t { ahead, on_demand };

    std::uint32_t processes = 1;
    std::uint32_t batch = 1;     ///< jobs that a process is given at a time, at most
    Duration window{};           ///< how long fewer than those wait for company
    Start start = Start::ahead;  ///< on_demand: a process for each batch, and none before
};

/// The processes of one queue and the attempts that wait for them. Everything but submit() and
/// turn_ended() is on the ExecThread.
class Pool final : public Member,
                   public runtime::TurnEnd,
                   public std::enable_shared_from_this<Pool> {
  public:
    /// Starts one process that reports to the pool.
    using StartWorker = std::function<Result<std::shared_ptr<Worker>>(std::shared_ptr<Pool>)>;

    Pool(
        ExecThread& thread,
        runtime::Spool& spool,
        runtime::BlockingPool& blocking,
        PoolPlan plan,
        StartWorker start_worker
    );

    /// Starts the processes, unless they are for when they are needed.
    void open();

    /// Any thread. Wakes the ExecThread at the end of the caller's turn, and only when nothing was
    /// waiting there yet, so that a burst costs one wake-up and one write.
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
        std::uint32_t failures = 0;  ///< ends in a row without having begun a job
        bool cannot_start = false;
        Timer timer;  ///< until the next start, when there is no worker
    };

    void turn_ended() override;
    void take_inbox();
    void start(Slot& slot);
    void start_later(Slot& slot);
    /// How many jobs are to go to the next process: a batch, or what is there of one.
    std::size_t ripe() const;
    /// One that takes jobs, started if need be; null: none.
    Worker* free_worker();
    Worker* least_busy();
    Worker* start_free_slot();
    /// Gives jobs that are fewer than a batch the time for more to come.
    void gather();
    /// Whether no process is there, nor likely to come up.
    bool hopeless() const;
    void refuse_waiting();

    ExecThread& thread_;
    runtime::Spool& spool_;
    runtime::BlockingPool& blocking_;
    const PoolPlan plan_;
    const StartWorker start_worker_;
    std::vector<Slot> slots_;
    std::deque<std::shared_ptr<PoolJob>> waiting_;
    core::AttemptResult last_failure_;  ///< of a start, or of a process that began no job
    Timer window_;                      ///< of the jobs that wait
    bool gathering_ = false;
    bool window_over_ = false;  ///< what waits is to go, batch or not
    bool closing_ = false;

    runtime::Inbox<std::shared_ptr<PoolJob>> inbox_;
};

/// A handler whose attempts go through the pool. The pool opens now and closes with the handler.
std::unique_ptr<ports::Handler> make_handler_of(ExecThread& thread, std::shared_ptr<Pool> pool);

}  // namespace bide::exec
