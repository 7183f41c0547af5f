// Event streams: live where the entry streams, collected where it does not.
#include "fronts/lambda/fixture.hpp"

namespace bide::fronts::lambda {
namespace {

using namespace std::chrono_literals;

class LambdaEvents : public LambdaFrontTest {
  protected:
    void stream() {
        options.streaming = true;
        begin();
    }
    Told& follow(Duration time = 15min) {
        Ask request;
        request.headers = {{"Accept", "text/event-stream"}};
        request.time = time;
        return ask(request);
    }
    static Answer news(Answer::News what, std::uint32_t attempt, std::string progress = {}) {
        Answer answer = about(Answer::Kind::news);
        answer.what = what;
        answer.facts.attempts = attempt;
        answer.facts.attempts_max = 3;
        if (!progress.empty())
            answer.facts.progress = std::make_shared<const std::string>(std::move(progress));
        return answer;
    }
};

TEST_F(LambdaEvents, AreSentAsTheyCome) {
    stream();
    const Told& told = follow();
    EXPECT_EQ(engine.submitted[0].wait.follow, core::Follow::yes);
    EXPECT_TRUE(told.prelude.is_null());
    say(about(Answer::Kind::accepted));
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(told.header("Bide-Job-Id"), service::kId);
    EXPECT_NE(told.body.find("event: accepted\n"), std::string::npos);
    say(news(Answer::News::attempt, 1));
    EXPECT_NE(told.body.find("event: attempt\n"), std::string::npos);
    EXPECT_FALSE(told.closed);
    say(finished(good()));
    EXPECT_NE(told.body.find("event: result\n"), std::string::npos);
    EXPECT_TRUE(told.closed);
    EXPECT_TRUE(engine.left.empty());
    EXPECT_EQ(front->waiting(), 0U);
}

TEST_F(LambdaEvents, SilenceIsBrokenByHeartbeats) {
    stream();
    const Told& told = follow();
    say(about(Answer::Kind::accepted));
    for (int i = 0; i < 3; ++i) {
        pass(15s);
        EXPECT_EQ(told.pieces.back(), ": heartbeat\n\n");
    }
    EXPECT_EQ(told.pieces.size(), 4U);
}

TEST_F(LambdaEvents, LastAsLongAsTheInvocation) {
    stream();
    follow(100s);
    EXPECT_EQ(asked_wait(), 99s);
    const Told& told = follow();
    EXPECT_EQ(asked_wait(), 10min);  // max_wait
    say(about(Answer::Kind::accepted));
    say(open());
    EXPECT_NE(told.body.find("event: end\n"), std::string::npos);
    EXPECT_TRUE(told.closed);
}

TEST_F(LambdaEvents, EndWithTheInvocationThoughTheEngineSaysNothing) {
    stream();
    const Told& told = follow(10s);
    say(about(Answer::Kind::accepted));
    pass(9800ms);
    EXPECT_TRUE(told.closed);
    EXPECT_EQ(engine.left.size(), 1U);
}

TEST_F(LambdaEvents, AnEngineThatNeverBeginsIsToldAsAnError) {
    stream();
    const Told& told = follow(40s);
    pass(39800ms);
    EXPECT_EQ(told.status(), 503);
    EXPECT_TRUE(told.closed);
}

TEST_F(LambdaEvents, ARefusalIsNoStream) {
    stream();
    const Told& told = follow();
    say(refused({Code::overloaded, Retry::safe, "full", 3}));
    EXPECT_EQ(told.status(), 503);
    EXPECT_EQ(told.header("Content-Type"), "application/problem+json");
}

TEST_F(LambdaEvents, WhoIsGoneIsLeft) {
    stream();
    Told& told = follow();
    say(about(Answer::Kind::accepted));
    told.broken = true;
    pass(15s);
    EXPECT_EQ(engine.left.size(), 1U);
    EXPECT_EQ(front->waiting(), 0U);
    EXPECT_FALSE(told.closed);
}

TEST_F(LambdaEvents, AreCollectedWhereNothingStreams) {
    const Told& told = follow();
    EXPECT_EQ(asked_wait(), 28s);
    say(about(Answer::Kind::accepted));
    say(news(Answer::News::attempt, 1));
    for (const char* words : {"1", "2", "3"}) say(news(Answer::News::progress, 1, words));
    EXPECT_FALSE(told.ended());
    say(open());
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.header("Content-Type"), "text/event-stream");
    const std::string text = told.text();
    const std::size_t accepted = text.find("event: accepted\n");
    const std::size_t attempt = text.find("event: attempt\n");
    const std::size_t progress = text.find("event: progress\n");
    const std::size_t end = text.find("event: end\n");
    EXPECT_LT(accepted, attempt);
    EXPECT_LT(attempt, progress);
    EXPECT_LT(progress, end);
    EXPECT_NE(end, std::string::npos);
    EXPECT_EQ(text.find("event: progress\n", progress + 1), std::string::npos);
    EXPECT_NE(text.find("data: 3\n"), std::string::npos);
}

TEST_F(LambdaEvents, AreCollectedUntilTheResult) {
    const Told& told = follow();
    say(about(Answer::Kind::accepted));
    say(finished(good()));
    EXPECT_NE(told.text().find("event: result\n"), std::string::npos);
    EXPECT_TRUE(engine.left.empty());
}

TEST_F(LambdaEvents, WhatWasCollectedIsSentThoughTheEngineSaysNothing) {
    const Told& told = follow();
    say(about(Answer::Kind::accepted));
    pass(28800ms);
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(engine.left.size(), 1U);
}

}  // namespace
}  // namespace bide::fronts::lambda
