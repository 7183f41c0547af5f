#pragma once

#include "core/ledger.hpp"
#include "leases.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace bide::sim {

/// G7: a full queue refuses, a queue with room does not, a tenant's limits hold and are the only
/// reason to say that they do, and a refusal leaves nothing behind.
class G7 {
  public:
    void born(const std::vector<core::QueueRules>& queues, const core::Tenancy& tenancy);
    void before(
        const core::Ledger& ledger, const G6& leases, const std::vector<JobId>& open, Time now
    );
    /// Of a submission that was refused, by the state of things before the step. `open`: the ids
    /// of all jobs in the ledger.
    void refused(
        const core::event::Submit& submit, const Error& error, std::uint64_t open_bytes_max
    ) const;
    void taken(const core::event::Submit& submit);
    /// After a step that took nothing.
    void nothing_remains(const core::Ledger& ledger) const;

    const core::TenantRules& rules_of(const std::string& tenant) const;

  private:
    struct Sizes {
        std::size_t jobs;
        std::size_t waiters;
        std::uint64_t resident_bytes;
        bool has_writes;
        bool operator==(const Sizes&) const = default;
    };
    struct QueueBefore {
        std::uint64_t open = 0;
        std::uint64_t busy = 0;
    };
    struct Bucket {
        double tokens = 0;
        Time counted{};
    };
    static Sizes sizes(const core::Ledger& ledger);
    double tokens(const std::string& tenant) const;

    const std::vector<core::QueueRules>* queues_ = nullptr;
    const core::Tenancy* tenancy_ = nullptr;
    core::TenantRules nobodys_;
    std::unordered_map<std::string, Bucket> buckets_;
    std::unordered_map<std::string, std::uint64_t> open_of_;
    std::vector<QueueBefore> before_queues_;
    const G6* leases_ = nullptr;
    Sizes before_{};
    Time now_{};
};

}  // namespace bide::sim
