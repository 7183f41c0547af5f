#include "service/contract.hpp"

#include <benchmark/benchmark.h>

#include <string_view>
#include <vector>

namespace bide::service {
namespace {

constexpr Time kNow{std::chrono::hours(24 * 365 * 56)};

/// Only what the contract asks of an engine for a job that is done.
class NoEngine final : public ports::Engine {
  public:
    std::uint8_t add_sink(ports::AnswerSink&) override { return 0; }
    ports::NewId make_id() override { return {}; }
    void submit(core::event::Submit&&) override {}
    void join(const JobId&, const core::Wait&) override {}
    void cancel(const JobId&, const core::Wait&) override {}
    void leave(core::WaiterId) override {}
    void redrive(const JobId&, const core::Wait&) override {}
    void redrive_queue(core::QueueIndex, std::uint32_t, const core::Wait&) override {}
    void set_paused(core::event::SetPaused&&) override {}
    void list(const ports::ListQuery&, const core::Wait&) override {}
    ports::EngineFacts facts() const override { return {}; }
    ports::EngineHealth health() const override { return {}; }
    std::string_view durability() const override { return "fsync"; }
};

ContractRules rules() {
    ContractRules rules;
    rules.queues = {{"echo"}, {std::string(kBatchQueue)}};
    rules.default_queue = "echo";
    return rules;
}

const std::vector<wire::Field> kPlain{
    {"Host", "127.0.0.1:8080"},
    {"User-Agent", "curl/7.88.1"},
    {"Accept", "*/*"},
    {"Content-Type", "text/plain"},
    {"Content-Length", "20"}};
const std::vector<wire::Field> kKeyed{
    {"Host", "127.0.0.1:8080"},
    {"User-Agent", "curl/7.88.1"},
    {"Accept", "*/*"},
    {"Content-Type", "text/plain"},
    {"Content-Length", "20"},
    {"Idempotency-Key", "\"8e03978e-40d5-43e8-bc93-6894a57f9324\""}};

/// Head to plan; with a key its id and the fingerprint of a 20-byte body, too.
void understand_submission(benchmark::State& state, const std::vector<wire::Field>& fields) {
    const NoEngine engine;
    const Contract contract(rules(), engine);
    const wire::RequestHead head{"POST", "/queues/echo/jobs", fields};
    for (auto _ : state) {
        const Plan plan = contract.understand(head, {kNow, 1});
        const auto* submit = std::get_if<SubmitPlan>(&plan);
        if (submit == nullptr) return state.SkipWithError("not understood");
        auto maker = contract.fingerprint_maker(*submit);
        if (!maker) continue;
        maker->update("twenty bytes of body");
        benchmark::DoNotOptimize(maker->finish());
    }
}
BENCHMARK_CAPTURE(understand_submission, plain, kPlain);
BENCHMARK_CAPTURE(understand_submission, keyed, kKeyed);

void answer_result(benchmark::State& state) {
    const NoEngine engine;
    const Contract contract(rules(), engine);
    SubmitPlan plan;
    plan.wait.wait = std::chrono::minutes(15);
    auto outcome = std::make_shared<core::Outcome>();
    outcome->state = core::JobState::succeeded;
    outcome->content_type = "text/plain";
    outcome->body.bytes = "twenty bytes of body";
    outcome->attempts = 1;
    outcome->created = outcome->started = outcome->finished = kNow;
    core::Answer answer;
    answer.kind = core::Answer::Kind::finished;
    answer.facts.id = IdMaker(4, 0).make(kNow);
    answer.outcome = std::move(outcome);
    for (auto _ : state) benchmark::DoNotOptimize(contract.answer(plan, answer, kNow));
}
BENCHMARK(answer_result);

}  // namespace
}  // namespace bide::service
