#include "services.hpp"

#include <algorithm>

namespace bide::sim_aws {

Sqs::Sqs(const Options& options, Rng& rng)
    : options_(options), rng_(rng), queues_(options.queues.size()) {}

Sqs::Messages& Sqs::line_of(core::QueueIndex queue, Line line) {
    return line == Line::main ? queues_.at(queue).main : queues_.at(queue).dead;
}

void Sqs::send(const Envelope& envelope, Time visible_at) {
    const auto number = next_number_++;
    queues_.at(envelope.input->queue).main.emplace(number, Message{number, envelope, visible_at});
}

std::vector<Sqs::Message> Sqs::receive(
    core::QueueIndex queue, Line line, std::size_t count_max, Time now, Duration lease
) {
    Messages& messages = line_of(queue, line);
    std::vector<std::uint64_t> visible;
    for (const auto& [number, message] : messages) {
        if (message.visible_at <= now) visible.push_back(number);
    }
    std::vector<Message> taken;
    while (!visible.empty() && taken.size() < count_max) {
        const auto at = visible.begin() + static_cast<std::ptrdiff_t>(rng_.below(visible.size()));
        const auto found = messages.find(*at);
        visible.erase(at);
        Message& message = found->second;
        if (line == Line::main && message.receives >= options_.receives_max) {
            Message dead = message;
            dead.visible_at = now;
            if (rng_.chance(1, 2)) dead.receives = 0;
            messages.erase(found);
            queues_.at(queue).dead.emplace(dead.number, dead);
            continue;
        }
        ++message.receives;
        message.handle = next_number_++;
        const bool copied = !healed_ && rng_.chance(options_.copies, 100);
        if (!copied) message.visible_at = now + lease;
        taken.push_back(message);
    }
    return taken;
}

void Sqs::remove(std::uint64_t handle, Time now) {
    for (auto& queue : queues_) {
        for (Messages* messages : {&queue.main, &queue.dead}) {
            for (auto at = messages->begin(); at != messages->end(); ++at) {
                if (at->second.handle != handle) continue;
                if (!healed_ && rng_.chance(options_.undead, 100)) {
                    at->second.visible_at = now;
                    at->second.handle = 0;
                } else {
                    messages->erase(at);
                }
                return;
            }
        }
    }
}

bool Sqs::hide(std::uint64_t handle, Time until) {
    for (auto& queue : queues_) {
        for (Messages* messages : {&queue.main, &queue.dead}) {
            for (auto& [number, message] : *messages) {
                if (message.handle != handle) continue;
                message.visible_at = until;
                return true;
            }
        }
    }
    return false;
}

Time Sqs::next_visible(core::QueueIndex queue, Line line) const {
    const auto& of = queues_.at(queue);
    Time next = kNever;
    for (const auto& [number, message] : line == Line::main ? of.main : of.dead)
        next = std::min(next, message.visible_at);
    return next;
}

bool Sqs::empty() const {
    return std::all_of(queues_.begin(), queues_.end(), [](const Queue& queue) {
        return queue.main.empty() && queue.dead.empty();
    });
}

}  // namespace bide::sim_aws
