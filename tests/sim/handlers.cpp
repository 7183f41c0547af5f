#include "handlers.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace bide::sim {

using core::AttemptResult;
using Verdict = AttemptResult::Verdict;
using std::chrono::milliseconds;

void Handlers::heal() {
    healed_ = true;
    for (auto& running : running_) {
        if (!running.loading && (running.stopped || !running.ends)) ends_in(running, any_time({}));
    }
}

void Handlers::start(std::uint64_t serial, const core::StartAttempt& start) {
    Running running{serial, start, {}, 0, start.input == nullptr, false, false};
    running_.push_back(std::move(running));
    if (start.input) make_plan(running_.back());
}

void Handlers::loaded(std::uint64_t serial) {
    for (auto& running : running_) {
        if (running.serial != serial) continue;
        running.loading = false;
        if (running.stopped) {
            running.result = result(serial, Verdict::retry);
            ends_in(running, {});
        } else {
            make_plan(running);
        }
    }
}

void Handlers::stop(const core::StopAttempt& stop) {
    for (auto& running : running_) {
        if (running.start.job != stop.job || running.start.attempt != stop.attempt) continue;
        running.stopped = true;
        if (running.loading) continue;
        if (options_.ignores_stop && !healed_ && rng_.chance(1, 2)) continue;
        if (options_.succeeds_though_stopped && rng_.chance(1, 2)) {
            running.result = result(running.serial, Verdict::success);
            ends_in(running, any_time(milliseconds(healed_ ? 5 : 700)));
        } else {
            running.result =
                result(running.serial, rng_.chance(1, 4) ? Verdict::fail : Verdict::retry);
            ends_in(running, any_time(milliseconds(5)));
        }
    }
}

const core::StartAttempt* Handlers::running(std::uint64_t serial) const {
    for (const auto& running : running_) {
        if (running.serial == serial) return &running.start;
    }
    return nullptr;
}

std::optional<core::event::AttemptEnded> Handlers::end(std::uint64_t serial, std::uint32_t plan) {
    const auto found = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
        return running.serial == serial && running.plan == plan;
    });
    if (found == running_.end()) return std::nullopt;
    core::event::AttemptEnded ended{
        found->start.job, found->start.attempt, found->start.queue, std::move(found->result)};
    running_.erase(found);
    return ended;
}

void Handlers::make_plan(Running& running) {
    const auto draw =
        rng_.below(options_.succeeds + options_.retries + options_.fails + options_.never_ends);
    Verdict verdict = Verdict::fail;
    if (draw < options_.succeeds)
        verdict = Verdict::success;
    else if (draw < options_.succeeds + options_.retries)
        verdict = Verdict::retry;
    running.result = result(running.serial, verdict);
    const bool never = draw >= options_.succeeds + options_.retries + options_.fails;
    if (never && !healed_) return;
    ends_in(
        running,
        any_time(healed_ ? std::min<Duration>(options_.run_max, milliseconds(5)) : options_.run_max)
    );
}

void Handlers::ends_in(Running& running, Duration delay) {
    running.ends = true;
    timeline_.after(delay, act::AttemptEnds{running.serial, ++running.plan}, life_);
}

Duration Handlers::any_time(Duration max) {
    return Duration(rng_.below(static_cast<std::uint64_t>(max.count()) + 1));
}

AttemptResult Handlers::result(std::uint64_t serial, Verdict verdict) {
    AttemptResult result;
    result.verdict = verdict;
    if (verdict == Verdict::success) {
        result.status = rng_.chance(1, 4) ? 201 : 200;
        result.content_type = "text/plain";
        result.body.bytes = "r" + std::to_string(serial);
        return result;
    }
    result.kind = rng_.chance(1, 4) ? core::FailureKind::lost : core::FailureKind::handler;
    result.detail = "f" + std::to_string(serial);
    if (rng_.chance(1, 5)) result.retry_after = any_time(milliseconds(100));
    return result;
}

}  // namespace bide::sim
