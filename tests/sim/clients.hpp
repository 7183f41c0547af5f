#pragma once

#include "acts.hpp"
#include "base/id.hpp"
#include "base/rng.hpp"
#include "core/ledger.hpp"
#include "options.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bide::sim {

/// The world's callers. They outlive crashes and remember every id they ever used; who lost an
/// answer with a crash, or was sent away before the end, often asks again, or sends the same
/// request again under the same id.
class Clients {
  public:
    Clients(const Options& options, Rng& rng, Timeline& timeline);

    /// What the next caller does: one to a few requests. `now` and `ids` are the process's.
    std::vector<core::Event> act(Time now, IdMaker& ids, std::uint32_t life);
    core::Event join(const JobId& job, Time now, std::uint32_t life);
    core::Event resubmit(const Request& request, Time now, IdMaker& ids, std::uint32_t life);
    /// Somebody starts what was paused.
    std::vector<core::Event> resume_all(Time now);

    const JobId& job_of(core::WaiterId waiter) const { return waits_.at(waiter).job; }
    void answered(const core::Answer& answer);
    /// All connections broke.
    void crashed();
    /// From now on they neither leave nor come.
    void heal() { healed_ = true; }

  private:
    struct Name {
        JobId id;
        core::QueueIndex queue = 0;
        std::string tenant;
    };
    struct Waiting {
        JobId job;
        std::optional<Request> request;
    };

    core::Event submit(Time now, IdMaker& ids, std::uint32_t life);
    core::Event submit_new(Time now, IdMaker& ids, std::uint32_t life);
    core::Event ask_about(const JobId& job, std::uint64_t draw, Time now, std::uint32_t life);
    core::Event set_paused(core::QueueIndex queue, bool paused, Time now);
    core::event::Submit dress(std::shared_ptr<core::JobInput> input, Time now, std::uint32_t life);
    core::Wait begin_wait(const JobId& job, Time now, std::uint32_t life);
    JobId some_job(Time now, IdMaker& ids);
    std::string some_tenant();
    void maybe_ask_again(const Waiting& waiting);

    const Options& options_;
    Rng& rng_;
    Timeline& timeline_;
    bool healed_ = false;
    core::WaiterId next_waiter_ = 1;
    std::uint64_t next_body_ = 1;
    std::vector<Name> names_;
    std::vector<JobId> known_;
    std::map<core::WaiterId, Waiting> waits_;
};

}  // namespace bide::sim
