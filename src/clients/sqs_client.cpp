#include "clients/sqs_client.hpp"

#include "clients/nap.hpp"
#include "wire/aws_error.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

namespace bide::clients {
namespace {

using runtime::Task;
using runtime::Timer;
using Kind = AwsFailure::Kind;

enum class Action : std::uint8_t { send, remove, visibility };

const char* name_of(Action action) {
    switch (action) {
        case Action::send: return "SendMessageBatch";
        case Action::remove: return "DeleteMessageBatch";
        case Action::visibility: return "ChangeMessageVisibilityBatch";
    }
    return "";
}

struct Entry {
    std::string text;          ///< the message, or the receipt handle
    std::uint32_t number = 0;  ///< delay or visibility, in seconds
    std::string group;
};

/// One caller's entry on its way. Shared by the caller, who waits, and by the call that has it.
struct Pending {
    Pending(const runtime::Executor& executor, Entry what)
        : entry(std::move(what)), wake(executor) {}

    enum class Again : std::uint8_t { no, later, alone };

    Entry entry;
    Timer wake;          ///< of the linger; cancelled to wake the caller
    bool ripe = false;   ///< has waited for its linger
    bool alone = false;  ///< goes into no call with others
    bool done = false;
    std::optional<AwsFailure> failure;
    Again again = Again::no;  ///< of a failure
};
using PendingPtr = std::shared_ptr<Pending>;
using Batch = std::vector<PendingPtr>;

/// The entries of one kind for one queue. The caller whose entry is the first makes the call, for
/// itself and for those who wait behind it.
struct Lane {
    Action action = Action::send;
    std::string queue_url;
    std::deque<PendingPtr> waiting;
    std::size_t bytes = 0;  ///< of what waits
    unsigned calls = 0;     ///< under way
    Time busy_until{};      ///< calls of late carried several: more will come soon

    bool may_go(const SqsOptions& options, Time now) const {
        const Pending& first = *waiting.front();
        if (calls == 0 && busy_until <= now) return true;
        if (calls >= options.calls_max) return false;
        return first.ripe || first.alone || waiting.size() >= wire::kSqsEntriesMax ||
               bytes >= wire::kSqsBytesMax;
    }
    void wake_first(const SqsOptions& options, Time now) {
        if (!waiting.empty() && may_go(options, now)) waiting.front()->wake.cancel();
    }
    /// As many of the first as one call takes.
    Batch take() {
        Batch batch;
        std::size_t sum = 0;
        while (!waiting.empty() && batch.size() < wire::kSqsEntriesMax) {
            const PendingPtr& next = waiting.front();
            sum += next->entry.text.size();
            const bool shares = !next->alone && sum <= wire::kSqsBytesMax;
            if (!batch.empty() && (!shares || batch.front()->alone)) break;
            bytes -= next->entry.text.size();
            batch.push_back(next);
            waiting.pop_front();
        }
        return batch;
    }
};

std::string compose(const Lane& lane, const Batch& batch) {
    if (lane.action == Action::send) {
        std::vector<wire::SqsSendEntry> entries;
        for (const auto& one : batch)
            entries.push_back({one->entry.text, one->entry.number, one->entry.group});
        return wire::sqs_send_batch(lane.queue_url, entries);
    }
    std::vector<wire::SqsHandleEntry> entries;
    for (const auto& one : batch) entries.push_back({one->entry.text, one->entry.number});
    return lane.action == Action::remove ? wire::sqs_delete_batch(lane.queue_url, entries)
                                         : wire::sqs_visibility_batch(lane.queue_url, entries);
}

AwsRequest request_of(const std::string& action, std::string body) {
    AwsRequest request;
    request.service = "sqs";
    request.headers = {
        {"content-type", std::string(wire::kSqsContentType)},
        {"x-amz-target", "AmazonSQS." + action}};
    request.body = std::make_shared<const Body>(Body{std::move(body), nullptr});
    return request;
}

AwsFailure malformed(const Error& error) {
    return {Kind::malformed, 200, {}, error.detail, true};
}

AwsFailure failure_of(const wire::SqsEntryFailure& entry) {
    AwsFailure failure;
    failure.kind = Kind::refused;
    if (!entry.sender_fault) {
        const bool throttled = wire::class_of(entry.code) == wire::AwsErrorClass::throttled;
        failure.kind = throttled ? Kind::throttled : Kind::unavailable;
    }
    failure.status = 200;
    failure.code = entry.code;
    failure.detail = "sqs: " + entry.code + (entry.message.empty() ? "" : ": " + entry.message);
    failure.may_have_happened = failure.kind == Kind::unavailable;
    return failure;
}

/// Whether it is about the call and would be said to each of its entries, too.
bool concerns_all(const AwsFailure& failure) {
    constexpr std::string_view kCodes[] = {
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDeletedRecently",
        "AccessDenied",
        "AccessDeniedException",
        "InvalidAddress",
        "UnsupportedOperation",
    };
    return failure.kind != Kind::refused || failure.status == 403 ||
           std::ranges::find(kCodes, failure.code) != std::end(kCodes);
}

/// Tells each caller how its entry went.
void settle(const Batch& batch, const AwsResult& result) {
    std::optional<AwsFailure> all;
    auto again = Pending::Again::no;
    std::vector<std::optional<wire::SqsEntryFailure>> outcomes(batch.size());
    if (result.has_error()) {
        all = result.error();
        if (batch.size() > 1 && !concerns_all(*all)) again = Pending::Again::alone;
    } else if (auto read = wire::read_sqs_batch(result.value().body.bytes, batch.size())) {
        outcomes = std::move(read.value());
    } else {
        all = malformed(read.error());
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        Pending& one = *batch[i];
        one.failure = all;
        one.again = again;
        if (outcomes[i]) {
            one.failure = failure_of(*outcomes[i]);
            if (!outcomes[i]->sender_fault) one.again = Pending::Again::later;
        }
        one.done = true;
        one.wake.cancel();
    }
}

}  // namespace

struct SqsClient::Shared {
    Lane& lane_of(Action action, std::string queue_url);
    /// The first entry's caller makes the call that it goes with.
    Task<void> lead(Lane* lane);
    /// Until the entry went with some call.
    Task<void> pass(Lane* lane, PendingPtr pending);
    Task<AwsOutcome<void>> submit(Action action, std::string queue_url, Entry entry);
    /// A call by itself.
    Task<AwsResult> ask(const char* action, std::string body);
    void count_call(const Lane& lane, std::size_t entries);
    Duration backoff(int attempt);
    Duration linger(const Lane& lane) const {
        return lane.action == Action::send ? options.send_linger : options.handle_linger;
    }

    runtime::Executor executor;
    AwsClient& aws;
    const Clock& clock;
    Rng rng;
    const SqsOptions options;
    SqsCounters counters{};
    std::map<std::pair<Action, std::string>, Lane> lanes{};
};

Lane& SqsClient::Shared::lane_of(Action action, std::string queue_url) {
    Lane& lane = lanes[{action, queue_url}];
    lane.action = action;
    lane.queue_url = std::move(queue_url);
    return lane;
}

void SqsClient::Shared::count_call(const Lane& lane, std::size_t entries) {
    switch (lane.action) {
        case Action::send:
            ++counters.sends;
            counters.messages_sent += entries;
            break;
        case Action::remove:
            ++counters.deletes;
            counters.messages_deleted += entries;
            break;
        case Action::visibility: ++counters.visibilities; break;
    }
}

/// Exponential, with full jitter.
Duration SqsClient::Shared::backoff(int attempt) {
    Duration most = options.backoff_base;
    for (int i = 1; i < attempt && most < options.backoff_max; ++i) most *= 2;
    most = std::min(most, options.backoff_max);
    return Duration(
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count()) + 1))
    );
}

Task<void> SqsClient::Shared::lead(Lane* lane) {
    const Batch batch = lane->take();
    ++lane->calls;
    if (batch.size() > 1) lane->busy_until = clock.now() + 2 * linger(*lane);
    // Others may be enough for a call of their own.
    lane->wake_first(options, clock.now());
    count_call(*lane, batch.size());
    AwsRequest request = request_of(name_of(lane->action), compose(*lane, batch));
    const auto result = co_await aws.send(std::move(request));
    --lane->calls;
    settle(batch, result);
    lane->wake_first(options, clock.now());
}

Task<void> SqsClient::Shared::pass(Lane* lane, PendingPtr pending) {
    pending->done = false;
    pending->ripe = false;
    pending->failure.reset();
    pending->wake.expires_after(linger(*lane));
    lane->waiting.push_back(pending);
    lane->bytes += pending->entry.text.size();
    lane->wake_first(options, clock.now());
    while (!pending->done) {
        const bool first = !lane->waiting.empty() && lane->waiting.front() == pending;
        if (first && lane->may_go(options, clock.now())) {
            co_await lead(lane);
            continue;
        }
        const auto [woken] = co_await pending->wake.async_wait(runtime::kTuple);
        if (woken) continue;
        pending->ripe = true;
        pending->wake.expires_at(Timer::time_point::max());
    }
}

Task<AwsOutcome<void>> SqsClient::Shared::submit(
    Action action, std::string queue_url, Entry entry
) {
    Lane& lane = lane_of(action, std::move(queue_url));
    if (lane.waiting.size() >= options.waiting_max || lane.bytes >= options.bytes_max) {
        co_return AwsFailure{
            Kind::throttled, 0, {}, "sqs: too many entries wait for the queue already", false};
    }
    const auto pending = std::make_shared<Pending>(executor, std::move(entry));
    bool may_have_happened = false;
    for (int attempt = 1;;) {
        co_await pass(&lane, pending);
        if (!pending->failure) co_return success();
        may_have_happened |= pending->failure->may_have_happened;
        if (pending->again == Pending::Again::alone) {
            pending->alone = true;
            continue;
        }
        if (pending->again == Pending::Again::no || attempt >= options.attempts_max) {
            pending->failure->may_have_happened = may_have_happened;
            co_return std::move(*pending->failure);
        }
        co_await nap(executor, backoff(attempt++), {});
    }
}

Task<AwsResult> SqsClient::Shared::ask(const char* action, std::string body) {
    ++counters.others;
    return aws.send(request_of(action, std::move(body)));
}

SqsClient::SqsClient(
    runtime::Executor executor, AwsClient& aws, const Clock& clock, Rng rng, SqsOptions options
)
    : shared_(new Shared{std::move(executor), aws, clock, rng, options}) {}

SqsClient::~SqsClient() = default;

Task<AwsOutcome<void>> SqsClient::send(SqsSend what) {
    Entry entry{std::move(what.body), what.delay_s, std::move(what.message_group)};
    return shared_->submit(Action::send, std::move(what.queue_url), std::move(entry));
}

Task<AwsOutcome<void>> SqsClient::remove(std::string queue_url, std::string receipt_handle) {
    Entry entry{std::move(receipt_handle), 0, {}};
    return shared_->submit(Action::remove, std::move(queue_url), std::move(entry));
}

Task<AwsOutcome<void>> SqsClient::change_visibility(
    std::string queue_url, std::string receipt_handle, std::uint32_t visibility_s
) {
    Entry entry{std::move(receipt_handle), visibility_s, {}};
    return shared_->submit(Action::visibility, std::move(queue_url), std::move(entry));
}

Task<AwsOutcome<std::vector<SqsMessage>>> SqsClient::receive(SqsReceive what) {
    // Ten messages of a megabyte, with their escapes.
    constexpr std::uint64_t kAnswerMax = 64U << 20;
    constexpr Duration kMargin = std::chrono::seconds(10);
    AwsRequest request =
        request_of("ReceiveMessage", wire::sqs_receive(what.queue_url, what.limits));
    request.stop = what.stop;
    request.response_bytes_max = kAnswerMax;
    request.time_max = std::chrono::seconds(what.limits.wait_s) + kMargin;
    ++shared_->counters.receives;
    auto result = co_await shared_->aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    auto messages = wire::read_sqs_messages(result.value().body.bytes);
    if (messages.has_error()) co_return malformed(messages.error());
    shared_->counters.messages_received += messages.value().size();
    co_return std::move(messages).value();
}

Task<AwsOutcome<std::map<std::string, std::string, std::less<>>>> SqsClient::attributes(
    std::string queue_url
) {
    auto result =
        co_await shared_->ask("GetQueueAttributes", wire::sqs_queue_attributes(queue_url));
    if (result.has_error()) co_return std::move(result).error();
    auto attributes = wire::read_sqs_attributes(result.value().body.bytes);
    if (attributes.has_error()) co_return malformed(attributes.error());
    co_return std::move(attributes).value();
}

Task<AwsOutcome<std::string>> SqsClient::find_queue(std::string name) {
    auto result = co_await shared_->ask("GetQueueUrl", wire::sqs_queue_url(name));
    if (result.has_error()) co_return std::move(result).error();
    auto url = wire::read_sqs_queue_url(result.value().body.bytes);
    if (url.has_error()) co_return malformed(url.error());
    co_return std::move(url).value();
}

const SqsCounters& SqsClient::counters() const {
    return shared_->counters;
}

}  // namespace bide::clients
