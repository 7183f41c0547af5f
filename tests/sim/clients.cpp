#include "clients.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace bide::sim {

using std::chrono::milliseconds;

std::vector<core::Event> Clients::act(Time now, IdMaker& ids, std::uint32_t life) {
    std::vector<core::Event> events;
    const auto draw = rng_.below(100);
    if (options_.cancels && draw < 15) {
        const JobId job = some_job(now, ids);
        events.push_back(core::event::Cancel{job, begin_wait(job, now, life)});
        return events;
    }
    for (auto count = 1 + rng_.below(options_.burst_max); count > 0; --count) {
        if (draw < 40)
            events.push_back(join(some_job(now, ids), now, life));
        else
            events.push_back(submit(now, ids, life));
    }
    return events;
}

core::Event Clients::submit(Time now, IdMaker& ids, std::uint32_t life) {
    auto input = std::make_shared<core::JobInput>();
    input->id = ids.make(now);
    input->queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
    input->created = now;
    input->content_type = "text/plain";
    input->body.bytes = "b" + std::to_string(next_body_++);
    input->body.bytes.resize(input->body.bytes.size() + rng_.below(options_.body_bytes_max), '.');
    known_.push_back(input->id);

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

core::Wait Clients::begin_wait(const JobId& job, Time now, std::uint32_t life) {
    core::Wait wait{next_waiter_++, now};
    // A third wants a receipt only: its deadline is now, or was when the request came in.
    if (!rng_.chance(1, 3))
        wait.deadline +=
            Duration(rng_.below(static_cast<std::uint64_t>(options_.wait_max.count())));
    else if (rng_.chance(1, 2))
        wait.deadline -= milliseconds(rng_.below(20));
    waits_.emplace(wait.id, job);
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

void Clients::answered(const core::Answer& answer) {
    const auto wait = waits_.find(answer.waiter);
    if (wait == waits_.end()) return;
    const JobId job = wait->second;
    waits_.erase(wait);
    if (answer.kind == core::Answer::Kind::refused && answer.error.retry == Retry::safe)
        std::erase(known_, job);  // it was not taken, so nobody has reason to ask for it
    else if (answer.kind != core::Answer::Kind::finished)
        maybe_ask_again(job);
}

void Clients::crashed() {
    for (const auto& [waiter, job] : std::exchange(waits_, {})) maybe_ask_again(job);
}

void Clients::maybe_ask_again(const JobId& job) {
    if (healed_ || !rng_.chance(1, 4)) return;
    timeline_.after(milliseconds(rng_.below(300)), act::ClientJoins{job}, Timeline::kAnyLife);
}

}  // namespace bide::sim
