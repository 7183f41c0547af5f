#include "checkers.hpp"
#include "same.hpp"
#include "violation.hpp"

#include <algorithm>
#include <utility>

namespace bide::sim {

using Kind = core::Answer::Kind;

void G1::answered(const core::Answer& answer, const JobRecord& record) const {
    const auto& job = answer.facts.id;
    const bool ended = core::is_final(answer.facts.state);
    require(ended == (answer.kind == Kind::finished), "G1", "a state ahead of the answer", job);
    if (answer.kind != Kind::finished) return;
    require(answer.outcome != nullptr, "G1", "finished without an outcome", job);
    require(record.stored, "G1", "answered before the outcome was durable", job);
}

void G2::answered(const core::Answer& answer, const Store& store, JobRecord& record) const {
    const auto& job = answer.facts.id;
    const bool durable = answer.kind == Kind::finished || store.open(job);
    require(durable, "G2", "accepted before it was durable", job);
    record.accepted = true;
}

void G2::unknown(const JobId& job, const Store& store) const {
    require(store.open(job) == nullptr, "G2", "open in the store, unknown to the ledger", job);
}

void G2::not_found(const JobId& job, const Records& records) const {
    const auto record = records.find(job);
    const bool accepted =
        record != records.end() && record->second.accepted && !record->second.gone;
    require(!accepted, "G2", "accepted, and then not found", job);
}

void G2::kept(const Store& store, const Records& records) const {
    for (const auto& [job, record] : records) {
        const bool kept = !record.accepted || record.gone || store.has(job);
        require(kept, "G2", "an accepted job is lost", job);
    }
}

void G2::all_ended(const Store& store, const Records& records) const {
    kept(store, records);
    for (const auto& [job, row] : store.open_rows())
        require(false, "G2", "a job that never ended", job);
    for (const auto& [job, record] : records) {
        const bool ended = !record.accepted || record.gone || store.finished(job);
        require(ended, "G2", "an accepted job without outcome", job);
    }
}

void G3::seen(const JobId& job, const core::Outcome& outcome) {
    const auto [first, fresh] = outcomes_.try_emplace(job, outcome);
    require(fresh || same(first->second, outcome), "G3", "two outcomes of one job", job);
}

void G3::redriven(const JobId& job, const JobRecord& record) {
    const auto found = outcomes_.find(job);
    const bool failed = found != outcomes_.end() && found->second.state == core::JobState::failed;
    require(failed, "G3", "reopened though it had not failed", job);
    require(record.redriven, "G3", "reopened though nobody asked", job);
    outcomes_.erase(found);
}

void G4::claimed(const JobId& job, Claim claim) {
    claims_[job].claims.push_back(std::move(claim));
}

void G4::left(const JobId& job, core::WaiterId waiter) {
    const auto found = claims_.find(job);
    if (found == claims_.end()) return;
    std::erase_if(found->second.claims, [&](const Claim& claim) { return claim.waiter == waiter; });
}

std::vector<G4::Claim> G4::looked_up(const JobId& job) {
    auto found = claims_.extract(job);
    require(!found.empty(), "G4", "a look that nobody asked for", job);
    return std::move(found.mapped().claims);
}

void G4::asked(const std::vector<JobId>& lookups) {
    for (const auto& job : lookups) {
        auto& claims = claims_[job];
        require(!claims.read && !claims.claims.empty(), "G4", "looked up without need", job);
        claims.read = true;
    }
    for (const auto& [job, claims] : claims_)
        require(claims.read, "G5", "a claim that is not looked up", job);
}

void G4::born(const JobId& job, const Store& store) const {
    require(!store.has(job), "G4", "a used id is taken for a new job", job);
}

void G4::answered(const core::Answer& answer, const G5::Open& open, const JobRecord& record) const {
    if (open.asked != G5::Asked::submit) return;
    const JobId& job = open.job;
    require(open.fingerprint == record.fingerprint, "G4", "the job of another request", job);
    const bool others = record.creator != open.wait.id;
    require(answer.kind == Kind::news || answer.replayed == others, "G4", "replayed or not", job);
}

void G4::refused(const core::Answer& answer, const G5::Open& open, const JobRecord* record) const {
    if (answer.error.code != Code::key_reused) return;
    const bool asked = open.asked == G5::Asked::submit;
    const bool reused = asked && record && record->fingerprint != open.fingerprint;
    require(reused, "G4", "the same request is taken for another", open.job);
}

void G5::began(const Open& open) {
    open_.emplace(open.wait.id, open);
    by_limit_.emplace(open.limit, open.wait.id);
}

G5::Open G5::answered(const core::Answer& answer) {
    const auto found = open_.find(answer.waiter);
    require(found != open_.end(), "G5", "an answer to nobody: answered twice, or it had left");
    follows(found->second, answer);
    Open open = found->second;
    if (answer.last()) {
        by_limit_.erase({open.limit, open.wait.id});
        open_.erase(found);
    }
    return open;
}

void G5::follows(Open& open, const core::Answer& answer) {
    const bool follower = open.wait.follow == core::Follow::yes;
    if (answer.kind == Kind::accepted) {
        require(follower && !open.told, "G5", "told twice that it is accepted", open.job);
        open.told = true;
        open.news = answer.facts.news;
    } else if (answer.kind == Kind::news) {
        require(open.told, "G5", "news before it was accepted", open.job);
        require(answer.facts.news > open.news, "G5", "news out of order", open.job);
        open.news = answer.facts.news;
    }
}

void G5::ended_open(const Open& open, const core::Answer& answer) const {
    if (answer.kind != Kind::open && answer.kind != Kind::draining) return;
    const bool told = open.wait.follow == core::Follow::no || open.told;
    require(told, "G5", "never told that it is accepted", open.job);
}

std::optional<G5::Open> G5::left(core::WaiterId waiter) {
    const auto found = open_.find(waiter);
    if (found == open_.end()) return std::nullopt;
    const Open open = found->second;
    by_limit_.erase({open.limit, waiter});
    open_.erase(found);
    return open;
}

void G5::limit(core::WaiterId waiter, Time slack_from, Duration slack) {
    set_limit(waiter, std::max(open_.at(waiter).wait.deadline, slack_from) + slack);
}

void G5::set_limit(core::WaiterId waiter, Time limit) {
    auto& open = open_.at(waiter);
    by_limit_.erase({open.limit, waiter});
    open.limit = limit;
    by_limit_.emplace(limit, waiter);
}

void G5::all_told(
    const JobId& job, core::Answer::News what, const std::vector<core::Answer>& answers
) const {
    const auto told = std::count_if(answers.begin(), answers.end(), [&](const auto& answer) {
        return answer.kind == Kind::news && answer.what == what && answer.facts.id == job;
    });
    const auto followers = std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
        return entry.second.told && entry.second.job == job;
    });
    require(told == followers, "G5", "a follower was not told, or another one was", job);
}

bool G5::awaited(const JobId& job) const {
    return std::any_of(open_.begin(), open_.end(), [&](const auto& entry) {
        return entry.second.job == job;
    });
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
    for (const auto& [waiter, open] : open_) {
        const bool running = open.limit == kNever || leases.runs(open.job);
        require(running, "G5", "a drain forgot a waiter", open.job);
    }
}

void G5::crashed() {
    open_.clear();
    by_limit_.clear();
}

void G8::left(
    const G5::Open& open, const G5& waits, const core::Ledger& ledger, JobRecord& record
) {
    const auto facts = ledger.find(open.job);
    left_.insert(open.job);
    if (ledger.failed() || core::is_final(facts->state)) return;
    const auto wish = open.wait.on_leave;
    const bool running = facts->state == core::JobState::running;
    const bool cancels = wish != core::OnLeave::go_on && !waits.awaited(open.job) &&
                         !(running && wish == core::OnLeave::cancel_if_queued);
    record.cancel_asked = record.cancel_asked || cancels;
    leaving_ = {open.job, cancels};
}

void G8::after(const core::Ledger& ledger) {
    const auto leaving = std::exchange(leaving_, std::nullopt);
    if (!leaving) return;
    const auto facts = ledger.find(leaving->job);
    const bool cancelled = facts && facts->state == core::JobState::cancelled;
    const char* what =
        leaving->cancels ? "a wish on leaving was forgotten" : "cancelled by leaving";
    require(cancelled == leaving->cancels, "G8", what, leaving->job);
}

void G8::decided(const JobId& job, const core::Outcome& outcome, const JobRecord& record) const {
    const bool cancelled = outcome.state == core::JobState::cancelled;
    require(!cancelled || record.cancel_asked, "G8", "cancelled, though nobody asked", job);
}

void G8::crashed(const Store& store) {
    std::erase_if(left_, [&](const JobId& job) { return !store.has(job); });
}

void G8::all_ended(const Store& store, const Records& records) const {
    for (const auto& job : left_) {
        const auto record = records.find(job);
        const bool ended = record == records.end() || record->second.gone || store.finished(job);
        require(ended, "G8", "its waiter left and it never ended", job);
    }
}

}  // namespace bide::sim
