#pragma once

#include "handlers/exec/child.hpp"
#include "handlers/exec/command.hpp"
#include "handlers/exec/stop_post.hpp"
#include "ports/handler.hpp"
#include "wire/line_buffer.hpp"
#include "wire/pool_line.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bide::exec {

class Pool;
class PoolWorker;

/// An attempt on its way through a pool. On the ExecThread once the pool took it.
class PoolJob : public std::enable_shared_from_this<PoolJob> {
  public:
    PoolJob(std::shared_ptr<Pool> owner, ports::Attempt what, ports::Completion how)
        : pool(std::move(owner)), attempt(std::move(what)), done(std::move(how)) {}

    /// From here on a stop ends its process, or takes it out of the queue.
    void watch_stop(const runtime::Executor& executor) {
        on_stop_.emplace(attempt.stop, StopPost<PoolJob>{executor, weak_from_this()});
    }
    void shut_down();  ///< the stop, on the ExecThread

    void end(core::AttemptResult&& result) {
        on_stop_.reset();
        done(std::move(result));
    }

    const std::shared_ptr<Pool> pool;
    const ports::Attempt attempt;
    ports::Completion done;
    PoolWorker* worker = nullptr;  ///< set while it is outstanding there
    std::uint64_t offset = 0;      ///< of its request in what that worker was sent

  private:
    std::optional<std::stop_callback<StopPost<PoolJob>>> on_stop_;
};

/// One process of a pool from its start to its end; a successor is another PoolWorker. On the
/// ExecThread, kept alive by serve().
class PoolWorker : public std::enable_shared_from_this<PoolWorker> {
  public:
    using Jobs = std::unordered_map<JobId, std::shared_ptr<PoolJob>>;

    static Result<std::shared_ptr<PoolWorker>> start(
        ExecThread& thread, std::shared_ptr<Pool> pool, const Command& command
    );

    /// Runs until the process is gone and all it said is taken.
    static runtime::Task<void> serve(std::shared_ptr<PoolWorker> worker);

    /// Whether it may be sent another job.
    bool accepts() const;
    std::size_t outstanding() const { return jobs_.size(); }

    /// Puts the job into the buffer of what is to be written; flush() writes all of it at once.
    void send(std::shared_ptr<PoolJob> job);
    void flush();

    /// Sends nothing more and asks it to end by SIGTERM. Answers still count.
    void terminate();

    // Of the end, after serve():
    bool answered() const { return answered_; }
    bool asked_to_end() const { return asked_to_end_; }
    std::string why() const;

    struct Leftover {
        std::vector<std::shared_ptr<PoolJob>> begun;   ///< read by the process, or may be
        std::vector<std::shared_ptr<PoolJob>> unread;  ///< not, as the pipe shows; in order
    };
    Leftover take_jobs();

    PoolWorker(ExecThread& thread, std::shared_ptr<Pool> pool, const Command& command);

  private:
    static runtime::Task<void> read_answers(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> watch_requests(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> read_log(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> watch(std::shared_ptr<PoolWorker> worker);

    Result<void> spawn(const Command& command);
    /// Takes the whole lines there are; false: something is wrong and the process condemned.
    bool take_lines();
    bool take_answer(std::string_view line);
    bool is_ending() const;
    void pipe_closed(std::string which);
    /// Remembers for what breach of the protocol it is ended; false: it is ending already.
    bool condemn(std::string reason);
    void wait_for_room();

    ExecThread& thread_;
    std::shared_ptr<Pool> pool_;
    const Options& options_;  ///< of the pool
    std::shared_ptr<Child> child_;
    std::optional<Stream> requests_pipe_;
    std::optional<PipeReader> answers_pipe_;
    std::optional<PipeReader> log_pipe_;
    wire::LineBuffer answers_;
    Tail log_;
    Jobs jobs_;
    std::string requests_;        ///< to be written, from sent_ on
    std::size_t sent_ = 0;        ///< bytes of requests_ that are in the pipe
    std::uint64_t written_ = 0;   ///< bytes put into the pipe in all
    std::uint64_t consumed_ = 0;  ///< of those, what the process read; known at its end
    bool waiting_for_room_ = false;
    bool answered_ = false;
    bool asked_to_end_ = false;
    std::string condemned_for_;  ///< empty: it is not
    runtime::ProcessExit exit_;
};

}  // namespace bide::exec
