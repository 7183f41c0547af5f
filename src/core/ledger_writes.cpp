// What is to be written, and when.
#include "base/check.hpp"
#include "core/ledger_parts.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {
namespace {

/// A wait for company too short to be worth a timer.
constexpr auto kCompanyMin = std::chrono::microseconds(100);

}  // namespace

void Ledger::mark_dirty(Job& job) {
    if (job.dirty) return;
    job.unhurried.unlink();
    job.dirty = true;
    dirty_.push_back(&job);
}

/// `job` has just ended, and its answer waits for a commit. Where jobs take long and end one by
/// one, those of a moment can share it, and nobody is kept waiting by much more than he was anyway.
void Ledger::await_company(Job& job, Time now) {
    const QueueCounts& counts = queues_.at(job.queue)->counts;
    const bool alone = counts.running == 0 && counts.ready == 0;
    const Duration span = std::min(limits_.company, (now - job.created) / 16);
    if (job.dirty || alone || draining_ || span < kCompanyMin) return mark_dirty(job);
    job.unhurried.unlink();
    if (unhurried_->finished.empty()) unhurried_->finished_due = kNever;
    unhurried_->finished.push_back(job);
    unhurried_->finished_due = std::min(unhurried_->finished_due, now + span);
}

/// Somebody is to be told of the job, or nobody waits for it any more.
void Ledger::hurry(Job& job) {
    if (job.unhurried.is_linked()) mark_dirty(job);
}

void Ledger::hurry_finished() {
    while (!unhurried_->finished.empty()) mark_dirty(unhurried_->finished.front());
}

/// Those that were submitted by `until`.
void Ledger::hurry_submitted(Time until) {
    auto& jobs = unhurried_->submitted;
    while (!jobs.empty() && jobs.front().ready_since <= until) mark_dirty(jobs.front());
}

/// When the next of them is to be written at last.
Time Ledger::unhurried_until() const {
    const auto& [submitted, finished, finished_due] = *unhurried_;
    const Time first = finished.empty() ? kNever : finished_due;
    return submitted.empty() ? first
                             : std::min(first, submitted.front().ready_since + limits_.linger);
}

void Ledger::hurry_due(Time now) {
    if (unhurried_->finished_due <= now) hurry_finished();
    hurry_submitted(now - limits_.linger);
}

void Ledger::take_writes(std::size_t count_max, std::uint64_t bytes_max, WriteGroup& group) {
    CHECK(!commit_under_way());
    hurry_finished();
    hurry_submitted(now_ - limits_.linger / 2);
    std::uint64_t bytes = 0;
    const auto take = [&](Job& job, DurableWrite kind) {
        group.jobs.push_back(write_of(job, kind));
        const Write& write = group.jobs.back();
        if (write.outcome) bytes += write.outcome->body.bytes.size();
        if (write.input) bytes += write.input->body.bytes.size();
        in_flight_.emplace_back(&job, kind);
        if (kind != DurableWrite::finish) job.row_exists = true;
    };
    while (next_dirty_ < dirty_.size() && in_flight_.size() < count_max && bytes < bytes_max) {
        Job& job = *dirty_[next_dirty_++];
        job.dirty = false;
        if (std::exchange(job.reopened, false))
            take(job, DurableWrite::reopen);
        else if (!job.outcome)
            take(job, DurableWrite::open);
        if (job.outcome) take(job, DurableWrite::finish);
    }
    // Under an unbroken backlog the list is never empty: what is taken must go all the same.
    if (next_dirty_ >= dirty_.size() / 2) {
        dirty_.erase(dirty_.begin(), dirty_.begin() + static_cast<std::ptrdiff_t>(next_dirty_));
        next_dirty_ = 0;
    }
    pauses_in_flight_ = std::exchange(pauses_, {});
    for (const auto& change : pauses_in_flight_)
        group.pauses.push_back({change.queue, change.paused});
}

Write Ledger::write_of(Job& job, DurableWrite kind) const {
    Write write;
    write.kind = kind;
    write.job = job.id;
    write.sequence = job.sequence;
    write.named = job.named;
    write.row_exists = job.row_exists;
    write.start_by = job.start_by;
    write.not_before = job.not_before;
    write.fingerprint = job.fingerprint;
    write.priority = job.priority;
    write.attempts_max = job.attempts_max;
    if (kind == DurableWrite::finish) {
        write.outcome = job.outcome;
        write.attempts = job.attempts;
        write.input = job.input;
        return write;
    }
    // A lease is not written: only attempts that ended count after a crash.
    const bool running = job.state == JobState::running && !job.outcome;
    write.attempts = job.attempts - (running ? 1 : 0);
    if (kind == DurableWrite::open && !job.row_exists) write.input = job.input;
    return write;
}

}  // namespace bide::core
