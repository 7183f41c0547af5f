#pragma once

#include "base/id.hpp"
#include "base/rng.hpp"
#include "core/ledger.hpp"
#include "options.hpp"
#include "timeline.hpp"

#include <cstdint>
#include <map>
#include <vector>

namespace bide::sim {

/// The world's callers. They outlive crashes and remember every id they ever used; who lost an
/// answer with a crash, or was sent away before the end, often asks again.
class Clients {
  public:
    Clients(const Options& options, Rng& rng, Timeline& timeline)
        : options_(options), rng_(rng), timeline_(timeline) {}

    /// What the next caller does: one to a few requests. `now` and `ids` are the process's.
    std::vector<core::Event> act(Time now, IdMaker& ids, std::uint32_t life);
    core::Event join(const JobId& job, Time now, std::uint32_t life);

    const JobId& job_of(core::WaiterId waiter) const { return waits_.at(waiter); }
    void answered(const core::Answer& answer);
    /// All connections broke.
    void crashed();
    /// From now on they neither leave nor come.
    void heal() { healed_ = true; }

  private:
    core::Event submit(Time now, IdMaker& ids, std::uint32_t life);
    core::Wait begin_wait(const JobId& job, Time now, std::uint32_t life);
    JobId some_job(Time now, IdMaker& ids);
    void maybe_ask_again(const JobId& job);

    const Options& options_;
    Rng& rng_;
    Timeline& timeline_;
    bool healed_ = false;
    core::WaiterId next_waiter_ = 1;
    std::uint64_t next_body_ = 1;
    std::vector<JobId> known_;
    std::map<core::WaiterId, JobId> waits_;
};

}  // namespace bide::sim
