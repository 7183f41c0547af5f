#pragma once

#include "core/rendezvous.hpp"
#include "process.hpp"

#include <functional>
#include <memory>
#include <set>

namespace bide::sim_aws {

/// One life of a front: a rendezvous, and what the engine does with its effects.
class Front final : public Process {
  public:
    explicit Front(const Surroundings& world);

    void step(core::RendezvousEvent&& event);
    void tick() override {
        timer_fired();
        step(core::event::Tick{});
    }
    void drain() {
        draining_ = true;
        step(core::event::Drain{});
    }
    bool draining() const { return draining_; }
    const core::Rendezvous& rendezvous() const { return rendezvous_; }

    /// Nothing is heard from now on; the front notices by and by.
    void deafen();
    void reconnect();

    bool connected() const override { return connected_; }
    bool listens_to(const JobId& job) const override { return watching_.contains(job); }
    void hear(core::told::Noticed&& notice) override { step(std::move(notice)); }
    void hear_cancel(const JobId&) override {}

  private:
    void tell_checkers(const core::RendezvousEvent& event);
    void perform(core::RendezvousEffects&& effects);
    void claim(const core::wanted::Claim& order);
    void put_claim(const core::wanted::Claim& order);
    void put_claim_object(const core::wanted::Claim& order);
    void read_claim(const JobId& job);
    void send(const core::wanted::Send& order);
    bool large(const core::JobInput& input) const;
    void put_body(
        const std::shared_ptr<const core::JobInput>& input, std::function<void(bool)> then
    );
    void put_into_queue(const core::wanted::Send& order, bool by_reference);
    void mark_sent(const core::wanted::Send& order);
    void look(const core::wanted::Look& order);
    void look_for_claim(const JobId& job);
    void tell_claim(const JobId& job, const ClaimObject& claim);
    void read_body(core::told::Looked&& looked);
    void cancel(const core::wanted::Cancel& order);
    void put_cancelled(const core::wanted::Cancel& order);

    core::Rendezvous rendezvous_;
    std::set<JobId> watching_;
    bool connected_ = true;
    bool draining_ = false;
};

/// What goes through the cache about a job that has ended.
core::told::Noticed notice_of(
    const JobId& job, std::shared_ptr<const core::Outcome> outcome, bool too_large
);

}  // namespace bide::sim_aws
