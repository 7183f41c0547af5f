#pragma once

#include "core/consumer.hpp"
#include "core/outbox.hpp"
#include "process.hpp"

#include <map>
#include <set>
#include <vector>

namespace bide::sim_aws {

/// One life of a worker, or of the consumer of dead letters: a consumer, what the engine does with
/// its effects, and its handlers. A result says whose it is: the request's body, '#', and a number.
class Worker final : public Process {
  public:
    Worker(const Surroundings& world, core::Consumer::Role role);

    void step(core::ConsumerEvent&& event);
    void tick() override {
        timer_fired();
        send_notices();
        step(core::event::Tick{});
    }
    void drain() {
        draining_ = true;
        step(core::event::Drain{});
    }
    void halt() { step(core::event::Halt{}); }
    bool draining() const { return draining_; }
    bool idle() const { return consumer_.idle() && receiving_.empty(); }
    /// Asks the queues for messages, as far as there is room.
    void receive();
    /// Nothing it tells the cache arrives, until it finds it again.
    void lose_cache();
    void find_cache();
    /// Handlers end from now on.
    void heal();

    bool connected() const override { return true; }
    bool listens_to(const JobId&) const override { return false; }
    void hear(core::told::Noticed&&) override {}
    void hear_cancel(const JobId& job) override { step(core::consumed::CancelHeard{job, false}); }

  private:
    struct Held {
        std::uint64_t handle = 0;
        Envelope envelope;
    };
    struct Running {
        core::wants::Start start;
        core::AttemptResult result;
        bool stopped = false;
        bool ends = false;
    };

    core::Consumer::Role role() const { return role_; }
    void receive_from(core::QueueIndex queue);
    void received(core::QueueIndex queue, std::vector<Sqs::Message>&& messages);
    void take(core::QueueIndex queue, const Sqs::Message& message);
    void time_limit(core::consumed::Received& event);
    void perform(core::ConsumerEffects&& effects);
    void fetch(core::Receipt receipt);
    void start(const core::wants::Start& order);
    void stop(const core::StopAttempt& order);
    void ends_in(std::uint64_t serial, Duration delay);
    void extend(const core::wants::Extend& order);
    void keep_and_store(const core::wants::Store& order);
    void store(const core::wants::Store& order);
    void publish(const core::wants::Publish& order);
    void send_notices();
    void tell_news(const core::wants::News& order);
    void plan();
    void remove(core::Receipt receipt);
    void hand_back(const core::wants::HandBack& order);
    void check_running() const;

    core::Consumer::Role role_;
    core::Consumer consumer_;
    struct Post {
        Envelope envelope;
        core::told::Noticed notice;
    };
    core::Outbox<Post> outbox_;
    std::map<core::Receipt, Held> held_;
    std::map<std::uint64_t, Running> running_;
    std::set<core::QueueIndex> receiving_;  ///< a call is under way
    std::set<core::QueueIndex> planned_;    ///< or will be
    core::Receipt next_receipt_ = 1;
    std::uint64_t next_serial_ = 1;
    bool draining_ = false;
};

}  // namespace bide::sim_aws
