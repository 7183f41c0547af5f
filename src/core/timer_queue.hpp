#pragma once

#include "base/check.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace bide::core {

/// A base of whatever waits for a time. Its owner must disarm it before it dies.
struct Timer {
    std::uint32_t slot = kIdle;

    static constexpr std::uint32_t kIdle = std::numeric_limits<std::uint32_t>::max();
    bool armed() const { return slot != kIdle; }
};

/// A binary heap that knows the place of each timer, so that disarming one in the middle leaves
/// nothing behind: most waits end long before their deadline, thousands of times a second.
/// Arming a timer later than those already there, the usual case, is O(1). The times lie in the
/// heap itself: comparing them through the timers was the most costly of the ledger's own steps.
class TimerQueue {
  public:
    void arm(Timer& timer, Time at) {
        disarm(timer);
        if (at == kNever) return;
        heap_.push_back({at, &timer});
        sift_up(heap_.size() - 1, heap_.back());
    }

    void disarm(Timer& timer) {
        if (!timer.armed()) return;
        const std::size_t hole = timer.slot;
        CHECK(heap_[hole].timer == &timer);
        timer.slot = Timer::kIdle;
        const Entry last = heap_.back();
        heap_.pop_back();
        if (last.timer == &timer) return;
        if (hole > 0 && last.at < heap_[parent_of(hole)].at)
            sift_up(hole, last);
        else
            sift_down(hole, last);
    }

    /// The earliest time armed, or kNever.
    Time next() const { return heap_.empty() ? kNever : heap_.front().at; }

    /// Disarms and returns a timer whose time has come, or nullptr.
    Timer* pop_due(Time now) {
        if (heap_.empty() || heap_.front().at > now) return nullptr;
        Timer* due = heap_.front().timer;
        disarm(*due);
        return due;
    }

    std::size_t size() const { return heap_.size(); }

  private:
    struct Entry {
        Time at;
        Timer* timer;
    };

    static std::size_t parent_of(std::size_t slot) { return (slot - 1) / 2; }

    void place(std::size_t slot, const Entry& entry) {
        heap_[slot] = entry;
        entry.timer->slot = static_cast<std::uint32_t>(slot);
    }

    /// Finds the place of `entry` from the hole at `slot` on.
    void sift_up(std::size_t slot, Entry entry) {
        while (slot > 0 && entry.at < heap_[parent_of(slot)].at) {
            place(slot, heap_[parent_of(slot)]);
            slot = parent_of(slot);
        }
        place(slot, entry);
    }

    void sift_down(std::size_t slot, Entry entry) {
        for (std::size_t child = 2 * slot + 1; child < heap_.size(); child = 2 * slot + 1) {
            if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
            if (entry.at <= heap_[child].at) break;
            place(slot, heap_[child]);
            slot = child;
        }
        place(slot, entry);
    }

    std::vector<Entry> heap_;
};

}  // namespace bide::core
