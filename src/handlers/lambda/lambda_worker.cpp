#include "handlers/lambda/lambda_worker.hpp"

#include "handlers/exec/pool.hpp"
#include "handlers/lambda/conversation.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <utility>

namespace bide::lambda {
namespace {

using exec::Child;
using runtime::Descriptor;
using runtime::kTuple;
using runtime::Pipe;
using runtime::Task;
using runtime::tcp;

/// A runtime needs one or two.
constexpr std::size_t kConversationsMax = 16;

/// When no further connection can be accepted (descriptors are short, say).
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

/// For what an ended process had sent to be read, should somebody it left behind hold its
/// connections open.
constexpr auto kLastWords = std::chrono::seconds(1);

/// Longer spans could leave the range of the steady clock.
constexpr Duration kSilenceLongest = std::chrono::hours(24);

Error cannot_listen(const boost::system::error_code& error) {
    return {
        Code::internal,
        Retry::unsafe,
        "the Runtime API cannot listen on a loopback port: " + error.message()};
}

}  // namespace

LambdaWorker::LambdaWorker(std::shared_ptr<Shared> shared, std::shared_ptr<exec::Pool> pool)
    : shared_(std::move(shared)),
      pool_(std::move(pool)),
      acceptor_(shared_->thread.executor()),
      log_(shared_->options().stderr_tail_bytes),
      silence_(shared_->thread.executor()),
      conversations_done_(shared_->thread.executor()) {}

LambdaWorker::~LambdaWorker() = default;

Result<std::shared_ptr<exec::Worker>> LambdaWorker::start(
    std::shared_ptr<Shared> shared, std::shared_ptr<exec::Pool> pool
) {
    auto worker = std::make_shared<LambdaWorker>(std::move(shared), std::move(pool));
    BIDE_TRY(worker->listen());
    BIDE_TRY(worker->spawn());
    worker->expect_request();
    return std::shared_ptr<exec::Worker>(std::move(worker));
}

Result<void> LambdaWorker::listen() {
    boost::system::error_code error;
    const tcp::endpoint loopback(runtime::net::ip::address_v4::loopback(), 0);
    acceptor_.open(loopback.protocol(), error);
    if (!error) acceptor_.bind(loopback, error);
    if (!error) acceptor_.listen(static_cast<int>(kConversationsMax), error);
    if (!error) port_ = acceptor_.local_endpoint(error).port();
    if (error) return cannot_listen(error);
    return success();
}

Result<void> LambdaWorker::spawn() {
    BIDE_TRY(Descriptor nothing, runtime::open_for_reading("/dev/null"));
    BIDE_TRY(Pipe log, runtime::make_pipe());
    runtime::ProcessSpec spec = shared_->command.spec();
    spec.environment.push_back("AWS_LAMBDA_RUNTIME_API=127.0.0.1:" + std::to_string(port_));
    // Functions log to both.
    spec.descriptors = {nothing.get(), log.write.get(), log.write.get()};
    BIDE_TRY(auto process, shared_->thread.spawn(spec));
    child_ = std::make_shared<Child>(shared_->thread, std::move(process), shared_->options().grace);
    log_pipe_.emplace(shared_->thread, std::move(log.read));
    return success();
}

Task<void> LambdaWorker::serve(std::shared_ptr<LambdaWorker> worker) {
    using namespace runtime::net::experimental::awaitable_operators;
    co_await (accept(worker) && read_log(worker) && watch(worker));
    co_await end_conversations(worker);
}

Task<void> LambdaWorker::accept(std::shared_ptr<LambdaWorker> worker) {
    exec::Timer pause(worker->shared_->thread.executor());
    while (worker->acceptor_.is_open()) {
        auto [error, socket] = co_await worker->acceptor_.async_accept(kTuple);
        if (!worker->acceptor_.is_open()) break;
        if (error) {
            pause.expires_after(kAcceptPause);
            co_await pause.async_wait(kTuple);
        } else if (worker->conversations_.size() < kConversationsMax) {
            worker->converse(std::move(socket));
        }
    }
}

void LambdaWorker::converse(runtime::Socket socket) {
    auto conversation = std::make_shared<Conversation>(shared_from_this(), std::move(socket));
    conversations_.push_back(conversation);
    auto ended = [self = shared_from_this(), conversation](const std::exception_ptr& failure) {
        // Out of memory, say. Half an answer is none.
        if (failure) self->give_up("could not be understood");
        if (self->waiting_ == conversation.get()) self->leave();
        self->conversations_.remove(conversation);
        self->conversations_done_.cancel();
    };
    runtime::net::co_spawn(
        shared_->thread.executor(), Conversation::run(conversation), std::move(ended)
    );
}

Task<void> LambdaWorker::read_log(std::shared_ptr<LambdaWorker> worker) {
    for (;;) {
        const std::string_view bytes = co_await worker->log_pipe_->next();
        if (bytes.empty()) co_return;
        worker->log_.append(bytes);
    }
}

Task<void> LambdaWorker::watch(std::shared_ptr<LambdaWorker> worker) {
    worker->exit_ = co_await Child::exit_of(worker->child_);
    worker->log_pipe_->finish();
    worker->silence_.cancel();
    boost::system::error_code ignored;
    worker->acceptor_.close(ignored);
}

Task<void> LambdaWorker::end_conversations(std::shared_ptr<LambdaWorker> worker) {
    if (Conversation* waiting = std::exchange(worker->waiting_, nullptr)) waiting->wake();
    worker->conversations_done_.expires_after(kLastWords);
    while (!worker->conversations_.empty()) {
        const auto [error] = co_await worker->conversations_done_.async_wait(kTuple);
        if (error) continue;  // one of them ended
        for (const auto& conversation : worker->conversations_) conversation->close();
        worker->conversations_done_.expires_at(exec::Timer::time_point::max());
    }
}

bool LambdaWorker::accepts() const {
    return waiting_ != nullptr && !invocation_ && !is_ending();
}

void LambdaWorker::send(std::shared_ptr<exec::PoolJob> job) {
    job->worker = this;
    if (!invocation_) {
        invocation_.emplace();
        invocation_->id = to_string(shared_->ids.make(shared_->clock.now()));
    }
    invocation_->jobs.push_back(std::move(job));
}

void LambdaWorker::flush() {
    if (invocation_ && waiting_ != nullptr) std::exchange(waiting_, nullptr)->give(*invocation_);
}

void LambdaWorker::job_stopped() {
    const auto& jobs = invocation_->jobs;
    const bool unwanted = std::all_of(jobs.begin(), jobs.end(), [](const auto& job) {
        return job->attempt.stop.stop_requested();
    });
    if (unwanted) terminate();
}

void LambdaWorker::terminate() {
    asked_to_end_ = true;
    child_->terminate();
}

std::string_view LambdaWorker::state() const {
    if (!init_error_.empty()) return "InitError";
    if (!asked_) return "Started";
    if (!invocation_) return "Ready";
    return invocation_->being_answered ? "InvocationResponse" : "Running";
}

bool LambdaWorker::ask(Conversation& conversation) {
    if (waiting_ != nullptr || invocation_ || !init_error_.empty()) return false;
    asked_ = true;
    silence_.cancel();
    waiting_ = &conversation;
    pool_->dispatch();
    return true;
}

void LambdaWorker::leave() {
    waiting_ = nullptr;
    expect_request();
}

void LambdaWorker::finish(const core::AttemptResult& result) {
    finish(std::vector(invocation_->jobs.size(), result));
}

void LambdaWorker::finish(std::vector<core::AttemptResult>&& results) {
    Invocation ended = std::move(*invocation_);
    invocation_.reset();
    last_id_ = std::move(ended.id);
    answered_ = true;
    expect_request();
    for (std::size_t i = 0; i < ended.jobs.size(); ++i) {
        ended.jobs[i]->worker = nullptr;
        pool_->job_answered(*ended.jobs[i], std::move(results[i]));
    }
}

bool LambdaWorker::init_failed(std::string detail) {
    if (asked_ || !init_error_.empty()) return false;
    init_error_ = std::move(detail);
    if (condemn("could not be initialised")) child_->expect_exit();
    return true;
}

void LambdaWorker::give_up(std::string reason) {
    if (condemn(std::move(reason))) child_->kill();
}

void LambdaWorker::expect_request() {
    if (child_->exited()) return;
    silence_.expires_after(std::min(shared_->silence_max, kSilenceLongest));
    silence_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self || !self->condemn("did not ask for an invocation in time")) return;
        self->child_->terminate();
    });
}

bool LambdaWorker::is_ending() const {
    return asked_to_end_ || !condemned_for_.empty() || child_->exited();
}

bool LambdaWorker::condemn(std::string reason) {
    if (is_ending()) return false;
    condemned_for_ = std::move(reason);
    return true;
}

core::AttemptResult LambdaWorker::why() const {
    using core::FailureKind;
    using exec::Verdict;
    if (!init_error_.empty()) {
        const std::string what = "the function could not be initialised: " + init_error_;
        return exec::failure(Verdict::retry, FailureKind::handler, exec::describe(what, log_));
    }
    const bool ours = !condemned_for_.empty() && child_->signalled();
    const std::string what = ours ? "the function's process " + condemned_for_ + " and was killed"
                                  : "the function's process ended: " + to_string(exit_);
    return exec::failure(Verdict::retry, FailureKind::lost, exec::describe(what, log_));
}

exec::Worker::Leftover LambdaWorker::take_jobs() {
    Leftover left;
    if (auto ended = std::exchange(invocation_, std::nullopt)) {
        for (const auto& job : ended->jobs) job->worker = nullptr;
        left.begun = std::move(ended->jobs);
    }
    return left;
}

}  // namespace bide::lambda
