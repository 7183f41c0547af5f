#include "store.hpp"

#include "violation.hpp"

#include <algorithm>
#include <tuple>

namespace bide::sim {

std::vector<JobId> Store::apply(const core::WriteGroup& group, Time now) {
    for (const auto& write : group.jobs) {
        highest_sequence_ = std::max(highest_sequence_, write.sequence);
        switch (write.kind) {
            case core::DurableWrite::finish: apply_finish(write); break;
            case core::DurableWrite::reopen: apply_reopen(write); break;
            default: apply_open(write);
        }
    }
    for (const auto& change : group.pauses) {
        if (change.paused)
            paused_.insert(change.queue);
        else
            paused_.erase(change.queue);
    }
    std::vector<JobId> removed;
    while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
        removed.push_back(by_expiry_.begin()->second);
        finished_.erase(removed.back());
        by_expiry_.erase(by_expiry_.begin());
    }
    return removed;
}

void Store::apply_open(const core::Write& write) {
    require(finished_.count(write.job) == 0, "G4", "a finished job was opened again", write.job);
    if (!write.row_exists) {
        require(write.input != nullptr, "G2", "a row without its input", write.job);
        const OpenRow made{
            write.input, write.attempts, write.attempts_max, write.not_before, write.start_by};
        const bool fresh = open_.emplace(write.job, made).second;
        require(fresh, "G2", "a row written as new is there already", write.job);
        return;
    }
    const auto row = open_.find(write.job);
    require(row != open_.end(), "G2", "a row to be updated is not there", write.job);
    row->second.attempts = write.attempts;
    row->second.not_before = write.not_before;
}

void Store::apply_finish(const core::Write& write) {
    require(write.outcome != nullptr, "G2", "finished without an outcome", write.job);
    const auto row = open_.find(write.job);
    const bool had_row = row != open_.end();
    require(had_row == write.row_exists, "G2", "row_exists is wrong", write.job);
    const bool failed = write.outcome->state == core::JobState::failed;
    require(failed || !write.input, "G7", "an input kept without need", write.job);
    Finished made{
        *write.outcome,
        write.input,
        write.sequence,
        write.fingerprint,
        write.priority,
        write.outcome->finished + retention_};
    if (had_row) {
        const auto& input = *row->second.input;
        require(input.fingerprint == write.fingerprint, "G4", "another fingerprint", write.job);
        require(input.sequence == write.sequence, "G4", "another sequence", write.job);
        require(input.priority == write.priority, "G2", "another priority", write.job);
        if (failed) made.input = row->second.input;
        open_.erase(row);
    }
    require(!failed || made.input, "G2", "a dead letter without its input", write.job);
    by_expiry_.emplace(made.expires, write.job);
    const bool fresh = finished_.emplace(write.job, std::move(made)).second;
    require(fresh, "G3", "a stored outcome was overwritten", write.job);
    ++finished_ever_;
}

void Store::apply_reopen(const core::Write& write) {
    const auto found = finished_.find(write.job);
    require(found != finished_.end(), "G2", "what is to be redriven is not there", write.job);
    const Finished& letter = found->second;
    require(letter.input != nullptr, "G3", "only dead letters are redriven", write.job);
    require(letter.sequence == write.sequence, "G4", "another sequence", write.job);
    require(!write.row_exists, "G2", "redriven though it is open", write.job);
    const OpenRow row{
        letter.input, write.attempts, write.attempts_max, write.not_before, write.start_by};
    open_.emplace(write.job, row);
    by_expiry_.erase({letter.expires, write.job});
    finished_.erase(found);
}

const Store::OpenRow* Store::open(const JobId& id) const {
    const auto row = open_.find(id);
    return row == open_.end() ? nullptr : &row->second;
}

const Store::Finished* Store::finished(const JobId& id) const {
    const auto row = finished_.find(id);
    return row == finished_.end() ? nullptr : &row->second;
}

std::shared_ptr<const core::StoredJob> Store::read(const JobId& id) const {
    const Finished* row = finished(id);
    if (row == nullptr) return nullptr;
    const std::uint64_t input_bytes = row->input ? row->input->body.size() : 0;
    return std::make_shared<const core::StoredJob>(core::StoredJob{
        std::make_shared<const core::Outcome>(row->outcome),
        row->sequence,
        row->fingerprint,
        row->priority,
        input_bytes,
        row->expires});
}

const core::JobInput* Store::input(const JobId& id) const {
    if (const OpenRow* row = open(id)) return row->input.get();
    const Finished* letter = finished(id);
    return letter ? letter->input.get() : nullptr;
}

}  // namespace bide::sim
