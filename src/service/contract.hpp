#pragma once

#include "base/id.hpp"
#include "base/time.hpp"
#include "core/job.hpp"
#include "ports/engine.hpp"
#include "wire/message.hpp"
#include "wire/prefer.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bide::service {

/// What the deployment says about its HTTP side.
struct ContractRules {
    std::vector<std::string> queues;  ///< by core::QueueIndex
    std::string default_queue;        ///< of POST /; empty: there is none
    Duration max_wait = std::chrono::minutes(15);
    std::uint64_t body_bytes_max = 5ULL << 30;
};

/// How long the caller waits, and what it gets when that is over.
struct WaitPlan {
    Duration wait{};
    wire::AtLimit at_limit = wire::AtLimit::timeout;
    std::string applied;  ///< for Preference-Applied; empty: the caller asked for nothing
};

/// POST of a job: its body is to be read, then submit() gets it.
struct SubmitPlan {
    core::QueueIndex queue = 0;
    std::string content_type;
    std::string traceparent;
    WaitPlan wait;
};

/// A question about a job there is.
struct AskPlan {
    enum class What : std::uint8_t { result, status, cancel };
    What what = What::status;
    JobId job;
    WaitPlan wait;
};

/// What a request wants: an answer at once, or one that needs the engine.
using Plan = std::variant<wire::Reply, SubmitPlan, AskPlan>;

/// The HTTP contract of bide between a transport and an engine: understands heads, and puts answers
/// into words. No I/O of its own. Thread-safe; the engine must outlive it.
class Contract {
  public:
    Contract(ContractRules rules, const ports::Engine& engine);

    /// Never fails: what is not understood is answered with a problem document.
    Plan understand(const wire::RequestHead& head) const;

    /// The end of a wait begun for `plan`.
    wire::Reply answer(const SubmitPlan& plan, const core::Answer& answer, Time now) const;
    wire::Reply answer(const AskPlan& plan, const core::Answer& answer, Time now) const;

    const ContractRules& rules() const { return rules_; }

  private:
    Plan understand_job_page(const wire::RequestHead& head, std::string_view path) const;
    Plan understand_submit(const wire::RequestHead& head, std::string_view queue) const;
    Result<WaitPlan> plan_wait(const wire::RequestHead& head) const;
    wire::Reply health_page(std::string_view path) const;
    wire::Reply usage_page() const;
    wire::Reply result_page(const WaitPlan& wait, const core::Answer& answer, Time now) const;
    wire::Reply status_page(std::uint16_t status, const core::Answer& answer) const;
    wire::Reply cancel_page(const core::Answer& answer) const;
    wire::Reply wait_over(const WaitPlan& wait, const core::Answer& answer) const;
    void add_job_headers(wire::HeaderLines& headers, const core::Answer& answer) const;

    ContractRules rules_;
    const ports::Engine& engine_;
};

}  // namespace bide::service
