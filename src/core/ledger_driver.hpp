#pragma once

#include "core/ledger.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bide::core::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Drives a ledger by hand, for its unit tests: time moves and commits return when the test says
/// so. Everything the ledger asked for is kept, in its order.
class Driver {
  public:
    explicit Driver(QueueRules rules = {}, LedgerLimits limits = {}, Tenancy tenancy = {})
        : ledger({rules}, limits, 1, std::move(tenancy)), ids_(2, 0) {}

    Ledger ledger;
    Time now{seconds(1'700'000'000)};
    std::vector<StartAttempt> starts;
    std::vector<StopAttempt> stops;
    std::vector<Answer> answers;
    std::vector<JobId> lookups;
    WriteGroup group;  ///< the last one taken

    void step(Event&& event) {
        Effects effects;
        ledger.step(std::move(event), now, effects);
        for (auto& start : effects.starts) starts.push_back(std::move(start));
        for (auto& stop : effects.stops) stops.push_back(stop);
        for (auto& answer : effects.answers) answers.push_back(std::move(answer));
        for (auto& id : effects.lookups) lookups.push_back(id);
    }

    /// The times are from now.
    struct Job {
        Duration wait = seconds(60);
        Duration not_before{};
        Duration start_by = Duration::max();
        std::string body = "input";
        std::string tenant{};
        std::uint8_t priority = kPriorityDefault;
        Follow follow = Follow::no;
        OnLeave on_leave = OnLeave::go_on;
        std::optional<JobId> id{};  ///< of the caller's choice
    };

    /// Returns the id; the waiter gets the next number, from 1 on.
    JobId submit() { return submit(Job{}); }
    JobId submit(const Job& job) {
        auto input = std::make_shared<JobInput>();
        input->id = ids_.make(now);
        input->sequence = input->id.sequence();
        if (job.id) input->id = *job.id;
        input->created = now;
        input->body.bytes = job.body;
        input->tenant = job.tenant;
        input->priority = job.priority;
        input->fingerprint = print(job.body);
        const JobId id = input->id;
        event::Submit submit{std::move(input), wait(job.wait)};
        submit.wait.follow = job.follow;
        submit.wait.on_leave = job.on_leave;
        if (job.id) submit.origin = IdOrigin::caller;
        if (job.not_before > Duration(0)) submit.not_before = now + job.not_before;
        if (job.start_by != Duration::max()) submit.start_by = now + job.start_by;
        step(std::move(submit));
        return id;
    }

    /// The number of the wait that was begun last.
    WaiterId last_waiter() const { return next_waiter_ - 1; }
    static Fingerprint print(const std::string& body) {
        Fingerprint made{};
        for (std::size_t i = 0; i < body.size(); ++i)
            made[i % made.size()] ^= static_cast<std::uint8_t>(body[i]);
        return made;
    }

    WaiterId redrive(const JobId& id, Duration patience = seconds(60)) {
        const Wait begun = wait(patience);
        step(event::Redrive{id, begun});
        return begun.id;
    }
    WaiterId set_paused(bool paused) {
        const Wait begun = wait({});
        step(event::SetPaused{0, paused, begun});
        return begun.id;
    }
    WaiterId follow(const JobId& id, Duration patience = seconds(60)) {
        Wait begun = wait(patience);
        begun.follow = Follow::yes;
        step(event::Join{id, begun});
        return begun.id;
    }
    void leave(WaiterId waiter) { step(event::Leave{waiter}); }

    /// What the store has of a job, from the write that finished it.
    static std::shared_ptr<const StoredJob> stored(const Write& write, Time expires) {
        const std::uint64_t bytes = write.input ? write.input->body.size() : 0;
        return std::make_shared<const StoredJob>(StoredJob{
            write.outcome, write.sequence, write.fingerprint, write.priority, bytes, expires});
    }
    void looked_up(const JobId& id, std::shared_ptr<const StoredJob> found = nullptr) {
        step(event::LookedUp{id, std::move(found), std::nullopt});
    }

    WaiterId join(const JobId& id, Duration patience = seconds(60)) {
        const Wait begun = wait(patience);
        step(event::Join{id, begun});
        return begun.id;
    }
    WaiterId cancel(const JobId& id, Duration patience = seconds(60)) {
        const Wait begun = wait(patience);
        step(event::Cancel{id, begun});
        return begun.id;
    }

    void end(
        const JobId& id,
        std::uint32_t attempt,
        AttemptResult::Verdict verdict,
        const std::string& text = "result"
    ) {
        AttemptResult result;
        result.verdict = verdict;
        (verdict == AttemptResult::Verdict::success ? result.body.bytes : result.detail) = text;
        step(event::AttemptEnded{id, attempt, 0, std::move(result)});
    }
    void succeed(const JobId& id, std::uint32_t attempt = 1, const std::string& text = "result") {
        end(id, attempt, AttemptResult::Verdict::success, text);
    }

    /// The clock goes on, and the timer fires if its time has come.
    void pass(Duration span) {
        now += span;
        if (ledger.next_timer() <= now) step(event::Tick{});
    }

    std::size_t take(std::size_t count_max = 1000) {
        group.clear();
        ledger.take_writes(count_max, 1 << 20, group);
        return group.jobs.size();
    }
    void commit() {
        take();
        step(event::Committed{});
    }
    void commit_fails() {
        take();
        step(event::CommitFailed{});
    }

    std::vector<Answer::Kind> kinds(WaiterId waiter) const {
        std::vector<Answer::Kind> all;
        for (const auto& answer : answers) {
            if (answer.waiter == waiter) all.push_back(answer.kind);
        }
        return all;
    }
    /// Null while it waits. Only the first: the tests of "once" look at `answers`.
    const Answer* answer(WaiterId waiter) const {
        for (const auto& answer : answers) {
            if (answer.waiter == waiter) return &answer;
        }
        return nullptr;
    }

    void recover(const JobId& id, std::uint32_t attempts, Time start_by = kNever) {
        event::Recovered job;
        job.job = id;
        job.attempts = attempts;
        job.created = now;
        job.start_by = start_by;
        job.input_bytes = 5;
        step(std::move(job));
    }
    JobId make_id() { return ids_.make(now); }

  private:
    Wait wait(Duration patience) { return {next_waiter_++, now + patience}; }

    IdMaker ids_;
    WaiterId next_waiter_ = 1;
};

}  // namespace bide::core::test
