#include "handlers/exec/batch_worker.hpp"

#include "handlers/exec/line_protocol.hpp"
#include "handlers/exec/pool.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

namespace bide::exec {
namespace {

/// Longer spans could leave the range of the steady clock.
constexpr Duration kDeadlineFarthest = std::chrono::hours(24 * 365);

}  // namespace

using runtime::Descriptor;
using runtime::Pipe;
using runtime::Task;

BatchWorker::BatchWorker(
    ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
)
    : thread_(thread),
      pool_(std::move(pool)),
      command_(std::move(command)),
      options_(command_->options()),
      answers_(options_.line_bytes_max),
      log_(options_.stderr_tail_bytes),
      deadline_(thread.executor()) {}

Result<std::shared_ptr<Worker>> BatchWorker::make(
    ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
) {
    return std::shared_ptr<Worker>(
        std::make_shared<BatchWorker>(thread, std::move(pool), std::move(command))
    );
}

void BatchWorker::send(std::shared_ptr<PoolJob> job) {
    job->worker = this;
    const JobId id = job->attempt.input->id;
    batch_.push_back({id, std::move(job)});
}

Task<void> BatchWorker::serve(std::shared_ptr<BatchWorker> worker) {
    using namespace runtime::net::experimental::awaitable_operators;
    // Until here it may be the turn in which the jobs are still being handed over.
    co_await runtime::net::post(
        worker->thread_.executor(), runtime::net::use_awaitable_t<runtime::Executor>{}
    );
    worker->end_stopped();
    if (worker->batch_.empty() || worker->asked_to_end_) co_return;
    if (auto spawned = worker->spawn(); !spawned) {
        worker->cannot_start_ = spawned.error();
        co_return;
    }
    worker->end_at_deadline();
    co_await (read_answers(worker) && read_log(worker) && watch(worker));
}

void BatchWorker::end_stopped() {
    std::erase_if(batch_, [](const Entry& entry) {
        if (!entry.job->attempt.stop.stop_requested()) return false;
        entry.job->worker = nullptr;
        entry.job->end(stopped_before_start());
        return true;
    });
}

Result<void> BatchWorker::spawn() {
    std::string lines;
    for (const auto& [id, job] : batch_)
        wire::append_pool_request(lines, make_request(job->attempt, options_.queue_name));
    BIDE_TRY(Descriptor input, runtime::make_memory_file(lines));
    BIDE_TRY(Pipe out, runtime::make_pipe());
    BIDE_TRY(Pipe err, runtime::make_pipe());
    runtime::ProcessSpec spec = command_->spec();
    spec.descriptors = {input.get(), out.write.get(), err.write.get()};
    BIDE_TRY(auto process, thread_.spawn(spec));
    child_ = std::make_shared<Child>(thread_, std::move(process), options_.grace);
    answers_pipe_.emplace(thread_, std::move(out.read));
    log_pipe_.emplace(thread_, std::move(err.read));
    return success();
}

/// For a process that has answered all and stays: nobody asks for its end.
void BatchWorker::end_at_deadline() {
    Time latest{};
    for (const auto& [id, job] : batch_) latest = std::max(latest, job->attempt.deadline);
    const Duration left = latest == kNever ? kDeadlineFarthest : latest - SystemClock().now();
    deadline_.expires_after(std::min(left, kDeadlineFarthest));
    deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self) self->terminate();
    });
}

Task<void> BatchWorker::read_answers(std::shared_ptr<BatchWorker> worker) {
    for (;;) {
        const std::string_view bytes = co_await worker->answers_pipe_->next();
        if (bytes.empty()) break;
        worker->answers_.append(bytes);
        if (!worker->take_lines()) {
            worker->answers_pipe_->close();
            worker->child_->kill();
            co_return;
        }
    }
    // An answer without a newline is one too, unless the process died in the middle of it.
    const std::string_view rest = worker->answers_.rest();
    if (!rest.empty() && wire::parse_pool_answer(rest)) worker->take_answer(rest);
}

Task<void> BatchWorker::read_log(std::shared_ptr<BatchWorker> worker) {
    for (;;) {
        const std::string_view bytes = co_await worker->log_pipe_->next();
        if (bytes.empty()) co_return;
        worker->log_.append(bytes);
    }
}

Task<void> BatchWorker::watch(std::shared_ptr<BatchWorker> worker) {
    worker->exit_ = co_await Child::exit_of(worker->child_);
    worker->deadline_.cancel();
    worker->answers_pipe_->finish();
    worker->log_pipe_->finish();
}

bool BatchWorker::take_lines() {
    while (const auto line = answers_.next()) {
        if (!take_answer(*line)) return false;
    }
    return !answers_.overflowed() || condemn(wrote_too_long_a_line(options_));
}

bool BatchWorker::take_answer(std::string_view line) {
    auto answer = wire::parse_pool_answer(line);
    if (!answer) return condemn(wrote_no_answer(answer.error(), line));
    const auto found = std::find_if(batch_.begin(), batch_.end(), [&answer](const Entry& entry) {
        return entry.id == answer.value().id;
    });
    if (found == batch_.end()) return condemn(answered_a_stranger(answer.value().id));
    if (!found->job) return true;  // the first answer counts
    if (!answer.value().progress.empty()) {
        found->job->attempt.progress(answer.value().progress);
        return true;
    }
    const std::shared_ptr<PoolJob> job = std::exchange(found->job, nullptr);
    job->worker = nullptr;
    answered_ = true;
    pool_->job_answered(*job, to_result(std::move(answer.value()), options_));
    return true;
}

/// Returns false: there is nothing more to be read.
bool BatchWorker::condemn(std::string reason) {
    if (!child_->exited()) condemned_for_ = std::move(reason);
    return false;
}

void BatchWorker::terminate() {
    asked_to_end_ = true;
    if (child_) child_->terminate();
}

void BatchWorker::job_stopped() {
    const bool unwanted = std::all_of(batch_.begin(), batch_.end(), [](const Entry& entry) {
        return !entry.job || entry.job->attempt.stop.stop_requested();
    });
    if (unwanted) terminate();
}

core::AttemptResult BatchWorker::why() const {
    using core::FailureKind;
    if (cannot_start_) return cannot_start(*cannot_start_);
    if (!child_) return stopped_before_start();
    if (!condemned_for_.empty()) {
        const std::string what = "the handler's process " + condemned_for_ + " and was killed";
        return failure(Verdict::retry, FailureKind::lost, describe(what, log_));
    }
    if (exit_.signal != 0 || exit_.code != 0) return exit_failure(exit_, log_);
    return failure(
        Verdict::retry, FailureKind::lost, describe("the handler ended without an answer", log_)
    );
}

Worker::Leftover BatchWorker::take_jobs() {
    Leftover left;
    for (auto& [id, job] : std::exchange(batch_, {})) {
        if (!job) continue;
        job->worker = nullptr;
        left.begun.push_back(std::move(job));
    }
    return left;
}

}  // namespace bide::exec
