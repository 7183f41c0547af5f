#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "core/failure_log.hpp"
#include "core/ledger.hpp"
#include "engines/embedded/redriver.hpp"
#include "engines/embedded/store.hpp"
#include "ports/engine.hpp"
#include "ports/handler.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/turn.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace bide::engines::embedded {

struct QueueOptions {
    std::string name;
    core::QueueRules rules;
    Duration retention = std::chrono::hours(24);  ///< of outcomes, from the end of the job
    ports::Handler* handler = nullptr;            ///< must outlive the engine
};

struct Options {
    std::string directory;  ///< of the data; exists; one engine at a time (it is locked)
    std::vector<QueueOptions> queues;
    core::LedgerLimits limits;
    core::Tenancy tenancy;
    /// What the operator should see: text for the log. Any thread.
    std::function<void(const std::string&)> log_error;
    std::function<void(const std::string&)> log_warning;  ///< likewise, of what works; may be null
};

/// Queue, store and notifier on one machine: the ledger under one lock, and a writer thread that
/// commits in groups.
///
/// Threads. Any thread may call in; it steps the ledger under the lock, and performs the effects
/// after releasing it: answers go to their sinks, attempts to their handlers. Changes wait in the
/// ledger for the writer, which takes all there are, commits, and steps Committed; that commit
/// answers. While one flush runs the next group gathers, so throughput grows with the number of
/// callers while a lone caller waits for one flush only. A handler that answers inside start()
/// has done so before the writer is woken: such a job is one row in one commit.
///
/// A commit that fails ends all answering for good; the process keeps saying why until it is
/// restarted, when the store alone decides what is true.
class Engine final : public ports::Engine, public ports::AttemptSink, private runtime::TurnEnd {
  public:
    /// Opens the store and takes back open jobs.
    static Result<std::unique_ptr<Engine>> open(
        Options options, Clock& clock, runtime::BlockingPool& pool
    );
    /// stop() must have returned, and the pool's last task.
    ~Engine() override;

    /// Starts the threads; attempts at jobs taken back start at once.
    void start();

    /// Accepts nothing more, answers who waits for jobs that do not run, and waits until those
    /// that run have ended; after `patience`, or when stop_now() is called, stops them.
    void drain(Duration patience);
    /// Cuts a drain short. Any thread.
    void stop_now();
    /// After drain(): ends the threads. What is not finished is in the store.
    void stop();
    /// One round of the writer thread's, on this one: for who counts what a job costs and has not
    /// called start() (bench/hot_path.cpp).
    void write_now();

    std::uint8_t add_sink(ports::AnswerSink& sink) override;
    ports::NewId make_id() override;
    void submit(core::event::Submit&& submit) override;
    void join(const JobId& job, const core::Wait& wait) override;
    void cancel(const JobId& job, const core::Wait& wait) override;
    void leave(core::WaiterId waiter) override;
    void redrive(const JobId& job, const core::Wait& wait) override;
    void redrive_queue(core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait)
        override;
    void set_paused(core::event::SetPaused&& change) override;
    void list(const ports::ListQuery& query, const core::Wait& wait) override;
    ports::EngineFacts facts() const override;
    ports::EngineHealth health() const override;
    std::string_view durability() const override { return "fsync"; }

    void attempt_ended(core::event::AttemptEnded&& ended) override;
    void attempt_progressed(core::event::Progress&& progress) override;

  private:
    struct Running {
        std::uint32_t attempt;
        std::stop_source stop;
    };
    struct Start {
        core::StartAttempt attempt;
        std::stop_token stop;
    };
    /// What steps ask for, to be done without the lock.
    struct Chores {
        std::vector<core::Answer> answers;
        std::vector<Start> starts;
        std::vector<std::stop_source> stops;
        std::vector<JobId> lookups;
        bool writes = false;
        bool empty() const {
            return answers.empty() && starts.empty() && stops.empty() && lookups.empty();
        }
    };
    struct Trampoline;
    struct Caller;

    Engine(Options options, Clock& clock, runtime::BlockingPool& pool);

    Result<void> lock_directory();
    Result<void> recover();
    /// Those of queues that the configuration no longer has.
    void tell_stranded(const std::vector<std::uint64_t>& open_jobs) const;
    void step(core::Event&& event);
    void step_locked(core::Event&& event, Chores& chores);
    void perform(Chores chores);
    void do_chores(Chores chores);
    void deliver(std::vector<core::Answer>&& answers);
    void deliver_one(core::Answer&& answer);
    void look_up(core::Answer asked);
    bool is_open(const JobId& job);
    void look_up_claim(const JobId& job);
    void read_page(const ports::ListQuery& query, core::WaiterId waiter);
    void read_failed(const Error& error);
    void start_attempt(Start start);
    void run_handler(Start start, ports::Completion done);
    void wake_writer();
    void turn_ended() override;
    void write_loop();
    void write_group(std::unique_lock<std::mutex>& lock);
    Result<void> commit(const core::WriteGroup& group);
    void after_commit();
    void log_failures();
    void alarm_loop();
    bool wait_until_idle(std::unique_lock<std::mutex>& lock, Duration patience);
    void remove_files(const std::vector<std::string>& paths);
    void remove_orphans(const std::vector<std::string>& names);

    Options options_;
    Clock& clock_;
    runtime::BlockingPool& pool_;
    int lock_descriptor_ = -1;
    std::unique_ptr<Store> store_;  ///< the writer thread's, after open()
    core::WriteGroup group_;        ///< likewise: what the commit under way writes
    core::FailureLog failure_log_;  ///< likewise
    std::unique_ptr<StoreReader> reader_;
    std::unique_ptr<Redriver> redriver_;
    std::atomic<std::uint64_t> commits_{0};
    std::atomic<bool> names_being_written_{false};
    std::array<std::atomic<ports::AnswerSink*>, 256> sinks_{};
    std::atomic<std::uint32_t> sink_count_{0};

    std::atomic<bool> writer_waits_{false};
    std::atomic<std::uint32_t> callers_{0};  ///< of step(), or to wake the writer at a turn's end
    std::mutex ids_mutex_;
    std::unique_ptr<IdMaker> ids_;

    mutable std::mutex mutex_;  ///< guards all below
    std::unique_ptr<core::Ledger> ledger_;
    core::Effects effects_;  ///< of the step under way
    std::unordered_map<JobId, Running> running_;
    std::string failure_;  ///< why the store failed; empty while it works
    bool draining_ = false;
    bool stop_now_ = false;
    bool stopping_ = false;
    Time alarm_at_ = kNever;
    std::condition_variable writer_wake_;
    std::condition_variable alarm_wake_;
    std::condition_variable settled_;  ///< the ledger may have become idle, or stop_now_ is set

    std::thread writer_;
    std::thread alarm_;
};

}  // namespace bide::engines::embedded
