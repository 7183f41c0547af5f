#pragma once

#include "service/contract.hpp"

#include <string_view>

/// The pieces of Contract::understand().
namespace bide::service {

enum class Page : std::uint8_t {
    none,
    root,
    health,
    ready,
    metrics,
    job_of_key,
    job,
    job_result,
    job_redrive,
    batches,
    batch,
    batch_results,
    queues,
    queue,
    queue_jobs,
    queue_pause,
    queue_resume,
    queue_redrive,
    document,
};

/// Which page a path is, and the id or queue in it (a view into the path).
struct Route {
    Page page = Page::none;
    std::string_view name;
};
Route route_of(std::string_view path, const ContractRules& rules);

/// The methods of a page, for Allow.
std::string_view methods_of(Page page);

/// One of these is enough.
Scopes scopes_of(Page page, std::string_view method);

/// A request whose page, method and caller are known.
struct Request {
    const wire::RequestHead& head;
    Route route;
    std::string_view query;  ///< behind the '?'
    Caller caller;
    const Surroundings& around;

    bool is(std::string_view method) const { return head.method == method; }
};

/// How long and in which way the caller of this request waits for a result.
Result<WaitPlan> plan_wait(const ContractRules& rules, const Request& request);

Result<core::QueueIndex> find_queue(const ContractRules& rules, std::string_view name);

Result<Plan> plan_submit(const ContractRules& rules, const Request& request);
Result<Plan> plan_ask(const ContractRules& rules, const Request& request);
Result<Plan> plan_batch(const ContractRules& rules, const Request& request);

}  // namespace bide::service
