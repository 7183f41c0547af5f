#pragma once

#include "base/id.hpp"
#include "core/rendezvous.hpp"
#include "engines/aws/options.hpp"
#include "engines/aws/services.hpp"
#include "engines/aws/turns.hpp"
#include "ports/engine.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace bide::engines::aws {

/// Queue, result store and notifier over SQS, S3 and Redis, as a front sees them.
///
/// Threads. Any thread may call in: what it says goes into an inbox that the services' one thread
/// empties, a step of the rendezvous for each, and then does what the steps want. Answers go to
/// their sinks from that thread.
class Front final : public ports::Engine {
  public:
    /// `services` outlives it.
    Front(FrontOptions options, Services& services);
    /// stop() must have returned.
    ~Front() override;

    /// Subscribes to its own channel.
    void start();
    /// Accepts nothing more and answers who waits, within `patience`.
    void drain(Duration patience);
    /// Cuts a drain short. Any thread.
    void stop_now();
    /// Lets calls end that are under way, for a little while.
    void stop();

    std::uint8_t add_sink(ports::AnswerSink& sink) override;
    ports::NewId make_id() override;
    void submit(core::event::Submit&& submit) override;
    void join(const JobId& job, const core::Wait& wait) override;
    void cancel(const JobId& job, const core::Wait& wait) override;
    void leave(core::WaiterId waiter) override;
    void redrive(const JobId& job, const core::Wait& wait) override;
    void redrive_queue(core::QueueIndex queue, std::uint32_t count_max, const core::Wait& wait)
        override;
    void set_paused(core::event::SetPaused&& change) override;
    void list(const ports::ListQuery& query, const core::Wait& wait) override;
    ports::EngineFacts facts() const override;
    /// Results found by looking though a notice should have come, so far.
    std::uint64_t rescues() const;
    ports::EngineHealth health() const override;
    std::string_view durability() const override { return "s3"; }

  private:
    // front.cpp: turns
    void turn(std::vector<core::RendezvousEvent>&& events);
    void step(core::RendezvousEvent&& event);
    void perform();
    void watch(const core::RendezvousEffects& todo);
    void deliver(std::vector<core::Answer>&& answers);
    void deliver_one(core::Answer&& answer);
    void begin(runtime::Task<void> redrive);
    runtime::Task<void> counted(runtime::Task<void> redrive);
    /// Nobody waits any more.
    bool settled() const { return rendezvous_.waiters() == 0 && redrives_ == 0; }
    void not_here(const core::Wait& wait, const char* what);

    // front.cpp: notices
    void hear(std::string_view channel, std::string_view payload);
    void trust(bool trusted);
    void listened(std::string_view channel);
    void look(core::wanted::Look order);
    void look_if_held(const JobId& job);
    void forward(const core::wanted::Forward& order);

    // front_calls.cpp
    runtime::Task<void> claim(core::wanted::Claim order);
    runtime::Task<void> send(core::wanted::Send order);
    wire::Claim claim_of(const core::wanted::Send& order) const;
    runtime::Task<void> mark_sent(JobId job, wire::Claim claim, bool kept);
    runtime::Task<Result<std::string>> envelope_of(core::wanted::Send order);
    runtime::Task<Result<void>> store_body(std::shared_ptr<const core::JobInput> input);
    runtime::Task<void> look_up(core::wanted::Look order);
    runtime::Task<core::told::Looked> look_in(core::QueueIndex queue, JobId job);
    runtime::Task<core::told::Looked> claimed(
        core::QueueIndex queue, JobId job, JobStore::StoredClaim stored
    );
    runtime::Task<core::JobFacts> recall_news(core::JobFacts facts);
    runtime::Task<bool> is_sent(JobId job);
    runtime::Task<std::shared_ptr<const core::JobInput>> kept_input(
        core::QueueIndex queue, std::string envelope
    );
    runtime::Task<void> cancel_job(core::wanted::Cancel order);

    // front_redrive.cpp
    struct Redriven {
        core::JobFacts facts;
        core::Fingerprint fingerprint{};
        std::optional<Error> error;
    };
    runtime::Task<Redriven> find_failed(JobId job);
    runtime::Task<Redriven> redrive_one(JobId job);
    runtime::Task<void> redrive_for(JobId job, core::Wait wait);
    bool time_is_up(const core::Wait& wait) const;
    runtime::Task<void> redrive_some(
        core::QueueIndex queue, std::uint32_t count_max, core::Wait wait
    );

    void store_said(const clients::AwsFailure* failure);
    void queue_said(const clients::AwsFailure* failure);
    struct Trouble {
        std::string text;  ///< why the last call failed; empty: it did not
        Time at{};
    };
    void said(Trouble& trouble, std::string_view service, const clients::AwsFailure* failure);
    bool lasts(const Trouble& trouble) const;
    const std::string& name_of(core::QueueIndex queue) const { return options_.queues[queue].name; }

    FrontOptions options_;
    Services& services_;
    std::string id_;
    std::string reply_channel_;
    std::array<std::atomic<ports::AnswerSink*>, 256> sinks_{};
    std::atomic<std::uint32_t> sink_count_{0};
    std::mutex ids_mutex_;
    IdMaker ids_;
    std::unordered_map<std::string, core::QueueIndex> queue_of_;

    mutable std::mutex mutex_;  ///< guards what follows against those who only read
    core::Rendezvous rendezvous_;
    std::uint64_t redrives_ = 0;       ///< under way; the rendezvous does not have their waits
    std::condition_variable settled_;  ///< nobody may wait any more
    bool draining_ = false;
    bool stop_now_ = false;
    Trouble store_trouble_;
    Trouble queue_trouble_;

    // The services' thread only:
    core::RendezvousEffects effects_;
    std::shared_ptr<clients::RedisSubscription> subscription_;
    std::unordered_set<JobId> watching_;                  ///< channels not yet listened to
    std::unordered_map<JobId, core::wanted::Look> held_;  ///< until they are
    Turns<core::RendezvousEvent> turns_;
};

}  // namespace bide::engines::aws
