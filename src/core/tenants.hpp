#pragma once

#include "base/time.hpp"
#include "core/effect.hpp"
#include "core/rules.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

namespace bide::core {

/// A tenant's account: its open jobs, and a token bucket for its submissions.
struct Tenant {
    TenantRules rules;
    std::uint64_t open = 0;   ///< jobs not yet finished
    std::uint64_t lanes = 0;  ///< queues that hold on to it
    double tokens = 0;
    Time counted{};  ///< when `tokens` was right

    /// Whether one more submission is within the rate; takes nothing.
    bool may_submit(Time now);
    void take_token() { tokens -= 1; }
    RateFacts rate(Time now);
    /// Until a token is there, at least 1.
    std::int64_t next_token_s(Time now);

  private:
    void refill(Time now);
};

/// The tenants that have open jobs or a bucket not yet full again. Others are forgotten: names come
/// from clients, and there is no end of them.
class Tenants {
  public:
    explicit Tenants(Tenancy tenancy) : tenancy_(std::move(tenancy)) {}

    /// Valid while it has open jobs or lanes, and until the next call of at().
    Tenant& at(const std::string& name, Time now);
    std::size_t size() const { return tenants_.size(); }

  private:
    void forget_idle(Time now);

    Tenancy tenancy_;
    std::unordered_map<std::string, std::unique_ptr<Tenant>> tenants_;
    std::size_t sweep_at_ = 64;
};

}  // namespace bide::core
