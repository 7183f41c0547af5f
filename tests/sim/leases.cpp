#include "leases.hpp"

#include "violation.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace bide::sim {

using core::FailureKind;
using core::JobState;
using Verdict = core::AttemptResult::Verdict;

std::uint64_t G6::started(const core::StartAttempt& start, Time now, const Limits& limits) {
    const auto& rules = *limits.rules;
    for (const auto serial : running_) {
        const auto& other = attempts_[serial];
        require(other.job != start.job || other.lost, "G6", "a job runs twice at once", start.job);
    }
    require(running(start.queue) < rules.concurrency, "G6", "over the concurrency", start.job);
    const auto last = latest_.find(start.job);
    if (last != latest_.end()) {
        const auto& before = attempts_[last->second];
        require(start.attempt > before.number, "G6", "attempt numbers do not grow", start.job);
        const bool again = before.lost || before.verdict == Verdict::retry;
        require(again, "G6", "runs again after it had ended for good", start.job);
    }
    require(
        limits.reconfigured || start.attempt <= limits.attempts_max,
        "G6",
        "more attempts than allowed",
        start.job
    );
    require(
        limits.reconfigured || start.attempts_max == limits.attempts_max,
        "G6",
        "promises another number of attempts",
        start.job
    );
    const auto leases = std::count_if(running_.begin(), running_.end(), [&](std::uint64_t serial) {
        const auto& other = attempts_[serial];
        return !other.lost && other.queue == start.queue && other.tenant == limits.tenant;
    });
    require(
        limits.tenant_concurrency == 0 ||
            static_cast<std::uint64_t>(leases) < limits.tenant_concurrency,
        "fair",
        "over the tenant's concurrency",
        start.job
    );
    require(start.deadline == now + rules.timeout, "G6", "a lease of wrong length", start.job);

    const std::uint64_t serial = attempts_.size();
    attempts_.push_back({start.job, start.queue, start.attempt, start.deadline, limits.tenant});
    running_.push_back(serial);
    latest_[start.job] = serial;
    return serial;
}

void G6::stopped(const core::StopAttempt& stop) {
    if (Attempt* attempt = find(stop.job, stop.attempt)) attempt->lost = true;
}

void G6::halted(const core::StopAttempt& stop) {
    if (Attempt* attempt = find(stop.job, stop.attempt)) attempt->halted = true;
}

void G6::nobody_overstays(Time now, Duration slack) const {
    for (const auto serial : running_) {
        const auto& attempt = attempts_[serial];
        const bool entitled = attempt.lost || attempt.halted || attempt.deadline + slack >= now;
        require(entitled, "G6", "an attempt runs past its lease", attempt.job);
    }
}

void G6::counted(const JobId& job, std::uint32_t attempts) const {
    const auto last = latest_.find(job);
    if (last == latest_.end()) return;
    const auto& attempt = attempts_[last->second];
    const bool counts = attempt.lost || !attempt.halted;
    require(
        attempts == attempt.number - (counts ? 0 : 1), "G6", "the stored attempts are wrong", job
    );
}

void G6::ended(const core::event::AttemptEnded& ended) {
    Attempt* attempt = find(ended.job, ended.attempt);
    require(attempt != nullptr, "G6", "the simulator ended an attempt twice", ended.job);
    attempt->running = false;
    attempt->verdict = ended.result.verdict;
    std::erase_if(running_, [&](std::uint64_t serial) { return !attempts_[serial].running; });
}

void G6::decided(const JobId& job, const core::Outcome& outcome, std::uint32_t attempts_max) const {
    for (const auto serial : running_) {
        const auto& attempt = attempts_[serial];
        require(attempt.job != job || attempt.lost, "G6", "ended, yet it runs on", job);
    }
    if (outcome.state == JobState::succeeded) return decided_by_attempt(job, outcome, attempts_max);
    if (outcome.state == JobState::expired)
        return require(outcome.attempts == 0, "G6", "expired although it had started", job);
    if (outcome.state != JobState::failed) return;
    if (outcome.kind != FailureKind::timeout) return decided_by_attempt(job, outcome, attempts_max);
    const auto last = latest_.find(job);
    require(
        last != latest_.end() && attempts_[last->second].lost,
        "G6",
        "timed out, yet not stopped",
        job
    );
    require(outcome.attempts >= attempts_max, "G6", "gave up with attempts left", job);
}

void G6::decided_by_attempt(
    const JobId& job, const core::Outcome& outcome, std::uint32_t attempts_max
) const {
    const bool success = outcome.state == JobState::succeeded;
    const std::string_view text = success ? outcome.body.bytes : outcome.detail;
    std::uint64_t serial = attempts_.size();
    if (text.size() > 1 && text[0] == (success ? 'r' : 'f'))
        std::from_chars(text.data() + 1, text.data() + text.size(), serial);
    // A driver that could not read the input says so itself; that is never an outcome.
    require(serial < attempts_.size(), "G6", "an outcome that no attempt returned", job);
    const Attempt& attempt = attempts_[serial];
    require(attempt.job == job, "G6", "the outcome of another job", job);
    require(!attempt.running, "G6", "an outcome before its attempt ended", job);
    require(!attempt.lost, "G6", "the result of an attempt that had lost its lease", job);
    require(success || !attempt.halted, "G6", "failed only because it was halted", job);
    require(attempt.number == outcome.attempts, "G6", "the number of attempts is wrong", job);
    require(success == (attempt.verdict == Verdict::success), "G6", "not what it returned", job);
    require(
        success || attempt.verdict == Verdict::fail || attempt.number >= attempts_max,
        "G6",
        "gave up with attempts left",
        job
    );
}

void G6::crashed() {
    for (const auto serial : running_) {
        attempts_[serial].running = false;
        attempts_[serial].lost = true;
    }
    running_.clear();
    latest_.clear();
}

void G6::redriven(const JobId& job) {
    const auto last = latest_.find(job);
    if (last != latest_.end()) attempts_[last->second].verdict = Verdict::retry;
}

bool G6::runs(const JobId& job) const {
    const auto last = latest_.find(job);
    if (last == latest_.end()) return false;
    const auto& attempt = attempts_[last->second];
    return attempt.running && !attempt.lost && !attempt.halted;
}

bool G6::holds(const JobId& job) const {
    return std::any_of(running_.begin(), running_.end(), [&](std::uint64_t serial) {
        return attempts_[serial].job == job;
    });
}

bool G6::current(const JobId& job, std::uint32_t number) const {
    return std::any_of(running_.begin(), running_.end(), [&](std::uint64_t serial) {
        const auto& attempt = attempts_[serial];
        return attempt.job == job && attempt.number == number && !attempt.lost;
    });
}

std::uint64_t G6::running(core::QueueIndex queue) const {
    return static_cast<std::uint64_t>(std::count_if(
        running_.begin(),
        running_.end(),
        [&](std::uint64_t serial) { return attempts_[serial].queue == queue; }
    ));
}

std::uint64_t G6::leased(core::QueueIndex queue) const {
    return static_cast<std::uint64_t>(std::count_if(
        running_.begin(),
        running_.end(),
        [&](std::uint64_t serial) {
            return attempts_[serial].queue == queue && !attempts_[serial].lost;
        }
    ));
}

G6::Attempt* G6::find(const JobId& job, std::uint32_t number) {
    for (const auto serial : running_) {
        auto& attempt = attempts_[serial];
        if (attempt.job == job && attempt.number == number) return &attempt;
    }
    return nullptr;
}

}  // namespace bide::sim
