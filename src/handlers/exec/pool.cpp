#include "handlers/exec/pool.hpp"

#include "handlers/exec/batch_worker.hpp"
#include "handlers/exec/pool_worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>

namespace bide::exec {
namespace {

using core::AttemptResult;
using core::FailureKind;
using runtime::Task;

// A process may die once for the machine's sake before it has begun a job; from the second time on
// it is given pauses, and from the third on the jobs are told instead of left to wait. One that
// died with a job had come up: that job hears of it, and nobody else.
constexpr std::uint32_t kFailuresHopeless = 3;
constexpr auto kPauseFirst = std::chrono::milliseconds(100);
constexpr auto kPauseMax = std::chrono::seconds(5);

Result<Body> write_body(runtime::Spool& spool, const std::string& bytes) {
    runtime::BodyWriter writer(spool, bytes.size());
    BIDE_TRY(writer.append(bytes));
    return writer.finish();
}

/// Puts a large body into a file before the result is told.
Task<void> keep_body(
    runtime::Spool& spool,
    runtime::BlockingPool& blocking,
    std::shared_ptr<PoolJob> job,
    AttemptResult result
) {
    auto write = [&spool, bytes = std::move(result.body.bytes)] {
        return write_body(spool, bytes);
    };
    Result<Body> body = co_await runtime::on_pool(blocking, std::move(write));
    if (body) {
        result.body = std::move(body.value());
    } else {
        result = failure(Verdict::retry, FailureKind::handler, body.error().detail);
    }
    job->end(std::move(result));
}

}  // namespace

void PoolJob::shut_down() {
    pool->stop(*this);
}

Pool::Pool(
    ExecThread& thread,
    runtime::Spool& spool,
    runtime::BlockingPool& blocking,
    PoolPlan plan,
    StartWorker start_worker
)
    : thread_(thread),
      spool_(spool),
      blocking_(blocking),
      plan_(plan),
      start_worker_(std::move(start_worker)),
      window_(thread.executor()) {
    slots_.reserve(plan_.processes);
    for (std::uint32_t i = 0; i < plan_.processes; ++i) slots_.emplace_back(thread_.executor());
}

void Pool::open() {
    if (thread_.stopping()) {
        closing_ = true;
        return;
    }
    thread_.add(*this);
    if (plan_.start == PoolPlan::Start::on_demand) return;
    for (Slot& slot : slots_) start(slot);
}

void Pool::submit(std::shared_ptr<PoolJob> job) {
    if (inbox_.put(std::move(job))) runtime::at_turns_end(shared_from_this());
}

void Pool::turn_ended() {
    runtime::net::post(thread_.executor(), [self = shared_from_this()] { self->take_inbox(); });
}

void Pool::take_inbox() {
    for (auto& job : inbox_.take()) {
        job->watch_stop(thread_.executor());
        waiting_.push_back(std::move(job));
    }
    dispatch();
}

void Pool::dispatch() {
    while (std::size_t count = ripe()) {
        Worker* worker = free_worker();
        if (worker == nullptr) break;
        for (; count > 0; --count) {
            worker->send(std::move(waiting_.front()));
            waiting_.pop_front();
        }
    }
    for (Slot& slot : slots_) {
        if (slot.worker) slot.worker->flush();
    }
    if (!waiting_.empty() && hopeless()) refuse_waiting();
    gather();
}

std::size_t Pool::ripe() const {
    const std::size_t count = std::min<std::size_t>(waiting_.size(), plan_.batch);
    const bool waits = count < plan_.batch && plan_.window > Duration(0) && !window_over_;
    return waits ? 0 : count;
}

void Pool::gather() {
    if (waiting_.empty()) {
        window_over_ = false;
        if (std::exchange(gathering_, false)) window_.cancel();
        return;
    }
    if (plan_.window <= Duration(0) || gathering_ || window_over_ || closing_) return;
    gathering_ = true;
    window_.expires_after(plan_.window);
    window_.async_wait([self = shared_from_this()](boost::system::error_code error) {
        if (error) return;
        self->gathering_ = false;
        self->window_over_ = true;
        self->dispatch();
    });
}

Worker* Pool::free_worker() {
    return plan_.start == PoolPlan::Start::on_demand ? start_free_slot() : least_busy();
}

Worker* Pool::start_free_slot() {
    if (closing_) return nullptr;
    const auto free =
        std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.worker; });
    if (free == slots_.end()) return nullptr;
    start(*free);
    return free->worker.get();
}

Worker* Pool::least_busy() {
    Worker* best = nullptr;
    for (const Slot& slot : slots_) {
        Worker* worker = slot.worker.get();
        if (worker == nullptr || !worker->accepts()) continue;
        if (best == nullptr || worker->outstanding() < best->outstanding()) best = worker;
    }
    return best;
}

bool Pool::hopeless() const {
    return closing_ || std::all_of(slots_.begin(), slots_.end(), [](const Slot& slot) {
               return !slot.worker && (slot.cannot_start || slot.failures >= kFailuresHopeless);
           });
}

void Pool::refuse_waiting() {
    AttemptResult refusal = last_failure_;
    if (closing_) {
        refusal = failure(Verdict::retry, FailureKind::lost, "the server stops; nothing was sent");
    }
    // end() may bring the next job by way of the engine, but only through the inbox.
    for (auto& job : std::exchange(waiting_, {})) job->end(AttemptResult(refusal));
}

void Pool::job_answered(PoolJob& job, AttemptResult&& result) {
    if (result.body.bytes.size() <= spool_.threshold()) return job.end(std::move(result));
    // Out of memory, say: the job goes, which says "lost".
    const auto ignore = [](const std::exception_ptr&) {};
    runtime::net::co_spawn(
        thread_.executor(),
        keep_body(spool_, blocking_, job.shared_from_this(), std::move(result)),
        ignore
    );
}

void Pool::stop(PoolJob& job) {
    if (job.worker != nullptr) return job.worker->job_stopped();
    const auto at = std::find_if(waiting_.begin(), waiting_.end(), [&job](const auto& waiting) {
        return waiting.get() == &job;
    });
    if (at == waiting_.end()) return;  // it has ended meanwhile
    const std::shared_ptr<PoolJob> stopped = std::move(*at);
    waiting_.erase(at);
    stopped->end(stopped_before_start());
}

void Pool::start(Slot& slot) {
    auto started = start_worker_(shared_from_this());
    slot.cannot_start = !started;
    if (!started) {
        last_failure_ = cannot_start(started.error());
        start_later(slot);
        return;
    }
    slot.worker = std::move(started.value());
    // Also when it ended by an exception (out of memory): its process is gone then.
    auto ended = [worker = slot.worker, self = shared_from_this()](const std::exception_ptr&) {
        self->worker_ended(*worker);
    };
    runtime::net::co_spawn(thread_.executor(), slot.worker->serve(), std::move(ended));
}

void Pool::start_later(Slot& slot) {
    ++slot.failures;
    std::chrono::milliseconds pause = kPauseFirst;
    for (std::uint32_t i = 1; i < slot.failures && pause < kPauseMax; ++i) pause *= 2;
    slot.timer.expires_after(std::min<std::chrono::milliseconds>(pause, kPauseMax));
    slot.timer.async_wait([self = shared_from_this(), &slot](boost::system::error_code error) {
        if (error || self->closing_) return;
        self->start(slot);
        self->dispatch();
    });
}

void Pool::worker_ended(Worker& worker) {
    const auto at = std::find_if(slots_.begin(), slots_.end(), [&worker](const Slot& slot) {
        return slot.worker.get() == &worker;
    });
    Slot& slot = *at;
    const AttemptResult lost = worker.why();
    Worker::Leftover left = worker.take_jobs();
    const bool came_up = worker.answered() || !left.begun.empty();
    const bool in_vain = !came_up && !worker.asked_to_end();
    if (came_up) slot.failures = 0;
    slot.worker.reset();
    for (const auto& job : left.begun) job->end(AttemptResult(lost));
    // What nobody read has not been tried: it goes first to the next process. A stop that came
    // meanwhile was for it, too.
    std::erase_if(left.unread, [](const auto& job) {
        if (!job->attempt.stop.stop_requested()) return false;
        job->end(stopped_before_start());
        return true;
    });
    waiting_.insert(waiting_.begin(), left.unread.begin(), left.unread.end());
    if (closing_) return refuse_waiting();
    if (plan_.start == PoolPlan::Start::on_demand) return dispatch();
    if (in_vain) last_failure_ = lost;
    if (in_vain && slot.failures > 0) {
        start_later(slot);
    } else {
        if (in_vain) ++slot.failures;
        start(slot);
    }
    dispatch();
}

void Pool::shut_down() {
    closing_ = true;
    if (is_linked()) unlink();
    window_.cancel();
    for (Slot& slot : slots_) {
        slot.timer.cancel();
        if (slot.worker) slot.worker->terminate();
    }
    refuse_waiting();
}

namespace {

class PoolHandler final : public ports::Handler {
  public:
    PoolHandler(ExecThread& thread, std::shared_ptr<Pool> pool)
        : thread_(thread), pool_(std::move(pool)) {
        runtime::net::post(thread_.executor(), [opened = pool_] { opened->open(); });
    }
    // Without memory for a message there is no orderly end anyway.
    ~PoolHandler() override {  // NOLINT(bugprone-exception-escape)
        runtime::net::post(thread_.executor(), [closed = pool_] { closed->shut_down(); });
    }

    void start(ports::Attempt attempt, ports::Completion done) override {
        pool_->submit(std::make_shared<PoolJob>(pool_, std::move(attempt), std::move(done)));
    }

  private:
    ExecThread& thread_;
    std::shared_ptr<Pool> pool_;
};

}  // namespace

std::unique_ptr<ports::Handler> make_handler_of(ExecThread& thread, std::shared_ptr<Pool> pool) {
    return std::make_unique<PoolHandler>(thread, std::move(pool));
}

std::unique_ptr<ports::Handler> make_pool_handler(
    ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
) {
    auto command = std::make_shared<const Command>(std::move(options));
    PoolPlan plan;
    plan.processes = command->options().processes;
    auto start = [&thread, command = std::move(command)](std::shared_ptr<Pool> owner) {
        return PoolWorker::start(thread, std::move(owner), command);
    };
    return make_handler_of(
        thread, std::make_shared<Pool>(thread, spool, pool, plan, std::move(start))
    );
}

std::unique_ptr<ports::Handler> make_batch_handler(
    ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
) {
    auto command = std::make_shared<const Command>(std::move(options));
    const Options& said = command->options();
    const PoolPlan plan{said.processes, said.batch, said.batch_window, PoolPlan::Start::on_demand};
    auto start = [&thread, command = std::move(command)](std::shared_ptr<Pool> owner) {
        return BatchWorker::make(thread, std::move(owner), command);
    };
    return make_handler_of(
        thread, std::make_shared<Pool>(thread, spool, pool, plan, std::move(start))
    );
}

}  // namespace bide::exec
