// Questions about jobs and queues: what they ask, and how the engine is asked.
#include "service/pages.hpp"
#include "service/understand.hpp"
#include "wire/derived_id.hpp"
#include "wire/job_options.hpp"
#include "wire/query.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace bide::service {
namespace {

using What = AskPlan::What;

constexpr std::uint32_t kListDefault = 100;
constexpr std::uint32_t kListMax = 1000;
constexpr std::uint32_t kRedriveDefault = 1000;
constexpr std::uint32_t kRedriveMax = 100'000;

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

Result<std::int64_t> number_in(
    const wire::Query& query, std::string_view name, std::int64_t otherwise, std::int64_t max
) {
    const std::string* text = query.find(name);
    if (text == nullptr) return otherwise;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc() || end != text->data() + text->size() || number < 1 || number > max)
        return bad(std::string(name) + " takes a whole number of 1 to " + std::to_string(max));
    return number;
}

Result<wire::Query> query_of(
    const Request& request, std::initializer_list<std::string_view> known
) {
    BIDE_TRY(wire::Query query, wire::Query::parse(request.query));
    if (query.unknown(known) == nullptr) return query;
    std::string names;
    for (const auto name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    return bad("the query takes here: " + names);
}

Result<std::optional<core::JobState>> state_in(const wire::Query& query) {
    const std::string* name = query.find("state");
    if (name == nullptr) return std::optional<core::JobState>();
    using S = core::JobState;
    for (const auto state :
         {S::scheduled, S::ready, S::running, S::succeeded, S::failed, S::cancelled, S::expired}) {
        if (core::to_string(state) == *name) return std::optional(state);
    }
    return bad("state is one of scheduled, ready, running, succeeded, failed, cancelled and expired"
    );
}

/// GET /jobs?idempotency-key=K
Result<void> take_key(const ContractRules& rules, const Request& request, AskPlan& plan) {
    BIDE_TRY(const wire::Query query, query_of(request, {"idempotency-key", "queue"}));
    const std::string* key_text = query.find("idempotency-key");
    if (key_text == nullptr) return bad("name the job: /jobs?idempotency-key=KEY, or /jobs/{id}");
    BIDE_TRY(const std::string key, wire::parse_idempotency_key(*key_text));
    const std::string* name = query.find("queue");
    BIDE_TRY(const auto queue, find_queue(rules, name ? *name : rules.default_queue));
    plan.job = wire::id_of_key(request.caller.tenant, rules.queues.at(queue).name, key);
    return success();
}

Result<void> take_result(const ContractRules& rules, const Request& request, AskPlan& plan) {
    plan.what = What::result;
    BIDE_TRY(plan.wait, plan_wait(rules, request));
    if (!request.is("GET")) plan.wait.stream = false;
    const bool ranged = request.is("GET") && request.head.has("range");
    if (!ranged && !request.head.has("if-none-match")) return success();
    plan.conditions = std::make_unique<AskPlan::Conditions>();
    plan.conditions->if_none_match = request.head.joined("if-none-match");
    if (!ranged) return success();
    plan.conditions->range = std::string(request.head.field("range"));
    plan.conditions->if_range = std::string(request.head.field("if-range"));
    return success();
}

/// Pages about one job or batch.
Result<void> take_job(const ContractRules& rules, const Request& request, AskPlan& plan) {
    BIDE_TRY(plan.job, parse_job_id(request.route.name));
    switch (request.route.page) {
        case Page::job_result: return take_result(rules, request, plan);
        case Page::batch: plan.what = What::batch_status; break;
        case Page::job_redrive: plan.what = What::redrive; break;
        default: plan.what = request.is("DELETE") ? What::cancel : What::status;
    }
    const bool changes = plan.what == What::redrive || plan.what == What::cancel;
    if (changes) plan.wait.wait = rules.max_wait;
    plan.look_first = changes;
    // Said in vain is still not to be misunderstood.
    BIDE_TRY(const WaitPlan checked, plan_wait(rules, request));
    static_cast<void>(checked);
    return success();
}

Result<void> take_queue(const ContractRules& rules, const Request& request, AskPlan& plan) {
    BIDE_TRY(plan.queue, find_queue(rules, request.route.name));
    plan.wait.wait = rules.max_wait;
    if (request.route.page == Page::queue_jobs) {
        plan.what = What::list;
        BIDE_TRY(const wire::Query query, query_of(request, {"state", "limit", "cursor"}));
        BIDE_TRY(plan.state, state_in(query));
        BIDE_TRY(const auto limit, number_in(query, "limit", kListDefault, kListMax));
        BIDE_TRY(plan.cursor, number_in(query, "cursor", 0, INT64_MAX));
        plan.count_max = static_cast<std::uint32_t>(limit);
        return success();
    }
    if (!request.caller.sees_all) {
        return Error{
            Code::forbidden,
            Retry::safe,
            "this is about the jobs of every tenant; the caller speaks for one"};
    }
    if (request.route.page == Page::queue_redrive) {
        plan.what = What::redrive_queue;
        BIDE_TRY(const wire::Query query, query_of(request, {"limit"}));
        BIDE_TRY(const auto limit, number_in(query, "limit", kRedriveDefault, kRedriveMax));
        plan.count_max = static_cast<std::uint32_t>(limit);
        return success();
    }
    plan.what = What::set_paused;
    plan.paused = request.route.page == Page::queue_pause;
    return success();
}

Result<void> take_page(const ContractRules& rules, const Request& request, AskPlan& plan) {
    switch (request.route.page) {
        case Page::job_of_key: return take_key(rules, request, plan);
        case Page::job:
        case Page::job_result:
        case Page::job_redrive:
        case Page::batch: return take_job(rules, request, plan);
        default: break;
    }
    return take_queue(rules, request, plan);
}

}  // namespace

Result<Plan> plan_ask(const ContractRules& rules, const Request& request) {
    AskPlan plan;
    plan.caller = request.caller;
    BIDE_TRY(take_page(rules, request, plan));
    if (plan.wait.stream && plan.wait.last_event_id == "done") {
        // It was told the result: with 204 an EventSource does not come again.
        wire::Reply over;
        over.status = 204;
        return Plan(std::move(over));
    }
    return Plan(std::move(plan));
}

void Contract::begin(ports::Engine& engine, const AskPlan& plan, core::WaiterId waiter, Time now)
    const {
    core::Wait wait;
    wait.id = waiter;
    wait.deadline = now + plan.wait.wait;
    if (plan.look_first) {
        wait.deadline = now;
        return engine.join(plan.job, wait);
    }
    if (plan.wait.stream) wait.follow = core::Follow::yes;
    switch (plan.what) {
        case What::status:
        case What::result:
        case What::batch_status: return engine.join(plan.job, wait);
        case What::cancel: return engine.cancel(plan.job, wait);
        case What::redrive:
            wait.deadline = now;  // answered when it is durable, not when the job is done
            return engine.redrive(plan.job, wait);
        case What::redrive_queue: return engine.redrive_queue(plan.queue, plan.count_max, wait);
        case What::set_paused: return engine.set_paused({plan.queue, plan.paused, wait});
        case What::list: break;
    }
    ports::ListQuery query;
    query.queue = plan.queue;
    query.state = plan.state;
    if (!plan.caller.sees_all) query.tenant = plan.caller.tenant;
    query.before = plan.cursor;
    query.count_max = plan.count_max;
    engine.list(query, wait);
}

}  // namespace bide::service
