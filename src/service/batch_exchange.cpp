#include "service/batch_exchange.hpp"

#include "service/cors.hpp"
#include "service/pages.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace bide::service {
namespace {

using core::Answer;

/// Input bodies of the items that are waited for: an item can have megabytes.
constexpr std::size_t kBytesMax = 64 << 20;

}  // namespace

void BatchCounts::add(const core::Outcome& outcome) {
    switch (outcome.state) {
        case core::JobState::succeeded: ++succeeded; break;
        case core::JobState::cancelled: ++cancelled; break;
        case core::JobState::expired: ++expired; break;
        default: ++failed;
    }
}

std::string BatchCounts::to_json() const {
    boost::json::object members{
        {"items", items},
        {"succeeded", succeeded},
        {"failed", failed},
        {"cancelled", cancelled},
        {"expired", expired},
        {"refused", refused},
    };
    if (open > 0) members["open"] = open;
    return boost::json::serialize(members);
}

std::optional<std::uint64_t> items_in(std::string_view json) {
    boost::json::error_code failed;
    const boost::json::value value = boost::json::parse({json.data(), json.size()}, failed);
    const auto* members = failed ? nullptr : value.if_object();
    const auto* items = members ? members->if_contains("items") : nullptr;
    if (items == nullptr || !items->is_int64() || items->get_int64() < 0) return std::nullopt;
    return static_cast<std::uint64_t>(items->get_int64());
}

BatchExchange::BatchExchange(
    const ContractRules& rules, ports::Engine& engine, const BatchPlan& plan
)
    : rules_(rules), engine_(engine), plan_(plan) {}

std::optional<Batch::Head> BatchExchange::head() {
    return std::exchange(head_, std::nullopt);
}

std::vector<core::WaiterId> BatchExchange::waiting() const {
    std::vector<core::WaiterId> waiters;
    for (const auto& [waiter, item] : items_) waiters.push_back(waiter);
    return waiters;
}

bool BatchExchange::has_room() const {
    return items_.size() < kOutstandingMax && bytes_ < kBytesMax && output_.size() < kOutputMax;
}

core::WaiterId BatchExchange::add_waiting(core::WaiterId waiter, Item&& item) {
    bytes_ += item.bytes;
    items_.emplace(waiter, std::move(item));
    return waiter;
}

BatchExchange::Item BatchExchange::take_waiting(
    std::unordered_map<core::WaiterId, Item>::iterator found
) {
    Item item = std::move(found->second);
    items_.erase(found);
    bytes_ -= item.bytes;
    return item;
}

core::Wait BatchExchange::wait_for(core::WaiterId waiter, Time now) const {
    core::Wait wait;
    wait.id = waiter;
    wait.deadline = now + plan_.wait;
    return wait;
}

void BatchExchange::tell_end(const Item& item, const Answer& answer) {
    switch (answer.kind) {
        case Answer::Kind::finished:
            counts_.add(*answer.outcome);
            begin_line(item);
            output_ += outcome_members(item.id, *answer.outcome) + "}\n";
            return;
        case Answer::Kind::draining:
        case Answer::Kind::open:
            draining_ = draining_ || answer.kind == Answer::Kind::draining;
            ++counts_.open;
            return tell_problem(item, wait_over_problem(answer));
        case Answer::Kind::refused:
            ++counts_.refused;
            if (answer.error.code == Code::shutting_down) draining_ = true;
            return tell_problem(item, answer.error);
        default: break;
    }
    ++counts_.refused;
    tell_problem(item, {Code::not_found, Retry::never, "there is no job of this item"});
}

void BatchExchange::begin_line(const Item& item) {
    output_ += R"({"index":)" + std::to_string(item.index);
    if (!item.ref.empty()) output_ += R"(,"ref":)" + item.ref;
    output_ += ',';
}

void BatchExchange::tell_problem(const Item& item, const Error& error) {
    tell_problem(item, problem_of(error));
}

void BatchExchange::tell_problem(const Item& item, const Problem& problem) {
    begin_line(item);
    output_ += R"("problem":)" + boost::json::serialize(service::to_json(problem)) + "}\n";
}

void BatchExchange::tell_summary() {
    output_ += R"({"summary":)" + counts_.to_json() + "}\n";
    complete_ = true;
}

void BatchExchange::tell_failure(const Problem& problem) {
    output_ += R"({"problem":)" + boost::json::serialize(service::to_json(problem)) + "}\n";
    complete_ = true;
}

void BatchExchange::begin_stream(const JobId& batch) {
    Head head;
    head.streams = true;
    head.reply.headers.add("Content-Type", "application/x-ndjson");
    head.reply.headers.add("Cache-Control", "no-store");
    head.reply.headers.add("X-Accel-Buffering", "no");
    head.reply.headers.add("Bide-Durability", engine_.durability());
    head.reply.headers.add("Location", batch_page_of(batch));
    if (!plan_.applied.empty()) head.reply.headers.add("Preference-Applied", plan_.applied);
    add_cors(head.reply, plan_.caller.cors_origin);
    head_ = std::move(head);
    output_ = R"({"batch":")" + to_string(batch) + "\"}\n";
}

void BatchExchange::reply(wire::Reply&& reply) {
    add_cors(reply, plan_.caller.cors_origin);
    head_ = Head{std::move(reply), false};
    complete_ = true;
}

}  // namespace bide::service
