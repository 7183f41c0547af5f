#pragma once

#include "ports/handler.hpp"
#include "runtime/stop_post.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace bide::exec {

class Pool;
class Worker;

/// An attempt on its way through a pool. On the ExecThread once the pool took it.
class PoolJob : public std::enable_shared_from_this<PoolJob> {
  public:
    PoolJob(std::shared_ptr<Pool> owner, ports::Attempt what, ports::Completion how)
        : pool(std::move(owner)), attempt(std::move(what)), done(std::move(how)) {}

    /// From here on a stop ends its process, or takes it out of the queue.
    void watch_stop(const runtime::Executor& executor) {
        on_stop_.emplace(attempt.stop, runtime::StopPost<PoolJob>{executor, weak_from_this()});
    }
    void shut_down();  ///< the stop, on the ExecThread

    void end(core::AttemptResult&& result) {
        on_stop_.reset();
        done(std::move(result));
    }

    const std::shared_ptr<Pool> pool;
    const ports::Attempt attempt;
    ports::Completion done;
    Worker* worker = nullptr;  ///< set while it is outstanding there
    std::uint64_t offset = 0;  ///< of its request in what that worker was sent

  private:
    std::optional<std::stop_callback<runtime::StopPost<PoolJob>>> on_stop_;
};

/// One process of a pool from its start to its end, whatever is spoken with it; a successor is
/// another Worker. On the ExecThread.
class Worker {
  public:
    virtual ~Worker() = default;

    /// Runs until the process is gone and all it said is taken. Keeps the worker alive.
    virtual runtime::Task<void> serve() = 0;

    /// Whether it may be sent another job.
    virtual bool accepts() const = 0;
    virtual std::size_t outstanding() const = 0;

    /// Takes the job; flush() sees to it that all taken so far get on their way.
    virtual void send(std::shared_ptr<PoolJob> job) = 0;
    virtual void flush() = 0;

    /// Sends nothing more and asks it to end by SIGTERM. Answers still count.
    virtual void terminate() = 0;

    /// The stop of one of its jobs was requested.
    virtual void job_stopped() { terminate(); }

    // Of the end, after serve():
    virtual bool answered() const = 0;
    virtual bool asked_to_end() const = 0;
    /// How the jobs end that it had begun.
    virtual core::AttemptResult why() const = 0;

    struct Leftover {
        std::vector<std::shared_ptr<PoolJob>> begun;   ///< read by the process, or may be
        std::vector<std::shared_ptr<PoolJob>> unread;  ///< not, for sure; in order
    };
    virtual Leftover take_jobs() = 0;
};

}  // namespace bide::exec
