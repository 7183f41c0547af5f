#include "service/fixture.hpp"

namespace bide::service {
namespace {

class StreamTest : public ContractTest {
  protected:
    static WaitPlan follows(std::string last_event_id = {}) {
        WaitPlan wait;
        wait.stream = true;
        wait.last_event_id = std::move(last_event_id);
        return wait;
    }
    static Answer running() {
        Answer answer = open(Answer::Kind::accepted);
        answer.facts.state = core::JobState::running;
        answer.facts.attempts = 1;
        answer.facts.attempts_max = 3;
        answer.facts.news = 2;
        return answer;
    }
    std::string told(const Answer& answer, const WaitPlan& wait = follows()) {
        const bool first = answer.kind == Answer::Kind::accepted;
        return (first ? contract->stream_opening(answer) : "") +
               contract->event_text(wait, answer, kNow);
    }
};

TEST_F(StreamTest, ARefusalIsAnOrdinaryAnswer) {
    const Caller caller;
    EXPECT_FALSE(contract->opens_stream(caller, refused({Code::overloaded, Retry::safe, "full"})));
    EXPECT_TRUE(contract->opens_stream(caller, open(Answer::Kind::accepted)));
    EXPECT_TRUE(contract->opens_stream(caller, finished(good())));
    const Caller other{"acme", false, {}};
    EXPECT_FALSE(contract->opens_stream(other, finished(good())));
}

TEST_F(StreamTest, TheHeadSaysWhatFollows) {
    const wire::Reply head = contract->stream_head({}, open(Answer::Kind::accepted));
    EXPECT_EQ(head.status, 200);
    EXPECT_TRUE(has(head, "Content-Type: text/event-stream"));
    EXPECT_TRUE(has(head, "Cache-Control: no-store"));
    EXPECT_TRUE(has(head, std::string("Bide-Job-Id: ") + kId));
    EXPECT_TRUE(has(head, std::string("Location: /jobs/") + kId));
}

TEST_F(StreamTest, AcceptedComesFirst) {
    const std::string page = std::string("/jobs/") + kId;
    EXPECT_EQ(
        told(open(Answer::Kind::accepted)),
        "retry: 1000\n\nevent: accepted\ndata: {\"id\":\"" + std::string(kId) +
            "\",\"queue\":\"speak\",\"state\":\"ready\",\"links\":{\"self\":\"" + page +
            "\",\"result\":\"" + page + "/result\"}}\n\n"
    );
}

TEST_F(StreamTest, AJobThatIsDoneAlreadyIsAcceptedAllTheSame) {
    const std::string text = contract->stream_opening(finished(good()));
    EXPECT_TRUE(text.starts_with("retry: 1000\n\nevent: accepted\n")) << text;
    EXPECT_TRUE(contains(text, R"("state":"succeeded")")) << text;
}

TEST_F(StreamTest, WhoComesLaterIsToldTheLatest) {
    Answer answer = running();
    EXPECT_TRUE(contains(
        told(answer), "event: attempt\nid: 2-1\ndata: {\"attempt\":1,\"attempts_max\":3}\n\n"
    )) << told(answer);
    answer.facts.progress = std::make_shared<std::string>("{\"page\":3}");
    EXPECT_TRUE(contains(told(answer), "event: progress\nid: 2-1\ndata: {\"page\":3}\n\n"));
    answer.facts.state = core::JobState::scheduled;
    answer.facts.not_before = kNow;
    EXPECT_TRUE(contains(
        told(answer),
        "event: retry\nid: 2-1\ndata: {\"attempt\":1,\"at\":\"" + to_rfc3339(kNow) + "\"}\n\n"
    )) << told(answer);
}

TEST_F(StreamTest, WhatWasToldIsNotRepeated) {
    EXPECT_FALSE(contains(told(running(), follows("2-1")), "event: attempt"));
    EXPECT_TRUE(contains(told(running(), follows("2-1")), "event: accepted"));
    EXPECT_TRUE(contains(told(running(), follows("1-1")), "event: attempt"));
}

TEST_F(StreamTest, NewsAreToldAsTheyCome) {
    Answer news = running();
    news.kind = Answer::Kind::news;
    news.what = Answer::News::attempt;
    EXPECT_EQ(told(news), "event: attempt\nid: 2-1\ndata: {\"attempt\":1,\"attempts_max\":3}\n\n");
    news.what = Answer::News::progress;
    news.facts.progress = std::make_shared<std::string>("0.5");
    EXPECT_EQ(told(news), "event: progress\nid: 2-1\ndata: 0.5\n\n");
    // However it came in, it ends neither its line nor the event.
    news.facts.progress = std::make_shared<std::string>("[1,\n\n2]");
    EXPECT_EQ(told(news), "event: progress\nid: 2-1\ndata: [1,\ndata: \ndata: 2]\n\n");
}

TEST_F(StreamTest, TheResultIsTheLast) {
    const std::string link = std::string("\"result\":\"/jobs/") + kId + "/result\"";
    std::string text = told(finished(good("hi \"you\"\n", "text/plain")));
    EXPECT_EQ(
        text,
        "event: result\nid: done\ndata: {\"id\":\"" + std::string(kId) +
            "\",\"state\":\"succeeded\",\"status\":200,\"content_type\":\"text/plain\","
            "\"attempts\":2,\"body\":\"hi \\\"you\\\"\\n\"," +
            link + "}\n\n"
    );
    EXPECT_TRUE(contains(told(finished(good("\xff\xfe"))), "\"body_base64\":\"//4=\""));
    text = told(finished(good(std::string(65537, 'x'))));
    EXPECT_FALSE(contains(text, "body"));
    EXPECT_TRUE(contains(text, link));
}

TEST_F(StreamTest, AFailureIsToldAsItsProblem) {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::timeout;
    const std::string text = told(finished(outcome));
    EXPECT_TRUE(contains(text, R"("state":"failed","status":504)")) << text;
    EXPECT_TRUE(contains(text, R"("content_type":"application/problem+json")"));
    EXPECT_TRUE(contains(text, "handler-timeout"));
}

TEST_F(StreamTest, AWaitThatEndsWithoutTheResultSaysWhy) {
    EXPECT_TRUE(contains(told(open()), "event: end\ndata: {\"type\":\"/errors/wait-over\""));
    EXPECT_TRUE(contains(told(open(Answer::Kind::draining)), "/errors/shutting-down"));
    const Answer failed = refused({Code::store_failed, Retry::unsafe, "disk"});
    EXPECT_TRUE(contains(told(failed), "/errors/store-failed"));
}

}  // namespace
}  // namespace bide::service
