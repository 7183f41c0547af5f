#pragma once

#include "ports/engine.hpp"
#include "ports/handler.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace bide::contract {

/// Collects answers by waiter, and waits for them.
class Inbox final : public ports::AnswerSink {
  public:
    void deliver(std::vector<core::Answer>&& answers) override;

    /// The answer to `waiter`; fails the test when none comes in a generous time.
    core::Answer wait_for(core::WaiterId waiter);
    /// What a follower is told on the way: number `which` of it, from 0 on.
    core::Answer news(core::WaiterId waiter, std::size_t which);
    std::size_t count() const;

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<core::WaiterId, core::Answer> answers_;
    std::map<core::WaiterId, std::vector<core::Answer>> news_;
    std::size_t count_ = 0;
};

/// A handler that the test holds in its hand: it sees each attempt, and ends it when it likes.
class HeldHandler final : public ports::Handler {
  public:
    struct Held {
        ports::Attempt attempt;
        ports::Completion done;
    };

    void start(ports::Attempt attempt, ports::Completion done) override;

    /// The next attempt, in the order of their start.
    Held take();
    bool none_started() const;

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Held> started_;
};

/// The queues of an engine under test; both have the handler that is in the test's hand.
enum Queue : core::QueueIndex {
    kHeld = 0,   ///< concurrency 2, 3 attempts, hardly any backoff, depth 8
    kEager = 1,  ///< concurrency 2, 2 attempts, a timeout of 50 ms and no backoff at all
};

/// An engine under test, over a store that survives restart().
class EngineUnderTest {
  public:
    virtual ~EngineUnderTest() = default;
    virtual ports::Engine& engine() = 0;
    virtual HeldHandler& handler() = 0;
    virtual Time now() const = 0;
    /// Drains, stops and opens again on the same store. Attempts taken must have ended before.
    virtual void restart() = 0;
    virtual void drain() = 0;
};

using MakeEngine = std::function<std::unique_ptr<EngineUnderTest>()>;

/// The suite of the Engine port: every engine passes it.
class EngineSuite : public testing::TestWithParam<std::pair<std::string, MakeEngine>> {};

}  // namespace bide::contract
