#include "core/timer_queue.hpp"

#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

namespace bide::core {
namespace {

Time at(std::int64_t us) {
    return Time(Duration(us));
}

TEST(TimerQueue, EmptyNeverFires) {
    TimerQueue queue;
    EXPECT_EQ(queue.next(), kNever);
    EXPECT_EQ(queue.pop_due(kNever), nullptr);
}

TEST(TimerQueue, PopsInTheOrderOfTimeAndNotBefore) {
    TimerQueue queue;
    Timer early, late;
    queue.arm(late, at(20));
    queue.arm(early, at(10));
    EXPECT_EQ(queue.next(), at(10));
    EXPECT_EQ(queue.pop_due(at(9)), nullptr);
    EXPECT_EQ(queue.pop_due(at(20)), &early);
    EXPECT_FALSE(early.armed());
    EXPECT_EQ(queue.pop_due(at(20)), &late);
    EXPECT_EQ(queue.pop_due(at(20)), nullptr);
}

TEST(TimerQueue, ArmingAgainMovesTheTimer) {
    TimerQueue queue;
    Timer timer;
    queue.arm(timer, at(10));
    queue.arm(timer, at(30));
    EXPECT_EQ(queue.size(), 1U);
    EXPECT_EQ(queue.next(), at(30));
}

TEST(TimerQueue, NeverDisarms) {
    TimerQueue queue;
    Timer timer;
    queue.arm(timer, at(10));
    queue.arm(timer, kNever);
    EXPECT_FALSE(timer.armed());
    EXPECT_EQ(queue.size(), 0U);
}

TEST(TimerQueue, DisarmingTwiceIsHarmless) {
    TimerQueue queue;
    Timer timer, other;
    queue.arm(timer, at(10));
    queue.arm(other, at(5));
    queue.disarm(timer);
    queue.disarm(timer);
    EXPECT_EQ(queue.size(), 1U);
    EXPECT_EQ(queue.next(), at(5));
}

TEST(TimerQueue, BehavesLikeASortedMap) {
    Rng rng(7);
    for (int round = 0; round < 50; ++round) {
        TimerQueue queue;
        std::array<Timer, 40> timers;
        std::multimap<Time, Timer*> model;
        const auto erase = [&](Timer& timer) {
            std::erase_if(model, [&](const auto& entry) { return entry.second == &timer; });
        };
        for (int op = 0; op < 400; ++op) {
            Timer& timer = timers[rng.below(timers.size())];
            const auto draw = rng.below(10);
            if (draw < 5) {
                erase(timer);
                const Time time = at(static_cast<std::int64_t>(rng.below(100)));
                queue.arm(timer, time);
                model.emplace(time, &timer);
            } else if (draw < 8) {
                erase(timer);
                queue.disarm(timer);
            } else {
                const Time now = at(static_cast<std::int64_t>(rng.below(100)));
                Timer* due = queue.pop_due(now);
                const bool expected = !model.empty() && model.begin()->first <= now;
                ASSERT_EQ(due != nullptr, expected);
                if (due == nullptr) continue;
                const auto is_due = [due](const auto& entry) { return entry.second == due; };
                ASSERT_EQ(std::ranges::find_if(model, is_due)->first, model.begin()->first);
                erase(*due);
            }
            ASSERT_EQ(queue.size(), model.size());
            ASSERT_EQ(queue.next(), model.empty() ? kNever : model.begin()->first);
        }
    }
}

}  // namespace
}  // namespace bide::core
