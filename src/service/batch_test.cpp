#include "service/batch.hpp"

#include "service/batch_handler.hpp"
#include "service/fixture.hpp"
#include "wire/derived_id.hpp"

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

namespace bide::service {
namespace {

class BatchTest : public ContractTest {
  protected:
    std::vector<wire::Field> with(std::vector<wire::Field> fields) {
        fields.push_back({"Content-Type", "application/x-ndjson"});
        return fields;
    }
    void start(std::vector<wire::Field> fields = {}, const char* target = "/batches") {
        const Plan plan = ask("POST", target, with(std::move(fields)));
        const auto* wanted = std::get_if<BatchPlan>(&plan);
        ASSERT_NE(wanted, nullptr) << text(plan);
        batch = contract->start_batch(engine, *wanted, kNow);
    }
    void start_results(const std::string& query = {}) {
        const Plan plan = ask("GET", std::string("/batches/") + kId + "/results" + query);
        const auto* wanted = std::get_if<BatchPlan>(&plan);
        ASSERT_NE(wanted, nullptr) << text(plan);
        batch = contract->start_batch(engine, *wanted, kNow);
        go();
    }
    void go() {
        batch->begin([this] { return next_waiter++; }, kNow);
        output += batch->take_output();
    }
    void send(std::string_view bytes) {
        batch->upload(bytes);
        go();
    }
    void send_all(std::string_view bytes) {
        batch->upload(bytes);
        batch->upload_ended();
        go();
    }
    const core::event::Submit& item(std::size_t i) { return engine.submitted.at(i); }
    void answer(core::WaiterId waiter, Answer told) {
        told.waiter = waiter;
        batch->take(std::move(told), kNow);
        go();
    }
    void finish(std::size_t i, std::string body = "ok") {
        answer(item(i).wait.id, finished(good(std::move(body), "text/plain")));
    }
    /// The answer to the batch's own job, submitted last.
    void accept_batch() { answer(engine.submitted.back().wait.id, open()); }

    std::unique_ptr<Batch> batch;
    std::string output;
    core::WaiterId next_waiter = 1;
};

std::size_t lines(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_F(BatchTest, ALineIsAJobAndItsResultALine) {
    start({{"Bide-Tenant", "acme"}, {"traceparent", "00-x"}});
    go();
    const auto head = batch->head();
    ASSERT_TRUE(head);
    EXPECT_TRUE(head->streams);
    EXPECT_TRUE(has(head->reply, "Content-Type: application/x-ndjson"));
    EXPECT_TRUE(batch->wants_upload());
    send(
        "{\"body\":\"a\",\"ref\":\"first\",\"content_type\":\"text/"
        "plain\",\"priority\":9,\"delay\":2}\n"
    );
    ASSERT_EQ(engine.submitted.size(), 1U);
    EXPECT_EQ(item(0).input->body.bytes, "a");
    EXPECT_EQ(item(0).input->tenant, "acme");
    EXPECT_EQ(item(0).input->traceparent, "00-x");
    EXPECT_EQ(item(0).input->content_type, "text/plain");
    EXPECT_EQ(item(0).input->priority, 9);
    EXPECT_EQ(item(0).origin, core::IdOrigin::caller);
    EXPECT_EQ(item(0).not_before, kNow + std::chrono::seconds(2));
    finish(0);
    EXPECT_TRUE(contains(output, R"({"index":0,"ref":"first","id":")")) << output;
    EXPECT_TRUE(
        contains(output, R"("status":200,"content_type":"text/plain","attempts":2,"body":"ok")")
    );
}

TEST_F(BatchTest, ItEndsWithASummaryWhenTheBatchIsDurable) {
    start();
    send_all("{\"body\":\"a\"}\n\n  \r\n{\"body\":\"b\"}");
    ASSERT_EQ(engine.submitted.size(), 2U);
    finish(0);
    EXPECT_FALSE(batch->complete());
    core::Outcome bad = good();
    bad.state = core::JobState::failed;
    bad.kind = core::FailureKind::handler;
    answer(item(1).wait.id, finished(bad));
    ASSERT_EQ(engine.submitted.size(), 3U);
    EXPECT_EQ(item(2).input->queue, 2U);
    EXPECT_EQ(item(2).input->body.bytes, R"({"items":2})");
    EXPECT_EQ(item(2).wait.deadline, kNow);
    EXPECT_FALSE(batch->complete());
    accept_batch();
    EXPECT_TRUE(batch->complete());
    EXPECT_TRUE(output.ends_with(
        "{\"summary\":{\"items\":2,\"succeeded\":1,\"failed\":1,\"cancelled\":0,\"expired\":0,"
        "\"refused\":0}}\n"
    )) << output;
}

TEST_F(BatchTest, ItIsThereAsSoonAsEveryItemIsDurable) {
    start();
    send_all("{\"body\":\"a\"}\n{\"body\":\"b\"}\n");
    EXPECT_EQ(item(0).wait.follow, core::Follow::yes);
    finish(0);
    EXPECT_EQ(engine.submitted.size(), 2U);
    answer(item(1).wait.id, open(Answer::Kind::accepted));
    ASSERT_EQ(engine.submitted.size(), 3U) << "before item 1 is done";
    accept_batch();
    EXPECT_FALSE(batch->complete());
    finish(1);
    EXPECT_TRUE(batch->complete());
}

TEST_F(BatchTest, TheIdsAreDerivedFromTheKey) {
    start({{"Idempotency-Key", "night"}});
    send_all("{\"body\":\"a\"}");
    const JobId derived = wire::id_of_key("", kBatchQueue, "night");
    EXPECT_EQ(item(0).input->id, wire::id_of_item(derived, 0));
    finish(0);
    EXPECT_EQ(item(1).input->id, derived);
    EXPECT_EQ(item(1).origin, core::IdOrigin::caller);
    EXPECT_NE(item(1).input->fingerprint, core::Fingerprint{});
    EXPECT_TRUE(output.starts_with("{\"batch\":\"" + to_string(derived) + "\"}\n")) << output;
}

TEST_F(BatchTest, WhatIsWrongWithALineIsToldInItsPlace) {
    start();
    send_all(
        "nonsense\n{\"ref\":7}\n{\"body\":\"a\",\"queue\":\"none\",\"ref\":8}\n"
        "{\"body\":\"a\",\"priorty\":1}\n{\"body\":\"a\",\"queue\":\"~batches\"}\n"
    );
    EXPECT_TRUE(contains(output, R"({"index":0,"problem":{"type":"/errors/bad-request")"))
        << output;
    EXPECT_TRUE(contains(output, R"({"index":1,"ref":7,"problem":)"));
    EXPECT_TRUE(contains(output, R"({"index":2,"ref":8,"problem":{"type":"/errors/not-found")"));
    EXPECT_TRUE(contains(output, "priorty"));
    ASSERT_EQ(engine.submitted.size(), 1U);
    accept_batch();
    EXPECT_TRUE(contains(output, R"("refused":5)")) << output;
}

TEST_F(BatchTest, ARefusalOfTheEngineIsInBand) {
    start();
    send_all("{\"body\":\"a\"}\n");
    answer(item(0).wait.id, refused({Code::overloaded, Retry::safe, "the queue is full", 3}));
    EXPECT_TRUE(contains(output, "the queue is full"));
    accept_batch();
    EXPECT_TRUE(contains(output, R"("refused":1)"));
}

TEST_F(BatchTest, AtMostAWindowIsOutstanding) {
    start();
    std::string all;
    for (int i = 0; i < 300; ++i) all += "{\"body\":\"a\"}\n";
    send(all);
    EXPECT_EQ(engine.submitted.size(), Batch::kOutstandingMax);
    EXPECT_FALSE(batch->wants_upload());
    EXPECT_EQ(batch->waiting().size(), Batch::kOutstandingMax);
    finish(0);
    EXPECT_EQ(engine.submitted.size(), Batch::kOutstandingMax + 1);
    for (std::size_t i = 1; i < engine.submitted.size(); ++i) finish(i);
    EXPECT_EQ(engine.submitted.size(), 300U);
    EXPECT_TRUE(batch->wants_upload());
}

TEST_F(BatchTest, ASlowReaderHoldsTheUploadBack) {
    start();
    batch->upload("{\"body\":\"a\"}\n");
    batch->begin([this] { return next_waiter++; }, kNow);
    for (int i = 0; i < 20; ++i) {
        Answer told = finished(good(std::string(60000, 'x')));
        told.waiter = engine.submitted.back().wait.id;
        batch->take(std::move(told), kNow);
        if (!batch->wants_upload()) break;
        batch->upload("{\"body\":\"a\"}\n");
        batch->begin([this] { return next_waiter++; }, kNow);
    }
    EXPECT_FALSE(batch->wants_upload());
    batch->take_output();
    EXPECT_TRUE(batch->wants_upload());
}

TEST_F(BatchTest, TooManyItemsEndIt) {
    ContractRules mine = rules();
    mine.batch_items_max = 1;
    restart(std::move(mine));
    start();
    send_all("{\"body\":\"a\"}\n{\"body\":\"b\"}\n");
    EXPECT_EQ(engine.submitted.size(), 1U);
    EXPECT_FALSE(batch->wants_upload());
    finish(0);
    EXPECT_TRUE(batch->complete());
    EXPECT_TRUE(contains(output, "{\"problem\":{\"type\":\"/errors/too-large\"")) << output;
    EXPECT_FALSE(contains(output, "summary"));
}

TEST_F(BatchTest, ALineWithoutEndEndsIt) {
    start();
    const std::string piece(1 << 20, 'x');
    for (int i = 0; i < 17 && batch->wants_upload(); ++i) send(piece);
    EXPECT_TRUE(batch->complete());
    EXPECT_TRUE(contains(output, "16 MiB"));
}

TEST_F(BatchTest, AnUploadThatFailsIsToldAfterWhatHasBegun) {
    start();
    send("{\"body\":\"a\"}\n{\"body\":");
    batch->upload_failed({Code::request_timeout, Retry::safe, "it did not come in time"});
    go();
    EXPECT_FALSE(batch->wants_upload());
    EXPECT_FALSE(batch->complete());
    finish(0);
    EXPECT_TRUE(batch->complete());
    EXPECT_TRUE(contains(output, R"("body":"ok")")) << output;
    EXPECT_TRUE(contains(output, "\n{\"problem\":{\"type\":\"/errors/request-timeout\"")) << output;
    EXPECT_TRUE(contains(output, R"("retry":"unsafe")")) << "the item has run";
    EXPECT_EQ(engine.submitted.size(), 1U) << "there is no batch";
}

TEST_F(BatchTest, AnItemThatOutlastsTheWaitIsToldSoAndTheBatchGoesOn) {
    start({{"Prefer", "wait=7"}});
    EXPECT_TRUE(has(batch->head()->reply, "Preference-Applied: wait=7"));
    send_all("{\"body\":\"slow\"}\n{\"body\":\"quick\"}\n");
    EXPECT_EQ(item(0).wait.deadline, kNow + std::chrono::seconds(7));
    finish(1);
    Answer slow = open();
    slow.facts.id = item(0).input->id;
    answer(item(0).wait.id, std::move(slow));
    EXPECT_TRUE(contains(output, "{\"index\":0,\"problem\":{\"type\":\"/errors/wait-over\""))
        << output;
    accept_batch();
    EXPECT_TRUE(contains(output, R"("refused":0,"open":1})")) << output;
    EXPECT_TRUE(batch->complete());
}

TEST_F(BatchTest, AStoppingServerEndsIt) {
    start();
    send("{\"body\":\"a\"}\n");
    answer(item(0).wait.id, open(Answer::Kind::draining));
    EXPECT_TRUE(batch->complete());
    EXPECT_FALSE(batch->wants_upload());
    EXPECT_TRUE(contains(output, R"({"index":0,"problem":{"type":"/errors/shutting-down")"));
    EXPECT_EQ(lines(output), 3U);
}

TEST_F(BatchTest, WhoDoesNotWaitGetsADocument) {
    start({{"Prefer", "respond-async"}});
    send_all("{\"body\":\"a\"}\nnonsense\n");
    EXPECT_EQ(output, "");
    EXPECT_EQ(item(0).wait.deadline, kNow);
    EXPECT_EQ(item(0).wait.follow, core::Follow::no);
    answer(item(0).wait.id, open());
    EXPECT_FALSE(batch->head());
    accept_batch();
    const auto head = batch->head();
    ASSERT_TRUE(head);
    EXPECT_FALSE(head->streams);
    EXPECT_EQ(head->reply.status, 202);
    EXPECT_TRUE(has(head->reply, "Preference-Applied: respond-async"));
    const std::string& text = head->reply.body.bytes;
    EXPECT_TRUE(contains(text, R"("items":2,"accepted":1,"refused":1)")) << text;
    EXPECT_TRUE(contains(text, R"("problems":[{"index":1,)"));
    EXPECT_TRUE(batch->complete());
}

TEST_F(BatchTest, OnlyLinesOfJsonGoInAndOut) {
    EXPECT_EQ(status(ask("POST", "/batches", {{"Content-Type", "application/json"}})), 415);
    EXPECT_EQ(status(ask("POST", "/batches")), 415);
    EXPECT_EQ(status(ask("POST", "/batches", with({{"Accept", "text/html"}}))), 406);
    EXPECT_EQ(status(ask("POST", "/batches", with({{"Accept", "text/html, */*;q=0.1"}}))), 0);
    EXPECT_EQ(status(ask("POST", "/batches?queue=none", with({}))), 404);
    EXPECT_EQ(status(ask("GET", "/batches")), 405);
    ContractRules without = rules();
    without.queues.pop_back();
    restart(std::move(without));
    EXPECT_EQ(status(ask("POST", "/batches", with({}))), 404);
}

TEST_F(BatchTest, WithoutAQueueThatLeadsSomewhereNoUploadIsTaken) {
    ContractRules none = rules();
    none.takes_batches = false;
    restart(std::move(none));
    const Plan plain = ask("POST", "/batches", with({}));
    EXPECT_EQ(status(plain), 501);
    EXPECT_TRUE(contains(text(plain), "[aws] batches")) << text(plain);
    EXPECT_EQ(status(ask("POST", "/batches", with({{"Prefer", "respond-async"}}))), 501);
    // Another front's batches are read here too.
    start_results();
    EXPECT_EQ(engine.asked.size(), 1U);
}

// --- results ----------------------------------------------------------------------------------

TEST_F(BatchTest, ResultsAreReadByTheirDerivedIds) {
    start_results("?from=1");
    ASSERT_EQ(engine.asked.size(), 1U);
    EXPECT_FALSE(batch->head());
    core::Outcome whole = good(R"({"items":3,"succeeded":3})", "application/json");
    whole.queue = 2;
    answer(engine.asked[0].wait.id, finished(whole));
    ASSERT_TRUE(batch->head());
    ASSERT_EQ(engine.asked.size(), 3U);
    EXPECT_EQ(engine.asked[1].job, wire::id_of_item(id(), 1));
    EXPECT_EQ(engine.asked[2].job, wire::id_of_item(id(), 2));
    answer(engine.asked[2].wait.id, refused({Code::gone, Retry::never, "gone"}));
    answer(engine.asked[1].wait.id, finished(good()));
    EXPECT_TRUE(batch->complete());
    EXPECT_TRUE(output.starts_with("{\"batch\":\"" + std::string(kId) + "\"}\n")) << output;
    EXPECT_TRUE(contains(output, "\n{\"index\":2,\"problem\":{\"type\":\"/errors/gone\""));
    EXPECT_TRUE(contains(output, "\n{\"index\":1,\"id\":"));
    EXPECT_TRUE(contains(output, R"({"summary":{"items":2,"succeeded":1,)"));
}

TEST_F(BatchTest, ResultsOfABatchUnderWayAreWaitedFor) {
    start_results();
    Answer accepted = open(Answer::Kind::accepted);
    accepted.facts.queue = 2;
    answer(engine.asked[0].wait.id, accepted);
    EXPECT_FALSE(batch->head()) << "nobody knows yet how many there are";
    Answer news = accepted;
    news.kind = Answer::Kind::news;
    news.facts.progress = std::make_shared<std::string>(R"({"items":0,"done":0})");
    answer(engine.asked[0].wait.id, news);
    EXPECT_TRUE(batch->head());
    EXPECT_TRUE(batch->complete());
    EXPECT_EQ(batch->waiting(), std::vector<core::WaiterId>{engine.asked[0].wait.id});
}

TEST_F(BatchTest, ThereAreNoResultsOfWhatIsNoBatch) {
    for (const auto& told :
         {finished(good()), refused({Code::not_found, Retry::never, "no such job"})}) {
        start_results();
        answer(engine.asked.back().wait.id, told);
        const auto head = batch->head();
        ASSERT_TRUE(head);
        EXPECT_EQ(head->reply.status, 404);
        EXPECT_FALSE(head->streams);
        EXPECT_TRUE(batch->complete());
    }
    EXPECT_EQ(status(ask("GET", std::string("/batches/") + kId + "/results?from=x")), 400);
    EXPECT_EQ(status(ask("GET", "/batches/nonsense/results")), 400);
}

// --- the handler ------------------------------------------------------------------------------

class FixedClock final : public Clock {
  public:
    Time now() const override { return Time{}; }
};

class AttemptLog final : public ports::AttemptSink {
  public:
    std::vector<core::AttemptResult> ended;
    std::vector<std::string> progress;

    void attempt_ended(core::event::AttemptEnded&& event) override {
        ended.push_back(std::move(event.result));
    }
    void attempt_progressed(core::event::Progress&& event) override {
        progress.push_back(std::move(event.json));
    }
};

class BatchHandlerTest : public ContractTest {
  protected:
    BatchHandlerTest() { handler->attach(engine); }

    void start(std::string input) {
        auto job = std::make_shared<core::JobInput>();
        job->id = id();
        job->body.bytes = std::move(input);
        ports::Attempt attempt;
        attempt.input = std::move(job);
        attempt.stop = stop.get_token();
        attempt.progress = ports::Progress(log, id(), 1);
        handler->start(std::move(attempt), ports::Completion(log, id(), 2, 1));
    }
    void answer(std::size_t i, Answer told) {
        told.waiter = engine.asked.at(i).wait.id;
        std::vector<Answer> answers;
        answers.push_back(std::move(told));
        engine.sink->deliver(std::move(answers));
    }

    FixedClock clock;
    AttemptLog log;
    std::stop_source stop;
    std::unique_ptr<BatchHandler> handler = make_batch_handler(clock);
};

TEST_F(BatchHandlerTest, ItWaitsForEveryItemAndCounts) {
    start(R"({"items":3})");
    ASSERT_EQ(engine.asked.size(), 3U);
    EXPECT_EQ(engine.asked[1].job, wire::id_of_item(id(), 1));
    EXPECT_EQ(ports::sink_of(engine.asked[1].wait.id), 3);
    EXPECT_EQ(log.progress, std::vector<std::string>{R"({"items":3,"done":0})"});
    answer(1, finished(good()));
    EXPECT_EQ(log.progress.back(), R"({"items":3,"done":1})");
    answer(0, refused({Code::not_found, Retry::never, "refused at the upload"}));
    EXPECT_TRUE(log.ended.empty());
    core::Outcome expired = good();
    expired.state = core::JobState::expired;
    answer(2, finished(expired));
    ASSERT_EQ(log.ended.size(), 1U);
    EXPECT_EQ(log.ended[0].verdict, core::AttemptResult::Verdict::success);
    EXPECT_EQ(log.ended[0].content_type, "application/json");
    EXPECT_EQ(
        log.ended[0].body.bytes,
        R"({"items":3,"succeeded":1,"failed":0,"cancelled":0,"expired":1,"refused":1})"
    );
}

TEST_F(BatchHandlerTest, AnEmptyBatchIsDone) {
    start(R"({"items":0})");
    ASSERT_EQ(log.ended.size(), 1U);
    EXPECT_EQ(log.ended[0].verdict, core::AttemptResult::Verdict::success);
}

TEST_F(BatchHandlerTest, ItKeepsToItsWindow) {
    start(R"({"items":1000})");
    EXPECT_EQ(engine.asked.size(), 256U);
    answer(5, finished(good()));
    EXPECT_EQ(engine.asked.size(), 257U);
    EXPECT_EQ(log.progress.size(), 1U) << "not for every item of many";
    for (std::size_t i = 0; i < engine.asked.size(); ++i) {
        if (i != 5) answer(i, finished(good()));
    }
    EXPECT_EQ(engine.asked.size(), 1000U);
    EXPECT_EQ(log.ended.size(), 1U);
    EXPECT_EQ(log.progress.size(), 101U);
}

/// Answers every join at once, from inside the call or from threads of its own.
class QuickEngine final : public FakeEngine {
  public:
    void join(const JobId& job, const core::Wait& wait) override {
        Answer told;
        told.waiter = wait.id;
        told.kind = Answer::Kind::finished;
        told.facts.id = job;
        auto outcome = std::make_shared<core::Outcome>();
        outcome->state = core::JobState::succeeded;
        told.outcome = std::move(outcome);
        if (threads.empty()) return deliver(std::move(told));
        const std::lock_guard lock(mutex);
        answers.push_back(std::move(told));
        some.notify_one();
    }
    void start_threads() {
        for (int i = 0; i < 3; ++i) threads.emplace_back([this] { answer_all(); });
    }
    void stop_threads() {
        {
            const std::lock_guard lock(mutex);
            over = true;
        }
        some.notify_all();
        for (auto& thread : threads) thread.join();
    }

  private:
    void deliver(Answer told) {
        std::vector<Answer> one;
        one.push_back(std::move(told));
        sink->deliver(std::move(one));
    }
    void answer_all() {
        for (;;) {
            Answer told;
            {
                std::unique_lock lock(mutex);
                some.wait(lock, [this] { return over || !answers.empty(); });
                if (answers.empty()) return;
                told = std::move(answers.back());
                answers.pop_back();
            }
            deliver(std::move(told));
        }
    }

    std::vector<std::thread> threads;
    std::mutex mutex;
    std::condition_variable some;
    std::vector<Answer> answers;
    bool over = false;
};

class PromiseLog final : public ports::AttemptSink {
  public:
    std::promise<core::AttemptResult> ended;

    void attempt_ended(core::event::AttemptEnded&& event) override {
        ended.set_value(std::move(event.result));
    }
    void attempt_progressed(core::event::Progress&&) override {}
};

void expect_whole_batch(BatchHandler& handler) {
    PromiseLog log;
    auto job = std::make_shared<core::JobInput>();
    job->body.bytes = R"({"items":5000})";
    ports::Attempt attempt;
    attempt.input = std::move(job);
    attempt.progress = ports::Progress(log, JobId{}, 1);
    handler.start(std::move(attempt), ports::Completion(log, JobId{}, 2, 1));
    const auto result = log.ended.get_future().get();
    EXPECT_TRUE(contains(result.body.bytes, R"("items":5000,"succeeded":5000)"));
}

TEST(BatchHandler, ItsEngineMayAnswerFromInsideACall) {
    FixedClock clock;
    QuickEngine engine;
    const auto handler = make_batch_handler(clock);
    handler->attach(engine);
    expect_whole_batch(*handler);
}

TEST(BatchHandler, ItsEngineMayAnswerFromSeveralThreads) {
    FixedClock clock;
    QuickEngine engine;
    const auto handler = make_batch_handler(clock);
    handler->attach(engine);
    engine.start_threads();
    expect_whole_batch(*handler);
    engine.stop_threads();
}

TEST_F(BatchHandlerTest, AnItemThatTakesLongIsWaitedForAgain) {
    start(R"({"items":1})");
    answer(0, open());
    ASSERT_EQ(engine.asked.size(), 2U);
    EXPECT_EQ(engine.asked[1].job, engine.asked[0].job);
    answer(1, finished(good()));
    EXPECT_EQ(log.ended.size(), 1U);
}

TEST_F(BatchHandlerTest, AStopEndsTheAttemptAndItsWaits) {
    start(R"({"items":2})");
    stop.request_stop();
    ASSERT_EQ(log.ended.size(), 1U);
    EXPECT_EQ(log.ended[0].verdict, core::AttemptResult::Verdict::retry);
    EXPECT_EQ(engine.left.size(), 2U);
    answer(0, finished(good()));  // on its way at the same time
    EXPECT_EQ(log.ended.size(), 1U);
}

TEST_F(BatchHandlerTest, ADrainingEngineOrAFailingStoreEndsTheAttempt) {
    start(R"({"items":2})");
    answer(0, open(Answer::Kind::draining));
    ASSERT_EQ(log.ended.size(), 1U);
    EXPECT_EQ(log.ended[0].verdict, core::AttemptResult::Verdict::retry);
    answer(1, refused({Code::store_failed, Retry::unsafe, "disk"}));
    EXPECT_EQ(log.ended.size(), 1U);
}

TEST_F(BatchHandlerTest, AnotherInputFailsForGood) {
    for (const char* input : {"", "{}", R"({"items":-1})", R"({"items":"3"})", "[3]"}) start(input);
    ASSERT_EQ(log.ended.size(), 5U);
    for (const auto& ended : log.ended)
        EXPECT_EQ(ended.verdict, core::AttemptResult::Verdict::fail);
}

}  // namespace
}  // namespace bide::service
