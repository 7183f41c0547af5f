#include "engines/embedded/redriver.hpp"

#include <utility>

namespace bide::engines::embedded {

Redriver::Redriver(ports::Engine& engine, Deliver deliver)
    : engine_(engine), deliver_(std::move(deliver)), sink_(engine.add_sink(*this)) {}

void Redriver::run(const std::vector<JobId>& jobs, bool more, core::Answer&& answer, Time now) {
    auto run = std::make_shared<Run>(Run{std::move(answer), jobs.size(), 0, more});
    if (jobs.empty()) return deliver_(finished(*run));
    std::vector<core::WaiterId> waiters;
    {
        const std::lock_guard lock(mutex_);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            waiters.push_back(ports::make_waiter_id(sink_, ++next_waiter_));
            runs_.emplace(waiters.back(), run);
        }
    }
    // A deadline of now: answered as soon as it is durable.
    for (std::size_t i = 0; i < jobs.size(); ++i) engine_.redrive(jobs[i], {waiters[i], now});
}

void Redriver::deliver(std::vector<core::Answer>&& answers) {
    std::vector<core::Answer> done;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& answer : answers) {
            const auto found = runs_.find(answer.waiter);
            if (found == runs_.end()) continue;
            const std::shared_ptr<Run> run = std::move(found->second);
            runs_.erase(found);
            using Kind = core::Answer::Kind;
            // Refused: no longer failed, which is what the caller wants, or going down.
            if (answer.kind == Kind::open || answer.kind == Kind::finished) ++run->redriven;
            if (--run->outstanding == 0) done.push_back(finished(*run));
        }
    }
    for (auto& answer : done) deliver_(std::move(answer));
}

core::Answer Redriver::finished(Run& run) {
    auto page = std::make_shared<core::JobPage>();
    page->redriven = run.redriven;
    page->next = run.more ? 1 : 0;
    run.answer.kind = core::Answer::Kind::listed;
    run.answer.page = std::move(page);
    return std::move(run.answer);
}

}  // namespace bide::engines::embedded
