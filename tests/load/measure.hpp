#pragma once

#include "load/swarm.hpp"

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace bide::load {

/// Milliseconds, and what of them lies below a share.
class Latencies {
  public:
    void add(double ms) { all_.push_back(ms); }
    std::size_t size() const { return all_.size(); }
    /// 0.5: the median. 0 when there are none.
    double at(double share) const;
    /// "p50 1.2 ms, p99 3.4 ms, max 5.6 ms".
    std::string text() const;

  private:
    mutable std::vector<double> all_;
};

/// Resident memory of a process, now, in KiB.
std::uint64_t resident_kib(pid_t process);

/// Prints a line of the report.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

/// Whether the run was good. A short run, as a test, holds only what a busy machine cannot break.
class Verdict {
  public:
    explicit Verdict(bool strict) : strict_(strict) {}
    /// What must hold always.
    void must(bool holds, const std::string& what);
    /// What must hold on a quiet machine.
    void should(bool holds, const std::string& what);
    int exit_status() const { return failed_ ? 1 : 0; }

  private:
    bool strict_;
    bool failed_ = false;
};

}  // namespace bide::load
