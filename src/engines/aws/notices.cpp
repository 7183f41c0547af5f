#include "engines/aws/notices.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {

Notices::Notices(const runtime::Executor& executor, const Clock& clock, clients::RedisClient& redis)
    : executor_(executor), clock_(clock), redis_(redis), timer_(executor) {}

void Notices::publish(std::string channel, std::string text) {
    const std::size_t size = channel.size() + text.size();
    outbox_.put({"PUBLISH", std::move(channel), std::move(text)}, size, clock_.now());
    send();
}

void Notices::connected() {
    outbox_.again();
    send();
}

void Notices::close() {
    timer_.cancel();
}

void Notices::send() {
    if (redis_.connected()) {
        outbox_.due(clock_.now(), [this](std::uint64_t number, const auto& args) {
            redis_.send(args, [weak = weak_from_this(), number](const clients::RedisResult& done) {
                if (const auto self = weak.lock()) self->settled(number, done.has_value());
            });
        });
    }
    count();
}

void Notices::settled(std::uint64_t number, bool taken) {
    if (taken) {
        ++taken_;
        outbox_.taken(number);
        return count();
    }
    outbox_.failed(number, clock_.now());
    const Time next = outbox_.next_timer();
    if (next == kNever || next == wake_) return;
    wake_ = next;
    timer_.expires_after(std::max(next - clock_.now(), Duration(0)));
    timer_.async_wait([weak = weak_from_this()](const auto& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->wake_ = kNever;
        self->send();
    });
}

void Notices::count() {
    dropped_ = outbox_.dropped();
    for (runtime::Timer* timer : waiting_) timer->cancel();
    const std::lock_guard lock(mutex_);
    kept_ = outbox_.size();
    if (kept_ == 0) changed_.notify_all();
}

runtime::Task<void> Notices::taken_by(Time until) {
    const auto last = outbox_.last();
    runtime::Timer timer(executor_);
    waiting_.insert(&timer);
    for (Time now = clock_.now(); now < until && !outbox_.passed(last); now = clock_.now()) {
        timer.expires_after(until - now);
        co_await timer.async_wait(runtime::kTuple);
    }
    waiting_.erase(&timer);
}

bool Notices::wait(Duration patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return kept_ == 0; });
}

}  // namespace bide::engines::aws
