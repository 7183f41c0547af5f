#pragma once

#include "handlers/exec/child.hpp"
#include "handlers/exec/command.hpp"
#include "handlers/exec/worker.hpp"
#include "wire/line_buffer.hpp"
#include "wire/pool_line.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bide::exec {

class Pool;

/// A process that is sent lines of JSON and answers with such.
class PoolWorker final : public Worker, public std::enable_shared_from_this<PoolWorker> {
  public:
    using Jobs = std::unordered_map<JobId, std::shared_ptr<PoolJob>>;

    static Result<std::shared_ptr<Worker>> start(
        ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
    );

    runtime::Task<void> serve() override { return serve(shared_from_this()); }
    bool accepts() const override;
    std::size_t outstanding() const override { return jobs_.size(); }
    /// Puts the job into the buffer of what is to be written; flush() writes all of it at once.
    void send(std::shared_ptr<PoolJob> job) override;
    void flush() override;
    void terminate() override;
    bool answered() const override { return answered_; }
    bool asked_to_end() const override { return asked_to_end_; }
    core::AttemptResult why() const override;
    Leftover take_jobs() override;

    PoolWorker(
        ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
    );

  private:
    static runtime::Task<void> serve(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> read_answers(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> watch_requests(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> read_log(std::shared_ptr<PoolWorker> worker);
    static runtime::Task<void> watch(std::shared_ptr<PoolWorker> worker);

    Result<void> spawn();
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
    std::shared_ptr<const Command> command_;
    const Options& options_;  ///< of the command
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
