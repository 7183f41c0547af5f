// Failed jobs that are to run again. The failure goes, and the message that was kept with it is
// sent anew; the claim has the message meanwhile, so that a front that dies in between loses
// nothing: who asks for the job then sends it.
#include "engines/aws/front.hpp"
#include "engines/aws/names.hpp"
#include "engines/aws/troubles.hpp"
#include "wire/envelope.hpp"

#include <utility>

namespace bide::engines::aws {
namespace {

using core::told::Looked;
using runtime::Task;

Error conflict(std::string why) {
    return {Code::conflict, Retry::never, std::move(why)};
}

}  // namespace

/// Where the job is, and that it has failed; else why it cannot be redriven.
Task<Front::Redriven> Front::find_failed(JobId job) {
    Redriven told;
    told.facts.id = job;
    auto claim = co_await services_.store().get_claim(job);
    if (claim.has_error()) {
        told.error = to_error(claim.error(), "the store could not be read");
        co_return told;
    }
    const auto count = static_cast<core::QueueIndex>(options_.queues.size());
    for (core::QueueIndex queue = 0; queue < count; ++queue) {
        if (claim.value() && name_of(queue) != claim.value()->claim.queue) continue;
        Looked found = co_await look_in(queue, job);
        if (found.found == Looked::Found::nothing) continue;
        if (found.found == Looked::Found::unknown) {
            told.error = std::move(found.error);
            co_return told;
        }
        told.facts = core::facts_of(job, *found.outcome);
        told.fingerprint = found.fingerprint;
        if (found.outcome->state != core::JobState::failed)
            told.error = conflict(
                "the job has " + std::string(core::to_string(found.outcome->state)) +
                "; only a failed job can be redriven"
            );
        co_return told;
    }
    if (!claim.value()) {
        told.error = Error{Code::not_found, Retry::never, "there is no job with this id"};
        co_return told;
    }
    told.facts.tenant = claim.value()->claim.tenant;
    if (const auto queue = queue_of_.find(claim.value()->claim.queue); queue != queue_of_.end())
        told.facts.queue = queue->second;
    told.error = conflict("the job is open; only a failed job can be redriven");
    co_return told;
}

Task<Front::Redriven> Front::redrive_one(JobId job) {
    Redriven told = co_await find_failed(job);
    if (told.error) co_return told;
    const core::QueueIndex queue = told.facts.queue;
    JobStore& store = services_.store();
    const auto failed = [&told](const clients::AwsFailure& failure, std::string_view what) {
        told.error = to_error(failure, what);
        return std::move(told);
    };

    auto kept = co_await store.get_failed(name_of(queue), job);
    if (kept.has_error()) co_return failed(kept.error(), "the job's message could not be read");
    auto read = wire::decode_envelope(kept.value().value_or(""));
    if (!kept.value() || read.has_error() || !read.value()) {
        told.error = conflict(
            "the job's message is not kept: it came from elsewhere, or its time in the bucket is "
            "over"
        );
        co_return told;
    }
    wire::Envelope& envelope = *read.value();
    envelope.not_before = {};
    envelope.start_by = kNever;
    envelope.reply = reply_channel_;
    envelope.promised = true;
    auto text = wire::encode_envelope(envelope);
    if (text.has_error()) {
        told.error = std::move(text.error());
        co_return told;
    }

    wire::Claim claim;
    claim.queue = name_of(queue);
    claim.fingerprint = told.fingerprint;
    claim.tenant = told.facts.tenant;
    claim.created = told.facts.created;
    claim.priority = envelope.job.priority;
    for (const auto& mark : {sent_mark(job), news_mark(job), cancelled_mark(job)})
        services_.tell_cache({"DEL", mark});
    const auto claimed = co_await store.replace_claim(job, claim, text.value());
    if (claimed.has_error()) co_return failed(claimed.error(), "the claim could not be stored");
    const auto gone = co_await store.forget_failure(name_of(queue), job);
    if (gone.has_error()) co_return failed(gone.error(), "the failure could not be removed");

    clients::SqsSend message;
    message.queue_url = options_.queues[queue].url;
    message.body = std::move(text.value());
    message.message_group = told.facts.tenant;
    const auto sent = co_await services_.sqs().send(std::move(message));
    queue_said(sent.has_error() ? &sent.error() : nullptr);
    if (sent.has_error()) co_return failed(sent.error(), "the job could not be put into the queue");
    turns_.spawn(mark_sent(job, std::move(claim), true));

    told.facts.state = core::JobState::ready;
    told.facts.attempts = 0;
    told.facts.attempts_max = options_.queues[queue].rules.retry.attempts_max;
    told.facts.started = {};
    co_return told;
}

Task<void> Front::redrive_for(JobId job, core::Wait wait) {
    Redriven told = co_await redrive_one(job);
    core::Answer answer;
    answer.waiter = wait.id;
    answer.facts = std::move(told.facts);
    answer.kind = told.error ? core::Answer::Kind::refused : core::Answer::Kind::open;
    if (told.error) answer.error = std::move(*told.error);
    deliver_one(std::move(answer));
}

bool Front::time_is_up(const core::Wait& wait) const {
    const std::lock_guard lock(mutex_);
    return draining_ || services_.clock().now() >= wait.deadline;
}

/// As many as asked for, the oldest ids first. Each takes some ten calls, one after another: what
/// is not done when the caller's wait or the front ends is left, and told as more. One is tried in
/// any case, so that who asks again comes to an end.
Task<void> Front::redrive_some(core::QueueIndex queue, std::uint32_t count_max, core::Wait wait) {
    core::Answer answer;
    answer.waiter = wait.id;
    auto page = std::make_shared<core::JobPage>();
    auto found = co_await services_.store().list_failed(name_of(queue), count_max);
    if (found.has_error()) {
        answer.error = to_error(found.error(), "the failed jobs could not be listed");
        co_return deliver_one(std::move(answer));
    }
    bool more = found.value().more;
    bool first = true;
    for (const JobId& job : found.value().jobs) {
        if (!std::exchange(first, false) && time_is_up(wait)) {
            more = true;
            break;
        }
        Redriven told = co_await redrive_one(job);
        if (!told.error) {
            ++page->redriven;
        } else if (told.error->code == Code::store_failed) {
            answer.error = std::move(*told.error);
            co_return deliver_one(std::move(answer));
        }
    }
    page->next = more ? 1 : 0;
    answer.kind = core::Answer::Kind::listed;
    answer.page = std::move(page);
    deliver_one(std::move(answer));
}

}  // namespace bide::engines::aws
