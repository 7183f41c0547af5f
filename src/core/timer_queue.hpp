#pragma once

#include "base/check.hpp"
#include "base/time.hpp"

#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace bide::core {

/// A base of whatever waits for a time. Its owner must disarm it before it dies.
struct Timer {
    Time at = kNever;
    std::size_t slot = kIdle;

    static constexpr std::size_t kIdle = std::numeric_limits<std::size_t>::max();
    bool armed() const { return slot != kIdle; }
};

/// A binary heap that knows the place of each timer, so that disarming one in the middle leaves
/// nothing behind: most waits end long before their deadline, thousands of times a second.
/// Arming a timer later than those already there, the usual case, is O(1).
class TimerQueue {
  public:
    void arm(Timer& timer, Time at) {
        disarm(timer);
        if (at == kNever) return;
        timer.at = at;
        timer.slot = heap_.size();
        heap_.push_back(&timer);
        sift_up(timer.slot);
    }

    void disarm(Timer& timer) {
        if (!timer.armed()) return;
        const std::size_t hole = timer.slot;
        CHECK(heap_[hole] == &timer);
        timer.slot = Timer::kIdle;
        Timer* last = heap_.back();
        heap_.pop_back();
        if (last == &timer) return;
        place(hole, last);
        sift_up(hole);
        sift_down(last->slot);
    }

    /// The earliest time armed, or kNever.
    Time next() const { return heap_.empty() ? kNever : heap_.front()->at; }

    /// Disarms and returns a timer whose time has come, or nullptr.
    Timer* pop_due(Time now) {
        if (heap_.empty() || heap_.front()->at > now) return nullptr;
        Timer* due = heap_.front();
        disarm(*due);
        return due;
    }

    std::size_t size() const { return heap_.size(); }

  private:
    void place(std::size_t slot, Timer* timer) {
        heap_[slot] = timer;
        timer->slot = slot;
    }

    void swap_slots(std::size_t a, std::size_t b) {
        Timer* moved = heap_[a];
        place(a, heap_[b]);
        place(b, moved);
    }

    void sift_up(std::size_t slot) {
        while (slot > 0) {
            const std::size_t parent = (slot - 1) / 2;
            if (heap_[parent]->at <= heap_[slot]->at) return;
            swap_slots(slot, parent);
            slot = parent;
        }
    }

    void sift_down(std::size_t slot) {
        for (;;) {
            std::size_t least = slot;
            for (const std::size_t child : {2 * slot + 1, 2 * slot + 2}) {
                if (child < heap_.size() && heap_[child]->at < heap_[least]->at) least = child;
            }
            if (least == slot) return;
            swap_slots(slot, least);
            slot = least;
        }
    }

    std::vector<Timer*> heap_;
};

}  // namespace bide::core
