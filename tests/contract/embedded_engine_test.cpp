#include "contract/engine_suite.hpp"
#include "engines/embedded/engine.hpp"
#include "runtime/spool.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bide::contract {
namespace {

using namespace std::chrono_literals;

/// The system's, and how often it was asked.
class CountedClock final : public Clock {
  public:
    Time now() const override {
        ++asked_;
        return clock_.now();
    }
    std::uint64_t asked() const { return asked_; }

  private:
    SystemClock clock_;
    mutable std::atomic<std::uint64_t> asked_{0};
};

class ThrowingHandler final : public ports::Handler {
  public:
    void start(ports::Attempt, ports::Completion) override { throw std::runtime_error("no room"); }
};

constexpr core::QueueIndex kThrowing = 2;

class EmbeddedUnderTest final : public EngineUnderTest {
  public:
    EmbeddedUnderTest() {
        std::filesystem::remove_all(directory_);
        open();
    }
    ~EmbeddedUnderTest() override {
        close();
        std::filesystem::remove_all(directory_);
    }

    ports::Engine& engine() override { return *engine_; }
    HeldHandler& handler() override { return handler_; }
    Time now() const override { return clock_.now(); }
    void restart() override {
        close();
        open();
    }
    void drain() override { engine_->drain(30s); }

    std::uint64_t clock_asked() const { return clock_.asked(); }
    /// What was said to the operator; all of it, when the engine has stopped.
    std::vector<std::string> stop_and_take_warnings() {
        close();
        open();
        return std::exchange(warnings_, {});
    }

  private:
    void open() {
        pool_ = std::make_unique<runtime::BlockingPool>(2);
        spool_ = runtime::Spool::open(directory_ + "/bodies", 1024).value();
        engines::embedded::Options options;
        options.directory = directory_;
        options.log_error = [](const std::string& text) {
            EXPECT_EQ(text, "a handler could not start: no room");
        };
        options.log_warning = [this](const std::string& text) {
            const std::lock_guard lock(mutex_);
            warnings_.push_back(text);
        };
        engines::embedded::QueueOptions queue;
        queue.name = "held";
        queue.rules.concurrency = 2;
        queue.rules.depth_max = 8;
        queue.rules.retry.backoff_base = 1ms;
        queue.handler = &handler_;
        options.queues.push_back(queue);
        queue.name = "eager";
        queue.rules.retry.backoff_base = 0ms;
        queue.rules.retry.attempts_max = 2;
        queue.rules.timeout = 50ms;
        options.queues.push_back(queue);
        queue.name = "throwing";
        queue.handler = &throwing_;
        options.queues.push_back(queue);
        engine_ = engines::embedded::Engine::open(std::move(options), clock_, *pool_).value();
        engine_->start();
    }
    void close() {
        engine_->stop_now();
        engine_->drain(0s);
        engine_->stop();
        pool_->join();
        engine_.reset();
    }

    std::string directory_ = testing::TempDir() + "bide_engine_suite";
    CountedClock clock_;
    HeldHandler handler_;
    ThrowingHandler throwing_;
    std::mutex mutex_;
    std::vector<std::string> warnings_;
    std::unique_ptr<runtime::BlockingPool> pool_;
    std::unique_ptr<runtime::Spool> spool_;
    std::unique_ptr<engines::embedded::Engine> engine_;
};

/// What the tests of this engine alone have in common.
struct Alone {
    Alone() { attach(); }
    void attach() { sink = engine.engine().add_sink(inbox); }

    core::Wait wait() { return {ports::make_waiter_id(sink, ++last_waiter), engine.now() + 10min}; }
    JobId post(core::Wait wait, Time start_by = kNever, core::QueueIndex queue = kHeld) {
        auto input = std::make_shared<core::JobInput>();
        const ports::NewId made = engine.engine().make_id();
        input->id = made.id;
        input->sequence = made.sequence;
        input->queue = queue;
        input->created = engine.now();
        engine.engine().submit({std::move(input), wait, engine.now(), start_by});
        return made.id;
    }
    void set_paused() {
        const core::Wait asked = wait();
        engine.engine().set_paused({kHeld, true, asked});
        EXPECT_EQ(inbox.wait_for(asked.id).kind, core::Answer::Kind::applied);
    }
    core::Answer list() {
        const core::Wait asked = wait();
        engine.engine().list({kHeld, std::nullopt, std::nullopt, 0, 10}, asked);
        return inbox.wait_for(asked.id);
    }

    Inbox inbox;
    EmbeddedUnderTest engine;
    std::uint8_t sink = 0;
    std::uint64_t last_waiter = 0;
};

/// A span of more than 292 years does not fit into the nanoseconds that threads are put to sleep
/// by.
TEST(EmbeddedEngine, ADeadlineInAFarYearDoesNotKeepTheAlarmAwake) {
    constexpr int kLooks = 100;
    Alone with;
    with.set_paused();
    core::Wait asked = with.wait();
    asked.deadline = with.engine.now();
    with.post(asked, Time(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31)));
    EXPECT_EQ(with.inbox.wait_for(asked.id).kind, core::Answer::Kind::open);
    // Then it is the next time that the alarm waits for, and looks at the list change nothing.
    with.engine.restart();
    with.attach();

    const std::uint64_t before = with.engine.clock_asked();
    for (int i = 0; i < kLooks; ++i) EXPECT_EQ(with.list().page->jobs.size(), 1U);
    EXPECT_LT(with.engine.clock_asked() - before, 10U * kLooks);
}

TEST(EmbeddedEngine, AHandlerThatCannotStartHasLostItsAttempts) {
    Alone with;
    const core::Wait asked = with.wait();
    with.post(asked, kNever, kThrowing);
    const core::Answer answer = with.inbox.wait_for(asked.id);
    ASSERT_EQ(answer.kind, core::Answer::Kind::finished);
    EXPECT_EQ(answer.outcome->kind, core::FailureKind::lost);
    EXPECT_EQ(answer.outcome->attempts, 2U);
}

TEST(EmbeddedEngine, AJobThatFailedIsALineForTheOperator) {
    Alone with;
    const core::Wait asked = with.wait();
    const JobId job = with.post(asked);
    core::AttemptResult result;
    result.verdict = core::AttemptResult::Verdict::fail;
    result.detail = "no such voice; its last words:\nGood mor";
    with.engine.handler().take().done(std::move(result));
    EXPECT_EQ(with.inbox.wait_for(asked.id).kind, core::Answer::Kind::finished);
    const auto warnings = with.engine.stop_and_take_warnings();
    ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(
        warnings[0],
        "job " + to_string(job) + " of queue held failed, attempts: 1, rejected: no such voice"
    );
}

INSTANTIATE_TEST_SUITE_P(
    Embedded,
    EngineSuite,
    testing::Values(std::pair<std::string, MakeEngine>(
        "embedded", [] { return std::make_unique<EmbeddedUnderTest>(); }
    ))
);

}  // namespace
}  // namespace bide::contract
