#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace bide {

using Duration = std::chrono::microseconds;

/// The one time of the system: microseconds since the Unix epoch, as Clock tells it. It is wall
/// time anchored once at start and carried on by the steady clock, so within a process it never
/// jumps, and stored times mean the same after a restart.
using Time = std::chrono::sys_time<Duration>;

constexpr Time kNever = Time::max();

/// RFC 3339 in UTC with milliseconds: 2026-11-23T06:44:29.123Z.
std::string to_rfc3339(Time time);
void append_rfc3339(std::string& text, Time time);

/// A span as people write it: 250ms, 1.5s, 2m, 24h, 7d.
std::string to_string(Duration span);

class Clock {
  public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
    /// At most some milliseconds behind now(), and cheaper to have: for timeouts of I/O.
    virtual Time coarse_now() const { return now(); }
};

/// Thread-safe.
class SystemClock final : public Clock {
  public:
    SystemClock();
    Time now() const override;
    Time coarse_now() const override;

  private:
    Time anchor_;
    std::chrono::steady_clock::time_point steady_anchor_;
};

}  // namespace bide
