#pragma once

#include "core/consumer.hpp"
#include "core/failure_log.hpp"
#include "engines/aws/options.hpp"
#include "engines/aws/services.hpp"
#include "engines/aws/turns.hpp"
#include "ports/engine.hpp"
#include "ports/handler.hpp"
#include "wire/envelope.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bide::engines::aws {

/// Takes messages from SQS, has them done by their queues' handlers, and stores the results; or,
/// as the consumer of dead-letter queues, stores that they failed.
///
/// Threads: as Front. Handlers start on the services' thread and may end on any.
class Worker final : public ports::AttemptSink {
  public:
    /// `services` and the handlers outlive it.
    Worker(WorkerOptions options, Services& services);
    /// stop() must have returned.
    ~Worker();

    /// Begins to receive.
    void start();
    /// Receives nothing more and waits until what runs has ended; after `patience`, or when
    /// stop_now() is called, stops it. What did not end in success goes back to the queue at once.
    /// Polls under way come back by themselves, in some seconds, unless stop_now() breaks them off:
    /// then a message that one would have brought is not seen by anybody until its lease is over.
    void drain(Duration patience);
    /// Cuts a drain short. Any thread.
    void stop_now();
    void stop();

    std::vector<ports::QueueFacts> facts() const;
    /// Empty: messages can be received, and results stored, as far as was tried.
    std::string trouble() const;

    /// A message that an event source brought.
    struct Brought {
        core::QueueIndex queue = 0;
        clients::SqsMessage message;
    };
    struct BroughtLimits {
        Time stop;  ///< attempts have to have ended by then
        Time end;   ///< it returns
    };
    /// Does them, as many at once as the queues' concurrency allows. Of each, whether it is done
    /// with; the others are to come again. On the thread; of several at once each knows its own.
    runtime::Task<std::vector<bool>> bring(std::vector<Brought> messages, BroughtLimits limits);

    void attempt_ended(core::event::AttemptEnded&& ended) override;
    void attempt_progressed(core::event::Progress&& progress) override;

  private:
    struct Event;  ///< what one call of bring() waits for
    struct Place {
        std::shared_ptr<Event> event;  ///< null: of a message that was polled
        std::size_t number = 0;
    };

    /// A message under way.
    struct Held {
        core::QueueIndex queue = 0;
        std::string handle;
        std::shared_ptr<const core::JobInput> input;  ///< without its body when that is `claimed`
        std::string text;       ///< the envelope; empty when the message is foreign
        std::string reply;      ///< channel of the front that waits; empty: none
        bool promised = false;  ///< others may wait
        bool shared = false;    ///< the result is told to others, too
        bool claimed = false;   ///< the body is in the store
        bool foreign = false;   ///< not sent by a front
        std::uint8_t priority = core::kPriorityDefault;
        Place brought{};
    };

    // worker.cpp
    void turn(std::vector<core::ConsumerEvent>&& events);
    void step(core::ConsumerEvent&& event);
    void perform();
    void begin(core::wants::Start order);
    runtime::Task<void> receive_loop(core::QueueIndex queue, std::uint32_t poll);
    runtime::Task<std::uint32_t> wait_for_room(core::QueueIndex queue, std::uint32_t poll);
    runtime::Task<void> take(
        core::QueueIndex queue, std::uint32_t room, std::vector<clients::SqsMessage> messages
    );
    runtime::Task<void> look_for_marks(std::vector<core::consumed::Received>* messages);
    runtime::Task<void> pause(Duration span);
    core::consumed::Received receive(core::QueueIndex queue, clients::SqsMessage message);
    void hear(std::string_view payload);

    // worker_brought.cpp
    runtime::Task<bool> begin_brought(
        std::shared_ptr<Event> event, std::vector<Brought>* messages, Time stop
    );
    bool some_run(const Event& event) const;
    runtime::Task<void> change(Time until);
    void changed();
    static void settle(const Place& place, bool done);
    runtime::Task<void> lose_patience(Place place);

    // worker_calls.cpp
    runtime::Task<void> fetch(core::wants::Fetch order);
    runtime::Task<void> extend(core::wants::Extend order);
    runtime::Task<void> store(core::wants::Store order);
    void publish(const core::wants::Publish& order);
    void tell_news(const core::wants::News& order);
    runtime::Task<void> remove(core::QueueIndex queue, std::string handle);
    runtime::Task<void> hand_back(core::wants::HandBack order, Held held);
    void said(std::string_view service, const clients::AwsFailure* failure);

    const std::string& url_of(core::QueueIndex queue) const;
    const std::string& name_of(core::QueueIndex queue) const { return options_.queues[queue].name; }

    WorkerOptions options_;
    Services& services_;
    std::stop_source stop_;   ///< no more polls
    std::stop_source abort_;  ///< and those under way are broken off
    std::atomic<std::uint32_t> polls_under_way_{0};

    core::FailureLog failure_log_;

    mutable std::mutex mutex_;  ///< guards what follows against those who only read
    core::Consumer consumer_;
    std::condition_variable settled_;
    std::string trouble_;
    bool idle_ = true;
    bool drained_ = false;  ///< the consumer knows that it ends
    bool stop_now_ = false;

    // The services' thread only:
    core::ConsumerEffects effects_;
    core::Receipt last_receipt_ = 0;
    std::unordered_map<core::Receipt, Held> held_;
    /// By job and attempt.
    std::map<std::pair<JobId, std::uint32_t>, std::stop_source> running_;
    std::shared_ptr<clients::RedisSubscription> subscription_;
    struct Polls {
        std::uint32_t reserved = 0;  ///< messages that those under way may bring
        std::uint32_t full = 0;      ///< how many of late came back full, more or less
    };
    std::vector<Polls> polls_;                           ///< by queue
    std::vector<std::unique_ptr<runtime::Timer>> room_;  ///< by queue; cancelled when there is more
    std::set<runtime::Timer*> changes_;                  ///< cancelled when something has changed
    Turns<core::ConsumerEvent> turns_;
};

}  // namespace bide::engines::aws
