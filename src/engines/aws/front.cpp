#include "engines/aws/front.hpp"

#include "base/check.hpp"
#include "engines/aws/names.hpp"
#include "wire/notice.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

/// How long one failed call makes a front not ready.
constexpr Duration kTroubleMax = std::chrono::seconds(10);

std::string random_name() {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string name;
    std::uint64_t number = os_random();
    for (int i = 0; i < 16; ++i, number >>= 4) name += kDigits[number & 15];
    return name;
}

}  // namespace

Front::Front(FrontOptions options, Services& services)
    : options_(std::move(options)),
      services_(services),
      id_(random_name()),
      reply_channel_(reply_channel(id_)),
      ids_(os_random(), 0),
      rendezvous_(rules_of(options_.queues), options_.limits, os_random(), options_.tenancy),
      turns_(services.executor(), services.clock(), [this](auto&& events) {
          turn(std::move(events));
      }) {
    for (std::size_t i = 0; i < options_.queues.size(); ++i)
        queue_of_.emplace(options_.queues[i].name, static_cast<core::QueueIndex>(i));
}

Front::~Front() = default;

void Front::start() {
    runtime::net::post(services_.executor(), [this] {
        clients::RedisSubscriptionHooks hooks;
        hooks.on_message = [this](std::string_view channel, std::string_view payload) {
            hear(channel, payload);
        };
        hooks.on_proven = [this](bool proven) { trust(proven); };
        hooks.on_subscribed = [this](std::string_view channel) { listened(channel); };
        subscription_ = services_.subscribe(std::move(hooks));
        if (!subscription_) return;
        subscription_->subscribe(reply_channel_);
        subscription_->subscribe(kCancelChannel);
    });
}

void Front::drain(Duration patience) {
    turns_.put(core::event::Drain{});
    std::unique_lock lock(mutex_);
    draining_ = true;
    settled_.wait_for(lock, patience, [this] { return stop_now_ || settled(); });
}

void Front::stop_now() {
    const std::lock_guard lock(mutex_);
    stop_now_ = true;
    draining_ = true;
    settled_.notify_all();
}

void Front::stop() {
    turns_.close([this] {
        if (subscription_) subscription_->close();
        subscription_.reset();
    });
    const Duration patience = stop_now_ ? Duration(0) : kLastCalls;
    if (!turns_.wait(patience)) services_.cut_off();
    turns_.wait();
}

// --- what callers say -------------------------------------------------------------------------

std::uint8_t Front::add_sink(ports::AnswerSink& sink) {
    const std::uint32_t number = sink_count_.fetch_add(1);
    CHECK(number < sinks_.size());
    sinks_.at(number).store(&sink);
    return static_cast<std::uint8_t>(number);
}

ports::NewId Front::make_id() {
    const std::lock_guard lock(ids_mutex_);
    const JobId id = ids_.make(services_.clock().now());
    return {id, id.sequence()};
}

void Front::submit(core::event::Submit&& submit) {
    turns_.put(std::move(submit));
}
void Front::join(const JobId& job, const core::Wait& wait) {
    turns_.put(core::event::Join{job, wait});
}
void Front::cancel(const JobId& job, const core::Wait& wait) {
    turns_.put(core::event::Cancel{job, wait});
}
void Front::leave(core::WaiterId waiter) {
    turns_.put(core::event::Leave{waiter});
}

void Front::redrive(const JobId& job, const core::Wait& wait) {
    begin(redrive_for(job, wait));
}
void Front::redrive_queue(core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait) {
    begin(redrive_some(queue, count_max, wait));
}

/// A redrive, of which the rendezvous knows nothing. Any thread.
void Front::begin(runtime::Task<void> redrive) {
    {
        const std::lock_guard lock(mutex_);
        ++redrives_;
    }
    runtime::net::post(services_.executor(), [this, redrive = std::move(redrive)]() mutable {
        turns_.spawn(counted(std::move(redrive)));
    });
}
runtime::Task<void> Front::counted(runtime::Task<void> redrive) {
    co_await std::move(redrive);
    const std::lock_guard lock(mutex_);
    --redrives_;
    if (settled()) settled_.notify_all();
}

void Front::set_paused(core::event::SetPaused&& change) {
    not_here(change.wait, "pausing; stop the queue's workers");
}
void Front::list(const ports::ListQuery&, const core::Wait& wait) {
    not_here(wait, "listing jobs; list the bucket's outgoing/ and failed/");
}

/// Later, and not within the call: the caller may hold what its sink needs.
void Front::not_here(const core::Wait& wait, const char* what) {
    core::Answer answer;
    answer.waiter = wait.id;
    answer.error = {
        Code::not_implemented,
        Retry::never,
        std::string("this server keeps its jobs in SQS and S3, and does not offer ") + what};
    runtime::net::post(services_.executor(), [this, answer = std::move(answer)]() mutable {
        deliver_one(std::move(answer));
    });
}

void Front::deliver_one(core::Answer&& answer) {
    std::vector<core::Answer> one;
    one.push_back(std::move(answer));
    deliver(std::move(one));
}

std::uint64_t Front::rescues() const {
    const std::lock_guard lock(mutex_);
    return rendezvous_.rescues();
}

ports::EngineFacts Front::facts() const {
    ports::EngineFacts facts;
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < options_.queues.size(); ++i) {
        const auto index = static_cast<core::QueueIndex>(i);
        ports::QueueFacts queue;
        queue.rules = options_.queues[i].rules;
        queue.counts.ready = rendezvous_.open(index);
        queue.totals = rendezvous_.totals(index);
        facts.queues.push_back(std::move(queue));
    }
    facts.counters = services_.counters();
    facts.counters.push_back(
        {"bide_rescues",
         "Results found by looking though a notice should have come.",
         rendezvous_.rescues()}
    );
    facts.counters.push_back(
        {"bide_notices_trusted",
         "1 while notices are known to arrive.",
         rendezvous_.trusted() ? 1U : 0U,
         true}
    );
    facts.waiters = rendezvous_.waiters();
    facts.open_jobs = rendezvous_.jobs();
    return facts;
}

ports::EngineHealth Front::health() const {
    ports::EngineHealth health;
    const std::lock_guard lock(mutex_);
    const bool store = lasts(store_trouble_);
    health.ready = !draining_ && !store && !lasts(queue_trouble_);
    if (draining_)
        health.reason = "shutting down";
    else if (!health.ready)
        health.reason = store ? store_trouble_.text : queue_trouble_.text;
    else if (!rendezvous_.trusted())
        health.reason =
            "degraded: no notices come from the cache; results are found by looking into the store";
    return health;
}

void Front::store_said(const clients::AwsFailure* failure) {
    said(store_trouble_, "S3", failure);
}
void Front::queue_said(const clients::AwsFailure* failure) {
    said(queue_trouble_, "SQS", failure);
}

/// Without requests no call tells that a service is back, and who is not ready gets none.
bool Front::lasts(const Trouble& trouble) const {
    return !trouble.text.empty() && services_.clock().now() < trouble.at + kTroubleMax;
}

/// What /readyz says until the service has done something again, or kTroubleMax is over.
void Front::said(Trouble& trouble, std::string_view service, const clients::AwsFailure* failure) {
    if (failure != nullptr && failure->kind == clients::AwsFailure::Kind::stopped) return;
    std::string now;
    if (failure != nullptr) now = std::string(service) + ": " + failure->detail;
    const std::lock_guard lock(mutex_);
    if (!lasts(trouble) && !now.empty()) services_.log(now);
    trouble = {std::move(now), services_.clock().now()};
}

// --- turns ------------------------------------------------------------------------------------

void Front::turn(std::vector<core::RendezvousEvent>&& events) {
    {
        const std::lock_guard lock(mutex_);
        const Time now = services_.clock().now();
        for (auto& event : events) rendezvous_.step(std::move(event), now, effects_);
        if (events.empty()) rendezvous_.step(core::event::Tick{}, now, effects_);
    }
    perform();
}

/// On the thread: something came to be known there.
void Front::step(core::RendezvousEvent&& event) {
    {
        const std::lock_guard lock(mutex_);
        rendezvous_.step(std::move(event), services_.clock().now(), effects_);
    }
    perform();
}

void Front::perform() {
    core::RendezvousEffects todo = std::exchange(effects_, {});
    if (!todo.watches.empty() || !todo.unwatches.empty()) watch(todo);
    for (auto& order : todo.claims) turns_.spawn(claim(std::move(order)));
    for (auto& order : todo.sends) turns_.spawn(send(std::move(order)));
    for (auto& order : todo.looks) look(std::move(order));
    for (auto& order : todo.cancels) turns_.spawn(cancel_job(std::move(order)));
    for (const auto& order : todo.forwards) forward(order);
    if (!todo.answers.empty()) deliver(std::move(todo.answers));
    Time next = kNever;
    {
        const std::lock_guard lock(mutex_);
        next = rendezvous_.next_timer();
        if (settled()) settled_.notify_all();
    }
    turns_.wake_at(next);
}

/// A channel that was wanted and given up again within the turn, or the other way round, is left as
/// it is: in which order that was is not known any more.
void Front::watch(const core::RendezvousEffects& todo) {
    if (!subscription_) return;
    std::unordered_map<JobId, int> changes;
    for (const JobId& job : todo.watches) ++changes[job];
    for (const JobId& job : todo.unwatches) --changes[job];
    for (const auto& [job, change] : changes) {
        const std::string channel = job_channel(job);
        if (change < 0) {
            subscription_->unsubscribe(channel);
            look_if_held(job);
        } else if (change > 0) {
            const bool asked = subscription_->subscribe(channel);
            // A look that follows waits until the channel is listened to.
            if (asked && subscription_->proven() && !subscription_->subscribed(channel))
                watching_.insert(job);
        }
    }
}

void Front::deliver(std::vector<core::Answer>&& answers) {
    const auto sink_of = [](const core::Answer& answer) { return ports::sink_of(answer.waiter); };
    if (std::all_of(answers.begin(), answers.end(), [&](const core::Answer& answer) {
            return sink_of(answer) == sink_of(answers.front());
        })) {
        ports::AnswerSink* sink = sinks_.at(sink_of(answers.front())).load();
        return sink->deliver(std::move(answers));
    }
    std::unordered_map<std::uint8_t, std::vector<core::Answer>> by_sink;
    for (auto& answer : answers) by_sink[sink_of(answer)].push_back(std::move(answer));
    for (auto& [number, some] : by_sink) sinks_.at(number).load()->deliver(std::move(some));
}

// --- notices ----------------------------------------------------------------------------------

void Front::hear(std::string_view channel, std::string_view payload) {
    auto read = wire::decode_notice(payload);
    // From anybody who may publish; what is not understood is not for us.
    if (read.has_error()) return;
    wire::Notice& notice = read.value();
    using Kind = wire::Notice::Kind;
    using What = core::told::Noticed::What;
    const auto queue = queue_of_.find(notice.queue);
    core::told::Noticed told;
    told.job = notice.id;
    told.direct = channel == reply_channel_;
    if (notice.kind == Kind::result && queue != queue_of_.end()) {
        auto outcome = std::make_shared<core::Outcome>(*notice.outcome);
        outcome->queue = queue->second;
        told.what = What::result;
        told.outcome = std::move(outcome);
    } else if (notice.kind == Kind::news) {
        told.attempt = notice.news.attempt;
        told.what = What::progress;
        if (notice.news.what == core::Answer::News::attempt) told.what = What::attempt;
        if (notice.news.what == core::Answer::News::retry) told.what = What::retry;
        if (told.what == What::progress)
            told.progress = std::make_shared<const std::string>(std::move(notice.news.progress));
    }
    step(std::move(told));
}

void Front::trust(bool trusted) {
    if (!trusted) {
        watching_.clear();
        for (auto& [job, order] : std::exchange(held_, {})) turns_.spawn(look_up(std::move(order)));
    }
    step(core::told::Trust{trusted});
}

/// A channel is listened to: what was to be looked at after that is looked at now.
void Front::listened(std::string_view channel) {
    static constexpr std::string_view kPrefix = "bide:job:";
    if (!channel.starts_with(kPrefix)) return;
    if (const auto job = parse_job_id(channel.substr(kPrefix.size()))) look_if_held(job.value());
}

void Front::look_if_held(const JobId& job) {
    watching_.erase(job);
    // Out of the map first: with the clients closed the look ends within spawn(), and its step may
    // hold others.
    auto held = held_.extract(job);
    if (held) turns_.spawn(look_up(std::move(held.mapped())));
}

void Front::look(core::wanted::Look order) {
    if (watching_.contains(order.job))
        held_.insert_or_assign(order.job, std::move(order));
    else
        turns_.spawn(look_up(std::move(order)));
}

void Front::forward(const core::wanted::Forward& order) {
    wire::Notice notice;
    notice.id = order.job;
    if (order.outcome) {
        notice.kind = wire::Notice::Kind::result;
        notice.queue = name_of(order.outcome->queue);
        notice.outcome = order.outcome;
    }
    services_.publish(job_channel(order.job), wire::encode_notice(notice));
}

}  // namespace bide::engines::aws
