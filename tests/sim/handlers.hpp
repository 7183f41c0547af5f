#pragma once

#include "acts.hpp"
#include "base/rng.hpp"
#include "core/ledger.hpp"
#include "options.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace bide::sim {

/// The handlers of one process life. Each attempt has a plan of how and when it ends; a stop may
/// change the plan, or not: handlers are allowed to be slow, stubborn, late and to succeed after
/// nobody wants the result any more. Results name the attempt, so that a checker knows whose
/// result became the outcome: "r<serial>" in the body, or "f<serial>" in the detail.
class Handlers {
  public:
    Handlers(const Options& options, Rng& rng, Timeline& timeline, std::uint32_t life)
        : options_(options), rng_(rng), timeline_(timeline), life_(life) {}

    /// From now on attempts end soon, and without being stopped.
    void heal();

    /// The attempt has its slot; when its input is still being read it has no plan yet.
    void start(std::uint64_t serial, const core::StartAttempt& start);
    void loaded(std::uint64_t serial);
    void stop(const core::StopAttempt& stop);
    /// Null once it has ended.
    const core::StartAttempt* running(std::uint64_t serial) const;

    /// The end of an attempt, if `plan` is still its plan.
    std::optional<core::event::AttemptEnded> end(std::uint64_t serial, std::uint32_t plan);

  private:
    struct Running {
        std::uint64_t serial;
        core::StartAttempt start;
        core::AttemptResult result;
        std::uint32_t plan = 0;
        bool loading = false;
        bool stopped = false;
        bool ends = false;  ///< by itself
    };

    void make_plan(Running& running);
    void ends_in(Running& running, Duration delay);
    Duration any_time(Duration max);
    core::AttemptResult result(std::uint64_t serial, core::AttemptResult::Verdict verdict);

    const Options& options_;
    Rng& rng_;
    Timeline& timeline_;
    std::uint32_t life_;
    bool healed_ = false;
    std::vector<Running> running_;
};

}  // namespace bide::sim
