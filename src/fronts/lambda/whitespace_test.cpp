// White space before a JSON result, where a deployment wants it.
#include "fronts/lambda/fixture.hpp"

namespace bide::fronts::lambda {
namespace {

using namespace std::chrono_literals;

class LambdaWhitespace : public LambdaFrontTest {
  protected:
    LambdaWhitespace() {
        options.streaming = true;
        options.whitespace = true;
        options.idle_limit = 290s;
        begin();
    }
};

TEST_F(LambdaWhitespace, BreaksTheSilencePastItsLimit) {
    const Told& told = ask({});
    EXPECT_EQ(asked_wait(), 10min);
    pass(289s);
    EXPECT_TRUE(told.prelude.is_null());
    pass(1s);
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.header("Content-Type"), "application/json");
    EXPECT_EQ(told.body, " ");
    pass(15s);
    pass(15s);
    EXPECT_EQ(told.body, "   ");
    say(finished(good(R"({"a":1})", "application/json")));
    EXPECT_EQ(told.body, R"(   {"a":1})");
    EXPECT_TRUE(told.closed);
}

TEST_F(LambdaWhitespace, IsNotSentToWhoHasItsResultInTime) {
    const Told& told = ask({});
    pass(289s);
    say(finished(good()));
    EXPECT_EQ(told.header("Content-Type"), "audio/wav");
    EXPECT_EQ(told.body, "RIFF");
}

TEST_F(LambdaWhitespace, AFailureIsToldInTheBody) {
    const Told& told = ask({});
    pass(290s);
    say(open());
    EXPECT_EQ(told.status(), 200);
    const json::object problem = json::parse(told.body).as_object();
    EXPECT_EQ(problem.at("type").as_string(), "/errors/wait-over");
    EXPECT_EQ(problem.at("status").as_int64(), 504);
    EXPECT_EQ(problem.at("job").as_string(), service::kId);
}

TEST_F(LambdaWhitespace, WhatIsNoJsonIsToldWhereItIs) {
    core::Outcome teapot = good(R"({"error":1})", "application/json");
    teapot.status = 418;
    for (const core::Outcome& outcome : {good(), teapot}) {
        const Told& told = ask({});
        pass(290s);
        say(finished(outcome));
        const json::object problem = json::parse(told.body).as_object();
        EXPECT_EQ(problem.at("type").as_string(), "/errors/not-carried");
        EXPECT_EQ(problem.at("job").as_string(), service::kId);
    }
}

TEST_F(LambdaWhitespace, IsOnlyForWhoTakesJson) {
    for (const auto& [accept, taken] :
         {std::pair{"*/*", true},
          {"text/html, application/json;q=0.5", true},
          {"application/*", true},
          {"application/json;q=0", false},
          {"audio/wav", false}}) {
        Ask request;
        request.headers = {{"Accept", accept}};
        ask(request);
        EXPECT_EQ(asked_wait() > 290s, taken) << accept;
    }
}

TEST_F(LambdaWhitespace, IsNotForWhoChoseWhatAnEndedWaitIs) {
    Ask request;
    request.headers = {{"Prefer", "wait=400"}};
    const Told& told = ask(request);
    EXPECT_EQ(asked_wait(), 290s);
    say(open());
    EXPECT_EQ(told.status(), 202);
    EXPECT_EQ(told.header("Preference-Applied"), "wait=290");
    request.headers = {{"Prefer", "wait=400, at-limit=timeout"}};
    ask(request);
    EXPECT_EQ(asked_wait(), 400s);
}

TEST_F(LambdaWhitespace, IsForResultsAskedForLaterToo) {
    const Told& told = ask({"GET", "/jobs/" + std::string(service::kId) + "/result"});
    EXPECT_EQ(asked_wait(), 10min);
    pass(290s);
    EXPECT_EQ(told.body, " ");
    ask({"HEAD", "/jobs/" + std::string(service::kId) + "/result"});
    EXPECT_EQ(asked_wait(), 290s);
}

TEST_F(LambdaWhitespace, EndsWithTheInvocation) {
    const Told& told = ask({});
    pass(15min - 1ms);
    EXPECT_EQ(json::parse(told.body).at("status").as_int64(), 503);
    EXPECT_TRUE(told.closed);
}

TEST_F(LambdaWhitespace, WhoIsGoneIsLeft) {
    Told& told = ask({});
    pass(290s);
    told.broken = true;
    pass(15s);
    EXPECT_EQ(engine.left.size(), 1U);
    EXPECT_EQ(front->waiting(), 0U);
}

TEST_F(LambdaWhitespace, WhoCannotBeToldAWordIsToldNoOther) {
    Told& told = ask({});
    told.broken = true;
    pass(290s);  // the fixture refuses a second open()
    EXPECT_FALSE(told.prelude.is_null());
    EXPECT_EQ(told.body, "");
    EXPECT_EQ(engine.left.size(), 1U);
    EXPECT_EQ(front->waiting(), 0U);
}

TEST_F(LambdaWhitespace, IsNotThereUnlessWanted) {
    options.whitespace = false;
    begin();
    ask({});
    EXPECT_EQ(asked_wait(), 290s);
    options.whitespace = true;
    options.streaming = false;
    begin();
    ask({});
    EXPECT_EQ(asked_wait(), 290s);
}

}  // namespace
}  // namespace bide::fronts::lambda
