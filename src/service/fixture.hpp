#pragma once

#include "service/contract.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

/// For the tests of this folder.
namespace bide::service {

using core::Answer;

constexpr const char* kId = "01a20758-2da9-7000-8005-af63a695e97c";

/// Writes down what it is asked; the tests answer.
class FakeEngine : public ports::Engine {
  public:
    struct Asked {
        std::string what;
        JobId job;
        core::Wait wait;
        core::QueueIndex queue = 0;
        std::uint32_t count_max = 0;
    };

    ports::EngineHealth state{true, {}};
    ports::EngineFacts known;
    std::vector<Asked> asked;
    std::vector<core::event::Submit> submitted;
    std::vector<core::WaiterId> left;
    ports::ListQuery listed;
    ports::AnswerSink* sink = nullptr;

    std::uint8_t add_sink(ports::AnswerSink& added) override {
        sink = &added;
        return 3;
    }
    ports::NewId make_id() override {
        ++ids_;
        JobId id = parse_job_id(kId).value();
        id.bytes[15] = static_cast<std::uint8_t>(ids_);
        return {id, ids_};
    }
    void submit(core::event::Submit&& submit) override { submitted.push_back(std::move(submit)); }
    void join(const JobId& job, const core::Wait& wait) override { note("join", job, wait); }
    void cancel(const JobId& job, const core::Wait& wait) override { note("cancel", job, wait); }
    void leave(core::WaiterId waiter) override { left.push_back(waiter); }
    void redrive(const JobId& job, const core::Wait& wait) override { note("redrive", job, wait); }
    void redrive_queue(core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait)
        override {
        asked.push_back({"redrive_queue", {}, wait, queue, count_max});
    }
    void set_paused(core::event::SetPaused&& change) override {
        asked.push_back({change.paused ? "pause" : "resume", {}, change.wait, change.queue, 0});
    }
    void list(const ports::ListQuery& query, const core::Wait& wait) override {
        listed = query;
        asked.push_back({"list", {}, wait, query.queue, query.count_max});
    }
    ports::EngineFacts facts() const override { return known; }
    ports::EngineHealth health() const override { return state; }
    std::string_view durability() const override { return "fsync"; }

  private:
    void note(const char* what, const JobId& job, const core::Wait& wait) {
        asked.push_back({what, job, wait, 0, 0});
    }

    std::int64_t ids_ = 0;
};

class ContractTest : public testing::Test {
  protected:
    static constexpr Time kNow{std::chrono::hours(24 * 365 * 50)};

    ContractTest() { restart(rules()); }

    static ContractRules rules() {
        ContractRules rules;
        rules.queues = {{"speak", std::chrono::hours(1)}, {"chart"}, {std::string(kBatchQueue)}};
        rules.default_queue = "speak";
        rules.max_wait = std::chrono::seconds(60);
        return rules;
    }
    void restart(ContractRules rules) {
        engine.known.queues.resize(rules.queues.size());
        contract = std::make_unique<Contract>(std::move(rules), engine);
    }

    Plan ask(
        std::string_view method, std::string_view target, std::vector<wire::Field> fields = {}
    ) {
        return contract->understand({method, target, fields}, {kNow, 7});
    }
    static std::uint16_t status(const Plan& plan) {
        const auto* reply = std::get_if<wire::Reply>(&plan);
        return reply == nullptr ? 0 : reply->status;
    }
    /// The detail of a refusal, and all else that its body says.
    static std::string text(const Plan& plan) {
        const auto* reply = std::get_if<wire::Reply>(&plan);
        return reply == nullptr ? std::string("not a reply") : reply->body.bytes;
    }
    static JobId id() { return parse_job_id(kId).value(); }
    static Answer about(Answer::Kind kind) {
        Answer answer;
        answer.kind = kind;
        answer.facts.id = id();
        return answer;
    }
    static Answer open(Answer::Kind kind = Answer::Kind::open) { return about(kind); }
    static Answer refused(Error error) {
        Answer answer;
        answer.error = std::move(error);
        return answer;
    }
    static Answer finished(core::Outcome outcome) {
        Answer answer = about(Answer::Kind::finished);
        answer.facts.queue = outcome.queue;
        answer.facts.tenant = outcome.tenant;
        answer.outcome = std::make_shared<core::Outcome>(std::move(outcome));
        return answer;
    }
    static core::Outcome good(std::string body = "RIFF", std::string type = "audio/wav") {
        core::Outcome outcome;
        outcome.state = core::JobState::succeeded;
        outcome.content_type = std::move(type);
        outcome.body.bytes = std::move(body);
        outcome.attempts = 2;
        outcome.finished = kNow;
        return outcome;
    }
    static SubmitPlan waits_a_minute() {
        SubmitPlan plan;
        plan.wait.wait = std::chrono::seconds(60);
        return plan;
    }

    FakeEngine engine;
    std::unique_ptr<Contract> contract;
    const SubmitPlan waiting = waits_a_minute();
};

inline bool has(const wire::Reply& reply, const std::string& line) {
    return ("\r\n" + reply.headers.lines()).find("\r\n" + line + "\r\n") != std::string::npos;
}

inline bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace bide::service
