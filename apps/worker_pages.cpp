#include "apps/worker_pages.hpp"

#include "base/check.hpp"

#include <utility>

namespace bide {

std::uint8_t WorkerPages::add_sink(ports::AnswerSink& sink) {
    const std::uint32_t number = sink_count_.fetch_add(1);
    CHECK(number < sinks_.size());
    sinks_.at(number).store(&sink);
    return static_cast<std::uint8_t>(number);
}

void WorkerPages::refuse(const core::Wait& wait) {
    core::Answer answer;
    answer.waiter = wait.id;
    answer.error = {
        Code::not_implemented,
        Retry::never,
        "this is a worker: its pages are /healthz, /readyz and /metrics; jobs are for a front"};
    std::vector<core::Answer> one;
    one.push_back(std::move(answer));
    sinks_.at(ports::sink_of(wait.id)).load()->deliver(std::move(one));
}

ports::EngineFacts WorkerPages::facts() const {
    ports::EngineFacts facts;
    facts.queues = worker_.facts();
    // The contract's last queue is that of batches, which fronts do.
    facts.queues.emplace_back();
    facts.counters = services_.counters();
    return facts;
}

ports::EngineHealth WorkerPages::health() const {
    ports::EngineHealth health;
    health.reason = worker_.trouble();
    health.ready = health.reason.empty();
    return health;
}

}  // namespace bide
