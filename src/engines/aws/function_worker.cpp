#include "engines/aws/function_worker.hpp"

#include "wire/lambda_sqs.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using runtime::Task;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Longer than any function may run: nothing is to be extended.
constexpr auto kLease = std::chrono::hours(2);

/// Of an invocation.
constexpr auto kLifeMax = std::chrono::minutes(15);

/// Before the deadline, for what a stopped attempt and its result still take; of a function that
/// has little time in all, a part of that.
constexpr Duration kStopMargin = seconds(2);
constexpr Duration kEndMargin = milliseconds(500);

/// For the cache to take the notices, once all is stored. Who waits finds the result without one.
constexpr Duration kNoticesMax = seconds(2);

WorkerOptions adapted(WorkerOptions options) {
    options.source = WorkerOptions::Source::brought;
    options.limits.lease = kLease;
    return options;
}

}  // namespace

FunctionWorker::FunctionWorker(WorkerOptions options, Services& services)
    : services_(services), worker_(adapted(options), services) {
    const bool dead = options.role == core::Consumer::Role::dead_letters;
    for (const auto& queue : options.queues)
        queues_.emplace_back(wire::queue_name_of(dead ? queue.dead_letter_url : queue.url));
}

std::optional<core::QueueIndex> FunctionWorker::queue_of(std::string_view arn) const {
    const std::string_view name = wire::queue_name_of(arn);
    for (core::QueueIndex queue = 0; queue < queues_.size(); ++queue) {
        if (!name.empty() && queues_[queue] == name) return queue;
    }
    return std::nullopt;
}

Worker::BroughtLimits FunctionWorker::limits_for(Time deadline) const {
    const Time now = services_.clock().now();
    deadline = std::min<Time>(deadline, now + kLifeMax);
    const Duration span = std::max(deadline - now, Duration(0));
    return {deadline - std::min(kStopMargin, span / 4), deadline - std::min(kEndMargin, span / 16)};
}

Task<void> FunctionWorker::invoke(
    clients::LambdaInvocation invocation, clients::LambdaAnswer& answer
) {
    auto records = wire::read_sqs_event(invocation.payload);
    if (!records) {
        services_.log("an event was refused: " + records.error().detail);
        std::string type = "Function.BadEvent";
        (void)co_await answer.fail(std::move(type), records.error().detail);
        co_return;
    }
    const Worker::BroughtLimits limits = limits_for(invocation.deadline);
    std::vector<std::string> back;   // to come again
    std::vector<std::string> tried;  // by place among `brought`
    std::vector<Worker::Brought> brought;
    for (wire::SqsRecord& record : records.value()) {
        const auto queue = queue_of(record.queue_arn);
        if (!queue) {
            services_.log("a message of " + record.queue_arn + ", which is no queue of ours");
            back.push_back(std::move(record.message.id));
            continue;
        }
        tried.push_back(record.message.id);
        brought.push_back({*queue, std::move(record.message)});
    }
    const std::vector<bool> done = co_await worker_.bring(std::move(brought), limits);
    for (std::size_t i = 0; i < done.size(); ++i) {
        if (!done[i]) back.push_back(std::move(tried[i]));
    }
    const Time enough = services_.clock().now() + kNoticesMax;
    co_await services_.published_by(std::min(enough, limits.end));
    std::sort(back.begin(), back.end());
    back.erase(std::unique(back.begin(), back.end()), back.end());
    std::string text = wire::sqs_batch_failures(back);
    const auto taken = co_await answer.respond(std::move(text));
    if (!taken) services_.log("Lambda did not take the answer: " + taken.error().detail);
}

}  // namespace bide::engines::aws
