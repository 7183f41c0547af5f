#pragma once

#include "base/id.hpp"
#include "checkers.hpp"
#include "front.hpp"
#include "net.hpp"
#include "options.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bide::sim_aws {

/// The world's callers. They go to any front, remember the ids they were told, and who got no
/// answer often sends the same request again under the same key, somewhere else.
class Clients {
  public:
    /// `some_front` returns null while none is up.
    Clients(
        const Options& options,
        Rng& rng,
        Net& net,
        Checkers& checkers,
        std::function<Front*()> some_front
    );

    /// What the next caller does: one to a few requests.
    void act();
    void answered(const core::Answer& answer);
    /// All its connections broke.
    void front_died(Life front);
    /// The last time: everybody asks for what they know of, and waits for it.
    void last_round();

  private:
    struct Name {
        JobId id;
        core::QueueIndex queue = 0;
        core::IdOrigin origin = core::IdOrigin::caller;
    };
    /// A request under a name: several bodies are sent under each.
    struct Request {
        std::size_t name = 0;
        unsigned variant = 0;
    };
    struct Waiting {
        Life front = 0;
        JobId job;
        std::optional<Request> request;
    };

    void one_request();
    void submit_new(Front& front);
    void submit(Front& front, const Request& request);
    void submit_under(Front& front, const JobId& used);
    void join(Front& front, const JobId& job);
    void cancel(Front& front, const JobId& job);
    void hand_in(
        Front& front,
        std::shared_ptr<core::JobInput> input,
        core::IdOrigin origin,
        std::optional<Request> request
    );
    core::Wait begin_wait(Front& front, const JobId& job, std::optional<Request> request);
    void again(const Waiting& waiting);
    JobId some_job();

    const Options& options_;
    Rng& rng_;
    Net& net_;
    Checkers& checkers_;
    std::function<Front*()> some_front_;
    IdMaker ids_{7, 0};
    core::WaiterId next_waiter_ = 1;
    std::uint64_t next_body_ = 1;
    std::vector<Name> names_;
    std::vector<JobId> known_;
    std::map<core::WaiterId, Waiting> waits_;
    bool last_ = false;
};

}  // namespace bide::sim_aws
