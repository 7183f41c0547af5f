#include "core/retry.hpp"

#include <algorithm>

namespace bide::core {

Duration backoff(const RetryPolicy& policy, std::uint32_t attempt, Duration floor, Rng& rng) {
    std::int64_t ceiling = policy.backoff_base.count();
    for (std::uint32_t i = 1; i < attempt && ceiling < policy.backoff_max.count(); ++i)
        ceiling *= 2;
    ceiling = std::min(ceiling, policy.backoff_max.count());
    const auto drawn = rng.below(static_cast<std::uint64_t>(ceiling) + 1);
    return std::max(std::min(floor, policy.asked_max), Duration(static_cast<std::int64_t>(drawn)));
}

Duration pause_max(const RetryPolicy& policy) {
    return std::max(policy.backoff_max, policy.asked_max);
}

}  // namespace bide::core
