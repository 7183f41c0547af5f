// A worker whose messages are brought to it: what Lambda's event source gives to a function.
#include "engines/aws/worker.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using runtime::Task;

/// For SQS to take a change of visibility, before the message is left to its queue.
constexpr Duration kFavour = std::chrono::seconds(2);

}  // namespace

struct Worker::Event {
    enum class End : std::uint8_t { none, done, back };
    std::vector<End> ends;          ///< by place
    std::vector<std::size_t> left;  ///< places not begun yet
    std::vector<core::Receipt> begun;
    std::vector<JobId> jobs;
    std::size_t under_way = 0;
    Worker* worker = nullptr;  ///< null: nobody waits any more

    bool open(std::size_t place) const { return worker != nullptr && ends[place] == End::none; }
};

/// The first word counts. Of an event that was given up it goes nowhere.
void Worker::settle(const Place& place, bool done) {
    Event& event = *place.event;
    if (!event.open(place.number)) return;
    event.ends[place.number] = done ? Event::End::done : Event::End::back;
    --event.under_way;
    event.worker->changed();
}

Task<std::vector<bool>> Worker::bring(std::vector<Brought> messages, BroughtLimits limits) {
    auto event = std::make_shared<Event>();
    event->worker = this;
    event->ends.resize(messages.size());
    for (std::size_t place = 0; place < messages.size(); ++place) event->left.push_back(place);
    for (;;) {
        // While it looked at some there may have come room for others.
        if (co_await begin_brought(event, &messages, limits.stop)) continue;
        const Time now = services_.clock().now();
        const bool more = !event->left.empty() && now < limits.stop && !stop_.stop_requested();
        const bool busy = event->under_way > 0 || some_run(*event);
        if (now >= limits.end || abort_.stop_requested() || !(more || busy)) break;
        co_await change(more && now < limits.stop ? limits.stop : limits.end);
    }
    std::vector<bool> done;
    for (const auto end : event->ends) done.push_back(end == Event::End::done);
    event->worker = nullptr;
    for (const core::Receipt receipt : event->begun) step(core::consumed::TimeUp{receipt});
    co_return done;
}

/// As many as there is room for; false: none, and nothing happened meanwhile.
Task<bool> Worker::begin_brought(
    std::shared_ptr<Event> event, std::vector<Brought>* messages, Time stop
) {
    std::vector<core::consumed::Received> ready;
    if (services_.clock().now() >= stop || stop_.stop_requested()) co_return false;
    std::erase_if(event->left, [&](std::size_t place) {
        const core::QueueIndex queue = (*messages)[place].queue;
        if (consumer_.room(queue) <= polls_[queue].reserved) return false;
        ++polls_[queue].reserved;
        ready.push_back(receive(queue, std::move((*messages)[place].message)));
        ready.back().end_by = stop;
        Held& held = held_.at(ready.back().receipt);
        held.brought = {event, place};
        event->begun.push_back(ready.back().receipt);
        event->jobs.push_back(ready.back().job);
        ++event->under_way;
        return true;
    });
    if (ready.empty()) co_return false;
    co_await look_for_marks(&ready);
    std::vector<core::ConsumerEvent> events;
    for (auto& one : ready) {
        --polls_[one.queue].reserved;
        events.emplace_back(std::move(one));
    }
    turn(std::move(events));
    co_return true;
}

/// The process may be frozen when the event is answered, and what still runs in it as well.
bool Worker::some_run(const Event& event) const {
    return std::any_of(event.jobs.begin(), event.jobs.end(), [this](const JobId& job) {
        const auto first = running_.lower_bound({job, 0});
        return first != running_.end() && first->first.first == job;
    });
}

Task<void> Worker::change(Time until) {
    runtime::Timer timer(services_.executor());
    timer.expires_after(std::max(until - services_.clock().now(), Duration(0)));
    changes_.insert(&timer);
    co_await timer.async_wait(runtime::kTuple);
    changes_.erase(&timer);
}

void Worker::changed() {
    for (runtime::Timer* timer : changes_) timer->cancel();
}

Task<void> Worker::lose_patience(Place place) {
    runtime::Timer timer(services_.executor());
    timer.expires_after(kFavour);
    changes_.insert(&timer);
    while (place.event->open(place.number)) {
        const auto [broken_off] = co_await timer.async_wait(runtime::kTuple);
        if (!broken_off) break;
    }
    changes_.erase(&timer);
    settle(place, false);
}

}  // namespace bide::engines::aws
