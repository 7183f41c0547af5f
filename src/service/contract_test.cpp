#include "service/contract.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace bide::service {
namespace {

using core::Answer;
using namespace std::chrono_literals;

/// The contract asks an engine for its health and durability only.
class HealthyEngine final : public ports::Engine {
  public:
    ports::EngineHealth state{true, {}};

    std::uint8_t add_sink(ports::AnswerSink&) override { return 0; }
    ports::NewId make_id() override { return {}; }
    void redrive(const JobId&, const core::Wait&) override {}
    void redrive_queue(core::QueueIndex, std::uint32_t, const core::Wait&) override {}
    void set_paused(core::event::SetPaused&&) override {}
    void list(const ports::ListQuery&, const core::Wait&) override {}
    ports::EngineFacts facts() const override { return {}; }
    void submit(core::event::Submit&&) override {}
    void join(const JobId&, const core::Wait&) override {}
    void cancel(const JobId&, const core::Wait&) override {}
    void leave(core::WaiterId) override {}
    ports::EngineHealth health() const override { return state; }
    std::string_view durability() const override { return "fsync"; }
};

constexpr const char* kId = "01a20758-2da9-7000-8005-af63a695e97c";

class ContractTest : public testing::Test {
  protected:
    static ContractRules rules() {
        ContractRules rules;
        rules.queues = {"speak", "chart"};
        rules.default_queue = "speak";
        rules.max_wait = 60s;
        return rules;
    }

    Plan ask(
        std::string_view method, std::string_view target, std::vector<wire::Field> fields = {}
    ) {
        return contract.understand({method, target, fields});
    }
    std::uint16_t status(const Plan& plan) {
        const auto* reply = std::get_if<wire::Reply>(&plan);
        return reply == nullptr ? 0 : reply->status;
    }
    Answer finished(core::Outcome outcome) {
        Answer answer;
        answer.kind = Answer::Kind::finished;
        answer.facts.id = parse_job_id(kId).value();
        answer.outcome = std::make_shared<core::Outcome>(std::move(outcome));
        return answer;
    }
    Answer open(Answer::Kind kind = Answer::Kind::open) {
        Answer answer;
        answer.kind = kind;
        answer.facts.id = parse_job_id(kId).value();
        return answer;
    }

    static SubmitPlan waits_a_minute() {
        SubmitPlan plan;
        plan.wait.wait = 60s;
        return plan;
    }

    const SubmitPlan waiting = waits_a_minute();
    HealthyEngine engine;
    Contract contract{rules(), engine};
};

bool has(const wire::Reply& reply, std::string_view line) {
    return reply.headers.lines().find(std::string(line) + "\r\n") != std::string::npos;
}

TEST_F(ContractTest, PostToTheRootIsAJobOfTheDefaultQueue) {
    const Plan plan = ask("POST", "/", {{"Content-Type", "text/plain"}, {"Traceparent", "00-1"}});
    const auto& submit = std::get<SubmitPlan>(plan);
    EXPECT_EQ(submit.queue, 0U);
    EXPECT_EQ(submit.content_type, "text/plain");
    EXPECT_EQ(submit.traceparent, "00-1");
    EXPECT_EQ(submit.wait.wait, Duration(60s));
    EXPECT_EQ(submit.wait.at_limit, wire::AtLimit::timeout);
    EXPECT_EQ(submit.wait.applied, "");
}

TEST_F(ContractTest, PostToAQueueNamesIt) {
    EXPECT_EQ(std::get<SubmitPlan>(ask("POST", "/queues/chart/jobs?x=1")).queue, 1U);
    EXPECT_EQ(status(ask("POST", "/queues/none/jobs")), 404);
    EXPECT_EQ(status(ask("POST", "/queues//jobs")), 404);
    EXPECT_EQ(status(ask("GET", "/queues/chart/jobs")), 405);
}

TEST_F(ContractTest, WhoAsksForAWaitGetsItUpToTheMaximum) {
    const auto wait = [this](const char* value) {
        return std::get<SubmitPlan>(ask("POST", "/", {{"Prefer", value}})).wait;
    };
    EXPECT_EQ(wait("wait=5").wait, Duration(5s));
    EXPECT_EQ(wait("wait=5").at_limit, wire::AtLimit::accepted);
    EXPECT_EQ(wait("wait=5").applied, "wait=5");
    EXPECT_EQ(wait("wait=100").applied, "wait=60");
    EXPECT_EQ(wait("respond-async").wait, Duration(0));
    EXPECT_EQ(wait("respond-async, wait=3").wait, Duration(3s));
    EXPECT_EQ(wait("wait=3, at-limit=timeout").at_limit, wire::AtLimit::timeout);
    EXPECT_EQ(status(ask("POST", "/", {{"Prefer", "wait=x"}})), 400);
}

TEST_F(ContractTest, JobPagesAreTold) {
    const std::string page = std::string("/jobs/") + kId;
    EXPECT_EQ(std::get<AskPlan>(ask("GET", page)).what, AskPlan::What::status);
    EXPECT_EQ(std::get<AskPlan>(ask("GET", page)).wait.wait, Duration(0));
    EXPECT_EQ(std::get<AskPlan>(ask("HEAD", page + "/result")).what, AskPlan::What::result);
    EXPECT_EQ(std::get<AskPlan>(ask("DELETE", page)).what, AskPlan::What::cancel);
    EXPECT_EQ(status(ask("DELETE", page + "/result")), 405);
    EXPECT_EQ(status(ask("PATCH", page)), 405);
    EXPECT_EQ(status(ask("GET", "/jobs/nonsense")), 400);
    EXPECT_EQ(status(ask("GET", "/elsewhere")), 404);
    EXPECT_EQ(status(ask("GET", "/" + std::string(9000, 'x'))), 414);
}

TEST_F(ContractTest, AProxysAbsoluteFormIsTheSamePage) {
    EXPECT_EQ(status(ask("GET", "http://bide.example:8080/healthz?x")), 200);
    EXPECT_EQ(std::get<SubmitPlan>(ask("POST", "http://bide.example")).queue, 0U);
    EXPECT_EQ(status(ask("GET", "bide.example/healthz")), 404);
}

TEST_F(ContractTest, ReadinessIsTheEngines) {
    EXPECT_EQ(status(ask("GET", "/readyz")), 200);
    engine.state = {false, "the disk is full"};
    const Plan plan = ask("GET", "/readyz");
    EXPECT_EQ(status(plan), 503);
    EXPECT_NE(std::get<wire::Reply>(plan).body.bytes.find("the disk is full"), std::string::npos);
    EXPECT_EQ(status(ask("GET", "/healthz")), 200);
}

TEST_F(ContractTest, ASuccessIsTheHandlersOwnAnswer) {
    core::Outcome outcome;
    outcome.state = core::JobState::succeeded;
    outcome.content_type = "audio/wav";
    outcome.body.bytes = "RIFF";
    outcome.attempts = 2;
    const wire::Reply reply = contract.answer(waiting, finished(outcome), Time{});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body.bytes, "RIFF");
    EXPECT_TRUE(has(reply, "Content-Type: audio/wav"));
    EXPECT_TRUE(has(reply, std::string("Bide-Job-Id: ") + kId));
    EXPECT_TRUE(has(reply, "Bide-Attempts: 2"));
    EXPECT_TRUE(has(reply, "Bide-Durability: fsync"));
    EXPECT_TRUE(has(reply, std::string("Content-Location: /jobs/") + kId + "/result"));
}

TEST_F(ContractTest, AFailureIsAProblemWithItsOwner) {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::handler;
    outcome.detail = "exit status 65";
    outcome.attempts = 1;
    wire::Reply reply = contract.answer(waiting, finished(outcome), Time{});
    EXPECT_EQ(reply.status, 502);
    EXPECT_TRUE(has(reply, "Bide-Error-Source: handler"));
    EXPECT_TRUE(has(reply, "Content-Type: application/problem+json"));
    EXPECT_NE(reply.body.bytes.find("\"retry\":\"unsafe\""), std::string::npos);

    outcome.kind = core::FailureKind::timeout;
    EXPECT_EQ(contract.answer(waiting, finished(outcome), Time{}).status, 504);
    outcome.kind = core::FailureKind::cancelled;
    EXPECT_EQ(contract.answer(waiting, finished(outcome), Time{}).status, 409);
}

TEST_F(ContractTest, WhoDoesNotWaitGetsTheSameShapeHoweverFastTheJobWas) {
    SubmitPlan plan;
    plan.wait.at_limit = wire::AtLimit::accepted;
    core::Outcome outcome;
    outcome.state = core::JobState::succeeded;
    const wire::Reply reply = contract.answer(plan, finished(outcome), Time{});
    EXPECT_EQ(reply.status, 202);
    EXPECT_NE(reply.body.bytes.find("\"state\":\"succeeded\""), std::string::npos);
}

TEST_F(ContractTest, WhoSaidNothingDoesNotTakeATwoHundredForDone) {
    SubmitPlan plan;
    plan.wait.wait = 60s;
    wire::Reply reply = contract.answer(plan, open(), Time{});
    EXPECT_EQ(reply.status, 504);
    EXPECT_TRUE(has(reply, std::string("Location: /jobs/") + kId));

    plan.wait.at_limit = wire::AtLimit::accepted;
    plan.wait.applied = "wait=60";
    reply = contract.answer(plan, open(), Time{});
    EXPECT_EQ(reply.status, 202);
    EXPECT_TRUE(has(reply, "Preference-Applied: wait=60"));

    plan.wait.at_limit = wire::AtLimit::redirect;
    reply = contract.answer(plan, open(), Time{});
    EXPECT_EQ(reply.status, 303);
    EXPECT_TRUE(has(reply, std::string("Location: /jobs/") + kId + "/result"));
}

TEST_F(ContractTest, ADrainingServerSaysWhereTheJobIs) {
    const wire::Reply reply = contract.answer(SubmitPlan{}, open(Answer::Kind::draining), Time{});
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(has(reply, std::string("Location: /jobs/") + kId));
    EXPECT_TRUE(has(reply, "Retry-After: 1"));
}

TEST_F(ContractTest, WhatCannotBeCancelledAnyMoreIsAConflict) {
    AskPlan plan;
    plan.what = AskPlan::What::cancel;
    core::Outcome outcome;
    outcome.state = core::JobState::cancelled;
    outcome.kind = core::FailureKind::cancelled;
    EXPECT_EQ(contract.answer(plan, finished(outcome), Time{}).status, 200);
    outcome.state = core::JobState::succeeded;
    outcome.kind = core::FailureKind::none;
    EXPECT_EQ(contract.answer(plan, finished(outcome), Time{}).status, 409);
}

TEST_F(ContractTest, ARefusalKeepsItsReason) {
    Answer refused;
    refused.kind = Answer::Kind::refused;
    refused.error = {Code::overloaded, Retry::safe, "the queue is full", 7};
    const wire::Reply reply = contract.answer(SubmitPlan{}, refused, Time{});
    EXPECT_EQ(reply.status, 503);
    EXPECT_TRUE(has(reply, "Retry-After: 7"));
    EXPECT_TRUE(has(reply, "Bide-Error-Source: bide"));
}

}  // namespace
}  // namespace bide::service
