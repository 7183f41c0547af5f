#include "checkers.hpp"
#include "violation.hpp"

namespace bide::sim {

using Kind = core::Answer::Kind;

void G1::answered(const core::Answer& answer, const Store& store) const {
    const auto& job = answer.facts.id;
    const bool ended = core::is_final(answer.facts.state);
    require(ended == (answer.kind == Kind::finished), "G1", "a state ahead of the answer", job);
    if (answer.kind != Kind::finished) return;
    require(answer.outcome != nullptr, "G1", "finished without an outcome", job);
    require(store.finished(job) != nullptr, "G1", "answered before the outcome was durable", job);
}

void G2::answered(const core::Answer& answer, const Store& store, JobRecord& record) const {
    if (answer.kind == Kind::unknown || answer.kind == Kind::refused) return;
    const auto& job = answer.facts.id;
    require(store.has(job), "G2", "accepted before it was durable", job);
    record.accepted = true;
}

void G2::unknown(const JobId& job, const Store& store) const {
    require(store.open(job) == nullptr, "G2", "open in the store, unknown to the ledger", job);
}

void G2::not_found(const JobId& job, const Records& records) const {
    const auto record = records.find(job);
    const bool accepted = record != records.end() && record->second.accepted;
    require(!accepted, "G2", "accepted, and then not found", job);
}

void G2::kept(const Store& store, const Records& records) const {
    for (const auto& [job, record] : records) {
        require(!record.accepted || store.has(job), "G2", "an accepted job is lost", job);
        require(!record.refused || !store.has(job), "G7", "a refused job is in the store", job);
    }
}

void G2::all_ended(const Store& store, const Records& records) const {
    kept(store, records);
    for (const auto& [job, row] : store.open_rows())
        require(false, "G2", "a job that never ended", job);
    for (const auto& [job, record] : records)
        require(
            !record.accepted || store.finished(job), "G2", "an accepted job without outcome", job
        );
}

void G3::seen(const JobId& job, const core::Outcome& outcome) {
    const auto [first, fresh] = outcomes_.try_emplace(job, outcome);
    require(fresh || same(first->second, outcome), "G3", "two outcomes of one job", job);
}

void G5::began(const core::Wait& wait, const JobId& job, Time limit) {
    open_.emplace(wait.id, Open{job, limit});
    by_limit_.emplace(limit, wait.id);
}

JobId G5::answered(core::WaiterId waiter) {
    const auto found = open_.find(waiter);
    require(found != open_.end(), "G5", "an answer to nobody: answered twice, or it had left");
    const JobId job = found->second.job;
    by_limit_.erase({found->second.limit, waiter});
    open_.erase(found);
    return job;
}

const G5::Open* G5::left(core::WaiterId waiter) {
    const auto found = open_.find(waiter);
    if (found == open_.end()) return nullptr;
    last_left_ = found->second;
    answered(waiter);
    return &last_left_;
}

void G5::nobody_overdue(Time now) const {
    if (by_limit_.empty() || by_limit_.begin()->first >= now) return;
    const auto waiter = by_limit_.begin()->second;
    require(
        false,
        "G5",
        "no answer by deadline and grace for waiter " + std::to_string(waiter),
        open_.at(waiter).job
    );
}

void G5::nobody_waits(std::string_view when) const {
    if (open_.empty()) return;
    const auto waiter = by_limit_.begin()->second;
    require(
        false,
        "G5",
        "waiter " + std::to_string(waiter) + " is without an answer " + std::string(when),
        open_.at(waiter).job
    );
}

void G5::only_running_awaited(const G6& leases) const {
    for (const auto& [waiter, open] : open_)
        require(leases.runs(open.job), "G5", "a drain forgot a waiter", open.job);
}

void G5::crashed() {
    open_.clear();
    by_limit_.clear();
}

G7::Sizes G7::sizes(const core::Ledger& ledger) {
    return {ledger.open_jobs(), ledger.waiters(), ledger.resident_bytes(), ledger.has_writes()};
}

void G7::before(const core::event::Submit& submit, const core::Ledger& ledger, const G6& leases) {
    const auto queue = submit.input->queue;
    const auto& counts = ledger.counts(queue);
    waiter_ = submit.wait.id;
    body_bytes_ = submit.input->body.size();
    has_deadline_ = submit.start_by != kNever;
    open_before_ = counts.scheduled + counts.ready + leases.leased(queue);
    before_ = sizes(ledger);
}

void G7::after(
    const core::Ledger& ledger,
    const std::vector<core::Answer>& answers,
    const core::QueueRules& rules,
    std::uint64_t open_bytes_max
) const {
    for (const auto& answer : answers) {
        if (answer.waiter != waiter_ || answer.kind != Kind::refused) continue;
        require(sizes(ledger) == before_, "G7", "a refusal left something behind");
        require(answer.error.retry != Retry::unsafe, "G7", "a refusal that may have run");
        if (answer.error.code != Code::overloaded) return;
        require(answer.error.retry_after_s > 0, "G7", "a refusal without Retry-After");
        const bool full =
            open_before_ >= rules.depth_max || open_bytes_max + body_bytes_ > rules.bytes_max;
        return require(full || has_deadline_, "G7", "a refusal without need");
    }
    if (ledger.open_jobs() == before_.jobs) return;
    require(open_before_ < rules.depth_max, "G7", "a job over the depth limit was taken");
    require(body_bytes_ <= rules.bytes_max, "G7", "a job over the bytes limit was taken");
}

void G8::decided(const JobId& job, const core::Outcome& outcome, const JobRecord& record) const {
    const bool cancelled = outcome.state == core::JobState::cancelled;
    require(!cancelled || record.cancel_asked, "G8", "cancelled, though nobody asked", job);
}

void G8::crashed(const Store& store) {
    std::erase_if(left_, [&](const JobId& job) { return !store.has(job); });
}

void G8::all_ended(const Store& store) const {
    for (const auto& job : left_)
        require(store.finished(job), "G8", "its waiter left and it never ended", job);
}

}  // namespace bide::sim
