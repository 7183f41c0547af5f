#include "service/fixture.hpp"
#include "service/problem.hpp"

namespace bide::service {
namespace {

using namespace std::chrono_literals;
using What = AskPlan::What;

class AnswerTest : public ContractTest {
  protected:
    AskPlan plan_for(What what) {
        AskPlan plan;
        plan.what = what;
        plan.conditions = std::make_unique<AskPlan::Conditions>();
        return plan;
    }
    AskPlan wants_range(std::string range) {
        AskPlan plan = plan_for(What::result);
        plan.conditions->range = std::move(range);
        return plan;
    }
    wire::Reply told(const AskPlan& plan, const Answer& answer) {
        return contract->answer(plan, answer, kNow);
    }
    wire::Reply told(const SubmitPlan& plan, const Answer& answer) {
        return contract->answer(plan, answer, kNow);
    }

    const std::string page = std::string("/jobs/") + kId;
    const std::string etag = '"' + std::to_string(kNow.time_since_epoch().count()) + '"';
};

TEST_F(AnswerTest, ASuccessIsTheHandlersOwnAnswer) {
    const wire::Reply reply = told(waiting, finished(good()));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body.bytes, "RIFF");
    EXPECT_TRUE(has(reply, "Content-Type: audio/wav"));
    EXPECT_TRUE(has(reply, std::string("Bide-Job-Id: ") + kId));
    EXPECT_TRUE(has(reply, "Bide-Attempts: 2"));
    EXPECT_TRUE(has(reply, "Bide-Durability: fsync"));
    EXPECT_TRUE(has(reply, "Bide-Expires: " + to_rfc3339(kNow + 1h)));
    EXPECT_TRUE(has(reply, "ETag: " + etag));
    EXPECT_TRUE(has(reply, "X-Content-Type-Options: nosniff"));
    EXPECT_TRUE(has(reply, "Content-Location: " + page + "/result"));
    EXPECT_FALSE(contains(reply.headers.lines(), "Bide-Replayed"));
    EXPECT_FALSE(contains(reply.headers.lines(), "RateLimit"));
}

TEST_F(AnswerTest, AResultThatABrowserWouldRunIsPutIntoASandbox) {
    const auto sandboxed = [this](const char* type) {
        return has(told(waiting, finished(good("x", type))), "Content-Security-Policy: sandbox");
    };
    EXPECT_TRUE(sandboxed("text/HTML; charset=utf-8"));
    EXPECT_TRUE(sandboxed("image/svg+xml"));
    EXPECT_FALSE(sandboxed("text/plain"));
}

TEST_F(AnswerTest, WhoseJobWasThereBeforeIsTold) {
    Answer answer = finished(good());
    answer.replayed = true;
    EXPECT_TRUE(has(told(waiting, answer), "Bide-Replayed: true"));
}

TEST_F(AnswerTest, ATenantWithARateSeesWhereItStands) {
    Answer answer = finished(good());
    answer.rate = {10, 2, 7, 1};
    const wire::Reply reply = told(waiting, answer);
    EXPECT_TRUE(has(reply, "RateLimit-Policy: \"tenant\";q=10;w=2"));
    EXPECT_TRUE(has(reply, "RateLimit: \"tenant\";r=7;t=1"));
    Answer over = refused({Code::rate_limited, Retry::safe, "too many", 3});
    over.rate = {10, 2, 0, 3};
    EXPECT_EQ(told(waiting, over).status, 429);
    EXPECT_TRUE(has(told(waiting, over), "RateLimit: \"tenant\";r=0;t=3"));
    EXPECT_TRUE(has(told(waiting, over), "Retry-After: 3"));
}

TEST_F(AnswerTest, AFailureIsAProblemWithItsOwner) {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::handler;
    outcome.detail = "exit status 65";
    outcome.attempts = 1;
    const wire::Reply reply = told(waiting, finished(outcome));
    EXPECT_EQ(reply.status, 502);
    EXPECT_TRUE(has(reply, "Bide-Error-Source: handler"));
    EXPECT_TRUE(has(reply, "Content-Type: application/problem+json"));
    EXPECT_TRUE(contains(reply.body.bytes, "\"retry\":\"unsafe\""));
    EXPECT_FALSE(contains(reply.headers.lines(), "ETag"));

    outcome.kind = core::FailureKind::timeout;
    EXPECT_EQ(told(waiting, finished(outcome)).status, 504);
    outcome.kind = core::FailureKind::cancelled;
    EXPECT_EQ(told(waiting, finished(outcome)).status, 409);
}

TEST_F(AnswerTest, AFailureWithNoMoreThanAStatusIsAProblemOfThatStatus) {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::rejected;
    outcome.status = 404;
    outcome.detail = "no such voice";
    const wire::Reply bare = told(waiting, finished(outcome));
    EXPECT_EQ(bare.status, 404);
    EXPECT_TRUE(has(bare, "Content-Type: application/problem+json"));
    EXPECT_TRUE(has(bare, "Bide-Error-Source: handler"));
    EXPECT_TRUE(contains(bare.body.bytes, "\"status\":404,\"detail\":\"no such voice\""));
    EXPECT_FALSE(contains(bare.headers.lines(), "ETag"));

    outcome.body.bytes = "<h1>?</h1>";
    outcome.content_type = "text/html";
    const wire::Reply own = told(waiting, finished(outcome));
    EXPECT_EQ(own.status, 404);
    EXPECT_EQ(own.body.bytes, "<h1>?</h1>");
    EXPECT_TRUE(has(own, "Content-Type: text/html"));
    EXPECT_TRUE(contains(own.headers.lines(), "ETag"));
}

TEST_F(AnswerTest, WhoDoesNotWaitGetsTheSameShapeHoweverFastTheJobWas) {
    SubmitPlan plan;
    plan.wait.at_limit = wire::AtLimit::accepted;
    const wire::Reply reply = told(plan, finished(good()));
    EXPECT_EQ(reply.status, 202);
    EXPECT_TRUE(contains(reply.body.bytes, "\"state\":\"succeeded\""));
}

TEST_F(AnswerTest, WhoSaidNothingDoesNotTakeATwoHundredForDone) {
    SubmitPlan plan = waits_a_minute();
    wire::Reply reply = told(plan, open());
    EXPECT_EQ(reply.status, 504);
    EXPECT_TRUE(has(reply, "Location: " + page));

    plan.wait.at_limit = wire::AtLimit::accepted;
    plan.wait.applied = "wait=60";
    reply = told(plan, open());
    EXPECT_EQ(reply.status, 202);
    EXPECT_TRUE(has(reply, "Preference-Applied: wait=60"));

    plan.wait.at_limit = wire::AtLimit::redirect;
    reply = told(plan, open());
    EXPECT_EQ(reply.status, 303);
    EXPECT_TRUE(has(reply, "Location: " + page + "/result"));
}

TEST_F(AnswerTest, ADrainingServerSaysWhereTheJobIs) {
    const wire::Reply reply = told(SubmitPlan{}, open(Answer::Kind::draining));
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(has(reply, "Location: " + page));
    EXPECT_TRUE(has(reply, "Retry-After: 1"));
}

TEST_F(AnswerTest, WhatCannotBeCancelledAnyMoreIsAConflict) {
    const AskPlan plan = plan_for(What::cancel);
    core::Outcome outcome;
    outcome.state = core::JobState::cancelled;
    outcome.kind = core::FailureKind::cancelled;
    EXPECT_EQ(told(plan, finished(outcome)).status, 200);
    outcome.state = core::JobState::succeeded;
    outcome.kind = core::FailureKind::none;
    EXPECT_EQ(told(plan, finished(outcome)).status, 409);
}

TEST_F(AnswerTest, ARefusalKeepsItsReason) {
    const wire::Reply reply =
        told(SubmitPlan{}, refused({Code::overloaded, Retry::safe, "the queue is full", 7}));
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(has(reply, "Retry-After: 7"));
    EXPECT_TRUE(has(reply, "Bide-Error-Source: bide"));
    EXPECT_EQ(told(plan_for(What::status), refused({Code::gone, Retry::never, "x"})).status, 410);
}

TEST_F(AnswerTest, PartOfAResultIsSent) {
    const Answer stored = finished(good("0123456789"));
    wire::Reply reply = told(wants_range("bytes=2-4"), stored);
    EXPECT_EQ(reply.status, 206);
    EXPECT_TRUE(has(reply, "Content-Range: bytes 2-4/10"));
    ASSERT_TRUE(reply.range);
    EXPECT_EQ(reply.range->offset, 2U);
    EXPECT_EQ(reply.content_length(), 3U);

    reply = told(wants_range("bytes=10-"), stored);
    EXPECT_EQ(reply.status, 416);
    EXPECT_TRUE(has(reply, "Content-Range: bytes */10"));

    reply = told(wants_range("bytes=0-1,4-5"), stored);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_length(), 10U);
    EXPECT_TRUE(has(reply, "Accept-Ranges: bytes"));
}

TEST_F(AnswerTest, ARangeHoldsOnlyForTheResultThatIsMeant) {
    AskPlan plan = wants_range("bytes=0-0");
    const Answer stored = finished(good());
    plan.conditions->if_range = etag;
    EXPECT_EQ(told(plan, stored).status, 206);
    plan.conditions->if_range = "\"other\"";
    EXPECT_EQ(told(plan, stored).status, 200);
    plan.conditions->if_range = "Wed, 25 Nov 2026 00:00:00 GMT";
    EXPECT_EQ(told(plan, stored).status, 200);
}

TEST_F(AnswerTest, WhoHasTheResultIsNotSentItAgain) {
    AskPlan plan = plan_for(What::result);
    plan.conditions->if_none_match = "\"x\", W/" + etag;
    const wire::Reply reply = told(plan, finished(good()));
    EXPECT_EQ(reply.status, 304);
    EXPECT_EQ(reply.body.size(), 0U);
    EXPECT_TRUE(has(reply, "ETag: " + etag));
    plan.conditions->if_none_match = "\"x\"";
    EXPECT_EQ(told(plan, finished(good())).status, 200);
}

TEST_F(AnswerTest, OnlyATwoHundredHasConditionsAndRanges) {
    AskPlan plan = wants_range("bytes=0-0");
    plan.conditions->if_none_match = "*";
    core::Outcome outcome = good();
    outcome.status = 404;
    const wire::Reply reply = told(plan, finished(outcome));
    EXPECT_EQ(reply.status, 404);
    EXPECT_TRUE(has(reply, "Bide-Error-Source: handler"));
    EXPECT_FALSE(reply.range);
}

TEST_F(AnswerTest, AnotherTenantsJobIsNotThere) {
    core::Outcome theirs = good();
    theirs.tenant = "other";
    for (const auto what : {What::status, What::result, What::cancel}) {
        AskPlan plan = plan_for(what);
        plan.caller = {"acme", false, {}};
        EXPECT_EQ(told(plan, finished(theirs)).status, 404);
        plan.caller = {"other", false, {}};
        EXPECT_NE(told(plan, finished(theirs)).status, 404);
    }
}

TEST_F(AnswerTest, NobodyLearnsWhetherAnotherTenantsJobIsThere) {
    core::Outcome theirs = good();
    theirs.tenant = "other";
    AskPlan plan = plan_for(What::status);
    plan.caller = {"acme", false, {}};
    Answer none = refused({Code::not_found, Retry::never, "there is no job with this id"});
    none.facts.id = id();
    const wire::Reply hidden = told(plan, finished(theirs));
    const wire::Reply missing = told(plan, none);
    EXPECT_EQ(hidden.body.bytes, missing.body.bytes);
    EXPECT_EQ(hidden.headers.lines(), missing.headers.lines());
}

TEST_F(AnswerTest, WhatIsCancelledIsLookedAtFirst) {
    const auto cancel = [this](const char* tenant) {
        return std::get<AskPlan>(ask("DELETE", page, {{"Bide-Tenant", tenant}}));
    };
    AskPlan plan = cancel("acme");
    contract->begin(engine, plan, 1, kNow);
    EXPECT_EQ(engine.asked.back().what, "join");
    EXPECT_EQ(engine.asked.back().wait.deadline, kNow);
    Answer mine = open();
    mine.facts.tenant = "acme";
    ASSERT_TRUE(contract->next_step(plan, mine));
    contract->begin(engine, plan, 2, kNow);
    EXPECT_EQ(engine.asked.back().what, "cancel");
    EXPECT_FALSE(contract->next_step(plan, mine));

    plan = cancel("other");
    EXPECT_FALSE(contract->next_step(plan, mine));
    EXPECT_EQ(told(plan, mine).status, 404);
    plan = cancel("acme");
    const Answer none = refused({Code::not_found, Retry::never, "none"});
    EXPECT_FALSE(contract->next_step(plan, none));
    EXPECT_EQ(told(plan, none).status, 404);
}

TEST_F(AnswerTest, ABatchIsNoJobAndAJobNoBatch) {
    Answer batch = open();
    batch.facts.queue = 2;
    EXPECT_EQ(told(plan_for(What::status), batch).status, 404);
    EXPECT_EQ(told(plan_for(What::result), batch).status, 404);
    EXPECT_EQ(told(plan_for(What::batch_status), batch).status, 200);
    EXPECT_EQ(told(plan_for(What::batch_status), open()).status, 404);
    AskPlan cancel = std::get<AskPlan>(ask("DELETE", page));
    EXPECT_FALSE(contract->next_step(cancel, batch));
}

TEST_F(AnswerTest, ABatchTellsHowFarItIs) {
    Answer batch = open();
    batch.facts.queue = 2;
    batch.facts.state = core::JobState::running;
    batch.facts.progress = std::make_shared<std::string>(R"({"items":5,"done":2})");
    std::string text = told(plan_for(What::batch_status), batch).body.bytes;
    EXPECT_TRUE(contains(text, R"("items":5,"done":2,"state":"running")")) << text;
    core::Outcome whole = good(R"({"items":5,"succeeded":5})", "application/json");
    whole.queue = 2;
    text = told(plan_for(What::batch_status), finished(whole)).body.bytes;
    EXPECT_TRUE(contains(text, R"("items":5,"done":5)")) << text;
    EXPECT_TRUE(contains(text, R"("summary":{"items":5,"succeeded":5})")) << text;
}

TEST_F(AnswerTest, AStatusDocumentTellsWhatTheHandlerSaid) {
    Answer answer = open();
    answer.facts.state = core::JobState::running;
    answer.facts.tenant = "acme";
    answer.facts.progress = std::make_shared<std::string>(R"({"page":3})");
    std::string text = told(plan_for(What::status), answer).body.bytes;
    EXPECT_TRUE(contains(text, R"("progress":{"page":3})")) << text;
    EXPECT_TRUE(contains(text, R"("tenant":"acme")"));
    text = told(plan_for(What::status), finished(good())).body.bytes;
    EXPECT_TRUE(contains(text, "\"expires\":\"" + to_rfc3339(kNow + 1h) + '"')) << text;
    EXPECT_TRUE(contains(text, R"("attempts":2)"));
}

TEST_F(AnswerTest, ARedrivenJobIsAcceptedAnew) {
    EXPECT_EQ(told(plan_for(What::redrive), open()).status, 202);
    Answer conflict = open();
    conflict.kind = Answer::Kind::refused;
    conflict.error = {Code::conflict, Retry::never, "the job is open"};
    const wire::Reply reply = told(plan_for(What::redrive), conflict);
    EXPECT_EQ(reply.status, 409);
    EXPECT_TRUE(has(reply, "Location: " + page));
}

TEST_F(AnswerTest, APageOfJobsLeadsToTheNext) {
    AskPlan plan = plan_for(What::list);
    plan.queue = 1;
    plan.state = core::JobState::failed;
    plan.count_max = 2;
    auto jobs = std::make_shared<core::JobPage>();
    jobs->jobs.resize(2);
    jobs->next = 77;
    Answer answer;
    answer.kind = Answer::Kind::listed;
    answer.page = jobs;
    const wire::Reply reply = told(plan, answer);
    EXPECT_EQ(reply.status, 200);
    EXPECT_TRUE(
        contains(reply.body.bytes, R"("next":"/queues/chart/jobs?state=failed&limit=2&cursor=77")")
    ) << reply.body.bytes;
    EXPECT_TRUE(contains(reply.headers.lines(), "rel=\"next\""));
    jobs->next = 0;
    EXPECT_FALSE(contains(told(plan, answer).body.bytes, "next"));
}

TEST_F(AnswerTest, QueuesTellWhatWasDoneToThem) {
    Answer answer;
    answer.kind = Answer::Kind::applied;
    AskPlan plan = plan_for(What::set_paused);
    engine.known.queues[0].paused = true;
    EXPECT_TRUE(contains(told(plan, answer).body.bytes, R"("paused":true)"));
    auto page_of_jobs = std::make_shared<core::JobPage>();
    page_of_jobs->redriven = 3;
    page_of_jobs->next = 1;
    answer.kind = Answer::Kind::listed;
    answer.page = page_of_jobs;
    plan.what = What::redrive_queue;
    EXPECT_EQ(told(plan, answer).body.bytes, "{\"redriven\":3,\"more\":true}\n");
}

TEST_F(AnswerTest, EveryCodeHasAPage) {
    for (int code = 0; code <= static_cast<int>(Code::internal); ++code) {
        const auto type = to_string(static_cast<Code>(code));
        const auto known = problem_of_type(type);
        ASSERT_TRUE(known) << type;
        EXPECT_EQ(known->status, status_of(static_cast<Code>(code)));
    }
}

}  // namespace
}  // namespace bide::service
