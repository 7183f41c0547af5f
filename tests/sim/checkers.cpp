#include "checkers.hpp"

#include "violation.hpp"

#include <algorithm>
#include <variant>

namespace bide::sim {

namespace event = core::event;
using Asked = G5::Asked;

void Checkers::born(LifeRules rules) {
    rules_ = rules;
    draining_ = false;
    open_.clear();
    g2_.kept(store_, records_);
    g7_.born(*rules.queues, *rules.tenancy);
    fairness_.born(rules.queues->size(), g7_);
    pauses_.born(store_.paused());
}

void Checkers::died() {
    g2_.kept(store_, records_);
    g4_.crashed();
    g5_.crashed();
    g6_.crashed();
    g8_.crashed(store_);
    std::erase_if(records_, [&](const auto& entry) {
        return !entry.second.gone && !store_.has(entry.first);
    });
    for (auto& [job, record] : records_) {
        record.redriven = false;
        record.stored = record.gone || store_.finished(job) != nullptr;
    }
}

void Checkers::before(const core::Event& event, const core::Ledger& ledger, Time now) {
    step_ = Step::other;
    reopened_ = false;
    progressed_ = false;
    if (const auto* submit = std::get_if<event::Submit>(&event)) {
        const JobId& job = submit->input->id;
        before_claim(Step::submit, job, {{submit->wait.id, *submit}}, ledger, now);
        g5_.began(
            {Asked::submit,
             job,
             std::max(submit->wait.deadline, now) + rules_.wait_slack,
             submit->wait,
             submit->input->fingerprint}
        );
    } else if (const auto* redrive = std::get_if<event::Redrive>(&event)) {
        before_claim(Step::redrive, redrive->job, {{redrive->wait.id, {}}}, ledger, now);
        began(Asked::redrive, redrive->wait, redrive->job, now);
    } else if (const auto* looked_up = std::get_if<event::LookedUp>(&event)) {
        const JobId& job = looked_up->job;
        before_claim(Step::looked_up, job, g4_.looked_up(job), ledger, now);
        found_ = looked_up->found;
        for (const auto& claim : claims_) g5_.limit(claim.waiter, now, rules_.wait_slack);
    } else if (const auto* join = std::get_if<event::Join>(&event)) {
        began(Asked::join, join->wait, join->job, now);
    } else if (const auto* cancel = std::get_if<event::Cancel>(&event)) {
        const auto record = records_.find(cancel->job);
        if (record != records_.end()) record->second.cancel_asked = true;
        began(Asked::cancel, cancel->wait, cancel->job, now);
    } else if (const auto* change = std::get_if<event::SetPaused>(&event)) {
        if (!ledger.failed()) pauses_.asked(*change);
        g5_.began({Asked::pause, {}, kNever, change->wait, {}});
    } else if (const auto* leave = std::get_if<event::Leave>(&event)) {
        if (const auto open = g5_.left(leave->waiter)) {
            g4_.left(open->job, leave->waiter);
            if (ledger.find(open->job)) g8_.left(*open, g5_, ledger, records_.at(open->job));
        }
    } else if (const auto* ended = std::get_if<event::AttemptEnded>(&event)) {
        g6_.ended(*ended);
    } else if (const auto* progress = std::get_if<event::Progress>(&event)) {
        job_ = progress->job;
        progressed_ = !ledger.failed() && g6_.current(progress->job, progress->attempt);
    } else if (const auto* recovered = std::get_if<event::Recovered>(&event)) {
        before_recovery(*recovered, now);
    } else if (std::holds_alternative<event::Committed>(event)) {
        step_ = Step::committed;
    } else if (std::holds_alternative<event::Halt>(event)) {
        step_ = Step::halt;
    }
    draining_ = draining_ || step_ == Step::halt || std::holds_alternative<event::Drain>(event);
}

/// A restart may put a clock back. Then a pause is no longer than the rules have it, and a delay
/// begins anew.
void Checkers::before_recovery(const core::event::Recovered& event, Time now) {
    step_ = Step::recovered;
    job_ = event.job;
    open_.push_back(job_);
    auto& record = records_.at(job_);
    const auto& retry = rules_.queues->at(record.queue).retry;
    const Duration pause = std::max(retry.backoff_max, retry.asked_max);
    due_max_ = now + (event.attempts == 0 ? record.delay : pause);
    record.not_before = std::min(record.not_before, due_max_);
}

void Checkers::before_claim(
    Step step,
    const JobId& job,
    std::vector<G4::Claim>&& claims,
    const core::Ledger& ledger,
    Time now
) {
    step_ = step;
    job_ = job;
    claims_ = std::move(claims);
    found_ = nullptr;
    was_open_ = ledger.find(job).has_value();
    g7_.before(ledger, g6_, open_, now);
}

void Checkers::after(const core::Ledger& ledger, core::Effects& effects, Time now) {
    for (const auto& stop : effects.stops) {
        if (step_ == Step::halt)
            g6_.halted(stop);
        else
            g6_.stopped(stop);
    }
    require(!ledger.failed() || effects.starts.empty(), "G1", "starts after a failed commit");
    require(!draining_ || effects.starts.empty(), "drain", "starts while draining");
    if (step_ == Step::submit || step_ == Step::redrive || step_ == Step::looked_up)
        take_stock(ledger, effects);
    g4_.asked(effects.lookups);
    for (const auto& answer : effects.answers) answered(answer, now);
    if (reopened_) records_.at(job_).stored = false;
    serials_.clear();
    for (const auto& start : effects.starts) started(start, now);
    for (const auto& start : effects.starts)
        g5_.all_told(start.job, core::Answer::News::attempt, effects.answers);
    if (progressed_) g5_.all_told(job_, core::Answer::News::progress, effects.answers);
    g8_.after(ledger);
    if (step_ == Step::recovered)
        require(ledger.find(job_)->not_before <= due_max_, "delay", "is due too late", job_);
    if (!rules_.tenancy->named.empty()) check_shares(ledger, effects);
    const bool all_durable = !ledger.has_writes() && !ledger.commit_under_way();
    if (draining_ && all_durable) g5_.only_running_awaited(g6_);
    for (core::QueueIndex queue = 0; queue < rules_.queues->size(); ++queue)
        require(ledger.counts(queue).running == g6_.running(queue), "G6", "miscounts the running");
    if (step_ == Step::committed)
        std::erase_if(open_, [&](const JobId& job) { return !ledger.find(job); });
}

void Checkers::check_shares(const core::Ledger& ledger, const core::Effects& effects) {
    fairness_.stepped(ledger, open_, effects.starts, records_);
    if (draining_ || ledger.failed() || step_ == Step::recovered) return;
    for (core::QueueIndex queue = 0; queue < rules_.queues->size(); ++queue) {
        const bool slot = g6_.running(queue) < rules_.queues->at(queue).concurrency;
        if (slot && !pauses_.paused(queue)) fairness_.nobody_could_start(queue);
    }
}

void Checkers::began(Asked asked, const core::Wait& wait, const JobId& job, Time now) {
    g5_.began({asked, job, std::max(wait.deadline, now) + rules_.wait_slack, wait, {}});
}

/// Who of those that claimed the id made a job of it, who was refused, and who waits for a read.
void Checkers::take_stock(const core::Ledger& ledger, const core::Effects& effects) {
    const bool created = !was_open_ && ledger.find(job_).has_value();
    bool taken = false;
    bool refused_all = true;
    for (auto& claim : claims_) {
        const auto answer = std::find_if(
            effects.answers.begin(),
            effects.answers.end(),
            [&](const core::Answer& one) { return one.waiter == claim.waiter && one.last(); }
        );
        const bool answered = answer != effects.answers.end();
        const bool refused = answered && answer->kind == core::Answer::Kind::refused;
        refused_all = refused_all && refused;
        if (refused) {
            if (claim.submit)
                g7_.refused(*claim.submit, answer->error, open_bytes_max(*claim.submit));
        } else if (created && !taken && (!answered || step_ == Step::submit)) {
            taken = true;
            takes(claim);
        } else if (!created && !was_open_ && !answered) {
            require(step_ != Step::looked_up, "G5", "a look that answers nothing", job_);
            g5_.no_limit(claim.waiter);
            g4_.claimed(job_, std::move(claim));
        }
    }
    require(created == taken, "G4", "a job that nobody asked for", job_);
    if (!created && (!was_open_ || refused_all)) g7_.nothing_remains(ledger);
}

void Checkers::takes(const G4::Claim& creator) {
    open_.push_back(job_);
    if (!creator.submit) {
        require(found_ != nullptr, "G3", "what was redriven is not there", job_);
        JobRecord& record = records_.at(job_);
        const auto& rules = rules_.queues->at(record.queue);
        record.attempts_max = found_->outcome->attempts + rules.retry.attempts_max;
        record.not_before = {};
        record.start_by = kNever;
        record.cancel_asked = false;
        record.redriven = true;
        g6_.redriven(job_);
        reopened_ = true;
        return;
    }
    g4_.born(job_, store_);
    g3_.born_again(job_);
    g6_.born_again(job_);
    g8_.born_again(job_);
    const auto& input = *creator.submit->input;
    g7_.taken(*creator.submit);
    JobRecord record;
    record.body = input.body.bytes;
    record.tenant = input.tenant;
    record.queue = input.queue;
    record.fingerprint = input.fingerprint;
    record.priority = input.priority;
    record.named = creator.submit->origin == core::IdOrigin::caller;
    record.creator = creator.waiter;
    record.not_before = creator.submit->not_before;
    record.delay = std::max(record.not_before - input.created, Duration(0));
    record.start_by = creator.submit->start_by;
    records_.insert_or_assign(job_, std::move(record));
}

void Checkers::answered(const core::Answer& answer, Time now) {
    const auto open = g5_.answered(answer);
    ++answers_;
    if (open.asked == Asked::pause) return pauses_.answered(answer);
    const JobId& job = open.job;
    const auto record = records_.find(job);
    if (answer.kind == core::Answer::Kind::unknown) {
        require(answer.facts.id == job, "G3", "unknown, but what", job);
        return g2_.unknown(job, store_);
    }
    if (answer.kind == core::Answer::Kind::refused) {
        if (open.asked == Asked::redrive) redrive_refused(answer, now);
        return g4_.refused(answer, open, record == records_.end() ? nullptr : &record->second);
    }
    require(record != records_.end(), "G2", "an answer about a job that never was", job);
    require(answer.facts.id == job, "G3", "an answer about another job", job);
    g1_.answered(answer, record->second);
    g2_.answered(answer, store_, record->second);
    g4_.answered(answer, open, record->second);
    g5_.ended_open(open, answer);
    if (answer.outcome) g3_.seen(job, *answer.outcome);
}

/// Only failed jobs are redriven, and those are.
void Checkers::redrive_refused(const core::Answer& answer, Time now) const {
    const bool failed = found_ && found_->outcome->state == core::JobState::failed;
    switch (answer.error.code) {
        case Code::conflict:
            return require(
                was_open_ || reopened_ || !failed, "G3", "a failed job is not redriven", job_
            );
        case Code::not_found:
            return require(!was_open_ && !found_, "G3", "what is there is not redriven", job_);
        case Code::gone:
            return require(
                failed && found_->expires < now + std::chrono::minutes(1),
                "G3",
                "a failed job is said to be gone",
                job_
            );
        default: return;
    }
}

void Checkers::started(const core::StartAttempt& start, Time now) {
    auto& record = records_.at(start.job);
    require(record.not_before <= now, "delay", "started before its time", start.job);
    const bool in_time = record.started || record.start_by > now;
    require(in_time, "deadline", "started after its deadline", start.job);
    record.started = true;
    pauses_.starts(start);
    const auto& rules = rules_.queues->at(start.queue);
    serials_.push_back(g6_.started(
        start,
        now,
        {&rules,
         attempts_max(record),
         rules_.reconfigured,
         record.tenant,
         g7_.rules_of(record.tenant).concurrency}
    ));
    if (start.input) input_loaded(serials_.back(), start.input.get());
}

void Checkers::taken(const core::WriteGroup& group) {
    for (const auto& write : group.jobs) {
        const auto& record = records_.at(write.job);
        const bool first = !write.row_exists && write.kind != core::DurableWrite::reopen;
        require(!first || write.named == record.named, "G4", "not stored by its name", write.job);
        if (!write.outcome) continue;
        g6_.decided(write.job, *write.outcome, attempts_max(record));
        g8_.decided(write.job, *write.outcome, record);
        const bool expired = write.outcome->state == core::JobState::expired;
        const bool late = record.start_by <= write.outcome->finished;
        require(!expired || late, "deadline", "expired before its time", write.job);
    }
}

void Checkers::applied(const core::WriteGroup& group, const std::vector<JobId>& removed) {
    for (const auto& write : group.jobs) {
        const auto found = records_.find(write.job);
        require(found != records_.end(), "G7", "a refused job was stored", write.job);
        auto& record = found->second;
        if (write.kind == core::DurableWrite::reopen) {
            g3_.redriven(write.job, record);
            record.redriven = false;
        }
        if (!write.outcome) continue;
        g3_.seen(write.job, *write.outcome);
        record.stored = true;
    }
    for (const auto& job : removed) records_.at(job).gone = true;
    for (const auto& write : group.jobs) {
        const bool kept = store_.has(write.job) || records_.at(write.job).gone;
        require(kept, "G2", "a commit lost the job", write.job);
    }
    pauses_.applied(group.pauses);
}

void Checkers::looked_up(const JobId& job, const Store::Finished* finished) {
    if (finished == nullptr) return g2_.not_found(job, records_);
    g3_.seen(job, finished->outcome);
    records_.at(job).accepted = true;
}

void Checkers::input_loaded(std::uint64_t serial, const core::JobInput* input) const {
    const JobId& job = g6_.job_of(serial);
    if (input == nullptr)
        return require(g6_.lost(serial), "G2", "the input of a running job is gone", job);
    const bool intact = input->body.bytes == records_.at(job).body;
    require(g6_.lost(serial) || (input->id == job && intact), "G2", "a wrong input", job);
}

void Checkers::exited_cleanly(const core::Ledger& ledger) const {
    g5_.nobody_waits("at a clean exit");
    if (ledger.failed()) return;
    for (const auto& [job, row] : store_.open_rows()) g6_.counted(job, row.attempts);
}

void Checkers::settled(const core::Ledger& ledger) const {
    g2_.all_ended(store_, records_);
    g5_.nobody_waits("in the end");
    g8_.all_ended(store_, records_);
    require(ledger.open_jobs() == 0, "G7", "jobs remain in memory");
    require(ledger.waiters() == 0, "G7", "waiters remain in memory");
    require(ledger.resident_bytes() == 0, "G7", "input bytes remain counted");
    require(ledger.idle(), "G7", "not idle though all is done");
    require(ledger.next_timer() == kNever, "G7", "a timer remains");
}

/// At least what the ledger counts as open: bodies of jobs that it still holds.
std::uint64_t Checkers::open_bytes_max(const core::event::Submit& submit) const {
    std::uint64_t sum = 0;
    for (const auto& job : open_) {
        const auto record = records_.find(job);
        if (record != records_.end() && record->second.queue == submit.input->queue)
            sum += record->second.body.size();
    }
    return sum;
}

std::uint32_t Checkers::attempts_max(const JobRecord& record) const {
    if (record.attempts_max != 0) return record.attempts_max;
    return rules_.queues->at(record.queue).retry.attempts_max;
}

}  // namespace bide::sim
