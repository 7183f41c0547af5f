#pragma once

#include "base/time.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace bide::sim {

/// Virtual time and what is to happen in it: Act is one such thing. What belongs to a process life
/// dies with it.
template <class Act>
class TimelineOf {
  public:
    static constexpr std::uint32_t kAnyLife = 0;

    struct Entry {
        Time at;
        std::uint64_t number;  ///< breaks ties, in the order of scheduling
        std::uint32_t life;
        Act act;
    };

    Time now() const { return now_; }
    void advance(Time to) { now_ = std::max(now_, to); }

    void after(Duration delay, Act act, std::uint32_t life) {
        entries_.push_back({now_ + delay, next_number_++, life, std::move(act)});
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    /// kNever when nothing is to happen.
    Time next() const { return entries_.empty() ? kNever : entries_.front().at; }

    Entry pop() {
        std::pop_heap(entries_.begin(), entries_.end(), later);
        Entry entry = std::move(entries_.back());
        entries_.pop_back();
        return entry;
    }

  private:
    static bool later(const Entry& a, const Entry& b) {
        return std::pair(a.at, a.number) > std::pair(b.at, b.number);
    }

    Time now_{std::chrono::hours(24 * 365 * 56)};
    std::uint64_t next_number_ = 0;
    std::vector<Entry> entries_;
};

}  // namespace bide::sim
