#pragma once

#include "base/time.hpp"

#include <atomic>

namespace bide {

/// The clock of a process that may be frozen, perhaps with the steady clock standing still
/// meanwhile: it goes forward when told to. Thread-safe.
class ThawClock final : public Clock {
  public:
    Time now() const override { return clock_.now() + ahead_.load(std::memory_order_relaxed); }
    Time coarse_now() const override {
        return clock_.coarse_now() + ahead_.load(std::memory_order_relaxed);
    }

    /// Goes forward to the wall clock where it is behind that. One thread at a time.
    void catch_up() { catch_up_to(SystemClock().now()); }
    void catch_up_to(Time wall) {
        const Duration behind = wall - now();
        if (behind > Duration(0))
            ahead_.store(
                ahead_.load(std::memory_order_relaxed) + behind, std::memory_order_relaxed
            );
    }

  private:
    const SystemClock clock_;
    std::atomic<Duration> ahead_{Duration(0)};
};

}  // namespace bide
