#pragma once

#include "core/ledger.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace bide::sim {

/// The durable store: what survives a crash. A group is applied wholly or not at all, as one
/// commit of the real store. Knows the real one's rules and reports a write that breaks them.
class Store {
  public:
    struct OpenRow {
        std::shared_ptr<const core::JobInput> input;
        std::uint32_t attempts = 0;
        Time not_before{};
        Time start_by = kNever;
    };
    struct Finished {
        core::Outcome outcome;  ///< a copy: what is on disk does not change with memory
        bool input_kept = false;
    };

    void apply(const std::vector<core::Write>& group);

    bool has(const JobId& id) const { return open_.count(id) != 0 || finished_.count(id) != 0; }
    const OpenRow* open(const JobId& id) const;
    const Finished* finished(const JobId& id) const;
    const std::map<JobId, OpenRow>& open_rows() const { return open_; }
    std::size_t finished_count() const { return finished_.size(); }
    std::int64_t highest_sequence() const;

  private:
    void apply_open(const core::Write& write);
    void apply_finish(const core::Write& write);

    std::map<JobId, OpenRow> open_;  ///< in the order of creation
    std::map<JobId, Finished> finished_;
};

/// Whether two records of an outcome are the same in every field (G3).
bool same(const core::Outcome& a, const core::Outcome& b);

}  // namespace bide::sim
