// Who waits for a job and who is told: claims on ids, waiters, answers.
#include "base/check.hpp"
#include "core/ledger_parts.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {
namespace {

Error key_reused() {
    return {
        Code::key_reused,
        Retry::never,
        "this key or id belongs to another request: its queue, content type or body differ"};
}

}  // namespace

// --- events -----------------------------------------------------------------------------------

void Ledger::on(event::Join& event, Time now, Effects& effects) {
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end()) return answer_unknown(event.job, event.wait.id, effects);
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::unsafe), effects);
    if (planted(Bug::join_misses_commit) && is_final(found->second->state)) return;
    if (too_many_wait(event.wait, now))
        return refuse(event.wait.id, too_many_waiters(Retry::unsafe), effects);
    begin_wait(add_waiter(*found->second, event.wait), event.wait, now, effects);
}

void Ledger::on(event::Leave& event, Time now, Effects& effects) {
    const auto is_the_one = [&event](const Claimant& claimant) {
        return std::visit([](const auto& some) { return some.wait.id; }, claimant) == event.waiter;
    };
    const auto found = waiters_.find(event.waiter);
    if (found == waiters_.end()) {
        for (auto& [id, claimants] : claims_) {
            if (std::erase_if(claimants, is_the_one) != 0) return;
        }
        return;
    }
    Job& job = *found->second->job;
    const OnLeave wish = found->second->on_leave;
    forget(*found->second);
    if (job.waiters.empty()) hurry(job);
    if (wish == OnLeave::go_on || failed_ || !job.waiters.empty() || is_final(job.state)) return;
    if (wish == OnLeave::cancel_if_queued && job.state == JobState::running) return;
    cancel_now(job, now, effects);
    start_ready(*queues_.at(job.queue), now, effects);
}

void Ledger::on(event::Progress& event, Time, Effects& effects) {
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end() || failed_) return;
    Job& job = *found->second;
    if (job.state != JobState::running || job.attempts != event.attempt) return;
    job.progress = std::make_shared<const std::string>(std::move(event.json));
    tell_news(job, Answer::News::progress, effects);
}

void Ledger::on(event::Redrive& event, Time, Effects& effects) {
    if (failed_) return refuse(event.wait.id, store_stopped(Retry::safe), effects);
    const auto found = jobs_.find(event.job);
    if (found == jobs_.end()) return claim(event.job, std::move(event), effects);
    const JobFacts known = facts(*found->second);
    effects.answers.push_back(
        {event.wait.id,
         Answer::Kind::refused,
         known,
         nullptr,
         {Code::conflict, Retry::never, "the job is open; only a failed job can be redriven"}}
    );
}

void Ledger::on(event::LookedUp& event, Time now, Effects& effects) {
    auto claimants = claims_.extract(event.job);
    CHECK(!claimants.empty());
    for (auto& claimant : claimants.mapped()) {
        std::visit(
            [&](auto& some) {
                if (failed_) return refuse(some.wait.id, store_stopped(Retry::safe), effects);
                if (event.error) return refuse(some.wait.id, *event.error, effects);
                claimed(some, event.found.get(), now, effects);
            },
            claimant
        );
    }
}

// --- claims -----------------------------------------------------------------------------------

void Ledger::claim(const JobId& id, Claimant&& claimant, Effects& effects) {
    const auto [claims, fresh] = claims_.try_emplace(id);
    claims->second.push_back(std::move(claimant));
    if (fresh) effects.lookups.push_back(id);
}

/// A submission whose id has an open job: the same request joins it, another is refused (G4).
void Ledger::attach(Job& job, const event::Submit& event, Time now, Effects& effects) {
    const bool same = job.fingerprint == event.input->fingerprint || planted(Bug::key_not_compared);
    if (!same) return refuse(event.wait.id, key_reused(), effects);
    if (too_many_wait(event.wait, now))
        return refuse(event.wait.id, too_many_waiters(Retry::unsafe), effects);
    ++queues_.at(job.queue)->totals.replayed;
    Waiter& waiter = add_waiter(job, event.wait);
    waiter.replayed = true;
    begin_wait(waiter, event.wait, now, effects);
}

void Ledger::claimed(event::Submit& event, const StoredJob* found, Time now, Effects& effects) {
    // A claimant before it in the same line may have opened the job.
    const auto open = jobs_.find(event.input->id);
    if (open != jobs_.end()) return attach(*open->second, event, now, effects);
    if (found == nullptr) return accept(event, now, effects);
    if (found->fingerprint != event.input->fingerprint && !planted(Bug::key_not_compared))
        return refuse(event.wait.id, key_reused(), effects);
    ++queues_.at(found->outcome->queue)->totals.replayed;
    Answer answer{event.wait.id, Answer::Kind::finished, {}, found->outcome, {}};
    answer.facts = facts_of(event.input->id, *found->outcome);
    answer.fresh = false;
    answer.replayed = true;
    answer.rate = tenants_.at(event.input->tenant, now).rate(now);
    effects.answers.push_back(std::move(answer));
}

void Ledger::claimed(event::Redrive& event, const StoredJob* found, Time now, Effects& effects) {
    const auto open = jobs_.find(event.job);
    if (open != jobs_.end()) return on(event, now, effects);
    if (found == nullptr) {
        return refuse(
            event.wait.id,
            {Code::not_found, Retry::never, "there is no job with this id, or it is gone"},
            effects
        );
    }
    if (found->outcome->state == JobState::failed) return reopen(event, *found, now, effects);
    Answer answer{event.wait.id, Answer::Kind::refused, {}, nullptr, {}};
    answer.facts = facts_of(event.job, *found->outcome);
    answer.error = {
        Code::conflict,
        Retry::never,
        "the job has " + std::string(to_string(found->outcome->state)) +
            "; only a failed job can be redriven"};
    effects.answers.push_back(std::move(answer));
}

// --- waiters ----------------------------------------------------------------------------------

bool Ledger::too_many_wait(const Wait& wait, Time now) const {
    return wait.deadline > now && waiters_.size() >= limits_.waiters_max;
}

Ledger::Waiter& Ledger::add_waiter(Job& job, const Wait& wait) {
    auto owned = std::make_unique<Waiter>(wait, job);
    Waiter& waiter = *owned;
    const bool fresh = waiters_.emplace(wait.id, std::move(owned)).second;
    CHECK(fresh);
    job.waiters.push_back(waiter);
    if (wait.follow == Follow::yes) ++job.followers;
    return waiter;
}

void Ledger::begin_wait(Waiter& waiter, const Wait& wait, Time now, Effects& effects) {
    Job& job = *waiter.job;
    if (waiter.follow == Follow::yes) hurry(job);
    if (waiter.follow == Follow::yes && job.durable && !is_final(job.state))
        tell_accepted(waiter, effects);
    // Nothing that happens to such a job before the exit would end the wait (G5).
    const bool stands_still =
        draining_ && !is_final(job.state) && (halted_ || job.state != JobState::running);
    if (stands_still)
        answer_open_or_wait_for_commit(waiter, Answer::Kind::draining, now, effects);
    else if (wait.deadline <= now)
        answer_open_or_wait_for_commit(waiter, Answer::Kind::open, now, effects);
    else
        timers_.arm(waiter, wait.deadline);
}

void Ledger::waiter_due(Waiter& waiter, Time now, Effects& effects) {
    if (!waiter.due)
        return answer_open_or_wait_for_commit(waiter, Answer::Kind::open, now, effects);
    answer(
        waiter,
        {0,
         Answer::Kind::refused,
         facts(*waiter.job),
         nullptr,
         store_failed(Retry::unsafe, "the store did not confirm the job in time")},
        effects
    );
}

/// Fills in who is told, and forgets the waiter: it is answered once.
void Ledger::answer(Waiter& waiter, Answer&& answer, Effects& effects) {
    answer.waiter = waiter.id;
    answer.replayed = waiter.replayed;
    answer.rate = waiter.job->lane->tenant->rate(now_);
    effects.answers.push_back(std::move(answer));
    forget(waiter);
}

void Ledger::answer_finished(Job& job, Effects& effects) {
    while (!job.waiters.empty()) {
        answer(
            job.waiters.front(), {0, Answer::Kind::finished, facts(job), job.outcome, {}}, effects
        );
    }
}

/// The answer names the job's id, so the job must be durable first (G2).
void Ledger::answer_open_or_wait_for_commit(
    Waiter& waiter, Answer::Kind kind, Time now, Effects& effects
) {
    Job& job = *waiter.job;
    const bool durable = job.durable || planted(Bug::accept_before_commit);
    if (durable && !is_final(job.state))
        return answer(waiter, {0, kind, facts(job), nullptr, {}}, effects);
    hurry(job);
    if (waiter.due) return;
    waiter.due = true;
    waiter.due_kind = kind;
    timers_.arm(waiter, now + limits_.commit_grace);
}

void Ledger::answer_everybody_draining(Job& job, Time now, Effects& effects) {
    for (auto next = job.waiters.begin(); next != job.waiters.end();) {
        Waiter& waiter = *next++;
        answer_open_or_wait_for_commit(waiter, Answer::Kind::draining, now, effects);
    }
}

void Ledger::tell_accepted(Waiter& waiter, Effects& effects) {
    waiter.told = true;
    Answer told{waiter.id, Answer::Kind::accepted, facts(*waiter.job), nullptr, {}};
    told.replayed = waiter.replayed;
    effects.answers.push_back(std::move(told));
}

/// News before "accepted" would name a job that may not outlive a crash.
void Ledger::tell_news(Job& job, Answer::News what, Effects& effects) {
    ++job.news;
    if (job.followers == 0) return;
    for (const Waiter& waiter : job.waiters) {
        if (!waiter.told) continue;
        Answer news{waiter.id, Answer::Kind::news, facts(job), nullptr, {}};
        news.what = what;
        effects.answers.push_back(std::move(news));
    }
}

void Ledger::forget(Waiter& waiter) {
    timers_.disarm(waiter);
    if (waiter.follow == Follow::yes) --waiter.job->followers;
    waiter.job->waiters.erase(waiter.job->waiters.iterator_to(waiter));
    waiters_.erase(waiter.id);
}

JobFacts Ledger::facts(const Job& job) const {
    JobFacts known;
    known.id = job.id;
    known.state = job.state;
    known.queue = job.queue;
    known.attempts = job.attempts;
    known.attempts_max = attempts_max(job);
    known.priority = job.priority;
    known.created = job.created;
    known.not_before = job.not_before;
    known.started = job.started;
    if (job.in_line) known.position = queues_.at(job.queue)->ready.position(job);
    known.news = job.news;
    known.progress = job.progress;
    known.tenant = job.lane->name;
    return known;
}

JobFacts facts_of(const JobId& id, const Outcome& outcome) {
    JobFacts known;
    known.id = id;
    known.state = outcome.state;
    known.queue = outcome.queue;
    known.attempts = outcome.attempts;
    known.created = outcome.created;
    known.started = outcome.started;
    known.tenant = outcome.tenant;
    return known;
}

std::optional<JobFacts> Ledger::find(const JobId& job) const {
    const auto found = jobs_.find(job);
    if (found == jobs_.end()) return std::nullopt;
    return facts(*found->second);
}

void Ledger::refuse(WaiterId waiter, Error error, Effects& effects) const {
    effects.answers.push_back({waiter, Answer::Kind::refused, {}, nullptr, std::move(error)});
}

void Ledger::answer_unknown(const JobId& id, WaiterId waiter, Effects& effects) const {
    JobFacts named;
    named.id = id;
    effects.answers.push_back({waiter, Answer::Kind::unknown, named, nullptr, {}});
}

}  // namespace bide::core
