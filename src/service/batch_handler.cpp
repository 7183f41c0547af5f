#include "service/batch_handler.hpp"

#include "service/batch_exchange.hpp"
#include "wire/derived_id.hpp"

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bide::service {
namespace {

using core::Answer;

/// Items waited for at once, per batch.
constexpr std::size_t kWindow = 256;
/// An item that takes longer is waited for again.
constexpr auto kItemWait = std::chrono::hours(1);

/// One batch under way. Guarded by the handler's mutex but for `stop`.
struct Run {
    Run(ports::Attempt started, ports::Completion completion)
        : attempt(std::move(started)), done(std::move(completion)) {}

    ports::Attempt attempt;
    std::optional<ports::Completion> done;  ///< empty: it has been told
    BatchCounts counts;
    std::uint64_t next = 0;
    std::uint64_t finished = 0;
    std::vector<std::uint64_t> again;  ///< items whose wait was over before they were
    std::size_t waiting = 0;
    bool pumping = false;
    bool stopped = false;
    std::optional<std::stop_callback<std::function<void()>>> stop;
};

class Handler final : public BatchHandler, public ports::AnswerSink {
  public:
    explicit Handler(const Clock& clock) : clock_(clock) {}

    void attach(ports::Engine& engine) override {
        engine_ = &engine;
        sink_ = engine.add_sink(*this);
    }
    void start(ports::Attempt attempt, ports::Completion done) override;
    void deliver(std::vector<Answer>&& answers) override;

  private:
    using Shared = std::shared_ptr<Run>;
    struct Waiting {
        Shared run;
        std::uint64_t item = 0;
    };

    void pump(const Shared& run);
    std::optional<std::uint64_t> next_item(Run& run);
    bool take(Run& run, std::uint64_t item, const Answer& answer);
    void stop(const Shared& run);
    void finish(Run& run, ports::Completion&& done);

    const Clock& clock_;
    ports::Engine* engine_ = nullptr;
    std::uint8_t sink_ = 0;
    std::mutex mutex_;
    std::uint64_t next_waiter_ = 0;
    std::unordered_map<core::WaiterId, Waiting> waiting_;
};

void Handler::start(ports::Attempt attempt, ports::Completion done) {
    const auto items = items_in(attempt.input->body.bytes);
    if (!items) {
        core::AttemptResult bad;
        bad.verdict = core::AttemptResult::Verdict::fail;
        bad.kind = core::FailureKind::rejected;
        bad.detail = "the input is not {\"items\":N}";
        return done(std::move(bad));
    }
    const auto run = std::make_shared<Run>(std::move(attempt), std::move(done));
    run->counts.items = *items;
    run->attempt.progress(R"({"items":)" + std::to_string(*items) + R"(,"done":0})");
    const std::weak_ptr<Run> weak = run;
    run->stop.emplace(run->attempt.stop, [this, weak] {
        if (const Shared still = weak.lock()) stop(still);
    });
    pump(run);
}

std::optional<std::uint64_t> Handler::next_item(Run& run) {
    if (run.stopped || run.waiting >= kWindow) return std::nullopt;
    if (!run.again.empty()) {
        const std::uint64_t item = run.again.back();
        run.again.pop_back();
        return item;
    }
    if (run.next == run.counts.items) return std::nullopt;
    return run.next++;
}

/// Begins waits as the window allows. One thread at a time does so for a run: the engine may answer
/// from inside join(), and the answer's thread then leaves the rest to the one that is here.
void Handler::pump(const Shared& run) {
    std::unique_lock lock(mutex_);
    if (run->pumping) return;
    run->pumping = true;
    while (const auto item = next_item(*run)) {
        ++run->waiting;
        core::Wait wait;
        wait.id = ports::make_waiter_id(sink_, next_waiter_++);
        wait.deadline = clock_.now() + kItemWait;
        waiting_.emplace(wait.id, Waiting{run, *item});
        lock.unlock();
        engine_->join(wire::id_of_item(run->attempt.input->id, *item), wait);
        lock.lock();
    }
    run->pumping = false;
    const bool over = run->stopped || run->finished == run->counts.items;
    if (!over || !run->done) return;
    ports::Completion done = std::move(*run->done);
    run->done.reset();
    lock.unlock();
    finish(*run, std::move(done));
}

void Handler::finish(Run& run, ports::Completion&& done) {
    core::AttemptResult result;
    if (run.stopped) {
        result.kind = core::FailureKind::lost;
        result.detail = "stopped before every item was done";
    } else {
        result.verdict = core::AttemptResult::Verdict::success;
        result.content_type = "application/json";
        result.body.bytes = run.counts.to_json();
    }
    done(std::move(result));
}

/// Whether it says something new about how far the batch is.
bool Handler::take(Run& run, std::uint64_t item, const Answer& answer) {
    --run.waiting;
    if (answer.kind == Answer::Kind::open) {
        run.again.push_back(item);
        return false;
    }
    if (answer.kind == Answer::Kind::draining) {
        run.stopped = true;
        return false;
    }
    if (answer.kind == Answer::Kind::refused && answer.error.code != Code::not_found &&
        answer.error.code != Code::gone) {
        run.stopped = true;  // the store fails, or the server stops: the next attempt sees
        return false;
    }
    if (answer.kind == Answer::Kind::finished)
        run.counts.add(*answer.outcome);
    else
        ++run.counts.refused;
    // In hundredths: a large batch is not to talk all the time.
    const std::uint64_t before = run.finished * 100 / run.counts.items;
    return ++run.finished * 100 / run.counts.items != before;
}

void Handler::deliver(std::vector<Answer>&& answers) {
    for (const auto& answer : answers) {
        if (!answer.last()) continue;
        Shared run;
        std::string told;
        {
            const std::lock_guard lock(mutex_);
            const auto found = waiting_.find(answer.waiter);
            if (found == waiting_.end()) continue;
            run = found->second.run;
            const std::uint64_t item = found->second.item;
            waiting_.erase(found);
            if (take(*run, item, answer) && run->done) {
                told = R"({"items":)" + std::to_string(run->counts.items) + R"(,"done":)" +
                       std::to_string(run->finished) + '}';
            }
        }
        if (!told.empty()) run->attempt.progress(told);
        pump(run);
    }
}

void Handler::stop(const Shared& run) {
    std::vector<core::WaiterId> left;
    {
        const std::lock_guard lock(mutex_);
        run->stopped = true;
        for (auto it = waiting_.begin(); it != waiting_.end();) {
            const auto here = it++;
            if (here->second.run != run) continue;
            left.push_back(here->first);
            waiting_.erase(here);
            --run->waiting;
        }
    }
    for (const auto waiter : left) engine_->leave(waiter);
    pump(run);
}

}  // namespace

std::unique_ptr<BatchHandler> make_batch_handler(const Clock& clock) {
    return std::make_unique<Handler>(clock);
}

core::QueueRules batch_queue_rules() {
    core::QueueRules rules;
    rules.concurrency = 100'000;
    rules.timeout = std::chrono::hours(24 * 30);
    rules.retry.attempts_max = 1'000'000;
    rules.retry.backoff_base = std::chrono::seconds(1);
    return rules;
}

}  // namespace bide::service
