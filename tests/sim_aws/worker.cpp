#include "worker.hpp"

#include "front.hpp"
#include "sim/violation.hpp"
#include "tell.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace bide::sim_aws {

namespace consumed = core::consumed;
namespace told = core::told;
namespace wants = core::wants;
using core::AttemptResult;
using std::chrono::milliseconds;
using Verdict = AttemptResult::Verdict;

Worker::Worker(const Surroundings& world, core::Consumer::Role role)
    : Process(world),
      role_(role),
      consumer_(world.options.queues, world.options.worker_limits, world.rng.next(), role) {}

void Worker::step(core::ConsumerEvent&& event) {
    world_.trace.line([&] {
        return "    worker " + std::to_string(life()) + ": " + tell(event, now());
    });
    core::ConsumerEffects effects;
    consumer_.step(std::move(event), now(), effects);
    perform(std::move(effects));
    check_running();
    plan();
    receive();
}

void Worker::plan() {
    const bool sends = world_.net.reaches_cache(life());
    plan_tick(std::min(consumer_.next_timer(), sends ? outbox_.next_timer() : kNever));
}

void Worker::perform(core::ConsumerEffects&& effects) {
    world_.trace.line([&] { return tell(effects); });
    for (const auto& order : effects.stops) stop(order);
    for (const auto& order : effects.fetches) fetch(order.receipt);
    for (const auto& order : effects.starts) start(order);
    for (const auto& order : effects.extends) extend(order);
    for (const auto& order : effects.stores) keep_and_store(order);
    for (const auto& order : effects.publishes) publish(order);
    for (const auto& order : effects.news) tell_news(order);
    for (const auto& order : effects.removes) remove(order.receipt);
    for (const auto& order : effects.hand_backs) hand_back(order);
}

// --- messages ----------------------------------------------------------------------------------

void Worker::receive() {
    for (core::QueueIndex queue = 0; queue < world_.options.queues.size(); ++queue)
        receive_from(queue);
}

void Worker::receive_from(core::QueueIndex queue) {
    const auto line = role_ == core::Consumer::Role::work ? Sqs::Line::main : Sqs::Line::dead;
    // The dead-letter queue fills when somebody receives from the other one.
    const Time visible = world_.services.sqs.next_visible(queue, line);
    const auto room = std::min<std::uint32_t>(consumer_.room(queue), 10);
    if (room == 0 || visible == kNever || receiving_.contains(queue)) return;
    if (visible > now()) {
        if (!planned_.insert(queue).second) return;
        return world_.net.later(life(), visible - now(), [this, queue] {
            planned_.erase(queue);
            receive_from(queue);
        });
    }
    receiving_.insert(queue);
    world_.net.call(
        life(),
        Service::queue,
        [&world = world_, queue, line, room] {
            auto taken = world.services.sqs.receive(
                queue, line, room, world.net.now(), world.options.worker_limits.lease
            );
            world.queue_changed();
            return taken;
        },
        [this, queue](std::optional<std::vector<Sqs::Message>> taken) {
            if (taken) return received(queue, std::move(*taken));
            world_.net.later(life(), milliseconds(100), [this, queue] {
                receiving_.erase(queue);
                receive_from(queue);
            });
        }
    );
}

void Worker::received(core::QueueIndex queue, std::vector<Sqs::Message>&& messages) {
    for (const auto& message : messages) take(queue, message);
    receiving_.erase(queue);
    receive_from(queue);
}

void Worker::take(core::QueueIndex queue, const Sqs::Message& message) {
    const Envelope& envelope = message.envelope;
    // Who holds a message keeps it, if neither dies nor is kept from the queue.
    sim::require(
        role_ == core::Consumer::Role::work || !world_.options.holds_keep(),
        "G6",
        "a dead letter though no worker died",
        envelope.input->id
    );
    consumed::Received event;
    event.receipt = next_receipt_++;
    event.job = envelope.input->id;
    event.queue = queue;
    if (!envelope.by_reference) event.input = envelope.input;
    event.receives = message.receives;
    event.created = envelope.input->created;
    event.not_before = envelope.not_before;
    event.start_by = envelope.start_by;
    event.fingerprint = envelope.input->fingerprint;
    event.cancelled = cache_works() && world_.services.marks.cancelled.contains(event.job);
    if (world_.options.functions) time_limit(event);
    held_.emplace(event.receipt, Held{message.handle, envelope});
    step(std::move(event));
}

/// Once all is well they have the time that their jobs need.
void Worker::time_limit(consumed::Received& event) {
    const Duration span = world_.net.any_time(world_.options.function_max);
    if (world_.net.healed()) return;
    event.end_by = now() + span;
    world_.net.later(life(), span + milliseconds(200), [this, receipt = event.receipt] {
        step(consumed::TimeUp{receipt});
    });
}

void Worker::fetch(core::Receipt receipt) {
    const Envelope& envelope = held_.at(receipt).envelope;
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, input = envelope.input] {
            const auto& inputs = world.services.s3.inputs;
            const auto found = inputs.find(S3::input_key(*input));
            return found == inputs.end() ? std::shared_ptr<const core::JobInput>() : found->second;
        },
        [this, receipt](auto read) {
            consumed::Fetched fetched{receipt, nullptr, {}};
            if (read)
                fetched.input = *read;
            else
                fetched.error = Error{Code::store_failed, Retry::safe, "no answer", 1};
            step(std::move(fetched));
        }
    );
}

void Worker::extend(const wants::Extend& order) {
    world_.net.call(
        life(),
        Service::queue,
        [&world = world_, handle = held_.at(order.receipt).handle, lease = order.lease] {
            return world.services.sqs.hide(handle, world.net.now() + lease);
        },
        [this, receipt = order.receipt](std::optional<bool> held) {
            if (held && !*held) step(consumed::LeaseLost{receipt});
        }
    );
}

/// What fails leaves the message, and it comes again.
void Worker::remove(core::Receipt receipt) {
    const auto held = held_.find(receipt);
    if (held == held_.end()) return;
    world_.net.call(
        life(),
        Service::queue,
        [&world = world_, handle = held->second.handle] {
            world.services.sqs.remove(handle, world.net.now());
            world.queue_changed();
            return true;
        },
        [](std::optional<bool>) {}
    );
}

void Worker::hand_back(const wants::HandBack& order) {
    const Held held = held_.at(order.receipt);
    held_.erase(order.receipt);
    const Time at = now() + order.pause;
    if (!order.anew) {
        return world_.net.call(
            life(),
            Service::queue,
            [&world = world_, handle = held.handle, at] {
                const bool hidden = world.services.sqs.hide(handle, at);
                world.queue_changed();
                return hidden;
            },
            [](std::optional<bool>) {}
        );
    }
    world_.net.call(
        life(),
        Service::queue,
        [&world = world_, held, at] {
            world.services.sqs.send(held.envelope, at);
            world.queue_changed();
            return true;
        },
        [this, handle = held.handle](std::optional<bool> sent) {
            if (!sent) return;  // it comes back by itself
            world_.net.call(
                life(),
                Service::queue,
                [&world = world_, handle] {
                    world.services.sqs.remove(handle, world.net.now());
                    return true;
                },
                [](std::optional<bool>) {}
            );
        }
    );
}

// --- results -----------------------------------------------------------------------------------

void Worker::keep_and_store(const wants::Store& order) {
    if (!order.keep) return store(order);
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, job = order.job] { return world.services.s3.failed.insert(job).second; },
        [this, order](std::optional<bool> kept) {
            if (kept) return store(order);
            step(consumed::Stored{
                order.receipt, nullptr, Error{Code::store_failed, Retry::unsafe, "no answer", 1}});
        }
    );
}

void Worker::store(const wants::Store& order) {
    world_.net.call(
        life(),
        Service::store,
        [&world = world_, order] {
            const ResultObject made{order.outcome, order.fingerprint, world.net.now()};
            return world.services.s3.results.emplace(order.job, made).first->second.outcome;
        },
        [this, order](auto there) {
            consumed::Stored stored{order.receipt, nullptr, {}};
            if (there)
                stored.outcome = *there;
            else
                stored.error = Error{Code::store_failed, Retry::unsafe, "no answer", 1};
            step(std::move(stored));
        }
    );
}

void Worker::publish(const wants::Publish& order) {
    const auto held = held_.find(order.receipt);
    if (held == held_.end()) return;
    const bool large = world_.rng.chance(world_.options.large_results, 100);
    Post post{held->second.envelope, notice_of(order.job, order.outcome, large)};
    if (post.envelope.reply == 0 && !post.envelope.promised) return;
    if (post.envelope.reply != 0 && !large)
        world_.checkers.owed(life(), post.envelope.reply, order.job, now());
    outbox_.put(std::move(post), 1, now());
    send_notices();
}

void Worker::send_notices() {
    if (!world_.net.reaches_cache(life())) return;
    outbox_.due(now(), [this](std::uint64_t number, const Post& post) {
        world_.net.call(
            life(),
            Service::cache,
            [&world = world_, post] {
                if (post.envelope.reply != 0)
                    world.bus.publish_to(post.envelope.reply, post.notice);
                if (post.envelope.promised) world.bus.publish(post.notice);
                return true;
            },
            [this, number](std::optional<bool> taken) {
                if (taken)
                    outbox_.taken(number);
                else
                    outbox_.failed(number, now());
                plan();
            }
        );
    });
    plan();
}

void Worker::lose_cache() {
    world_.net.cut(life());
    world_.checkers.loses_cache(life());
}

void Worker::find_cache() {
    world_.net.mend(life());
    if (!world_.net.reaches_cache(life())) return;
    world_.checkers.reaches_cache(life(), now());
    outbox_.again();
    send_notices();
}

/// Nobody makes up for what of these gets lost.
void Worker::tell_news(const wants::News& order) {
    using What = told::Noticed::What;
    const auto held = held_.find(order.receipt);
    if (held == held_.end() || !world_.net.reaches_cache(life())) return;
    told::Noticed notice;
    notice.job = order.job;
    notice.attempt = order.attempt;
    notice.what = order.what == core::Answer::News::attempt ? What::attempt
                  : order.what == core::Answer::News::retry ? What::retry
                                                            : What::progress;
    if (notice.what == What::attempt) world_.services.marks.running.insert(order.job);
    const Envelope& envelope = held->second.envelope;
    if (envelope.reply != 0) world_.bus.publish_to(envelope.reply, notice);
    if (envelope.promised) world_.bus.publish(notice);
}

// --- handlers ----------------------------------------------------------------------------------

void Worker::start(const wants::Start& order) {
    const Options& options = world_.options;
    const auto draw =
        world_.rng.below(options.succeeds + options.retries + options.fails + options.never_ends);
    const auto serial = next_serial_++;
    Running running;
    running.start = order;
    const std::string whose =
        order.input->body.bytes + "#" + std::to_string(life()) + "." + std::to_string(serial);
    if (draw < options.succeeds) {
        running.result.verdict = Verdict::success;
        running.result.body.bytes = whose;
    } else {
        const bool retry = draw < options.succeeds + options.retries;
        running.result.verdict = retry ? Verdict::retry : Verdict::fail;
        running.result.detail = whose;
    }
    const bool never = draw >= options.succeeds + options.retries + options.fails;
    running_.emplace(serial, std::move(running));
    if (!never || world_.net.healed()) ends_in(serial, world_.net.any_time(options.run_max));
}

void Worker::ends_in(std::uint64_t serial, Duration delay) {
    running_.at(serial).ends = true;
    world_.net.later(life(), delay, [this, serial] {
        const auto found = running_.find(serial);
        if (found == running_.end()) return;
        Running ended = std::move(found->second);
        running_.erase(found);
        step(core::event::AttemptEnded{
            ended.start.job, ended.start.attempt, ended.start.queue, std::move(ended.result)});
    });
}

void Worker::stop(const core::StopAttempt& order) {
    for (auto& [serial, running] : running_) {
        if (running.start.job != order.job || running.start.attempt != order.attempt) continue;
        running.stopped = true;
        if (world_.options.ignores_stop && !world_.net.healed() && world_.rng.chance(1, 2))
            continue;
        ends_in(serial, world_.net.latency());
    }
}

void Worker::heal() {
    for (auto& [serial, running] : running_) {
        if (running.stopped || !running.ends) ends_in(serial, world_.net.latency());
    }
}

/// G6: no more attempts run than the queue's concurrency, and no two of one job.
void Worker::check_running() const {
    std::vector<std::uint32_t> count(world_.options.queues.size());
    std::set<JobId> jobs;
    for (const auto& [serial, running] : running_) {
        ++count.at(running.start.queue);
        sim::require(
            jobs.insert(running.start.job).second, "G6", "runs twice at once", running.start.job
        );
    }
    for (core::QueueIndex queue = 0; queue < count.size(); ++queue) {
        sim::require(
            count[queue] <= world_.options.queues[queue].concurrency,
            "G6",
            "more attempts run than may"
        );
    }
}

}  // namespace bide::sim_aws
