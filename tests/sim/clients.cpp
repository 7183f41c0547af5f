#include "clients.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bide::sim {

using std::chrono::milliseconds;

Clients::Clients(const Options& options, Rng& rng, Timeline& timeline)
    : options_(options), rng_(rng), timeline_(timeline) {
    while (names_.size() < options_.names) {
        Name name;
        for (auto& byte : name.id.bytes) byte = static_cast<std::uint8_t>(rng_.below(256));
        name.queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
        name.tenant = some_tenant();
        names_.push_back(std::move(name));
    }
}

std::vector<core::Event> Clients::act(Time now, IdMaker& ids, std::uint32_t life) {
    std::vector<core::Event> events;
    const auto draw = rng_.below(100);
    if (options_.pauses && rng_.chance(1, 8)) {
        const auto queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
        for (auto count = 1 + rng_.below(2); count > 0; --count)
            events.push_back(set_paused(queue, rng_.chance(1, 2), now));
        return events;
    }
    for (auto count = 1 + rng_.below(options_.burst_max); count > 0; --count) {
        if (draw < 40)
            events.push_back(ask_about(some_job(now, ids), draw, now, life));
        else
            events.push_back(submit(now, ids, life));
    }
    return events;
}

core::Event Clients::ask_about(const JobId& job, std::uint64_t draw, Time now, std::uint32_t life) {
    if (options_.cancels && draw < 13) return core::event::Cancel{job, begin_wait(job, now, life)};
    if (options_.redrives && draw < 26)
        return core::event::Redrive{job, begin_wait(job, now, life)};
    return join(job, now, life);
}

core::Event Clients::submit(Time now, IdMaker& ids, std::uint32_t life) {
    if (names_.empty() || rng_.chance(1, 3)) return submit_new(now, ids, life);
    const auto name = static_cast<unsigned>(rng_.below(names_.size()));
    return resubmit({name, rng_.chance(1, 6) ? 1U : 0U}, now, ids, life);
}

core::Event Clients::submit_new(Time now, IdMaker& ids, std::uint32_t life) {
    auto input = std::make_shared<core::JobInput>();
    input->id = ids.make(now);
    input->sequence = input->id.sequence();
    input->queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
    input->tenant = some_tenant();
    input->body.bytes = "b" + std::to_string(next_body_++);
    input->body.bytes.resize(input->body.bytes.size() + rng_.below(options_.body_bytes_max), '.');
    known_.push_back(input->id);
    return dress(std::move(input), now, life);
}

/// Every time with the same queue, type and body, so with the same fingerprint; the rest may
/// differ.
core::Event Clients::resubmit(const Request& request, Time now, IdMaker& ids, std::uint32_t life) {
    const Name& name = names_.at(request.name);
    auto input = std::make_shared<core::JobInput>();
    input->id = name.id;
    input->sequence = ids.make(now).sequence();
    input->queue = name.queue;
    input->tenant = name.tenant;
    input->body.bytes = "n" + std::to_string(request.name) + "v" + std::to_string(request.variant);
    input->fingerprint[0] = static_cast<std::uint8_t>(request.name + 1);
    input->fingerprint[15] = static_cast<std::uint8_t>(request.variant + 1);
    if (std::find(known_.begin(), known_.end(), name.id) == known_.end()) known_.push_back(name.id);
    auto submit = dress(std::move(input), now, life);
    submit.origin = core::IdOrigin::caller;
    waits_.at(submit.wait.id).request = request;
    return submit;
}

core::event::Submit Clients::dress(
    std::shared_ptr<core::JobInput> input, Time now, std::uint32_t life
) {
    input->created = now;
    input->content_type = "text/plain";
    if (options_.priorities)
        input->priority = static_cast<std::uint8_t>(rng_.below(core::kPriorities));
    core::event::Submit submit;
    submit.wait = begin_wait(input->id, now, life);
    if (options_.delays && rng_.chance(1, 2))
        submit.not_before = now + milliseconds(rng_.below(300));
    if (options_.deadlines && rng_.chance(1, 2))
        submit.start_by = now + milliseconds(rng_.below(200));
    submit.input = std::move(input);
    return submit;
}

core::Event Clients::join(const JobId& job, Time now, std::uint32_t life) {
    return core::event::Join{job, begin_wait(job, now, life)};
}

core::Event Clients::set_paused(core::QueueIndex queue, bool paused, Time now) {
    return core::event::SetPaused{queue, paused, {next_waiter_++, now}};
}

std::vector<core::Event> Clients::resume_all(Time now) {
    std::vector<core::Event> events;
    if (!options_.pauses) return events;
    for (core::QueueIndex queue = 0; queue < options_.queues.size(); ++queue)
        events.push_back(set_paused(queue, false, now));
    return events;
}

core::Wait Clients::begin_wait(const JobId& job, Time now, std::uint32_t life) {
    core::Wait wait{next_waiter_++, now};
    // A third wants a receipt only: its deadline is now, or was when the request came in.
    if (!rng_.chance(1, 3))
        wait.deadline +=
            Duration(rng_.below(static_cast<std::uint64_t>(options_.wait_max.count())));
    else if (rng_.chance(1, 2))
        wait.deadline -= milliseconds(rng_.below(20));
    if (options_.followers && rng_.chance(1, 2)) wait.follow = core::Follow::yes;
    if (options_.leave_wishes && rng_.chance(2, 3)) {
        wait.on_leave = rng_.chance(1, 2) ? core::OnLeave::cancel : core::OnLeave::cancel_if_queued;
    }
    waits_.emplace(wait.id, Waiting{job, std::nullopt});
    if (options_.disconnects && !healed_ && rng_.chance(1, 3)) {
        const auto delay = rng_.below(static_cast<std::uint64_t>(options_.wait_max.count()));
        timeline_.after(Duration(delay), act::ClientLeaves{wait.id}, life);
    }
    return wait;
}

JobId Clients::some_job(Time now, IdMaker& ids) {
    if (known_.empty() || rng_.chance(1, 20)) return ids.make(now);  // nobody's
    // Mostly a young one, which is still under way.
    const auto reach = rng_.chance(2, 3) ? std::min<std::size_t>(known_.size(), 4) : known_.size();
    return known_[known_.size() - 1 - rng_.below(reach)];
}

std::string Clients::some_tenant() {
    const auto tenant = rng_.below(options_.tenancy.named.size() + 1);
    return tenant == 0 ? std::string() : std::string(1, static_cast<char>('a' + tenant - 1));
}

void Clients::answered(const core::Answer& answer) {
    if (!answer.last()) return;
    const auto wait = waits_.find(answer.waiter);
    if (wait == waits_.end()) return;
    const Waiting waiting = wait->second;
    waits_.erase(wait);
    const bool refused = answer.kind == core::Answer::Kind::refused;
    if (refused && answer.error.retry == Retry::safe && !waiting.request)
        std::erase(known_, waiting.job);  // it was not taken, so nobody has reason to ask for it
    else if (answer.kind != core::Answer::Kind::finished)
        maybe_ask_again(waiting);
}

void Clients::crashed() {
    for (const auto& [waiter, waiting] : std::exchange(waits_, {})) maybe_ask_again(waiting);
}

void Clients::maybe_ask_again(const Waiting& waiting) {
    if (healed_ || !rng_.chance(1, 4)) return;
    const auto delay = milliseconds(rng_.below(300));
    if (waiting.request && rng_.chance(2, 3))
        timeline_.after(delay, act::ClientResubmits{*waiting.request}, Timeline::kAnyLife);
    else
        timeline_.after(delay, act::ClientJoins{waiting.job}, Timeline::kAnyLife);
}

}  // namespace bide::sim
