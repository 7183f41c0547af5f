// Requests that come as events, and answers that go back whole or as a stream.
#include "fronts/lambda/fixture.hpp"
#include "runtime/spool.hpp"

#include <filesystem>

namespace bide::fronts::lambda {
namespace {

using namespace std::chrono_literals;

class LambdaFront : public LambdaFrontTest {
  protected:
    void stream() {
        options.streaming = true;
        begin();
    }
};

TEST_F(LambdaFront, TheAnswerIsTheResult) {
    Ask request;
    request.body = "hello";
    request.headers = {{"Content-Type", "text/plain"}};
    const Told& told = ask(request);
    ASSERT_EQ(engine.submitted.size(), 1U);
    EXPECT_EQ(engine.submitted[0].input->body.bytes, "hello");
    EXPECT_EQ(engine.submitted[0].input->content_type, "text/plain");
    EXPECT_FALSE(told.ended());
    say(finished(good("RIFF\xff")));
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.header("Content-Type"), "audio/wav");
    EXPECT_EQ(told.header("Content-Location"), "/jobs/" + std::string(service::kId) + "/result");
    EXPECT_EQ(told.header("Bide-Job-Id"), service::kId);
    EXPECT_EQ(told.text(), "UklGRv8=");
    EXPECT_TRUE(told.whole.at("isBase64Encoded").as_bool());
    EXPECT_EQ(front->waiting(), 0U);
}

TEST_F(LambdaFront, WhoSentNoTraceIsPartOfLambdas) {
    trace = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1";
    ask({});
    ask({"POST", "/", {{"Traceparent", "00-own"}}});
    trace = "none";
    ask({});
    ASSERT_EQ(engine.submitted.size(), 3U);
    EXPECT_EQ(
        engine.submitted[0].input->traceparent,
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    );
    EXPECT_EQ(engine.submitted[1].input->traceparent, "00-own");
    EXPECT_EQ(engine.submitted[2].input->traceparent, "");
}

TEST_F(LambdaFront, AStreamedAnswerIsTheSame) {
    stream();
    const Told& told = ask({});
    say(finished(good("RIFF\xff")));
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.header("Content-Type"), "audio/wav");
    EXPECT_EQ(told.body, "RIFF\xff");
    EXPECT_TRUE(told.closed);
    EXPECT_TRUE(told.whole.is_null());
}

TEST_F(LambdaFront, EachEntryIsServed) {
    const std::string body = R"("body":"hello")";
    for (const std::string& event :
         {R"({"httpMethod":"POST","path":"/","requestContext":{"elb":{}},)" + body + "}",
          R"({"rawPath":"/","requestContext":{"domainName":"x.lambda-url.x","http":{"method":"POST"}},)" +
              body + "}",
          R"({"rawPath":"/","requestContext":{"stage":"$default","http":{"method":"POST"}},)" +
              body + "}"}) {
        const Told& told = invoke(event);
        EXPECT_EQ(engine.submitted.back().input->body.bytes, "hello");
        say(finished(good("done", "text/plain")));
        EXPECT_EQ(told.status(), 200);
        EXPECT_EQ(told.text(), "done");
    }
    EXPECT_EQ(engine.submitted.size(), 3U);
}

TEST_F(LambdaFront, WhatIsNoRequestFails) {
    EXPECT_TRUE(invoke(R"({"Records":[]})").failure.starts_with("Function.BadEvent: "));
    Ask bad;
    bad.headers = {{"a b", "1"}};
    const Told& refused = ask(bad);
    EXPECT_EQ(refused.status(), 400);
    EXPECT_EQ(refused.header("Bide-Error-Source"), "bide");
    EXPECT_TRUE(engine.submitted.empty());
}

TEST_F(LambdaFront, PagesOfTheServerAreThere) {
    Ask page{"GET", "/healthz"};
    EXPECT_EQ(ask(page).text(), "ok\n");
    page.method = "HEAD";
    EXPECT_EQ(ask(page).status(), 200);
    EXPECT_EQ(ask(page).text(), "");
    Ask preflight{"OPTIONS", "/", {{"Origin", "https://app.example"}}};
    const Told& options_told = ask(preflight);
    EXPECT_EQ(options_told.status(), 204);
    EXPECT_EQ(options_told.header("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(ask({"GET", "/nowhere"}).status(), 404);
}

TEST_F(LambdaFront, BatchesAreNotOffered) {
    const Told& told =
        ask({"POST", "/batches", {{"Content-Type", "application/x-ndjson"}}, "{}\n"});
    EXPECT_EQ(told.status(), 501);
    EXPECT_NE(told.text().find("not-implemented"), std::string::npos);
}

TEST_F(LambdaFront, ALargeBodyIsRefused) {
    service::ContractRules own = rules();
    own.body_bytes_max = 4;
    restart(std::move(own));
    begin();
    Ask request;
    request.body = "hello";
    EXPECT_EQ(ask(request).status(), 413);
    EXPECT_TRUE(engine.submitted.empty());
}

TEST_F(LambdaFront, AJobIsFoundUnderTheStageOfItsUrl) {
    Ask request{"GET", "/jobs/" + std::string(service::kId)};
    request.whole_path = "/dev" + request.path;
    const Told& told = ask(request);
    ASSERT_EQ(engine.asked.size(), 1U);
    EXPECT_EQ(engine.asked[0].job, id());
    say(finished(good()));
    EXPECT_EQ(told.header("Location"), request.whole_path);
}

TEST_F(LambdaFront, CancellingTakesTwoSteps) {
    const Told& told = ask({"DELETE", "/jobs/" + std::string(service::kId)});
    EXPECT_EQ(engine.asked.back().what, "join");
    say(open());
    ASSERT_EQ(engine.asked.back().what, "cancel");
    EXPECT_FALSE(told.ended());
    core::Outcome outcome = good();
    outcome.state = core::JobState::cancelled;
    outcome.kind = core::FailureKind::cancelled;
    say(finished(std::move(outcome)));
    EXPECT_EQ(told.status(), 200);
}

// --- limits of time ----------------------------------------------------------------------------

TEST_F(LambdaFront, SilenceEndsWithinTheEntrysLimit) {
    const Told& told = ask({});
    EXPECT_EQ(asked_wait(), 28s);
    pass(28s);
    EXPECT_FALSE(told.ended());
    say(open());
    EXPECT_EQ(told.status(), 504);
    EXPECT_EQ(told.header("Location"), "/jobs/" + std::string(service::kId));
}

TEST_F(LambdaFront, WhatTheCallerIsPromisedIsWhatItGets) {
    Ask request;
    request.headers = {{"Prefer", "wait=100"}};
    const Told& told = ask(request);
    EXPECT_EQ(asked_wait(), 28s);
    say(open());
    EXPECT_EQ(told.status(), 202);
    EXPECT_EQ(told.header("Preference-Applied"), "wait=28");
}

TEST_F(LambdaFront, TheDeadlineOfTheInvocationCounts) {
    Ask request;
    request.time = 10s;
    ask(request);
    EXPECT_EQ(asked_wait(), 9s);
    request.time = 500ms;
    ask(request);
    EXPECT_EQ(asked_wait(), 0s);
}

TEST_F(LambdaFront, AskingForAResultHasTheSameLimits) {
    ask({"GET", "/jobs/" + std::string(service::kId) + "/result"});
    EXPECT_EQ(asked_wait(), 28s);
    Ask cancel{"DELETE", "/jobs/" + std::string(service::kId)};
    cancel.time = 10s;
    ask(cancel);
    say(open());
    EXPECT_EQ(engine.asked.back().what, "cancel");
    EXPECT_EQ(asked_wait(), 9s);
}

TEST_F(LambdaFront, AnEngineThatSaysNothingIsNotWaitedForLonger) {
    Ask request;
    request.time = 10s;
    const Told& told = ask(request);
    pass(9799ms);
    EXPECT_FALSE(told.ended());
    pass(1ms);
    EXPECT_EQ(told.status(), 503);
    EXPECT_NE(told.text().find(R"("retry":"unsafe")"), std::string::npos);
    EXPECT_EQ(engine.left, std::vector<core::WaiterId>{last_waiter()});
    EXPECT_EQ(front->waiting(), 0U);
    say(finished(good()));  // too late, and no harm
}

TEST_F(LambdaFront, WhoDoesNotWaitStillWaitsForTheReceipt) {
    Ask request;
    request.headers = {{"Prefer", "respond-async"}};
    const Told& told = ask(request);
    EXPECT_EQ(asked_wait(), 0s);
    pass(20s);
    EXPECT_FALSE(told.ended());
    say(open());
    EXPECT_EQ(told.status(), 202);
}

TEST_F(LambdaFront, NobodyHangsUp) {
    Ask request;
    request.headers = {{"Bide-On-Disconnect", "cancel"}};
    request.time = 10s;
    ask(request);
    EXPECT_EQ(engine.submitted[0].wait.on_leave, core::OnLeave::go_on);
}

TEST_F(LambdaFront, ManyAtOnceGetTheirOwn) {
    const Told& first = ask({});
    const core::WaiterId waiter = last_waiter();
    const Told& second = ask({});
    say(finished(good("two", "text/plain")));
    EXPECT_FALSE(first.ended());
    EXPECT_EQ(second.text(), "two");
    Answer answer = finished(good("one", "text/plain"));
    answer.waiter = waiter;
    std::vector<Answer> answers{answer};
    front->deliver(std::move(answers));
    settle();
    EXPECT_EQ(first.text(), "one");
}

// --- limits of size ----------------------------------------------------------------------------

constexpr std::size_t kTooMuch = (6 << 20) + 1;

TEST_F(LambdaFront, AResultThatIsTooLargeIsToldWhereItIs) {
    const Told& told = ask({});
    say(finished(good(std::string(kTooMuch, 'x'), "text/plain")));
    EXPECT_EQ(told.status(), 501);
    EXPECT_EQ(told.header("Content-Location"), "/jobs/" + std::string(service::kId) + "/result");
    EXPECT_EQ(told.header("Bide-Job-Id"), service::kId);
    EXPECT_EQ(told.header("Bide-Error-Source"), "bide");
    EXPECT_NE(told.text().find("Range: bytes=0-4194303"), std::string::npos);
}

TEST_F(LambdaFront, WhatIsTooLargeOnlyInBase64IsNoticed) {
    const Told& told = ask({});
    say(finished(good(std::string(5 << 20, '\xff'), "text/plain")));
    EXPECT_EQ(told.status(), 501);
    EXPECT_LT(told.whole_bytes, 4096U);
}

TEST_F(LambdaFront, ThePartThatIsAdvisedFits) {
    for (const bool balanced : {false, true}) {
        Ask request{"GET", "/jobs/" + std::string(service::kId) + "/result"};
        request.headers = {{"Range", balanced ? "bytes=0-524287" : "bytes=0-4194303"}};
        if (balanced) request.context = {{"elb", json::object()}};
        const Told& told = ask(request);
        say(finished(good(std::string(kTooMuch, '\xff'))));
        EXPECT_EQ(told.status(), 206) << balanced;
    }
}

TEST_F(LambdaFront, LoadBalancersTakeLess) {
    Ask request;
    request.context = {{"elb", json::object()}};
    const Told& fits = ask(request);
    say(finished(good(std::string(900'000, 'x'), "text/plain")));
    EXPECT_EQ(fits.status(), 200);
    const Told& does_not = ask(request);
    say(finished(good(std::string(1'000'001, 'x'), "text/plain")));
    EXPECT_EQ(does_not.status(), 501);
}

TEST_F(LambdaFront, AStreamHasNoSuchLimit) {
    stream();
    const Told& told = ask({});
    say(finished(good(std::string(kTooMuch, 'x'), "text/plain")));
    EXPECT_EQ(told.status(), 200);
    EXPECT_EQ(told.body.size(), kTooMuch);
}

class LambdaFrontFile : public LambdaFront {
  protected:
    LambdaFrontFile() {
        for (int i = 0; i < 100'000; ++i) content_ += std::to_string(i) + ' ';
        const auto path = std::filesystem::temp_directory_path() /
                          ("bide-lambda-front-test-" + std::to_string(::getpid()));
        std::filesystem::create_directories(path);
        directory_ = path;
        auto spool = runtime::Spool::open(path.string(), 1024).value();
        runtime::BodyWriter writer(*spool, 1ULL << 30);
        EXPECT_TRUE(writer.append(content_).has_value());
        body_ = writer.finish().value();
        EXPECT_NE(body_.file, nullptr);
    }
    ~LambdaFrontFile() override { std::filesystem::remove_all(directory_); }

    Answer in_a_file() {
        core::Outcome outcome = good("", "text/plain");
        outcome.body = body_;
        return finished(std::move(outcome));
    }

    std::string content_;
    Body body_;
    std::filesystem::path directory_;
};

TEST_F(LambdaFrontFile, IsSentWhole) {
    const Told& told = ask({});
    say(in_a_file());
    run_until([&] { return told.ended(); });
    EXPECT_EQ(told.text(), content_);
}

TEST_F(LambdaFrontFile, IsStreamedInPieces) {
    stream();
    const Told& told = ask({});
    say(in_a_file());
    run_until([&] { return told.ended(); });
    EXPECT_EQ(told.body, content_);
    EXPECT_GT(told.pieces.size(), 1U);
    EXPECT_TRUE(told.closed);
}

TEST_F(LambdaFrontFile, ItsPartsAreSent) {
    for (const bool streaming : {false, true}) {
        options.streaming = streaming;
        begin();
        Ask request{"GET", "/jobs/" + std::string(service::kId) + "/result"};
        request.headers = {{"Range", "bytes=7-10"}};
        const Told& told = ask(request);
        say(in_a_file());
        run_until([&] { return told.ended(); });
        EXPECT_EQ(told.status(), 206);
        EXPECT_EQ(streaming ? told.body : told.text(), content_.substr(7, 4));
    }
}

TEST_F(LambdaFrontFile, ThatIsGoneIsNoAnswer) {
    for (const bool streaming : {false, true}) {
        options.streaming = streaming;
        begin();
        const Told& told = ask({});
        std::filesystem::remove_all(directory_);
        say(in_a_file());
        run_until([&] { return told.ended(); });
        EXPECT_TRUE(streaming ? told.cut : told.status() == 503);
    }
}

TEST_F(LambdaFront, HeadHasNoBody) {
    for (const bool streaming : {false, true}) {
        options.streaming = streaming;
        begin();
        const Told& told = ask({"HEAD", "/jobs/" + std::string(service::kId) + "/result"});
        say(finished(good()));
        EXPECT_EQ(told.status(), 200);
        EXPECT_TRUE(told.ended());
        EXPECT_EQ(streaming ? told.body : told.text(), "");
    }
}

}  // namespace
}  // namespace bide::fronts::lambda
