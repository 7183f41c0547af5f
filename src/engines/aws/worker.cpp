#include "engines/aws/worker.hpp"

#include "engines/aws/names.hpp"
#include "wire/notice.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using runtime::Task;

/// That SQS gives out in one call.
constexpr std::uint32_t kReceiveMax = 10;

/// Of a poll. The longest there is, 20 s, would cost the least on an idle queue; but a poll must
/// not be broken off, since the queue may just be giving a message to it that nobody would have
/// until its lease is over, and so a drain takes as long as a poll.
constexpr std::uint32_t kPollSeconds = 5;

/// Between polls that failed.
constexpr Duration kPauseMin = std::chrono::milliseconds(100);
constexpr Duration kPauseMax = std::chrono::seconds(5);

/// Polls at once for one queue. A second one joins in only while calls come back full.
constexpr std::uint32_t kPollsMax = 8;
constexpr std::uint32_t kSlotsPerPoll = 20;

/// Full calls for each further poll, so that there are no more than are filled.
constexpr std::uint32_t kFullPerPoll = 8;

/// Longer than handlers have between the asking and SIGKILL.
constexpr auto kHaltPatience = std::chrono::seconds(15);

/// For notices that the cache has not taken yet, at the end.
constexpr auto kLastNotices = std::chrono::seconds(2);

/// When this call or the one before brought several messages, and this one was not full, others are
/// under way: the next call waits so long for them, for calls are paid for. A poll that waits
/// already is ended by the first message of many, and gets it alone. Among single ones none waits.
constexpr Duration kGather = std::chrono::milliseconds(10);

std::uint32_t whole_seconds(Duration span) {
    return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::seconds>(span).count());
}

}  // namespace

Worker::Worker(WorkerOptions options, Services& services)
    : options_(std::move(options)),
      services_(services),
      consumer_(rules_of(options_.queues), options_.limits, os_random(), options_.role),
      turns_(services.executor(), services.clock(), [this](auto&& events) {
          turn(std::move(events));
      }) {}

Worker::~Worker() = default;

const std::string& Worker::url_of(core::QueueIndex queue) const {
    const QueueOptions& options = options_.queues[queue];
    const bool dead = options_.role == core::Consumer::Role::dead_letters;
    return dead ? options.dead_letter_url : options.url;
}

void Worker::start() {
    runtime::net::post(services_.executor(), [this] {
        clients::RedisSubscriptionHooks hooks;
        hooks.on_message = [this](std::string_view, std::string_view payload) { hear(payload); };
        subscription_ = services_.subscribe(std::move(hooks));
        if (subscription_) subscription_->subscribe(kCancelChannel);
        for (core::QueueIndex queue = 0; queue < options_.queues.size(); ++queue) {
            // Set once: to set a timer wakes all that wait for it.
            room_.push_back(std::make_unique<runtime::Timer>(
                services_.executor(), runtime::Timer::time_point::max()
            ));
            polls_.emplace_back();
            const bool polled = options_.source == WorkerOptions::Source::polls;
            if (url_of(queue).empty() || !polled) continue;
            const std::uint32_t slots = options_.queues[queue].rules.concurrency;
            const std::uint32_t polls = std::clamp(slots / kSlotsPerPoll, 1U, kPollsMax);
            for (std::uint32_t i = 0; i < polls; ++i) turns_.spawn(receive_loop(queue, i));
        }
    });
}

void Worker::drain(Duration patience) {
    stop_.request_stop();
    turns_.put(core::event::Drain{});
    std::unique_lock lock(mutex_);
    settled_.wait_for(lock, patience, [this] { return stop_now_ || (drained_ && idle_); });
    lock.unlock();
    turns_.put(core::event::Halt{});
    lock.lock();
    settled_.wait_for(lock, kHaltPatience, [this] { return stop_now_ || idle_; });
    // Those that come back bring messages that go back to the queue at once.
    const auto polls_over = [this] { return stop_now_ || polls_under_way_ == 0; };
    settled_.wait_for(lock, std::chrono::seconds(kPollSeconds + 1), polls_over);
    const bool hurry = stop_now_;
    lock.unlock();
    if (!hurry) services_.published(kLastNotices);
}

void Worker::stop_now() {
    const std::lock_guard lock(mutex_);
    stop_now_ = true;
    abort_.request_stop();
    settled_.notify_all();
}

void Worker::stop() {
    stop_.request_stop();
    abort_.request_stop();
    turns_.close([this] {
        if (subscription_) subscription_->close();
        subscription_.reset();
        for (const auto& timer : room_) timer->cancel();
    });
    const Duration patience = stop_now_ ? Duration(0) : kLastCalls;
    if (!turns_.wait(patience)) services_.cut_off();
    turns_.wait();
}

std::vector<ports::QueueFacts> Worker::facts() const {
    std::vector<ports::QueueFacts> facts;
    const std::lock_guard lock(mutex_);
    for (core::QueueIndex queue = 0; queue < options_.queues.size(); ++queue)
        facts.push_back(
            {options_.queues[queue].rules, consumer_.counts(queue), consumer_.totals(queue), false}
        );
    return facts;
}

std::string Worker::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

// --- turns ------------------------------------------------------------------------------------

void Worker::attempt_ended(core::event::AttemptEnded&& ended) {
    turns_.put(std::move(ended));
}
void Worker::attempt_progressed(core::event::Progress&& progress) {
    turns_.put(std::move(progress));
}

void Worker::turn(std::vector<core::ConsumerEvent>&& events) {
    {
        const std::lock_guard lock(mutex_);
        const Time now = services_.clock().now();
        for (auto& event : events) {
            drained_ = drained_ || std::holds_alternative<core::event::Drain>(event);
            if (const auto* ended = std::get_if<core::event::AttemptEnded>(&event))
                running_.erase({ended->job, ended->attempt});
            consumer_.step(std::move(event), now, effects_);
        }
        if (events.empty()) consumer_.step(core::event::Tick{}, now, effects_);
    }
    perform();
}

void Worker::step(core::ConsumerEvent&& event) {
    {
        const std::lock_guard lock(mutex_);
        consumer_.step(std::move(event), services_.clock().now(), effects_);
    }
    perform();
}

void Worker::perform() {
    core::ConsumerEffects todo = std::exchange(effects_, {});
    for (auto& order : todo.starts) begin(std::move(order));
    for (const auto& stop : todo.stops) {
        const auto running = running_.find({stop.job, stop.attempt});
        if (running != running_.end()) running->second.request_stop();
    }
    for (const auto& order : todo.news) tell_news(order);
    for (auto& order : todo.fetches) turns_.spawn(fetch(order));
    for (auto& order : todo.extends) turns_.spawn(extend(order));
    for (auto& order : todo.stores) turns_.spawn(store(std::move(order)));
    for (const auto& order : todo.publishes) publish(order);
    for (const auto& order : todo.removes) {
        const auto held = held_.extract(order.receipt);
        if (held.empty()) continue;
        if (held.mapped().brought.event)
            settle(held.mapped().brought, true);
        else
            turns_.spawn(remove(held.mapped().queue, std::move(held.mapped().handle)));
    }
    for (const auto& order : todo.hand_backs) {
        auto held = held_.extract(order.receipt);
        if (!held.empty()) turns_.spawn(hand_back(order, std::move(held.mapped())));
    }
    Time next = kNever;
    {
        const std::lock_guard lock(mutex_);
        next = consumer_.next_timer();
        idle_ = consumer_.idle();
        settled_.notify_all();
    }
    for (const auto& timer : room_) timer->cancel();
    changed();
    turns_.wake_at(next);
}

void Worker::begin(core::wants::Start order) {
    const std::stop_source stop;
    running_.insert_or_assign({order.job, order.attempt}, stop);
    ports::Attempt attempt;
    attempt.input = std::move(order.input);
    attempt.number = order.attempt;
    attempt.attempts_max = order.attempts_max;
    attempt.deadline = order.deadline;
    attempt.stop = stop.get_token();
    attempt.progress = ports::Progress(*this, order.job, order.attempt);
    ports::Completion done(*this, order.job, order.queue, order.attempt);
    options_.queues[order.queue].handler->start(std::move(attempt), std::move(done));
}

// --- messages ---------------------------------------------------------------------------------

Task<void> Worker::pause(Duration span) {
    runtime::Timer timer(services_.executor());
    const std::stop_token stop = stop_.get_token();
    const Time until = services_.clock().now() + span;
    // In short steps: a drain does not wait for it.
    while (!stop.stop_requested() && services_.clock().now() < until) {
        timer.expires_after(std::min<Duration>(span, kPauseMin));
        co_await timer.async_wait(runtime::kTuple);
    }
}

/// As soon as a good part of a full call fits: calls are paid for, and cost time.
Task<std::uint32_t> Worker::wait_for_room(core::QueueIndex queue, std::uint32_t poll) {
    const std::uint32_t slots = options_.queues[queue].rules.concurrency;
    const std::uint32_t wanted = std::clamp(slots / 2, 1U, kReceiveMax);
    for (;;) {
        if (stop_.stop_requested()) co_return 0;
        const std::uint32_t room = consumer_.room(queue);
        const std::uint32_t reserved = polls_[queue].reserved;
        if (poll <= polls_[queue].full / kFullPerPoll && room >= reserved + wanted)
            co_return std::min(room - reserved, kReceiveMax);
        co_await room_[queue]->async_wait(runtime::kTuple);
    }
}

Task<void> Worker::receive_loop(core::QueueIndex queue, std::uint32_t poll) {
    Duration rest = kPauseMin;
    std::size_t last = 0;
    for (;;) {
        const std::uint32_t room = co_await wait_for_room(queue, poll);
        if (room == 0) co_return;
        clients::SqsReceive what;
        what.queue_url = url_of(queue);
        what.limits = {room, kPollSeconds, whole_seconds(options_.limits.lease)};
        what.stop = abort_.get_token();
        polls_[queue].reserved += room;
        ++polls_under_way_;
        auto received = co_await services_.sqs().receive(std::move(what));
        --polls_under_way_;
        if (stop_.stop_requested()) {
            const std::lock_guard lock(mutex_);
            settled_.notify_all();
        }
        if (received.has_error()) {
            polls_[queue].reserved -= room;
            if (stop_.stop_requested()) co_return;
            said("SQS", &received.error());
            co_await pause(rest);
            rest = std::min(rest * 2, kPauseMax);
            continue;
        }
        said("SQS", nullptr);
        rest = kPauseMin;
        const std::size_t count = received.value().size();
        std::uint32_t& full = polls_[queue].full;
        if (count == room)
            full = std::min(full + 1, kPollsMax * kFullPerPoll);
        else
            full /= 2;
        co_await take(queue, room, std::move(received.value()));
        if (count > 0 && count < room && std::max(count, last) > 1) co_await pause(kGather);
        last = count;
    }
}

/// `room` was reserved for them, and is until they have it.
Task<void> Worker::take(
    core::QueueIndex queue, std::uint32_t room, std::vector<clients::SqsMessage> messages
) {
    std::vector<core::consumed::Received> all;
    for (auto& message : messages) all.push_back(receive(queue, std::move(message)));
    co_await look_for_marks(&all);
    std::vector<core::ConsumerEvent> events;
    for (auto& one : all) events.emplace_back(std::move(one));
    polls_[queue].reserved -= room;
    turn(std::move(events));
}

/// Which of them were cancelled, as far as the cache knows.
Task<void> Worker::look_for_marks(std::vector<core::consumed::Received>* messages) {
    if (messages->empty() || !services_.cache_works()) co_return;
    std::vector<std::string> ask{"MGET"};
    for (const auto& message : *messages) ask.push_back(cancelled_mark(message.job));
    const auto marks = co_await services_.redis()->command(std::move(ask));
    if (!marks || marks.value().items.size() != messages->size()) co_return;
    for (std::size_t i = 0; i < messages->size(); ++i)
        (*messages)[i].cancelled = marks.value().items[i].kind != wire::RespValue::Kind::nil;
}

/// What is no envelope of ours is a job of its own, under the message's id.
core::consumed::Received Worker::receive(core::QueueIndex queue, clients::SqsMessage message) {
    Held held;
    held.queue = queue;
    held.handle = std::move(message.receipt_handle);
    core::consumed::Received event;
    event.receipt = ++last_receipt_;
    event.queue = queue;
    event.receives = std::max(1U, message.receive_count);
    auto input = std::make_shared<core::JobInput>();
    auto read = wire::decode_envelope(message.body);
    if (read && read.value() && read.value()->queue == name_of(queue)) {
        wire::Envelope& envelope = *read.value();
        *input = std::move(envelope.job);
        held.reply = std::move(envelope.reply);
        held.promised = envelope.promised;
        held.shared = envelope.promised || envelope.may_freeze;
        held.claimed = envelope.claimed_bytes.has_value();
        event.not_before = envelope.not_before;
        event.start_by = envelope.start_by;
        // Kept for what is sent anew, or kept for a redrive.
        held.text = std::move(message.body);
    } else {
        held.foreign = true;
        if (const auto id = parse_job_id(message.id)) input->id = id.value();
        input->created = message.sent;
        input->tenant = message.message_group;
        const auto type = message.attributes.find("content-type");
        input->content_type = type == message.attributes.end() ? "" : type->second;
        // An envelope that is none of ours is not for a handler to make sense of.
        if (read.has_error()) event.refused = read.error().detail;
        if (read && read.value())
            event.refused = "the message is a job of queue \"" + read.value()->queue + '"';
        if (event.refused.empty()) input->body.bytes = std::move(message.body);
    }
    input->queue = queue;
    held.priority = input->priority;
    event.job = input->id;
    event.created = input->created;
    event.tenant = input->tenant;
    event.fingerprint = input->fingerprint;
    held.input = input;
    if (!held.claimed) event.input = input;
    held_.emplace(event.receipt, std::move(held));
    return event;
}

/// Somebody cancelled a job.
void Worker::hear(std::string_view payload) {
    const auto notice = wire::decode_notice(payload);
    if (notice && notice.value().kind == wire::Notice::Kind::cancel)
        step(core::consumed::CancelHeard{notice.value().id});
}

}  // namespace bide::engines::aws
