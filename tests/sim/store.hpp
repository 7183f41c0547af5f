#pragma once

#include "core/ledger.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace bide::sim {

/// The durable store: what survives a crash. A group is applied wholly or not at all, as one
/// commit of the real store, and removes what is past its retention. Knows the real one's rules
/// and reports a write that breaks them.
class Store {
  public:
    explicit Store(Duration retention) : retention_(retention) {}

    struct OpenRow {
        std::shared_ptr<const core::JobInput> input;
        std::uint32_t attempts = 0;
        std::uint32_t attempts_max = 0;
        Time not_before{};
        Time start_by = kNever;
    };
    struct Finished {
        core::Outcome outcome;  ///< a copy: what is on disk does not change with memory
        std::shared_ptr<const core::JobInput> input;  ///< of a dead letter
        std::int64_t sequence = 0;
        core::Fingerprint fingerprint{};
        std::uint8_t priority = 0;
        Time expires{};
    };

    /// Returns whom retention removed.
    std::vector<JobId> apply(const core::WriteGroup& group, Time now);

    bool has(const JobId& id) const { return open_.count(id) != 0 || finished_.count(id) != 0; }
    const OpenRow* open(const JobId& id) const;
    const Finished* finished(const JobId& id) const;
    /// As a read for a claim: only jobs that have ended.
    std::shared_ptr<const core::StoredJob> read(const JobId& id) const;
    /// Of an open job or a dead letter; else null.
    const core::JobInput* input(const JobId& id) const;
    const std::map<JobId, OpenRow>& open_rows() const { return open_; }
    std::uint64_t finished_count() const { return finished_ever_; }
    std::int64_t highest_sequence() const { return highest_sequence_; }
    const std::set<core::QueueIndex>& paused() const { return paused_; }

  private:
    void apply_open(const core::Write& write);
    void apply_finish(const core::Write& write);
    void apply_reopen(const core::Write& write);

    Duration retention_;
    std::map<JobId, OpenRow> open_;
    std::map<JobId, Finished> finished_;
    std::set<std::pair<Time, JobId>> by_expiry_;
    std::set<core::QueueIndex> paused_;
    std::uint64_t finished_ever_ = 0;
    std::int64_t highest_sequence_ = 0;
};

}  // namespace bide::sim
