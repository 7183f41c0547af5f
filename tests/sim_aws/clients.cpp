#include "clients.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace bide::sim_aws {
namespace {

using std::chrono::milliseconds;

// More than everything there is to do can take, once all is well.
constexpr Duration kLastWait = std::chrono::hours(5);

core::Fingerprint print(const std::string& body, core::QueueIndex queue) {
    core::Fingerprint made{};
    made[0] = static_cast<std::uint8_t>(queue + 1);
    for (std::size_t i = 0; i < body.size(); ++i)
        made[1 + i % 15] = static_cast<std::uint8_t>(made[1 + i % 15] * 31 + body[i]);
    return made;
}

}  // namespace

Clients::Clients(
    const Options& options,
    Rng& rng,
    Net& net,
    Checkers& checkers,
    std::function<Front*()> some_front
)
    : options_(options),
      rng_(rng),
      net_(net),
      checkers_(checkers),
      some_front_(std::move(some_front)) {
    while (names_.size() < options_.names) {
        Name name;
        for (auto& byte : name.id.bytes) byte = static_cast<std::uint8_t>(rng_.below(256));
        name.queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
        // Derived from a key nobody else's job can have had it; chosen, it may have been.
        if (rng_.chance(2, 3)) name.origin = core::IdOrigin::unused;
        names_.push_back(name);
    }
}

void Clients::act() {
    for (auto count = 1 + rng_.below(options_.burst_max); count > 0; --count) one_request();
}

void Clients::one_request() {
    Front* front = some_front_();
    if (front == nullptr) return;
    const auto draw = rng_.below(100);
    if (draw < 10 && options_.cancels) return cancel(*front, some_job());
    if (draw < 35) return join(*front, some_job());
    if (draw < 40 && options_.reuses_ids && !known_.empty())
        return submit_under(*front, some_job());
    if (names_.empty() || rng_.chance(1, 3)) return submit_new(*front);
    submit(*front, {rng_.below(names_.size()), rng_.chance(1, 6) ? 1U : 0U});
}

void Clients::submit_new(Front& front) {
    auto input = std::make_shared<core::JobInput>();
    input->id = ids_.make(net_.now());
    input->queue = static_cast<core::QueueIndex>(rng_.below(options_.queues.size()));
    input->body.bytes = "b" + std::to_string(next_body_++);
    hand_in(front, std::move(input), core::IdOrigin::fresh, std::nullopt);
}

/// Every time with the same queue and body; the rest may differ.
void Clients::submit(Front& front, const Request& request) {
    const Name& name = names_.at(request.name);
    auto input = std::make_shared<core::JobInput>();
    input->id = name.id;
    input->queue = name.queue;
    input->body.bytes = "n" + std::to_string(request.name) + "v" + std::to_string(request.variant);
    if (std::find(known_.begin(), known_.end(), name.id) == known_.end()) known_.push_back(name.id);
    hand_in(front, std::move(input), name.origin, request);
}

/// Another request under the id of a job that is there, or was.
void Clients::submit_under(Front& front, const JobId& used) {
    auto input = std::make_shared<core::JobInput>();
    input->id = used;
    // Queues do not share ids.
    const auto name =
        std::find_if(names_.begin(), names_.end(), [&](const Name& one) { return one.id == used; });
    if (name != names_.end()) return;
    const auto queue = checkers_.queue_of(used);
    if (!queue) return;
    input->queue = *queue;
    input->body.bytes = "u" + std::to_string(next_body_++);
    hand_in(front, std::move(input), core::IdOrigin::caller, std::nullopt);
}

void Clients::hand_in(
    Front& front,
    std::shared_ptr<core::JobInput> input,
    core::IdOrigin origin,
    std::optional<Request> request
) {
    input->created = net_.now();
    input->content_type = "text/plain";
    input->fingerprint = print(input->body.bytes, input->queue);
    core::event::Submit submit;
    submit.origin = origin;
    submit.wait = begin_wait(front, input->id, request);
    if (options_.delays && rng_.chance(1, 2))
        submit.not_before = net_.now() + milliseconds(rng_.below(3000));
    if (options_.deadlines && rng_.chance(1, 2))
        submit.start_by = net_.now() + milliseconds(rng_.below(2000));
    Checkers::Waiting waiting;
    waiting.front = front.life();
    waiting.ask = Checkers::Ask::submit;
    waiting.job = input->id;
    waiting.wait = submit.wait;
    waiting.begun = net_.now();
    waiting.fingerprint = input->fingerprint;
    waiting.body = input->body.bytes;
    waiting.fresh = origin == core::IdOrigin::fresh;
    waiting.queue = input->queue;
    checkers_.begun(submit.wait.id, std::move(waiting));
    submit.input = std::move(input);
    front.step(std::move(submit));
}

void Clients::join(Front& front, const JobId& job) {
    const core::Wait wait = begin_wait(front, job, std::nullopt);
    Checkers::Waiting waiting;
    waiting.front = front.life();
    waiting.job = job;
    waiting.wait = wait;
    waiting.begun = net_.now();
    checkers_.begun(wait.id, std::move(waiting));
    front.step(core::event::Join{job, wait});
}

void Clients::cancel(Front& front, const JobId& job) {
    const core::Wait wait = begin_wait(front, job, std::nullopt);
    Checkers::Waiting waiting;
    waiting.front = front.life();
    waiting.ask = Checkers::Ask::cancel;
    waiting.job = job;
    waiting.wait = wait;
    waiting.begun = net_.now();
    checkers_.begun(wait.id, std::move(waiting));
    front.step(core::event::Cancel{job, wait});
}

core::Wait Clients::begin_wait(Front& front, const JobId& job, std::optional<Request> request) {
    core::Wait wait{next_waiter_++, net_.now()};
    if (last_)
        wait.deadline += kLastWait;
    else if (!rng_.chance(1, 3))
        wait.deadline += net_.any_time(options_.wait_max);
    else if (rng_.chance(1, 2))
        wait.deadline -= milliseconds(rng_.below(20));
    if (options_.followers && rng_.chance(1, 2)) wait.follow = core::Follow::yes;
    if (options_.leave_wishes && rng_.chance(1, 2))
        wait.on_leave = rng_.chance(1, 2) ? core::OnLeave::cancel : core::OnLeave::cancel_if_queued;
    waits_.emplace(wait.id, Waiting{front.life(), job, request});
    if (!last_ && options_.disconnects && rng_.chance(1, 3)) {
        net_.later(front.life(), net_.any_time(options_.wait_max), [this, &front, id = wait.id] {
            if (last_ || waits_.erase(id) == 0) return;
            checkers_.left(id);
            front.step(core::event::Leave{id});
        });
    }
    return wait;
}

JobId Clients::some_job() {
    if (known_.empty() || rng_.chance(1, 20)) return ids_.make(net_.now());  // nobody's
    const auto reach = rng_.chance(2, 3) ? std::min<std::size_t>(known_.size(), 4) : known_.size();
    return known_[known_.size() - 1 - rng_.below(reach)];
}

void Clients::answered(const core::Answer& answer) {
    const auto found = waits_.find(answer.waiter);
    if (found == waits_.end()) return;
    const Waiting waiting = found->second;
    const bool told = answer.kind != core::Answer::Kind::refused;
    if (told && std::find(known_.begin(), known_.end(), waiting.job) == known_.end())
        known_.push_back(waiting.job);
    if (!answer.last()) return;
    waits_.erase(found);
    if (answer.kind != core::Answer::Kind::finished) again(waiting);
}

void Clients::front_died(Life front) {
    checkers_.front_died(front);
    std::vector<Waiting> broken;
    std::erase_if(waits_, [&](const auto& wait) {
        if (wait.second.front == front) broken.push_back(wait.second);
        return wait.second.front == front;
    });
    for (const auto& waiting : broken) again(waiting);
}

void Clients::again(const Waiting& waiting) {
    if (last_ || !rng_.chance(1, 2)) return;
    const bool keyed = waiting.request && rng_.chance(2, 3);
    if (!keyed && std::find(known_.begin(), known_.end(), waiting.job) == known_.end()) return;
    net_.later(Timeline::kAnyLife, milliseconds(rng_.below(1500)), [this, waiting, keyed] {
        Front* front = some_front_();
        if (front == nullptr || last_) return;
        if (keyed)
            submit(*front, *waiting.request);
        else
            join(*front, waiting.job);
    });
}

void Clients::last_round() {
    last_ = true;
    for (std::size_t name = 0; name < names_.size(); ++name) submit(*some_front_(), {name, 0});
    for (const auto& [job, at] : checkers_.promised()) join(*some_front_(), job);
}

}  // namespace bide::sim_aws
