#include "core/ledger.hpp"

#include <benchmark/benchmark.h>

#include <utility>

namespace bide::core {
namespace {

constexpr Time kNow{std::chrono::hours(24 * 365 * 56)};

/// Submit, end of the attempt, and the commit that answers, for groups of as many jobs.
void ledger_submit_end_commit(benchmark::State& state) {
    const auto group = static_cast<std::size_t>(state.range(0));
    QueueRules rules;
    rules.concurrency = 1024;
    Ledger ledger({rules}, {}, 4);
    IdMaker ids(4, 0);
    Effects effects;
    WriteGroup writes;
    WaiterId waiter = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < group; ++i) {
            auto input = std::make_shared<JobInput>();
            input->id = ids.make(kNow);
            input->sequence = input->id.sequence();
            input->created = kNow;
            event::Submit submit;
            submit.input = std::move(input);
            submit.wait.id = ++waiter;
            submit.wait.deadline = kNow + std::chrono::minutes(15);
            ledger.step(std::move(submit), kNow, effects);
        }
        for (const auto& start : effects.starts) {
            event::AttemptEnded ended{start.job, start.attempt, start.queue, {}};
            ended.result.verdict = AttemptResult::Verdict::success;
            Effects more;
            ledger.step(std::move(ended), kNow, more);
        }
        effects.clear();
        ledger.take_writes(1024, 8U << 20, writes);
        ledger.step(event::Committed{}, kNow, effects);
        if (effects.answers.size() != group) return state.SkipWithError("not everybody answered");
        effects.clear();
        writes.clear();
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ledger_submit_end_commit)->Arg(1)->Arg(64)->Arg(1000);

}  // namespace
}  // namespace bide::core
