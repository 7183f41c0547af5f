#include "contract/engine_suite.hpp"
#include "engines/embedded/engine.hpp"
#include "runtime/spool.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

namespace bide::contract {
namespace {

using namespace std::chrono_literals;

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

  private:
    void open() {
        pool_ = std::make_unique<runtime::BlockingPool>(2);
        spool_ = runtime::Spool::open(directory_ + "/bodies", 1024).value();
        engines::embedded::Options options;
        options.directory = directory_;
        options.log_error = [](const std::string& text) { ADD_FAILURE() << text; };
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
    SystemClock clock_;
    HeldHandler handler_;
    std::unique_ptr<runtime::BlockingPool> pool_;
    std::unique_ptr<runtime::Spool> spool_;
    std::unique_ptr<engines::embedded::Engine> engine_;
};

INSTANTIATE_TEST_SUITE_P(
    Embedded,
    EngineSuite,
    testing::Values(std::pair<std::string, MakeEngine>(
        "embedded", [] { return std::make_unique<EmbeddedUnderTest>(); }
    ))
);

}  // namespace
}  // namespace bide::contract
