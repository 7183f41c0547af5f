#include "contract/engine_suite.hpp"

#include "runtime/turn.hpp"

#include <boost/asio/post.hpp>

#include <chrono>
#include <utility>

namespace bide::contract {

using core::Answer;
using core::AttemptResult;
using core::JobState;
using namespace std::chrono_literals;

namespace {

/// Longer than any machine needs; a test that runs into it has failed.
constexpr auto kPatience = 30s;

AttemptResult ended(AttemptResult::Verdict verdict, std::string body) {
    AttemptResult result;
    result.verdict = verdict;
    result.content_type = "text/plain";
    if (verdict == AttemptResult::Verdict::success)
        result.body.bytes = std::move(body);
    else
        result.detail = std::move(body);
    return result;
}

AttemptResult succeeded(std::string body) {
    return ended(AttemptResult::Verdict::success, std::move(body));
}
AttemptResult wants_retry(std::string why) {
    return ended(AttemptResult::Verdict::retry, std::move(why));
}
AttemptResult failed(std::string why) {
    return ended(AttemptResult::Verdict::fail, std::move(why));
}

}  // namespace

void Inbox::deliver(std::vector<Answer>&& answers) {
    const std::lock_guard lock(mutex_);
    for (auto& answer : answers) {
        ++count_;
        if (!answer.last()) {
            EXPECT_FALSE(answers_.contains(answer.waiter)) << "news after the end";
            news_[answer.waiter].push_back(std::move(answer));
            continue;
        }
        const bool first = answers_.emplace(answer.waiter, std::move(answer)).second;
        EXPECT_TRUE(first) << "a waiter was answered twice";
    }
    changed_.notify_all();
}

Answer Inbox::wait_for(core::WaiterId waiter) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, kPatience, [&] { return answers_.contains(waiter); });
    EXPECT_TRUE(came) << "waiter " << waiter << " was never answered";
    return came ? answers_.at(waiter) : Answer{};
}

Answer Inbox::news(core::WaiterId waiter, std::size_t which) {
    std::unique_lock lock(mutex_);
    const auto& told = news_[waiter];
    const bool came = changed_.wait_for(lock, kPatience, [&] { return told.size() > which; });
    EXPECT_TRUE(came) << "waiter " << waiter << " was not told";
    return came ? told[which] : Answer{};
}

std::size_t Inbox::count() const {
    const std::lock_guard lock(mutex_);
    return count_;
}

void HeldHandler::start(ports::Attempt attempt, ports::Completion done) {
    const std::lock_guard lock(mutex_);
    started_.push_back({std::move(attempt), std::move(done)});
    changed_.notify_all();
}

HeldHandler::Held HeldHandler::take() {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, kPatience, [this] { return !started_.empty(); });
    if (!came) throw std::runtime_error("no attempt was started");
    Held held = std::move(started_.front());
    started_.pop_front();
    return held;
}

bool HeldHandler::none_started() const {
    const std::lock_guard lock(mutex_);
    return started_.empty();
}

namespace {

/// What the tests have in common: one inbox, and short words for calls.
struct Bench {
    explicit Bench(const MakeEngine& make) : under_test(make()) { attach(); }

    void attach() { sink = under_test->engine().add_sink(inbox); }
    core::WaiterId waiter() { return ports::make_waiter_id(sink, ++last_waiter); }
    core::Wait wait(Duration span) { return {waiter(), under_test->now() + span}; }

    struct Posted {
        JobId job;
        core::WaiterId waiter;
    };
    std::shared_ptr<core::JobInput> input(std::string body, Queue queue) {
        auto input = std::make_shared<core::JobInput>();
        input->queue = queue;
        const ports::NewId made = engine().make_id();
        input->id = made.id;
        input->sequence = made.sequence;
        input->created = under_test->now();
        input->content_type = "text/plain";
        input->body.bytes = std::move(body);
        return input;
    }
    Posted post(std::string body, Duration span, Queue queue = kHeld) {
        auto made = input(std::move(body), queue);
        const JobId id = made->id;
        const core::Wait asked = wait(span);
        engine().submit({std::move(made), asked, under_test->now()});
        return {id, asked.id};
    }
    /// Under an id that the caller chose. The fingerprint is the body's first byte.
    Posted put(const JobId& id, std::string body, Duration span) {
        auto made = input(std::move(body), kHeld);
        made->id = id;
        made->fingerprint[0] = static_cast<std::uint8_t>(made->body.bytes.at(0));
        const core::Wait asked = wait(span);
        engine().submit({std::move(made), asked, under_test->now(), kNever, core::IdOrigin::caller}
        );
        return {id, asked.id};
    }
    Answer redrive(const JobId& job) {
        const core::Wait asked = wait(Duration(0));
        engine().redrive(job, asked);
        return inbox.wait_for(asked.id);
    }
    Answer set_paused(bool paused) {
        const core::Wait asked = wait(10min);
        engine().set_paused({kHeld, paused, asked});
        return inbox.wait_for(asked.id);
    }
    Answer list(std::optional<JobState> state, std::uint32_t count_max, std::int64_t before = 0) {
        const core::Wait asked = wait(10min);
        engine().list({kHeld, state, std::nullopt, before, count_max}, asked);
        return inbox.wait_for(asked.id);
    }
    Answer ask(const JobId& job, Duration span = Duration(0)) {
        const core::Wait asked = wait(span);
        engine().join(job, asked);
        return inbox.wait_for(asked.id);
    }
    ports::Engine& engine() { return under_test->engine(); }
    HeldHandler& handler() { return under_test->handler(); }

    Inbox inbox;
    std::unique_ptr<EngineUnderTest> under_test;
    std::uint8_t sink = 0;
    std::uint64_t last_waiter = 0;
};

}  // namespace

TEST_P(EngineSuite, AWaiterGetsTheResultAndSoDoesWhoAsksLater) {
    Bench bench(GetParam().second);
    const auto job = bench.post("hello", 10min);
    auto held = bench.handler().take();
    EXPECT_EQ(held.attempt.input->body.bytes, "hello");
    EXPECT_EQ(held.attempt.number, 1U);
    held.done(succeeded("world"));
    for (const Answer& answer : {bench.inbox.wait_for(job.waiter), bench.ask(job.job)}) {
        EXPECT_EQ(answer.kind, Answer::Kind::finished);
        EXPECT_EQ(answer.outcome->state, JobState::succeeded);
        EXPECT_EQ(answer.outcome->body.bytes, "world");
        EXPECT_EQ(answer.facts.id, job.job);
    }
}

TEST_P(EngineSuite, EveryWaiterGetsTheSame) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    const core::Wait second = bench.wait(10min);
    bench.engine().join(job.job, second);
    bench.handler().take().done(succeeded("once"));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).outcome->body.bytes, "once");
    EXPECT_EQ(bench.inbox.wait_for(second.id).outcome->body.bytes, "once");
}

TEST_P(EngineSuite, WhatComesInOneTurnOfAThreadIsDoneAtItsEnd) {
    Bench bench(GetParam().second);
    runtime::net::io_context context{1};
    const auto in_one_turn = [&](auto does) {
        for (int i = 0; i < 2; ++i) runtime::net::post(context, does);
        context.restart();
        runtime::run_in_turns(context);
    };
    std::vector<core::WaiterId> asked;
    in_one_turn([&] { asked.push_back(bench.post("x", 10min).waiter); });
    std::vector<HeldHandler::Held> held;
    for (std::size_t i = 0; i < asked.size(); ++i) held.push_back(bench.handler().take());
    in_one_turn([&] {
        held.back().done(succeeded("y"));
        held.pop_back();
    });
    for (const auto waiter : asked)
        EXPECT_EQ(bench.inbox.wait_for(waiter).kind, Answer::Kind::finished);
}

TEST_P(EngineSuite, AWaitThatIsOverNamesAJobThatGoesOn) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", Duration(0));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).kind, Answer::Kind::open);
    EXPECT_EQ(bench.ask(job.job).kind, Answer::Kind::open);
    bench.handler().take().done(succeeded("done"));
    EXPECT_EQ(bench.ask(job.job, 10min).outcome->body.bytes, "done");
}

TEST_P(EngineSuite, AFailureIsRetriedAndThenSucceeds) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    bench.handler().take().done(wants_retry("not yet"));
    auto second = bench.handler().take();
    EXPECT_EQ(second.attempt.number, 2U);
    second.done(succeeded("now"));
    const Answer answer = bench.inbox.wait_for(job.waiter);
    EXPECT_EQ(answer.outcome->attempts, 2U);
    EXPECT_EQ(answer.outcome->body.bytes, "now");
}

TEST_P(EngineSuite, AfterTheLastAttemptTheJobHasFailed) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    for (int attempt = 1; attempt <= 3; ++attempt)
        bench.handler().take().done(wants_retry("no " + std::to_string(attempt)));
    const Answer answer = bench.inbox.wait_for(job.waiter);
    EXPECT_EQ(answer.outcome->state, JobState::failed);
    EXPECT_EQ(answer.outcome->detail, "no 3");
    EXPECT_EQ(answer.outcome->attempts, 3U);
}

TEST_P(EngineSuite, AFailureForGoodIsNotRetried) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    bench.handler().take().done(failed("never"));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).outcome->attempts, 1U);
}

TEST_P(EngineSuite, AHandlerThatDropsItsCompletionIsRetried) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    { const auto dropped = bench.handler().take(); }
    bench.handler().take().done(succeeded("second"));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).outcome->attempts, 2U);
}

TEST_P(EngineSuite, NoMoreRunThanTheConcurrency) {
    Bench bench(GetParam().second);
    for (int i = 0; i < 3; ++i) bench.post("x", 10min);
    auto first = bench.handler().take();
    auto second = bench.handler().take();
    EXPECT_TRUE(bench.handler().none_started());
    first.done(succeeded(""));
    bench.handler().take().done(succeeded(""));
    second.done(succeeded(""));
}

TEST_P(EngineSuite, AFullQueueRefusesAndKeepsNothing) {
    Bench bench(GetParam().second);
    for (int i = 0; i < 8; ++i) bench.post("x", 10min);
    const auto refused = bench.post("x", 10min);
    const Answer answer = bench.inbox.wait_for(refused.waiter);
    EXPECT_EQ(answer.kind, Answer::Kind::refused);
    EXPECT_EQ(answer.error.code, Code::overloaded);
    EXPECT_EQ(answer.error.retry, Retry::safe);
    EXPECT_GE(answer.error.retry_after_s, 1);
    EXPECT_EQ(bench.ask(refused.job).error.code, Code::not_found);
    for (int i = 0; i < 8; ++i) bench.handler().take().done(succeeded(""));
}

TEST_P(EngineSuite, AQueuedJobIsCancelledAtOnce) {
    Bench bench(GetParam().second);
    bench.post("x", 10min);
    bench.post("x", 10min);
    auto first = bench.handler().take();
    auto second = bench.handler().take();
    const auto queued = bench.post("x", 10min);
    const core::Wait asked = bench.wait(10min);
    bench.engine().cancel(queued.job, asked);
    EXPECT_EQ(bench.inbox.wait_for(asked.id).outcome->state, JobState::cancelled);
    EXPECT_EQ(bench.inbox.wait_for(queued.waiter).outcome->state, JobState::cancelled);
    first.done(succeeded(""));
    second.done(succeeded(""));
    EXPECT_TRUE(bench.handler().none_started());
}

TEST_P(EngineSuite, ARunningJobIsStoppedAndItsLateResultDoesNotCount) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    auto held = bench.handler().take();
    const core::Wait asked = bench.wait(10min);
    bench.engine().cancel(job.job, asked);
    EXPECT_EQ(bench.inbox.wait_for(asked.id).outcome->state, JobState::cancelled);
    EXPECT_TRUE(held.attempt.stop.stop_requested());
    held.done(succeeded("too late"));
    EXPECT_EQ(bench.ask(job.job).outcome->state, JobState::cancelled);
}

TEST_P(EngineSuite, AnAttemptOutOfTimeIsStoppedEvenWhenTheNextStartsAtOnce) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min, kEager);
    auto first = bench.handler().take();
    auto second = bench.handler().take();
    EXPECT_EQ(second.attempt.number, 2U);
    EXPECT_TRUE(first.attempt.stop.stop_requested());
    second.done(succeeded("in time, or not"));
    EXPECT_NE(bench.inbox.wait_for(job.waiter).outcome, nullptr);
    first.done(succeeded("too late"));
}

TEST_P(EngineSuite, WhoLeavesDoesNotTakeTheJobAlong) {
    Bench bench(GetParam().second);
    const auto job = bench.post("x", 10min);
    auto held = bench.handler().take();
    bench.engine().leave(job.waiter);
    held.done(succeeded("kept"));
    EXPECT_EQ(bench.ask(job.job, 10min).outcome->body.bytes, "kept");
    EXPECT_EQ(bench.inbox.count(), 1U) << "who left is not answered";
}

TEST_P(EngineSuite, AnIdNeverSeenIsNotFound) {
    Bench bench(GetParam().second);
    const Answer answer = bench.ask(bench.engine().make_id().id, 10min);
    EXPECT_EQ(answer.kind, Answer::Kind::refused);
    EXPECT_EQ(answer.error.code, Code::not_found);
}

TEST_P(EngineSuite, ResultsAndOpenJobsOutliveARestart) {
    Bench bench(GetParam().second);
    const auto done = bench.post("x", 10min);
    bench.handler().take().done(succeeded("kept"));
    bench.inbox.wait_for(done.waiter);
    bench.set_paused(true);  // or an attempt of before could be taken for one of after
    const auto open = bench.post("again", Duration(0));
    bench.inbox.wait_for(open.waiter);
    bench.under_test->restart();
    bench.attach();
    bench.set_paused(false);

    EXPECT_EQ(bench.ask(done.job).outcome->body.bytes, "kept");
    auto held = bench.handler().take();
    EXPECT_EQ(held.attempt.input->id, open.job);
    EXPECT_EQ(held.attempt.input->body.bytes, "again");
    held.done(succeeded("after"));
    EXPECT_EQ(bench.ask(open.job, 10min).outcome->body.bytes, "after");
}

TEST_P(EngineSuite, ADrainAnswersWhoWaitsForWhatDoesNotRun) {
    Bench bench(GetParam().second);
    const auto first = bench.post("x", 10min);
    const auto second = bench.post("x", 10min);
    auto held_first = bench.handler().take();
    auto held_second = bench.handler().take();
    const auto queued = bench.post("x", 10min);
    std::thread drain([&] { bench.under_test->drain(); });
    EXPECT_EQ(bench.inbox.wait_for(queued.waiter).kind, Answer::Kind::draining);
    const auto late = bench.post("x", 10min);
    EXPECT_EQ(bench.inbox.wait_for(late.waiter).error.code, Code::shutting_down);
    EXPECT_FALSE(bench.engine().health().ready);
    held_first.done(succeeded("a"));
    held_second.done(succeeded("b"));
    EXPECT_EQ(bench.inbox.wait_for(first.waiter).outcome->body.bytes, "a");
    EXPECT_EQ(bench.inbox.wait_for(second.waiter).outcome->body.bytes, "b");
    drain.join();
    bench.under_test->restart();
    bench.attach();
    bench.handler().take().done(succeeded("c"));
    EXPECT_EQ(bench.ask(queued.job, 10min).outcome->body.bytes, "c");
}

TEST_P(EngineSuite, ACallersIdIsOneJobBeforeAndAfterItsEndAndARestart) {
    Bench bench(GetParam().second);
    const JobId id = parse_job_id("11111111-2222-4333-8444-555555555555").value();
    const auto first = bench.put(id, "same", 10min);
    const auto second = bench.put(id, "same", 10min);
    const auto other = bench.put(id, "other", 10min);
    bench.handler().take().done(succeeded("one"));
    EXPECT_TRUE(bench.handler().none_started());
    EXPECT_EQ(bench.inbox.wait_for(first.waiter).outcome->body.bytes, "one");
    EXPECT_EQ(bench.inbox.wait_for(second.waiter).outcome->body.bytes, "one");
    EXPECT_TRUE(bench.inbox.wait_for(second.waiter).replayed);
    EXPECT_EQ(bench.inbox.wait_for(other.waiter).error.code, Code::key_reused);

    bench.under_test->restart();
    bench.attach();
    const Answer replay = bench.inbox.wait_for(bench.put(id, "same", 10min).waiter);
    EXPECT_EQ(replay.outcome->body.bytes, "one");
    EXPECT_TRUE(replay.replayed);
    EXPECT_EQ(
        bench.inbox.wait_for(bench.put(id, "other", 10min).waiter).error.code, Code::key_reused
    );
    EXPECT_EQ(bench.ask(id).outcome->body.bytes, "one");
    EXPECT_TRUE(bench.handler().none_started());
}

TEST_P(EngineSuite, AnOpenJobOfACallersIdOutlivesARestart) {
    Bench bench(GetParam().second);
    const JobId id = parse_job_id("aaaaaaaa-2222-4333-8444-555555555555").value();
    bench.set_paused(true);  // or an attempt of before could be taken for one of after
    EXPECT_EQ(
        bench.inbox.wait_for(bench.put(id, "x", Duration(0)).waiter).kind, Answer::Kind::open
    );
    bench.under_test->restart();
    bench.attach();
    bench.set_paused(false);
    const auto again = bench.put(id, "x", 10min);
    const auto other = bench.put(id, "y", 10min);
    EXPECT_EQ(bench.inbox.wait_for(other.waiter).error.code, Code::key_reused);
    auto held = bench.handler().take();
    EXPECT_EQ(held.attempt.input->body.bytes, "x");
    held.done(succeeded("done"));
    EXPECT_EQ(bench.inbox.wait_for(again.waiter).outcome->body.bytes, "done");
    EXPECT_TRUE(bench.handler().none_started());
}

TEST_P(EngineSuite, AFailedJobRunsAgainWhenRedriven) {
    Bench bench(GetParam().second);
    const auto job = bench.post("input", 10min);
    bench.handler().take().done(failed("no"));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).outcome->state, JobState::failed);
    EXPECT_EQ(bench.redrive(job.job).kind, Answer::Kind::open);
    EXPECT_EQ(bench.redrive(job.job).error.code, Code::conflict) << "it is open";
    auto held = bench.handler().take();
    EXPECT_EQ(held.attempt.number, 2U) << "numbers go on";
    EXPECT_EQ(held.attempt.input->body.bytes, "input");
    held.done(succeeded("better"));
    EXPECT_EQ(bench.ask(job.job, 10min).outcome->body.bytes, "better");
    EXPECT_EQ(bench.redrive(job.job).error.code, Code::conflict) << "it has succeeded";
    EXPECT_EQ(bench.redrive(bench.engine().make_id().id).error.code, Code::not_found);
}

TEST_P(EngineSuite, AQueueOfFailedJobsIsRedrivenInSteps) {
    Bench bench(GetParam().second);
    for (int i = 0; i < 3; ++i) {
        const auto job = bench.post("x", 10min);
        bench.handler().take().done(failed("no"));
        bench.inbox.wait_for(job.waiter);
    }
    EXPECT_EQ(bench.list(JobState::failed, 10).page->jobs.size(), 3U);
    for (const auto& [redriven, more] : {std::pair{2U, true}, std::pair{1U, false}}) {
        const core::Wait asked = bench.wait(10min);
        bench.engine().redrive_queue(kHeld, 2, asked);
        const Answer answer = bench.inbox.wait_for(asked.id);
        EXPECT_EQ(answer.page->redriven, redriven);
        EXPECT_EQ(answer.page->next != 0, more);
        for (unsigned i = 0; i < redriven; ++i) bench.handler().take().done(succeeded("yes"));
    }
}

TEST_P(EngineSuite, APausedQueueStartsNothingAlsoAfterARestart) {
    Bench bench(GetParam().second);
    EXPECT_EQ(bench.set_paused(true).kind, Answer::Kind::applied);
    const auto job = bench.post("x", Duration(0));
    EXPECT_EQ(bench.inbox.wait_for(job.waiter).kind, Answer::Kind::open);
    EXPECT_TRUE(bench.handler().none_started());
    bench.under_test->restart();
    bench.attach();
    EXPECT_TRUE(bench.engine().facts().queues.at(kHeld).paused);
    EXPECT_EQ(bench.ask(job.job).facts.state, JobState::ready);
    EXPECT_TRUE(bench.handler().none_started());
    EXPECT_EQ(bench.set_paused(false).kind, Answer::Kind::applied);
    bench.handler().take().done(succeeded("at last"));
    EXPECT_EQ(bench.ask(job.job, 10min).outcome->body.bytes, "at last");
}

TEST_P(EngineSuite, ListsGoFromTheNewestToTheOldestInPages) {
    Bench bench(GetParam().second);
    std::vector<JobId> jobs;
    for (int i = 0; i < 5; ++i) {
        jobs.push_back(bench.post("x", Duration(0)).job);
        bench.inbox.wait_for(bench.last_waiter | std::uint64_t{bench.sink} << 56);
    }
    const Answer running = bench.list(JobState::running, 10);
    ASSERT_EQ(running.page->jobs.size(), 2U);
    EXPECT_EQ(running.page->jobs[0].facts.id, jobs[1]);
    const Answer first = bench.list(std::nullopt, 2);
    ASSERT_EQ(first.page->jobs.size(), 2U);
    EXPECT_EQ(first.page->jobs[0].facts.id, jobs[4]);
    EXPECT_EQ(first.page->jobs[0].facts.state, JobState::ready);
    const Answer second = bench.list(std::nullopt, 10, first.page->next);
    ASSERT_EQ(second.page->jobs.size(), 3U);
    EXPECT_EQ(second.page->jobs[2].facts.id, jobs[0]);
    EXPECT_EQ(second.page->next, 0);
    for (int i = 0; i < 5; ++i) bench.handler().take().done(succeeded("x"));
    for (const auto& job : jobs) bench.ask(job, 10min);
    EXPECT_EQ(bench.list(std::nullopt, 10).page->jobs.size(), 0U);
    const Answer ended = bench.list(JobState::succeeded, 3);
    ASSERT_EQ(ended.page->jobs.size(), 3U);
    EXPECT_EQ(ended.page->jobs[0].facts.id, jobs[4]);
    EXPECT_NE(ended.page->next, 0);
    EXPECT_EQ(bench.list(JobState::succeeded, 3, ended.page->next).page->jobs.size(), 2U);
}

TEST_P(EngineSuite, AFollowerIsToldWhatHappensOnTheWay) {
    Bench bench(GetParam().second);
    auto made = bench.input("x", kHeld);
    core::Wait asked = bench.wait(10min);
    asked.follow = core::Follow::yes;
    bench.engine().submit({std::move(made), asked, bench.under_test->now()});
    EXPECT_EQ(bench.inbox.news(asked.id, 0).kind, Answer::Kind::accepted);
    auto held = bench.handler().take();
    held.attempt.progress("0.5");
    const Answer progress = bench.inbox.news(asked.id, 1);
    EXPECT_EQ(progress.what, Answer::News::progress);
    EXPECT_EQ(*progress.facts.progress, "0.5");
    held.done(wants_retry("again"));
    EXPECT_EQ(bench.inbox.news(asked.id, 2).what, Answer::News::retry);
    auto second = bench.handler().take();
    EXPECT_EQ(bench.inbox.news(asked.id, 3).what, Answer::News::attempt);
    second.done(succeeded("end"));
    EXPECT_EQ(bench.inbox.wait_for(asked.id).outcome->body.bytes, "end");
}

TEST_P(EngineSuite, WhoWishesSoTakesTheJobAlong) {
    Bench bench(GetParam().second);
    auto made = bench.input("x", kHeld);
    const JobId id = made->id;
    core::Wait asked = bench.wait(10min);
    asked.on_leave = core::OnLeave::cancel;
    bench.engine().submit({std::move(made), asked, bench.under_test->now()});
    auto held = bench.handler().take();
    bench.engine().leave(asked.id);
    EXPECT_EQ(bench.ask(id, 10min).outcome->state, JobState::cancelled);
    EXPECT_TRUE(held.attempt.stop.stop_requested());
    held.done(succeeded("too late"));
}

}  // namespace bide::contract
