#include "store.hpp"

#include "violation.hpp"

#include <algorithm>
#include <tuple>

namespace bide::sim {

void Store::apply(const std::vector<core::Write>& group) {
    for (const auto& write : group) {
        if (write.kind == core::DurableWrite::open)
            apply_open(write);
        else
            apply_finish(write);
    }
}

void Store::apply_open(const core::Write& write) {
    require(finished_.count(write.job) == 0, "G3", "a finished job was opened again", write.job);
    if (!write.row_exists) {
        require(write.input != nullptr, "G2", "a row without its input", write.job);
        const bool fresh =
            open_
                .emplace(
                    write.job,
                    OpenRow{write.input, write.attempts, write.not_before, write.start_by}
                )
                .second;
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
    require((row != open_.end()) == write.row_exists, "G2", "row_exists is wrong", write.job);
    Finished finished{*write.outcome, write.input != nullptr || write.row_exists};
    const bool failed = write.outcome->state == core::JobState::failed;
    require(failed || !write.input, "G7", "an input kept without need", write.job);
    require(!failed || finished.input_kept, "G2", "a dead letter without its input", write.job);
    if (row != open_.end()) open_.erase(row);
    const bool fresh = finished_.emplace(write.job, std::move(finished)).second;
    require(fresh, "G3", "a stored outcome was overwritten", write.job);
}

const Store::OpenRow* Store::open(const JobId& id) const {
    const auto row = open_.find(id);
    return row == open_.end() ? nullptr : &row->second;
}

const Store::Finished* Store::finished(const JobId& id) const {
    const auto row = finished_.find(id);
    return row == finished_.end() ? nullptr : &row->second;
}

std::int64_t Store::highest_sequence() const {
    std::int64_t highest = 0;
    for (const auto& [id, row] : open_) highest = std::max(highest, id.sequence());
    for (const auto& [id, row] : finished_) highest = std::max(highest, id.sequence());
    return highest;
}

bool same(const core::Outcome& a, const core::Outcome& b) {
    const auto fields = [](const core::Outcome& o) {
        return std::tie(
            o.state,
            o.kind,
            o.status,
            o.content_type,
            o.body.bytes,
            o.detail,
            o.attempts,
            o.queue,
            o.created,
            o.started,
            o.finished
        );
    };
    return fields(a) == fields(b);
}

}  // namespace bide::sim
