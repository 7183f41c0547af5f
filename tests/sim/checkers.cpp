#include "checkers.hpp"

#include "violation.hpp"

#include <variant>

namespace bide::sim {

namespace event = core::event;

void Checkers::born(LifeRules rules) {
    rules_ = rules;
    draining_ = false;
    g2_.kept(store_, records_);
}

void Checkers::died() {
    g2_.kept(store_, records_);
    g5_.crashed();
    g6_.crashed();
    g8_.crashed(store_);
}

void Checkers::before(const core::Event& event, const core::Ledger& ledger, Time now) {
    step_ = Step::other;
    if (const auto* submit = std::get_if<event::Submit>(&event)) {
        step_ = Step::submit;
        submit_queue_ = submit->input->queue;
        submit_job_ = submit->input->id;
        JobRecord record;
        record.body = submit->input->body.bytes;
        record.queue = submit_queue_;
        record.not_before = submit->not_before;
        record.start_by = submit->start_by;
        records_.emplace(submit_job_, std::move(record));
        g7_.before(*submit, ledger, g6_);
        began(submit->wait, submit_job_, now);
    } else if (const auto* join = std::get_if<event::Join>(&event)) {
        began(join->wait, join->job, now);
    } else if (const auto* cancel = std::get_if<event::Cancel>(&event)) {
        const auto record = records_.find(cancel->job);
        if (record != records_.end()) record->second.cancel_asked = true;
        began(cancel->wait, cancel->job, now);
    } else if (const auto* leave = std::get_if<event::Leave>(&event)) {
        if (const auto* open = g5_.left(leave->waiter)) g8_.left(open->job);
    } else if (const auto* ended = std::get_if<event::AttemptEnded>(&event)) {
        g6_.ended(*ended);
    } else if (std::holds_alternative<event::Halt>(event)) {
        step_ = Step::halt;
    }
    draining_ = draining_ || step_ == Step::halt || std::holds_alternative<event::Drain>(event);
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
    serials_.clear();
    for (const auto& start : effects.starts) started(start, now);
    for (const auto& answer : effects.answers) answered(answer);
    const bool all_durable = !ledger.has_writes() && !ledger.commit_under_way();
    if (draining_ && all_durable) g5_.only_running_awaited(g6_);
    const auto& queues = *rules_.queues;
    if (step_ == Step::submit) {
        g7_.after(
            ledger,
            effects.answers,
            queues[submit_queue_],
            open_bytes_max(submit_queue_, submit_job_)
        );
    }
    for (core::QueueIndex queue = 0; queue < queues.size(); ++queue)
        require(ledger.counts(queue).running == g6_.running(queue), "G6", "miscounts the running");
}

void Checkers::began(const core::Wait& wait, const JobId& job, Time now) {
    g5_.began(wait, job, std::max(wait.deadline, now) + rules_.wait_slack);
}

void Checkers::answered(const core::Answer& answer) {
    const JobId job = g5_.answered(answer.waiter);
    ++answers_;
    const auto record = records_.find(job);
    if (answer.kind == core::Answer::Kind::unknown) {
        require(answer.facts.id == job, "G3", "unknown, but what", job);
        return g2_.unknown(job, store_);
    }
    require(record != records_.end(), "G2", "an answer about a job that never was", job);
    if (answer.kind == core::Answer::Kind::refused) {
        if (step_ == Step::submit && job == submit_job_) record->second.refused = true;
        return;
    }
    require(answer.facts.id == job, "G3", "an answer about another job", job);
    g1_.answered(answer, store_);
    g2_.answered(answer, store_, record->second);
    if (answer.outcome) g3_.seen(job, *answer.outcome);
}

void Checkers::started(const core::StartAttempt& start, Time now) {
    auto& record = records_.at(start.job);
    require(record.not_before <= now, "delay", "started before its time", start.job);
    const bool in_time = record.started || record.start_by > now;
    require(in_time, "deadline", "started after its deadline", start.job);
    record.started = true;
    const auto& rules = rules_.queues->at(start.queue);
    serials_.push_back(g6_.started(start, now, {&rules, rules_.reconfigured}));
    if (start.input) input_loaded(serials_.back(), start.input.get());
}

void Checkers::taken(const std::vector<core::Write>& group) {
    for (const auto& write : group) {
        if (!write.outcome) continue;
        const auto& record = records_.at(write.job);
        g6_.decided(write.job, *write.outcome, rules_.queues->at(record.queue));
        g8_.decided(write.job, *write.outcome, record);
        const bool expired = write.outcome->state == core::JobState::expired;
        const bool late = record.start_by <= write.outcome->finished;
        require(!expired || late, "deadline", "expired before its time", write.job);
    }
}

void Checkers::applied(const std::vector<core::Write>& group) {
    for (const auto& write : group) {
        const auto& record = records_.at(write.job);
        require(store_.has(write.job), "G2", "a commit lost the job", write.job);
        require(!record.refused, "G7", "a refused job was stored", write.job);
        if (write.outcome) g3_.seen(write.job, *write.outcome);
    }
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
    require(input->id == job && intact, "G2", "a wrong input", job);
}

void Checkers::exited_cleanly(const core::Ledger& ledger) const {
    g5_.nobody_waits("at a clean exit");
    if (ledger.failed()) return;
    for (const auto& [job, row] : store_.open_rows()) g6_.counted(job, row.attempts);
}

void Checkers::settled(const core::Ledger& ledger) const {
    g2_.all_ended(store_, records_);
    g5_.nobody_waits("in the end");
    g8_.all_ended(store_);
    require(ledger.open_jobs() == 0, "G7", "jobs remain in memory");
    require(ledger.waiters() == 0, "G7", "waiters remain in memory");
    require(ledger.resident_bytes() == 0, "G7", "input bytes remain counted");
    require(ledger.idle(), "G7", "not idle though all is done");
    require(ledger.next_timer() == kNever, "G7", "a timer remains");
}

/// At least what the ledger counts as open: bodies of jobs that have not ended durably.
std::uint64_t Checkers::open_bytes_max(core::QueueIndex queue, const JobId& but) const {
    std::uint64_t sum = 0;
    for (const auto& [job, record] : records_) {
        if (record.queue == queue && job != but && !record.refused && !store_.finished(job))
            sum += record.body.size();
    }
    return sum;
}

}  // namespace bide::sim
