#pragma once

#include "base/rng.hpp"
#include "base/time.hpp"

#include <cstdint>

namespace bide::core {

struct RetryPolicy {
    std::uint32_t attempts_max = 3;  ///< runs of the handler in all, at least 1
    Duration backoff_base = std::chrono::milliseconds(500);
    Duration backoff_max = std::chrono::seconds(60);
    Duration asked_max = std::chrono::hours(24);  ///< the longest pause a handler may ask for
};

/// The pause after attempt number `attempt` (the first is 1) failed: uniform in
/// [0, min(backoff_max, backoff_base * 2^(attempt-1))], which spreads retries of one outage the
/// most ("full jitter", Brooker 2015), but never under `floor`, what the handler asked for.
Duration backoff(const RetryPolicy& policy, std::uint32_t attempt, Duration floor, Rng& rng);

/// No pause is longer.
Duration pause_max(const RetryPolicy& policy);

}  // namespace bide::core
