#include "runtime/turn.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

namespace bide::runtime {
namespace {

class Counter final : public TurnEnd {
  public:
    void turn_ended() override {
        ++count;
        if (then) then();
    }

    int count = 0;
    std::function<void()> then;
};

class TurnTest : public testing::Test {
  protected:
    /// Ready together: one turn, if they are not too many.
    void ready(int count, const std::function<void()>& handler) {
        for (int i = 0; i < count; ++i) net::post(context_, handler);
    }
    void run() { run_in_turns(context_); }

    net::io_context context_{1};
    std::shared_ptr<Counter> counter_ = std::make_shared<Counter>();
};

TEST_F(TurnTest, WithoutTurnsItIsAtOnce) {
    EXPECT_TRUE(at_turns_end(counter_));
    EXPECT_EQ(counter_->count, 1);
    EXPECT_TRUE(at_turns_end(counter_));
    EXPECT_EQ(counter_->count, 2);
}

TEST_F(TurnTest, OnceForAllThatCameTogether) {
    int expected = 0;
    ready(3, [&] {
        expected += at_turns_end(counter_) ? 1 : 0;
        expected += at_turns_end(counter_) ? 1 : 0;
        EXPECT_EQ(counter_->count, 0);
    });
    run();
    EXPECT_EQ(expected, 1);
    EXPECT_EQ(counter_->count, 1);
}

TEST_F(TurnTest, InTheOrderOfTheAsking) {
    const auto other = std::make_shared<Counter>();
    other->then = [&] { EXPECT_EQ(counter_->count, 1); };
    ready(1, [&] {
        at_turns_end(counter_);
        at_turns_end(other);
        at_turns_end(counter_);
    });
    run();
    EXPECT_EQ(other->count, 1);
}

TEST_F(TurnTest, WhatAnEndAsksForIsDoneBeforeTheNextTurn) {
    auto work = net::make_work_guard(context_);
    const auto other = std::make_shared<Counter>();
    int seen_by_next = -1;
    counter_->then = [&] {
        EXPECT_TRUE(at_turns_end(other));
        net::post(context_, [&] {
            seen_by_next = other->count;
            work.reset();
        });
    };
    ready(1, [&] { at_turns_end(counter_); });
    run();
    EXPECT_EQ(counter_->count, 1);
    EXPECT_EQ(seen_by_next, 1);
}

TEST_F(TurnTest, AThreadThatIsNeverIdleHasTurnsToo) {
    ready(100, [&] { at_turns_end(counter_); });
    run();
    EXPECT_EQ(counter_->count, 4);
}

/// Whoever waits for the end of a turn to give the thread more work would wait for ever.
TEST_F(TurnTest, ATurnIsOverBeforeTheThreadWaits) {
    auto work = net::make_work_guard(context_);
    std::thread thread([this] { run(); });
    counter_->then = [&] { work.reset(); };
    net::post(context_, [&] { at_turns_end(counter_); });
    thread.join();
    EXPECT_EQ(counter_->count, 1);
}

TEST_F(TurnTest, WhoWillBlockTheThreadEndsTheTurnFirst) {
    ready(1, [&] {
        end_turn();
        EXPECT_EQ(counter_->count, 0);
        at_turns_end(counter_);
        end_turn();
        EXPECT_EQ(counter_->count, 1);
        at_turns_end(counter_);
    });
    counter_->then = [] { end_turn(); };  // of no use, and no harm
    run();
    EXPECT_EQ(counter_->count, 2);
    end_turn();
    EXPECT_EQ(counter_->count, 2);
}

TEST_F(TurnTest, WhoseOwnerGoesIsCalledYet) {
    int called = 0;
    ready(1, [&] {
        auto passing = std::make_shared<Counter>();
        passing->then = [&] { ++called; };
        at_turns_end(std::move(passing));
    });
    run();
    EXPECT_EQ(called, 1);
}

TEST_F(TurnTest, TheLastTurnOfAContextThatIsStoppedEnds) {
    ready(1, [&] {
        at_turns_end(counter_);
        context_.stop();
    });
    run();
    EXPECT_EQ(counter_->count, 1);
    // What is left of it means nothing to whoever runs the rest.
    context_.restart();
    context_.run();
    EXPECT_EQ(counter_->count, 1);
}

TEST_F(TurnTest, AfterAnExceptionTheThreadHasNoTurns) {
    ready(1, [] { throw std::runtime_error("out of memory, say"); });
    EXPECT_THROW(run(), std::runtime_error);
    at_turns_end(counter_);
    EXPECT_EQ(counter_->count, 1);
}

}  // namespace
}  // namespace bide::runtime
