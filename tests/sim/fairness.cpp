#include "fairness.hpp"

#include "violation.hpp"

#include <algorithm>
#include <string>

namespace bide::sim {

void Fairness::born(std::size_t queues, const G7& limits) {
    queues_.assign(queues, {});
    for (std::size_t i = 0; i < kTenants; ++i)
        rules_[i] = limits.rules_of(i == 0 ? "" : std::string(1, static_cast<char>('a' + i - 1)));
}

void Fairness::stepped(
    const core::Ledger& ledger,
    const std::vector<JobId>& open,
    const std::vector<core::StartAttempt>& starts,
    const Records& records
) {
    seen_.assign(queues_.size(), {});
    for (const auto& id : open) {
        const auto facts = ledger.find(id);
        if (!facts) continue;
        auto& queue = seen_[facts->queue];
        const auto tenant = place(facts->tenant);
        if (facts->state == core::JobState::running) ++queue.running[tenant];
        if (facts->state != core::JobState::ready) continue;
        ++queue.ready[tenant];
        queue.priority_most[tenant] =
            std::max<unsigned>(queue.priority_most[tenant], facts->priority);
    }
    for (const auto& start : starts) {
        const auto& record = records.at(start.job);
        auto& queue = seen_[start.queue];
        const auto tenant = place(record.tenant);
        ++queue.started[tenant];
        const bool in_turn =
            queue.ready[tenant] == 0 || queue.priority_most[tenant] <= record.priority;
        require(in_turn, "fair", "started before a higher priority", start.job);
    }
    for (std::size_t i = 0; i < seen_.size(); ++i) compare(queues_[i], seen_[i]);
}

bool Fairness::competes(const Seen& seen, std::size_t tenant) const {
    const auto most = rules_[tenant].concurrency;
    return seen.ready[tenant] > 0 && (most == 0 || seen.running[tenant] < most);
}

void Fairness::nobody_could_start(core::QueueIndex queue) const {
    for (std::size_t tenant = 0; tenant < kTenants; ++tenant)
        require(!competes(seen_.at(queue), tenant), "fair", "a free slot, and nobody took it");
}

void Fairness::compare(Queue& queue, const Seen& seen) const {
    for (std::size_t a = 0; a < kTenants; ++a) {
        for (std::size_t b = a + 1; b < kTenants; ++b) {
            Pair& pair = queue.pairs[a][b];
            const bool before = pair.both;
            pair.both = competes(seen, a) && competes(seen, b);
            if (!pair.both || !before) {
                pair = {pair.both};
                continue;
            }
            pair.lead += seen.started[a] / rules_[a].weight - seen.started[b] / rules_[b].weight;
            pair.least = std::min(pair.least, pair.lead);
            pair.most = std::max(pair.most, pair.lead);
            const double bound = 1 / rules_[a].weight + 1 / rules_[b].weight;
            require(pair.most - pair.least <= bound + 1e-6, "fair", "one tenant got ahead");
        }
    }
}

void Pauses::born(const std::set<core::QueueIndex>& stored) {
    asked_.clear();
    durable_ = 0;
    paused_ = stored;
}

void Pauses::applied(const std::vector<core::PauseWrite>& changes) {
    for (const auto& change : changes) {
        require(durable_ < asked_.size(), "pause", "a change that nobody asked for");
        const auto& asked = asked_[durable_++];
        const bool same = asked.queue == change.queue && asked.paused == change.paused;
        require(same, "pause", "changes are written in another order");
    }
}

void Pauses::answered(const core::Answer& answer) {
    if (answer.kind == core::Answer::Kind::refused) return;
    require(answer.kind == core::Answer::Kind::applied, "pause", "a pause answered otherwise");
    require(durable_ > 0, "pause", "answered before it was durable");
    const auto change = asked_.front();
    require(change.wait.id == answer.waiter, "pause", "answered in another order");
    asked_.pop_front();
    --durable_;
    if (change.paused)
        paused_.insert(change.queue);
    else
        paused_.erase(change.queue);
}

void Pauses::starts(const core::StartAttempt& start) const {
    require(paused_.count(start.queue) == 0, "pause", "starts in a paused queue", start.job);
}

}  // namespace bide::sim
