// What a worker does with the services for one step of its consumer.
#include "engines/aws/names.hpp"
#include "engines/aws/troubles.hpp"
#include "engines/aws/worker.hpp"
#include "wire/notice.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using runtime::Task;

constexpr auto kDelayMax = std::chrono::seconds(900);  ///< of a message, that SQS takes
constexpr auto kVisibilityMax = std::chrono::hours(12) - std::chrono::minutes(1);  ///< likewise

std::uint32_t seconds_up_to(Duration span, Duration most) {
    const Duration within = std::clamp(span, Duration(0), most);
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(within).count());
}

}  // namespace

Task<void> Worker::fetch(core::wants::Fetch order) {
    core::consumed::Fetched told;
    told.receipt = order.receipt;
    const auto held = held_.find(order.receipt);
    if (held == held_.end()) co_return;
    const std::shared_ptr<const core::JobInput> head = held->second.input;
    auto body =
        co_await services_.store().get_input(name_of(head->queue), head->id, head->fingerprint);
    said("S3", body.has_error() ? &body.error() : nullptr);
    if (body.has_error()) {
        told.error = to_error(body.error(), "S3");
    } else if (body.value()) {
        auto whole = std::make_shared<core::JobInput>(*head);
        whole->body = std::move(*body.value());
        told.input = std::move(whole);
    }
    step(std::move(told));
}

Task<void> Worker::extend(core::wants::Extend order) {
    const auto held = held_.find(order.receipt);
    if (held == held_.end()) co_return;
    std::string url = url_of(held->second.queue);
    std::string handle = held->second.handle;
    const std::uint32_t span = seconds_up_to(order.lease, kVisibilityMax);
    const auto done =
        co_await services_.sqs().change_visibility(std::move(url), std::move(handle), span);
    if (done.has_error() && done.error().kind == clients::AwsFailure::Kind::refused)
        step(core::consumed::LeaseLost{order.receipt});
}

Task<void> Worker::store(core::wants::Store order) {
    core::consumed::Stored told;
    told.receipt = order.receipt;
    const core::QueueIndex queue = order.outcome->queue;
    const auto held = held_.find(order.receipt);
    std::string text = held == held_.end() ? std::string() : held->second.text;
    const std::uint8_t priority =
        held == held_.end() ? core::kPriorityDefault : held->second.priority;
    if (order.keep && !text.empty()) {
        // Before the result: who sees the failure can have it run again.
        const auto kept =
            co_await services_.store().keep_failed(name_of(queue), order.job, std::move(text));
        if (kept.has_error()) {
            said("S3", &kept.error());
            told.error = to_error(kept.error(), "S3");
            co_return step(std::move(told));
        }
    }
    const auto put = co_await services_.store().put_result(
        name_of(queue), order.job, order.outcome, order.fingerprint, priority
    );
    said("S3", put.has_error() ? &put.error() : nullptr);
    told.outcome = order.outcome;
    if (put.has_value() && put.value() != Put::was_there) {
        const auto line =
            failure_log_.line(order.job, name_of(queue), *order.outcome, services_.clock().now());
        if (line) services_.log(*line);
    }
    if (put.has_error()) {
        told.error = to_error(put.error(), "S3");
    } else if (put.value() == Put::was_there) {
        // Somebody finished before: theirs is the result (G3).
        auto there = co_await services_.store().get_result(name_of(queue), queue, order.job);
        if (there.has_value() && there.value())
            told.outcome = there.value()->outcome;
        else
            told.error = Error{Code::store_failed, Retry::unsafe, "S3: the result is not read", 1};
    }
    step(std::move(told));
}

void Worker::publish(const core::wants::Publish& order) {
    const auto held = held_.find(order.receipt);
    if (held == held_.end()) return;
    const Held& message = held->second;
    if (message.reply.empty() && !message.shared) return;
    wire::Notice notice;
    notice.id = order.job;
    notice.queue = name_of(message.queue);
    const Body& body = order.outcome->body;
    if (!body.file && body.bytes.size() <= kNoticeBodyMax) {
        notice.kind = wire::Notice::Kind::result;
        notice.outcome = order.outcome;
    }
    const std::string text = wire::encode_notice(notice);
    if (!message.reply.empty()) services_.publish(message.reply, text);
    if (message.shared) services_.publish(job_channel(order.job), text);
}

/// Of jobs that others may ask for only: nobody follows the rest.
void Worker::tell_news(const core::wants::News& order) {
    const auto held = held_.find(order.receipt);
    if (held == held_.end() || !held->second.promised || !services_.cache_works()) return;
    const Held& message = held->second;
    wire::Notice notice;
    notice.kind = wire::Notice::Kind::news;
    notice.id = order.job;
    notice.queue = name_of(message.queue);
    notice.news.what = order.what;
    notice.news.attempt = order.attempt;
    notice.news.attempts_max = options_.queues[message.queue].rules.retry.attempts_max;
    notice.news.started = services_.clock().now();
    notice.news.progress = order.progress;
    const std::string text = wire::encode_notice(notice);
    services_.tell_cache({"SET", news_mark(order.job), text, "EX", std::string(kMarkSeconds)});
    if (!message.reply.empty()) services_.tell_cache({"PUBLISH", message.reply, text});
    services_.tell_cache({"PUBLISH", job_channel(order.job), text});
}

/// If it cannot be removed it comes again, and finds its result.
Task<void> Worker::remove(core::QueueIndex queue, std::string handle) {
    const auto removed = co_await services_.sqs().remove(url_of(queue), std::move(handle));
    said("SQS", removed.has_error() ? &removed.error() : nullptr);
}

Task<void> Worker::hand_back(core::wants::HandBack order, Held held) {
    // Lambda's event source shows a message again when the queue's own visibility is over. To have
    // it earlier is a favour: not every function reaches SQS.
    const Place brought = held.brought;
    if (brought.event) turns_.spawn(lose_patience(brought));
    if (order.anew && !held.foreign) {
        clients::SqsSend copy;
        copy.queue_url = url_of(held.queue);
        copy.body = std::move(held.text);
        copy.delay_s = seconds_up_to(order.pause, kDelayMax);
        copy.message_group = held.input->tenant;
        const auto sent = co_await services_.sqs().send(std::move(copy));
        if (sent.has_value() && brought.event) co_return settle(brought, true);
        if (sent.has_value()) co_return co_await remove(held.queue, std::move(held.handle));
    }
    const auto back = co_await services_.sqs().change_visibility(
        url_of(held.queue), std::move(held.handle), seconds_up_to(order.pause, kVisibilityMax)
    );
    // Or it comes when its lease is over.
    said("SQS", back.has_error() ? &back.error() : nullptr);
    if (brought.event) settle(brought, false);
}

void Worker::said(std::string_view service, const clients::AwsFailure* failure) {
    using Kind = clients::AwsFailure::Kind;
    std::string now;
    if (failure != nullptr) {
        // A receipt that is no longer good is the queue's way to say that others have the message.
        if (failure->kind == Kind::stopped || failure->kind == Kind::refused) return;
        now = std::string(service) + ": " + failure->detail;
    }
    const std::lock_guard lock(mutex_);
    if (trouble_.empty() && !now.empty()) services_.log(now);
    if (now.empty() && !trouble_.starts_with(service)) return;
    trouble_ = std::move(now);
}

}  // namespace bide::engines::aws
