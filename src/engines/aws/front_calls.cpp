// What a front does with the services for one step of its rendezvous: claims, messages, looks.
#include "engines/aws/front.hpp"
#include "engines/aws/names.hpp"
#include "engines/aws/troubles.hpp"
#include "wire/envelope.hpp"
#include "wire/notice.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using core::told::Looked;
using runtime::Task;

constexpr auto kDelayMax = std::chrono::seconds(900);  ///< that SQS takes

/// SQS counts whole seconds: rather late than early.
std::uint32_t seconds_until(Time at, Time now) {
    if (at <= now) return 0;
    const auto span = std::min<Duration>(at - now, kDelayMax);
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
}

std::string text_of(const core::Fingerprint& fingerprint) {
    return {reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size()};
}

std::optional<core::Fingerprint> fingerprint_in(const wire::RespValue& value) {
    core::Fingerprint fingerprint{};
    if (value.kind != wire::RespValue::Kind::string || value.text.size() != fingerprint.size())
        return std::nullopt;
    std::copy(value.text.begin(), value.text.end(), fingerprint.begin());
    return fingerprint;
}

}  // namespace

Task<void> Front::claim(core::wanted::Claim order) {
    const core::JobFacts& facts = order.facts;
    core::told::Claimed told;
    told.job = facts.id;
    // What is known to be in the queue has been claimed.
    if (services_.cache_works()) {
        std::vector<std::string> get{"GET", sent_mark(facts.id)};
        const auto mark = co_await services_.redis()->command(std::move(get));
        const auto known = mark ? fingerprint_in(mark.value()) : std::nullopt;
        if (known) {
            told.fingerprint = *known;
            told.sent = true;
            co_return step(std::move(told));
        }
    }
    std::string envelope;
    if (order.input) {
        core::wanted::Send kept;
        kept.input = order.input;
        kept.not_before = facts.not_before;
        kept.start_by = order.start_by;
        kept.promised = true;
        auto text = co_await envelope_of(std::move(kept));
        if (text.has_error()) {
            told.error = std::move(text.error());
            co_return step(std::move(told));
        }
        envelope = std::move(text.value());
    }
    wire::Claim wanted;
    wanted.queue = name_of(facts.queue);
    wanted.fingerprint = order.fingerprint;
    wanted.tenant = facts.tenant;
    wanted.created = facts.created;
    wanted.not_before = facts.not_before;
    wanted.priority = facts.priority;
    wanted.start_by = order.start_by;
    const auto put = co_await services_.store().put_claim(facts.id, wanted, std::move(envelope));
    store_said(put.has_error() ? &put.error() : nullptr);
    if (put.has_error()) {
        told.error = to_error(put.error(), "the job's claim could not be stored");
        told.error->retry = Retry::safe;
        co_return step(std::move(told));
    }
    told.made = put.value() == Put::made;
    told.fingerprint = order.fingerprint;
    told.at = facts.created;
    if (!told.made) {
        const auto there = co_await services_.store().get_claim(facts.id);
        if (there.has_error() || !there.value()) {
            told.error = there.has_error()
                             ? to_error(there.error(), "the job's claim could not be read")
                             : Error{Code::store_failed, Retry::safe, "the job's claim is gone", 1};
            told.error->retry = Retry::safe;
            co_return step(std::move(told));
        }
        told.fingerprint = there.value()->claim.fingerprint;
        told.at = there.value()->claim.created;
    }
    step(std::move(told));
}

Task<Result<std::string>> Front::envelope_of(core::wanted::Send order) {
    const std::string& queue = name_of(order.input->queue);
    wire::Envelope envelope;
    envelope.queue = queue;
    envelope.job = *order.input;
    // Due now is due: said to the millisecond and read by another clock it could lie ahead.
    if (order.not_before > services_.clock().now()) envelope.not_before = order.not_before;
    envelope.start_by = order.start_by;
    envelope.promised = order.promised;
    envelope.may_freeze = options_.may_freeze;
    envelope.reply = reply_channel_;
    const Body& body = order.input->body;
    if (body.file || wire::inline_bytes(body.bytes) > options_.inline_bytes_max) {
        if (!order.body_stored) {
            BIDE_CO_TRY(co_await store_body(order.input));
        }
        envelope.claimed_bytes = body.size();
        envelope.job.body = {};
    }
    co_return wire::encode_envelope(envelope);
}

Task<Result<void>> Front::store_body(std::shared_ptr<const core::JobInput> input) {
    const auto put = co_await services_.store().put_input(name_of(input->queue), input->id, input);
    store_said(put.has_error() ? &put.error() : nullptr);
    if (!put.has_error()) co_return success();
    Error error = to_error(put.error(), "the job's body could not be stored");
    error.retry = Retry::safe;
    co_return error;
}

Task<void> Front::send(core::wanted::Send order) {
    core::told::Sent told;
    told.job = order.input->id;
    auto body = co_await envelope_of(order);
    if (body.has_error()) {
        told.error = std::move(body.error());
        co_return step(std::move(told));
    }
    clients::SqsSend message;
    message.queue_url = options_.queues[order.input->queue].url;
    message.body = std::move(body.value());
    message.delay_s = seconds_until(order.not_before, services_.clock().now());
    message.message_group = order.input->tenant;
    const auto sent = co_await services_.sqs().send(std::move(message));
    queue_said(sent.has_error() ? &sent.error() : nullptr);
    if (sent.has_error()) {
        told.error = to_error(sent.error(), "the job could not be put into the queue");
    } else if (order.promised || order.kept) {
        turns_.spawn(mark_sent(told.job, claim_of(order), order.kept));
    }
    step(std::move(told));
}

wire::Claim Front::claim_of(const core::wanted::Send& order) const {
    const core::JobInput& input = *order.input;
    wire::Claim claim;
    claim.queue = name_of(input.queue);
    claim.fingerprint = input.fingerprint;
    claim.tenant = input.tenant;
    claim.created = input.created;
    claim.not_before = order.not_before;
    claim.start_by = order.start_by;
    claim.priority = input.priority;
    return claim;
}

/// In the cache; and should the cache not take it, at the claim when that has the message with it,
/// so that not everybody who looks at the job sends it again.
Task<void> Front::mark_sent(JobId job, wire::Claim claim, bool kept) {
    if (services_.cache_works()) {
        std::vector<std::string> set{
            "SET", sent_mark(job), text_of(claim.fingerprint), "EX", std::string(kMarkSeconds)};
        const auto marked = co_await services_.redis()->command(std::move(set));
        if (marked) co_return;
    }
    if (!kept) co_return;
    const auto put = co_await services_.store().replace_claim(job, std::move(claim), "");
    store_said(put.has_error() ? &put.error() : nullptr);
}

/// Of a job that nobody here knows, the claim says in which queue it is. Without one it can have
/// ended only, while its caller waited for it: then it is looked for in each queue.
Task<void> Front::look_up(core::wanted::Look order) {
    Looked told;
    told.job = order.job;
    std::optional<JobStore::StoredClaim> claim;
    if (order.claim_too) {
        auto found = co_await services_.store().get_claim(order.job);
        store_said(found.has_error() ? &found.error() : nullptr);
        if (found.has_error()) {
            told.found = Looked::Found::unknown;
            told.error = to_error(found.error(), "the store could not be read");
            co_return step(std::move(told));
        }
        claim = std::move(found.value());
    }
    if (claim) {
        const auto queue = queue_of_.find(claim->claim.queue);
        // Of a queue that this front does not have.
        if (queue == queue_of_.end()) co_return step(std::move(told));
        order.queue = queue->second;
    }
    const auto count = static_cast<core::QueueIndex>(options_.queues.size());
    for (core::QueueIndex queue = 0; queue < count; ++queue) {
        if (order.queue && queue != *order.queue) continue;
        Looked found = co_await look_in(queue, order.job);
        if (found.found == Looked::Found::nothing) continue;
        told = std::move(found);
        if (told.found != Looked::Found::unknown) break;
    }
    if (claim && told.found == Looked::Found::nothing)
        told = co_await claimed(*order.queue, order.job, std::move(*claim));
    step(std::move(told));
}

Task<Looked> Front::look_in(core::QueueIndex queue, JobId job) {
    Looked told;
    told.job = job;
    auto result = co_await services_.store().get_result(name_of(queue), queue, job);
    store_said(result.has_error() ? &result.error() : nullptr);
    if (result.has_error()) {
        told.found = Looked::Found::unknown;
        told.error = to_error(result.error(), "the store could not be read");
    } else if (result.value()) {
        told.found = Looked::Found::result;
        told.outcome = std::move(result.value()->outcome);
        told.fingerprint = result.value()->fingerprint;
    }
    co_return told;
}

/// What is known of a job that has not ended.
Task<Looked> Front::claimed(core::QueueIndex queue, JobId job, JobStore::StoredClaim stored) {
    const wire::Claim& known = stored.claim;
    Looked told;
    told.job = job;
    told.found = Looked::Found::claim;
    told.fingerprint = known.fingerprint;
    told.start_by = known.start_by;
    told.facts.id = job;
    told.facts.queue = queue;
    told.facts.tenant = known.tenant;
    told.facts.created = known.created;
    told.facts.not_before = known.not_before;
    told.facts.priority = known.priority;
    told.sent = co_await is_sent(job);
    if (!told.sent && !stored.envelope.empty()) {
        told.input = co_await kept_input(queue, std::move(stored.envelope));
        if (told.input == nullptr) {
            // Not to be sent without it, and not to be taken for sent either (G2).
            told.found = Looked::Found::unknown;
            told.error = Error{
                Code::store_failed, Retry::unsafe, "what is kept with the claim is not read", 1};
            co_return told;
        }
    }
    if (told.facts.not_before > services_.clock().now())
        told.facts.state = core::JobState::scheduled;
    told.facts = co_await recall_news(std::move(told.facts));
    co_return told;
}

/// Whether the cache knows that the job is in the queue, or was.
Task<bool> Front::is_sent(JobId job) {
    if (!services_.cache_works()) co_return false;
    std::vector<std::string> get{"EXISTS", sent_mark(job)};
    const auto mark = co_await services_.redis()->command(std::move(get));
    co_return mark&& mark.value().integer > 0;
}

/// The input that was kept with a claim; null: it is not to be had now.
Task<std::shared_ptr<const core::JobInput>> Front::kept_input(
    core::QueueIndex queue, std::string envelope
) {
    auto read = wire::decode_envelope(envelope);
    if (read.has_error() || !read.value()) co_return nullptr;
    auto input = std::make_shared<core::JobInput>(std::move(read.value()->job));
    input->queue = queue;
    if (read.value()->claimed_bytes) {
        auto body =
            co_await services_.store().get_input(name_of(queue), input->id, input->fingerprint);
        if (body.has_error() || !body.value()) co_return nullptr;
        input->body = std::move(*body.value());
    }
    co_return input;
}

/// What the job's worker said of it last, if the cache knows.
Task<core::JobFacts> Front::recall_news(core::JobFacts facts) {
    if (!services_.cache_works()) co_return facts;
    std::vector<std::string> get{"GET", news_mark(facts.id)};
    const auto mark = co_await services_.redis()->command(std::move(get));
    if (!mark || mark.value().kind != wire::RespValue::Kind::string) co_return facts;
    const auto notice = wire::decode_notice(mark.value().text);
    if (!notice || notice.value().kind != wire::Notice::Kind::news) co_return facts;
    const wire::Notice::News& news = notice.value().news;
    using What = core::Answer::News;
    facts.attempts = news.attempt;
    facts.state = news.what == What::retry ? core::JobState::scheduled : core::JobState::running;
    facts.started = news.started;
    if (news.what == What::retry) facts.not_before = news.not_before;
    if (news.what == What::progress)
        facts.progress = std::make_shared<const std::string>(news.progress);
    co_return facts;
}

Task<void> Front::cancel_job(core::wanted::Cancel order) {
    core::told::Cancelled told;
    told.job = order.job;
    const core::QueueIndex queue = order.outcome->queue;
    if (order.if_queued) {
        core::JobFacts facts;
        facts.id = order.job;
        facts = co_await recall_news(std::move(facts));
        if (facts.state == core::JobState::running) co_return step(std::move(told));
    }
    const auto put = co_await services_.store().put_result(
        name_of(queue), order.job, order.outcome, order.fingerprint, core::kPriorityDefault
    );
    store_said(put.has_error() ? &put.error() : nullptr);
    if (put.has_error()) {
        told.error = to_error(put.error(), "the job could not be cancelled");
        co_return step(std::move(told));
    }
    told.outcome = order.outcome;
    if (put.value() == Put::was_there) {
        auto there = co_await services_.store().get_result(name_of(queue), queue, order.job);
        if (there.has_value() && there.value()) {
            told.outcome = there.value()->outcome;
        } else {
            told.outcome = nullptr;
            told.error =
                Error{Code::store_failed, Retry::unsafe, "the job's result could not be read", 1};
        }
        co_return step(std::move(told));
    }
    services_.tell_cache({"SET", cancelled_mark(order.job), "1", "EX", std::string(kMarkSeconds)});
    wire::Notice notice;
    notice.kind = wire::Notice::Kind::cancel;
    notice.id = order.job;
    notice.queue = name_of(queue);
    services_.tell_cache({"PUBLISH", kCancelChannel, wire::encode_notice(notice)});
    step(std::move(told));
}

}  // namespace bide::engines::aws
