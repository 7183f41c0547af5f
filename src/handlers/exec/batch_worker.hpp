#pragma once

#include "handlers/exec/child.hpp"
#include "handlers/exec/command.hpp"
#include "handlers/exec/worker.hpp"
#include "wire/line_buffer.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bide::exec {

class Pool;

/// A process that is given a batch of jobs, all at once, and is gone with it.
class BatchWorker final : public Worker, public std::enable_shared_from_this<BatchWorker> {
  public:
    /// There is no process yet: it starts when the jobs are there, which is in this very turn.
    static Result<std::shared_ptr<Worker>> make(
        ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
    );

    runtime::Task<void> serve() override { return serve(shared_from_this()); }
    bool accepts() const override { return false; }
    std::size_t outstanding() const override { return batch_.size(); }
    void send(std::shared_ptr<PoolJob> job) override;
    void flush() override {}
    void terminate() override;
    /// Ends the process when nobody wants it any more: it may be at another job.
    void job_stopped() override;
    bool answered() const override { return answered_; }
    bool asked_to_end() const override { return asked_to_end_; }
    core::AttemptResult why() const override;
    Leftover take_jobs() override;

    BatchWorker(
        ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
    );

  private:
    struct Entry {
        JobId id;
        std::shared_ptr<PoolJob> job;  ///< null: it has been answered
    };

    static runtime::Task<void> serve(std::shared_ptr<BatchWorker> worker);
    static runtime::Task<void> read_answers(std::shared_ptr<BatchWorker> worker);
    static runtime::Task<void> read_log(std::shared_ptr<BatchWorker> worker);
    static runtime::Task<void> watch(std::shared_ptr<BatchWorker> worker);

    void end_stopped();
    Result<void> spawn();
    void end_at_deadline();
    /// Takes the whole lines there are; false: something is wrong and the process condemned.
    bool take_lines();
    bool take_answer(std::string_view line);
    bool condemn(std::string reason);

    ExecThread& thread_;
    std::shared_ptr<Pool> pool_;
    std::shared_ptr<const Command> command_;
    const Options& options_;  ///< of the command
    std::shared_ptr<Child> child_;
    std::optional<PipeReader> answers_pipe_;
    std::optional<PipeReader> log_pipe_;
    wire::LineBuffer answers_;
    Tail log_;
    Timer deadline_;
    std::vector<Entry> batch_;
    std::optional<Error> cannot_start_;
    bool answered_ = false;
    bool asked_to_end_ = false;
    std::string condemned_for_;  ///< empty: it is not
    runtime::ProcessExit exit_;
};

}  // namespace bide::exec
