#include "handlers/native/native.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace bide::native {
namespace {

struct Ends final : ports::AttemptSink {
    void attempt_ended(core::event::AttemptEnded&& ended) override {
        results.push_back(std::move(ended.result));
    }
    void attempt_progressed(core::event::Progress&&) override {}
    std::vector<core::AttemptResult> results;
};

/// How attempts of a function end that answers inside start().
std::vector<core::AttemptResult> run(Worker::AsyncFunction function) {
    Ends ends;
    const auto handler = make_async_handler(std::move(function), "jobs");
    ports::Attempt attempt{};
    attempt.input = std::make_shared<core::JobInput>();
    handler->start(std::move(attempt), ports::Completion(ends, JobId{}, 0, 1));
    return std::move(ends.results);
}

TEST(AsyncHandler, WhateverAFunctionThrowsIsAnAttemptThatMayGoBetter) {
    const auto failures = {
        run([](const auto&, const Finish&) { throw std::runtime_error("no paper"); }),
        run([](const auto&, const Finish&) { throw 42; })};
    for (const auto& results : failures) {
        ASSERT_EQ(results.size(), 1U);
        EXPECT_EQ(results[0].verdict, core::AttemptResult::Verdict::retry);
    }
    EXPECT_EQ(failures.begin()[0][0].detail, "the handler threw: no paper");
    EXPECT_EQ(
        failures.begin()[1][0].detail, "the handler threw something that is no std::exception"
    );
}

TEST(AsyncHandler, TheFirstAnswerCountsAlsoFromWithinIt) {
    const auto results = run([](const auto&, const Finish& finish) {
        finish(Reply::ok("first"));
        finish(Reply::fail("second"));
        throw std::runtime_error("third");
    });
    ASSERT_EQ(results.size(), 1U);
    EXPECT_EQ(results[0].body.bytes, "first");
}

}  // namespace
}  // namespace bide::native
