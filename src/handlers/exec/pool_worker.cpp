#include "handlers/exec/pool_worker.hpp"

#include "handlers/exec/line_protocol.hpp"
#include "handlers/exec/pool.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bide::exec {
namespace {

// Past this a buffer's memory is given back instead of kept for the next round.
constexpr std::size_t kBufferBytesKept = 1U << 20;

}  // namespace

using runtime::kTuple;
using runtime::Pipe;
using runtime::Task;

PoolWorker::PoolWorker(
    ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
)
    : thread_(thread),
      pool_(std::move(pool)),
      command_(std::move(command)),
      options_(command_->options()),
      answers_(options_.line_bytes_max),
      log_(options_.stderr_tail_bytes) {}

Result<std::shared_ptr<Worker>> PoolWorker::start(
    ExecThread& thread, std::shared_ptr<Pool> pool, std::shared_ptr<const Command> command
) {
    auto worker = std::make_shared<PoolWorker>(thread, std::move(pool), std::move(command));
    BIDE_TRY(worker->spawn());
    return std::shared_ptr<Worker>(std::move(worker));
}

Result<void> PoolWorker::spawn() {
    // A pipe, not a socket: /dev/stdin cannot be opened again when it is a socket.
    BIDE_TRY(Pipe in, runtime::make_pipe());
    BIDE_TRY(Pipe out, runtime::make_pipe());
    BIDE_TRY(Pipe err, runtime::make_pipe());
    runtime::ProcessSpec spec = command_->spec();
    spec.descriptors = {in.read.get(), out.write.get(), err.write.get()};
    BIDE_TRY(auto process, thread_.spawn(spec));
    child_ = std::make_shared<Child>(thread_, std::move(process), options_.grace);
    requests_pipe_.emplace(thread_.executor(), in.write.release());
    requests_pipe_->native_non_blocking(true);
    answers_pipe_.emplace(thread_, std::move(out.read));
    log_pipe_.emplace(thread_, std::move(err.read));
    return success();
}

Task<void> PoolWorker::serve(std::shared_ptr<PoolWorker> worker) {
    using namespace runtime::net::experimental::awaitable_operators;
    co_await (read_answers(worker) && watch_requests(worker) && read_log(worker) && watch(worker));
}

Task<void> PoolWorker::read_answers(std::shared_ptr<PoolWorker> worker) {
    for (;;) {
        const std::string_view bytes = co_await worker->answers_pipe_->next();
        if (bytes.empty()) break;
        worker->answers_.append(bytes);
        if (!worker->take_lines()) {
            worker->answers_pipe_->close();
            worker->child_->kill();
            co_return;
        }
        worker->pool_->dispatch();
    }
    worker->pipe_closed("closed its stdout");
}

Task<void> PoolWorker::watch_requests(std::shared_ptr<PoolWorker> worker) {
    // A write may have come before the close, and the next one may never come.
    Stream& pipe = *worker->requests_pipe_;
    for (;;) {
        const auto [error] = co_await pipe.async_wait(Stream::wait_error, kTuple);
        if (error) co_return;
        // As with the exit: not every wake-up means something.
        pollfd entry{pipe.native_handle(), 0, 0};
        if (::poll(&entry, 1, 0) > 0) break;
    }
    worker->pipe_closed("closed its stdin");
}

Task<void> PoolWorker::read_log(std::shared_ptr<PoolWorker> worker) {
    for (;;) {
        const std::string_view bytes = co_await worker->log_pipe_->next();
        if (bytes.empty()) co_return;
        worker->log_.append(bytes);
    }
}

Task<void> PoolWorker::watch(std::shared_ptr<PoolWorker> worker) {
    worker->exit_ = co_await Child::exit_of(worker->child_);
    worker->answers_pipe_->finish();
    worker->log_pipe_->finish();
    // The pipe outlives its reader: what is still in it was read by nobody.
    int unread = 0;
    if (::ioctl(worker->requests_pipe_->native_handle(), FIONREAD, &unread) != 0) unread = 0;
    worker->consumed_ = worker->written_ - static_cast<std::uint64_t>(unread);
    boost::system::error_code ignored;
    worker->requests_pipe_->close(ignored);
}

bool PoolWorker::accepts() const {
    return !is_ending() && jobs_.size() < options_.in_flight;
}

void PoolWorker::send(std::shared_ptr<PoolJob> job) {
    job->worker = this;
    job->offset = written_ + (requests_.size() - sent_);
    wire::append_pool_request(requests_, make_request(job->attempt, options_.queue_name));
    const JobId id = job->attempt.input->id;
    jobs_.insert_or_assign(id, std::move(job));
}

void PoolWorker::flush() {
    if (waiting_for_room_ || !requests_pipe_->is_open() || is_ending()) return;
    // Not async_write: consumed_ needs to know at any time what is in the pipe.
    while (sent_ < requests_.size()) {
        const ssize_t count = ::write(
            requests_pipe_->native_handle(), requests_.data() + sent_, requests_.size() - sent_
        );
        if (count < 0) {
            if (errno == EINTR) continue;
            if (errno == EAGAIN) return wait_for_room();
            return pipe_closed("closed its stdin");
        }
        sent_ += static_cast<std::size_t>(count);
        written_ += static_cast<std::uint64_t>(count);
    }
    requests_.clear();
    sent_ = 0;
    if (requests_.capacity() > kBufferBytesKept) requests_.shrink_to_fit();
}

void PoolWorker::wait_for_room() {
    waiting_for_room_ = true;
    requests_.erase(0, std::exchange(sent_, 0));
    auto woken = [self = shared_from_this()](const boost::system::error_code&) {
        self->waiting_for_room_ = false;
        self->flush();  // does nothing when the pipe was closed meanwhile
    };
    requests_pipe_->async_wait(Stream::wait_write, std::move(woken));
}

bool PoolWorker::take_lines() {
    while (const auto line = answers_.next()) {
        if (!take_answer(*line)) return false;
    }
    if (!answers_.overflowed()) return true;
    condemn(wrote_too_long_a_line(options_));
    return false;
}

bool PoolWorker::take_answer(std::string_view line) {
    auto answer = wire::parse_pool_answer(line);
    if (!answer) {
        condemn(wrote_no_answer(answer.error(), line));
        return false;
    }
    const auto found = jobs_.find(answer.value().id);
    if (found == jobs_.end()) {
        condemn(answered_a_stranger(answer.value().id));
        return false;
    }
    if (!answer.value().progress.empty()) {
        found->second->attempt.progress(answer.value().progress);
        return true;
    }
    const std::shared_ptr<PoolJob> job = std::move(found->second);
    jobs_.erase(found);
    job->worker = nullptr;
    answered_ = true;
    pool_->job_answered(*job, to_result(std::move(answer.value()), options_));
    return true;
}

bool PoolWorker::is_ending() const {
    return asked_to_end_ || !condemned_for_.empty() || child_->exited();
}

void PoolWorker::pipe_closed(std::string which) {
    if (condemn(std::move(which))) child_->expect_exit();
}

bool PoolWorker::condemn(std::string reason) {
    if (is_ending()) return false;
    condemned_for_ = std::move(reason);
    return true;
}

void PoolWorker::terminate() {
    asked_to_end_ = true;
    child_->terminate();
}

core::AttemptResult PoolWorker::why() const {
    // Pipes close at an exit, too: then it was not for the breach that it ended.
    const bool ours = !condemned_for_.empty() && child_->signalled();
    const std::string what = ours ? "the handler's process " + condemned_for_ + " and was killed"
                                  : "the handler's process ended: " + to_string(exit_);
    return failure(Verdict::retry, core::FailureKind::lost, describe(what, log_));
}

PoolWorker::Leftover PoolWorker::take_jobs() {
    Leftover left;
    for (auto& [id, job] : std::exchange(jobs_, {})) {
        job->worker = nullptr;
        auto& side = job->offset >= consumed_ ? left.unread : left.begun;
        side.push_back(std::move(job));
    }
    std::sort(left.unread.begin(), left.unread.end(), [](const auto& a, const auto& b) {
        return a->offset < b->offset;
    });
    return left;
}

}  // namespace bide::exec
