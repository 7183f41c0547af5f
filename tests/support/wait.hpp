#pragma once

#include <chrono>
#include <thread>

namespace bide::test {

using Milliseconds = std::chrono::milliseconds;

/// How long anything may take before a test gives up: generous, for a slow machine with sanitizers.
constexpr Milliseconds kPatience = std::chrono::seconds(60);

/// Asks until `condition` holds or the patience is over; what it said last.
template <class Condition>
bool eventually(Condition condition, Milliseconds patience = kPatience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) return condition();
        std::this_thread::sleep_for(Milliseconds(5));
    }
    return true;
}

/// How long a call took.
class Stopwatch {
  public:
    Milliseconds elapsed() const {
        return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start_);
    }

  private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace bide::test
