#pragma once

#include "base/id.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "handlers/exec/child.hpp"
#include "handlers/exec/command.hpp"
#include "handlers/exec/worker.hpp"

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bide::lambda {

class Conversation;

/// What the processes of one queue have in common. On the ExecThread.
struct Shared {
    Shared(
        exec::ExecThread& on,
        runtime::Spool& bodies,
        runtime::BlockingPool& blocking,
        exec::Command what,
        std::string where,
        Duration silence
    )
        : thread(on),
          spool(bodies),
          pool(blocking),
          command(std::move(what)),
          region(std::move(where)),
          silence_max(silence) {}

    const exec::Options& options() const { return command.options(); }

    exec::ExecThread& thread;
    runtime::Spool& spool;
    runtime::BlockingPool& pool;
    const exec::Command command;
    const std::string region;
    const Duration silence_max;
    const SystemClock clock;
    IdMaker ids{os_random(), 0};  ///< of invocations
};

/// What the process was given: one job, or a batch.
struct Invocation {
    std::string id;  ///< Lambda-Runtime-Aws-Request-Id: new for each attempt
    std::vector<std::shared_ptr<exec::PoolJob>> jobs;
    bool being_answered = false;
};

/// One process and the Runtime API that is served to it. On the ExecThread, kept alive by serve()
/// and by its conversations.
class LambdaWorker final : public exec::Worker, public std::enable_shared_from_this<LambdaWorker> {
  public:
    static Result<std::shared_ptr<exec::Worker>> start(
        std::shared_ptr<Shared> shared, std::shared_ptr<exec::Pool> pool
    );

    runtime::Task<void> serve() override { return serve(shared_from_this()); }
    bool accepts() const override;
    std::size_t outstanding() const override { return invocation_ ? invocation_->jobs.size() : 0; }
    void send(std::shared_ptr<exec::PoolJob> job) override;
    void flush() override;
    void terminate() override;
    /// Ends the process when no job of the invocation is wanted any more.
    void job_stopped() override;
    bool answered() const override { return answered_; }
    bool asked_to_end() const override { return asked_to_end_; }
    core::AttemptResult why() const override;
    Leftover take_jobs() override;

    LambdaWorker(std::shared_ptr<Shared> shared, std::shared_ptr<exec::Pool> pool);
    ~LambdaWorker() override;

    // For conversations:
    Shared& shared() { return *shared_; }
    /// "Ready", "Running" and so on, as the real service names its states in refusals.
    std::string_view state() const;
    /// The request for an invocation; false: this is not the time for it.
    bool ask(Conversation& conversation);
    bool is_waiting(const Conversation& conversation) const { return waiting_ == &conversation; }
    /// It hung up while it was waiting.
    void leave();
    /// Null: none is under way.
    Invocation* invocation() { return invocation_ ? &*invocation_ : nullptr; }
    bool was_answered(std::string_view id) const { return !id.empty() && id == last_id_; }
    /// Ends the invocation, all its jobs alike.
    void finish(const core::AttemptResult& result);
    /// Ends it with a result for each job, in their order.
    void finish(std::vector<core::AttemptResult>&& results);
    /// It reported that it cannot start; false: it has started already.
    bool init_failed(std::string detail);
    /// It broke the protocol beyond repair.
    void give_up(std::string reason);

  private:
    static runtime::Task<void> serve(std::shared_ptr<LambdaWorker> worker);
    static runtime::Task<void> accept(std::shared_ptr<LambdaWorker> worker);
    static runtime::Task<void> read_log(std::shared_ptr<LambdaWorker> worker);
    static runtime::Task<void> watch(std::shared_ptr<LambdaWorker> worker);
    static runtime::Task<void> end_conversations(std::shared_ptr<LambdaWorker> worker);

    Result<void> listen();
    Result<void> spawn();
    void converse(runtime::Socket socket);
    void expect_request();
    bool is_ending() const;
    bool condemn(std::string reason);

    std::shared_ptr<Shared> shared_;
    std::shared_ptr<exec::Pool> pool_;
    runtime::Acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::shared_ptr<exec::Child> child_;
    std::optional<exec::PipeReader> log_pipe_;
    exec::Tail log_;
    std::list<std::shared_ptr<Conversation>> conversations_;
    exec::Timer silence_;  ///< while it owes us a request
    exec::Timer conversations_done_;
    Conversation* waiting_ = nullptr;  ///< for an invocation
    std::optional<Invocation> invocation_;
    std::string last_id_;  ///< of the invocation before
    bool asked_ = false;   ///< ever, for an invocation
    bool answered_ = false;
    bool asked_to_end_ = false;
    std::string condemned_for_;  ///< empty: it is not
    std::string init_error_;
    runtime::ProcessExit exit_;
};

}  // namespace bide::lambda
