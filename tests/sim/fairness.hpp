#pragma once

#include "admission.hpp"
#include "core/ledger.hpp"
#include "record.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <set>
#include <vector>

namespace bide::sim {

/// "fair": of two tenants that both have ready jobs in a queue, and may run more, the numbers of
/// starts divided by the weights differ by a bounded amount over any stretch of time (Goyal et al.
/// 1996: by 1/weight of each); within a tenant nobody starts before a job of higher priority; and
/// no slot stays free that somebody could take. Looks at every open job after each step, so only
/// where there are tenants.
class Fairness {
  public:
    void born(std::size_t queues, const G7& limits);
    void stepped(
        const core::Ledger& ledger,
        const std::vector<JobId>& open,
        const std::vector<core::StartAttempt>& starts,
        const Records& records
    );
    /// In a queue that may start jobs.
    void nobody_could_start(core::QueueIndex queue) const;

  private:
    static constexpr std::size_t kTenants = 4;
    struct Pair {
        bool both = false;  ///< competed after the step before
        double lead = 0;
        double least = 0;
        double most = 0;
    };
    struct Queue {
        std::array<std::array<Pair, kTenants>, kTenants> pairs{};
    };
    struct Seen {
        std::array<unsigned, kTenants> ready{};
        std::array<unsigned, kTenants> running{};
        std::array<unsigned, kTenants> started{};
        std::array<unsigned, kTenants> priority_most{};
    };

    static std::size_t place(const std::string& tenant) {
        return tenant.empty() ? 0 : static_cast<std::size_t>(tenant[0] - 'a' + 1);
    }
    bool competes(const Seen& seen, std::size_t tenant) const;
    void compare(Queue& queue, const Seen& seen) const;

    std::vector<Queue> queues_;
    std::vector<Seen> seen_;
    std::array<core::TenantRules, kTenants> rules_{};
};

/// "pause": a change is answered only when it is durable, nothing starts in a paused queue, and
/// a pause that was answered outlives crashes.
class Pauses {
  public:
    void born(const std::set<core::QueueIndex>& stored);
    void asked(const core::event::SetPaused& change) { asked_.push_back(change); }
    void applied(const std::vector<core::PauseWrite>& changes);
    void answered(const core::Answer& answer);
    void starts(const core::StartAttempt& start) const;
    bool paused(core::QueueIndex queue) const { return paused_.count(queue) != 0; }

  private:
    std::deque<core::event::SetPaused> asked_;
    std::size_t durable_ = 0;  ///< so many of asked_ are in the store
    std::set<core::QueueIndex> paused_;
};

}  // namespace bide::sim
