// POST of a batch and GET of its results.
#include "service/batch_exchange.hpp"
#include "service/pages.hpp"
#include "service/understand.hpp"
#include "wire/derived_id.hpp"
#include "wire/job_options.hpp"
#include "wire/query.hpp"
#include "wire/text.hpp"

#include <charconv>
#include <utility>

namespace bide::service {
namespace {

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

bool is_ndjson(std::string_view type) {
    type = wire::trim(wire::cut_at(type, ';'));
    return wire::equal_fold(type, "application/x-ndjson") ||
           wire::equal_fold(type, "application/ndjson") ||
           wire::equal_fold(type, "application/jsonl");
}

/// Whether the caller takes lines of JSON for an answer.
bool accepts_lines(const wire::RequestHead& head) {
    const std::string accept = head.joined("accept");
    std::string_view rest = accept;
    if (wire::trim(rest).empty()) return true;
    while (!rest.empty()) {
        std::string_view range = wire::cut_at(rest, ',');
        range = wire::trim(wire::cut_at(range, ';'));
        if (range == "*/*" || wire::equal_fold(range, "application/*") || is_ndjson(range))
            return true;
    }
    return false;
}

Error not_acceptable() {
    return {Code::not_acceptable, Retry::never, "the answer is application/x-ndjson"};
}

Result<Plan> plan_upload(const ContractRules& rules, const Request& request) {
    if (!rules.takes_batches) {
        return Error{
            Code::not_implemented,
            Retry::never,
            "this server has no queue of batches; name an SQS queue for them: [aws] batches"};
    }
    const wire::RequestHead& head = request.head;
    if (!is_ndjson(head.field("content-type"))) {
        return Error{
            Code::unsupported_media_type,
            Retry::never,
            "a batch is application/x-ndjson: one JSON object a line"};
    }
    BatchPlan plan;
    plan.caller = request.caller;
    plan.traceparent = std::string(head.field("traceparent"));
    BIDE_TRY(const WaitPlan wait, plan_wait(rules, request));
    plan.wait = wait.wait;
    plan.applied = wait.applied;
    plan.respond_async = wait.wait == Duration(0) && wait.at_limit == wire::AtLimit::accepted;
    if (!plan.respond_async && !accepts_lines(head)) return not_acceptable();
    BIDE_TRY(const wire::Query query, wire::Query::parse(request.query));
    if (const std::string* name = query.find("queue")) {
        BIDE_TRY(plan.queue, find_queue(rules, *name));
    } else if (!rules.default_queue.empty()) {
        BIDE_TRY(plan.queue, find_queue(rules, rules.default_queue));
    }
    if (!head.has("idempotency-key")) return Plan(std::move(plan));
    BIDE_TRY(const std::string key, wire::parse_idempotency_key(head.field("idempotency-key")));
    plan.batch = wire::id_of_key(request.caller.tenant, kBatchQueue, key);
    return Plan(std::move(plan));
}

Result<Plan> plan_results(const ContractRules& rules, const Request& request) {
    BatchPlan plan;
    plan.what = BatchPlan::What::results;
    plan.caller = request.caller;
    BIDE_TRY(plan.batch, parse_job_id(request.route.name));
    BIDE_TRY(const WaitPlan wait, plan_wait(rules, request));
    plan.wait = wait.wait;
    plan.applied = wait.applied;
    if (!accepts_lines(request.head)) return not_acceptable();
    BIDE_TRY(const wire::Query query, wire::Query::parse(request.query));
    const std::string* from = query.find("from");
    if (from == nullptr) return Plan(std::move(plan));
    const auto [end, error] = std::from_chars(from->data(), from->data() + from->size(), plan.from);
    if (error != std::errc() || end != from->data() + from->size())
        return bad("from takes the number of an item, from 0 on");
    return Plan(std::move(plan));
}

}  // namespace

Result<Plan> plan_batch(const ContractRules& rules, const Request& request) {
    if (!batch_queue(rules))
        return Error{Code::not_found, Retry::never, "this server takes no batches"};
    if (request.route.page == Page::batches) return plan_upload(rules, request);
    return plan_results(rules, request);
}

std::unique_ptr<Batch> Contract::start_batch(ports::Engine& engine, const BatchPlan& plan, Time)
    const {
    if (plan.what == BatchPlan::What::upload) return make_batch_upload(rules_, engine, plan);
    return make_batch_results(rules_, engine, plan);
}

}  // namespace bide::service
