#include "core/failure_log.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace bide::core {
namespace {

using namespace std::chrono_literals;

Outcome failed() {
    Outcome outcome;
    outcome.state = JobState::failed;
    outcome.kind = FailureKind::handler;
    outcome.attempts = 3;
    outcome.detail = "the handler ended: exit status 1; its last words:\nsecret of a body";
    return outcome;
}

TEST(FailureLog, ALineSaysWhichJobAndWhyAndNothingOfTheBody) {
    FailureLog log;
    const auto line = log.line(JobId{}, "speak", failed(), Time(1h));
    EXPECT_EQ(
        line,
        "job 00000000-0000-0000-0000-000000000000 of queue speak failed, attempts: 3, handler: "
        "the handler ended: exit status 1"
    );
}

TEST(FailureLog, OtherEndsAreNotItsMatter) {
    FailureLog log;
    Outcome outcome = failed();
    for (const auto state : {JobState::succeeded, JobState::cancelled, JobState::expired}) {
        outcome.state = state;
        EXPECT_EQ(log.line(JobId{}, "speak", outcome, Time(1h)), std::nullopt);
    }
}

TEST(FailureLog, ASecondHasSoManyLinesAndTheNextSaysHowManyWereLeftOut) {
    FailureLog log;
    std::uint32_t lines = 0;
    for (int i = 0; i < 25; ++i) lines += log.line(JobId{}, "speak", failed(), Time(1h)) ? 1 : 0;
    EXPECT_EQ(lines, FailureLog::kLinesMax);
    const auto next = log.line(JobId{}, "speak", failed(), Time(1h + 1s));
    ASSERT_TRUE(next);
    EXPECT_TRUE(next->ends_with(" (15 more failed, not logged)")) << *next;
    const auto after = log.line(JobId{}, "speak", failed(), Time(1h + 1s));
    ASSERT_TRUE(after);
    EXPECT_TRUE(after->ends_with("exit status 1")) << *after;
}

TEST(FailureLog, AClockThatGoesBackSilencesNothing) {
    FailureLog log;
    for (std::uint32_t i = 0; i <= FailureLog::kLinesMax; ++i)
        log.line(JobId{}, "speak", failed(), Time(2h));
    EXPECT_TRUE(log.line(JobId{}, "speak", failed(), Time(1h)));
}

}  // namespace
}  // namespace bide::core
