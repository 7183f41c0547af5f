#pragma once

#include "engines/aws/services.hpp"
#include "engines/aws/worker.hpp"
#include "ports/engine.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace bide {

/// A worker as its health pages see it: it can be looked at, and takes no jobs but from its queues.
class WorkerPages final : public ports::Engine {
  public:
    WorkerPages(engines::aws::Worker& worker, engines::aws::Services& services)
        : worker_(worker), services_(services) {}

    std::uint8_t add_sink(ports::AnswerSink& sink) override;
    ports::NewId make_id() override { return {}; }
    void submit(core::event::Submit&& submit) override { refuse(submit.wait); }
    void join(const JobId&, const core::Wait& wait) override { refuse(wait); }
    void cancel(const JobId&, const core::Wait& wait) override { refuse(wait); }
    void leave(core::WaiterId) override {}
    void redrive(const JobId&, const core::Wait& wait) override { refuse(wait); }
    void redrive_queue(core::QueueIndex, std::uint32_t, const core::Wait& wait) override {
        refuse(wait);
    }
    void set_paused(core::event::SetPaused&& change) override { refuse(change.wait); }
    void list(const ports::ListQuery&, const core::Wait& wait) override { refuse(wait); }
    ports::EngineFacts facts() const override;
    ports::EngineHealth health() const override;
    std::string_view durability() const override { return "s3"; }

  private:
    void refuse(const core::Wait& wait);

    engines::aws::Worker& worker_;
    engines::aws::Services& services_;
    std::array<std::atomic<ports::AnswerSink*>, 256> sinks_{};
    std::atomic<std::uint32_t> sink_count_{0};
};

}  // namespace bide
