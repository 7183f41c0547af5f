#pragma once

#include "base/time.hpp"
#include "core/retry.hpp"

#include <cstdint>
#include <string>
#include <unordered_map>

namespace bide::core {

struct QueueRules {
    std::uint32_t concurrency = 1;               ///< attempts running at once; 0: nothing starts
    std::uint64_t depth_max = 100'000;           ///< jobs not yet finished
    std::uint64_t bytes_max = 1ULL << 40;        ///< sum of their input bodies
    Duration timeout = std::chrono::minutes(5);  ///< lease of one attempt
    RetryPolicy retry{};
};

/// What a tenant may do. Jobs of nobody (an empty tenant) have a share like any tenant's, and no
/// limits of their own.
struct TenantRules {
    double weight = 1;              ///< share of a queue that several tenants want, over 0
    std::uint32_t concurrency = 0;  ///< leases at once in each queue; 0: the queue's own limit only
    std::uint64_t depth_max = 0;    ///< jobs not yet finished, over all queues; 0: no limit
    double rate = 0;                ///< submissions a second; 0: no limit
    std::uint32_t burst = 1;        ///< submissions at once after a pause, at least 1
};

struct Tenancy {
    std::unordered_map<std::string, TenantRules> named;
    TenantRules others;  ///< of every tenant without rules of its own
};

struct LedgerLimits {
    /// Input bodies kept in memory over all queues; past it, the bodies of durable jobs are let go
    /// and read from the store when their turn comes.
    std::uint64_t resident_bytes_max = 256ULL << 20;
    /// Waits held at once; past it whoever would wait is refused, and a look at a job is not.
    std::uint64_t waiters_max = 1'000'000;
    /// How long a wait may outlast its deadline for want of a commit (G5).
    Duration commit_grace = std::chrono::seconds(10);
    /// How long a submission may stay unwritten while its callers wait for the result alone, for
    /// they are promised nothing before it; a job that ends by then is written once. From half of
    /// it on the submission goes along with what is written anyway. 0: it is written at once.
    Duration linger{};
    /// How long an outcome may wait for others to share its commit, while its queue has more work:
    /// at most this, and no more than a sixteenth of what the job has taken so far. 0: not at all.
    Duration company{};
};

}  // namespace bide::core
