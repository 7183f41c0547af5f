#pragma once

#include "base/time.hpp"
#include "runtime/asio.hpp"
#include "runtime/inbox.hpp"
#include "runtime/turn.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace bide::engines::aws {

/// For calls under way at the end, before they are cut off: results are stored and messages
/// removed.
constexpr Duration kLastCalls = std::chrono::seconds(10);

/// A turn comes at least so often: in the nanoseconds of timers 292 years are too many.
constexpr Duration kWakeMax = std::chrono::hours(24);

/// How a state machine lives on one thread: events from any thread wait in an inbox and are taken
/// together; a timer wakes it when it wants; what it has begun is counted, so that it can end.
///
/// What it spawns answers for its own failures. An exception out of there is a bug, and ends the
/// process: what was to be told would never be, and somebody would wait for it (G5).
template <class Event>
class Turns {
  public:
    /// `take`: on the executor's thread, with the events that have come; none when the timer did.
    Turns(
        runtime::Executor executor,
        const Clock& clock,
        std::function<void(std::vector<Event>&&)> take
    )
        : shared_(std::make_shared<Shared>(executor, clock, std::move(take))) {}

    /// Any thread. After close() it goes nowhere.
    void put(Event&& event) {
        if (shared_->inbox.put(std::move(event))) runtime::at_turns_end(shared_);
    }

    /// On the thread: take() is called by `at`.
    void wake_at(Time at) {
        Shared& shared = *shared_;
        if (at == shared.wake) return;
        shared.wake = at;
        if (at == kNever) {
            shared.timer.cancel();
            return;
        }
        const Duration span = std::clamp<Duration>(at - shared.clock.now(), Duration(0), kWakeMax);
        shared.timer.expires_after(span);
        shared.timer.async_wait([weak = std::weak_ptr(shared_)](const auto& error) {
            const auto living = weak.lock();
            if (error || !living) return;
            living->wake = kNever;
            living->turn();
        });
    }

    /// On the thread: runs the coroutine; wait() waits for its end.
    void spawn(runtime::Task<void> task) {
        {
            const std::lock_guard lock(shared_->mutex);
            ++shared_->under_way;
        }
        runtime::net::co_spawn(
            shared_->executor,
            std::move(task),
            [shared = shared_](const std::exception_ptr& failure) {
                if (failure) std::rethrow_exception(failure);
                const std::lock_guard lock(shared->mutex);
                if (--shared->under_way == 0) shared->ended.notify_all();
            }
        );
    }

    /// Takes nothing more, and runs `last` on the thread: after it, nothing but what was spawned
    /// may spawn. Returns after the last turn. Any other thread; then wait().
    template <class F>
    void close(F last) {
        shared_->inbox.close();
        std::promise<void> done;
        runtime::net::post(shared_->executor, [this, &last, &done] {
            shared_->timer.cancel();
            shared_->take = nullptr;
            last();
            done.set_value();
        });
        done.get_future().wait();
    }

    /// After close(): whether all that was spawned has ended by then.
    bool wait(Duration patience) {
        std::unique_lock lock(shared_->mutex);
        return shared_->ended.wait_for(lock, patience, [this] { return shared_->under_way == 0; });
    }

    /// After close(): until it has.
    void wait() {
        std::unique_lock lock(shared_->mutex);
        shared_->ended.wait(lock, [this] { return shared_->under_way == 0; });
    }

  private:
    struct Shared final : runtime::TurnEnd, std::enable_shared_from_this<Shared> {
        Shared(
            runtime::Executor where,
            const Clock& time,
            std::function<void(std::vector<Event>&&)> what
        )
            : executor(where), clock(time), take(std::move(what)), timer(where) {}

        void turn_ended() override {
            runtime::net::post(executor, [self = this->shared_from_this()] { self->turn(); });
        }

        void turn() {
            std::vector<Event> events = inbox.take();
            if (take) take(std::move(events));
        }

        runtime::Executor executor;
        const Clock& clock;
        std::function<void(std::vector<Event>&&)> take;
        runtime::Timer timer;
        Time wake = kNever;
        runtime::Inbox<Event> inbox;
        std::mutex mutex;  ///< guards the rest
        std::condition_variable ended;
        std::size_t under_way = 0;
    };

    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::engines::aws
