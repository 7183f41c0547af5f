#pragma once

#include "core/rendezvous.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bide::core::test {

/// Drives a rendezvous by hand, for its unit tests: time moves, services answer and notices come
/// when the test says so. Everything the rendezvous wanted is kept, in its order.
class Front {
  public:
    explicit Front(RendezvousLimits limits = {}, QueueRules rules = {}, Tenancy tenancy = {})
        : rendezvous({rules}, limits, 1, std::move(tenancy)) {}

    Rendezvous rendezvous;
    Time now{std::chrono::seconds(1'700'000'000)};
    RendezvousEffects wanted;  ///< all of them, since the start or the last clear()

    void step(RendezvousEvent&& event) { rendezvous.step(std::move(event), now, wanted); }
    void pass(Duration span) {
        now += span;
        if (rendezvous.next_timer() <= now) step(event::Tick{});
    }

    struct Job {
        Duration wait = std::chrono::seconds(60);
        std::string body = "input";
        Follow follow = Follow::no;
        OnLeave on_leave = OnLeave::go_on;
        std::optional<JobId> id{};  ///< of the caller's choice
        IdOrigin origin = IdOrigin::unused;
        Time start_by = kNever;
    };
    /// The waiter gets the next number, from 1 on.
    JobId submit() { return submit(Job{}); }
    JobId submit(const Job& job) {
        auto input = std::make_shared<JobInput>();
        input->id = job.id ? *job.id : make_id();
        input->created = now;
        input->body.bytes = job.body;
        input->fingerprint = print(job.body);
        const JobId id = input->id;
        event::Submit submit{std::move(input), begin(job.wait), {}, job.start_by};
        submit.wait.follow = job.follow;
        submit.wait.on_leave = job.on_leave;
        if (job.id) submit.origin = job.origin;
        step(std::move(submit));
        return id;
    }
    WaiterId join(const JobId& id, Duration patience = std::chrono::seconds(60)) {
        const Wait wait = begin(patience);
        step(event::Join{id, wait});
        return wait.id;
    }
    WaiterId follow(const JobId& id) {
        Wait wait = begin(std::chrono::seconds(60));
        wait.follow = Follow::yes;
        step(event::Join{id, wait});
        return wait.id;
    }
    WaiterId cancel(const JobId& id, Duration patience = std::chrono::seconds(60)) {
        const Wait wait = begin(patience);
        step(event::Cancel{id, wait});
        return wait.id;
    }
    void leave(WaiterId waiter) { step(event::Leave{waiter}); }

    void sent(const JobId& id) { step(told::Sent{id, {}}); }
    void send_fails(const JobId& id) { step(told::Sent{id, trouble()}); }
    /// The claim is made by this call.
    void claimed(const JobId& id, const std::string& body = "input") {
        step(told::Claimed{id, print(body), true, false, now, {}});
    }
    enum class Known : std::uint8_t { claimed, sent };
    /// It was made before, by who sent this body.
    void found_claimed(
        const JobId& id, Known what = Known::claimed, const std::string& body = "input"
    ) {
        step(told::Claimed{id, print(body), false, what == Known::sent, now, {}});
    }
    void claim_fails(const JobId& id) { step(told::Claimed{id, {}, false, false, {}, trouble()}); }

    void look_finds_nothing(const JobId& id) {
        told::Looked looked;
        looked.job = id;
        step(std::move(looked));
    }
    void look_fails(const JobId& id) {
        told::Looked looked;
        looked.job = id;
        looked.found = told::Looked::Found::unknown;
        looked.error = trouble();
        step(std::move(looked));
    }
    told::Looked claim_of(const JobId& id, const std::string& body = "input") const {
        told::Looked looked;
        looked.job = id;
        looked.found = told::Looked::Found::claim;
        looked.facts.id = id;
        looked.facts.created = now;
        looked.fingerprint = print(body);
        return looked;
    }
    void look_finds_claim(const JobId& id) { step(claim_of(id)); }
    void look_finds(const JobId& id, const std::string& text = "result") {
        told::Looked looked;
        looked.job = id;
        looked.found = told::Looked::Found::result;
        looked.outcome = outcome(text);
        looked.fingerprint = print("input");
        step(std::move(looked));
    }
    void notice(const JobId& id, const std::string& text = "result", bool direct = true) {
        told::Noticed noticed;
        noticed.job = id;
        noticed.what = told::Noticed::What::result;
        noticed.direct = direct;
        noticed.outcome = outcome(text);
        step(std::move(noticed));
    }
    void news(const JobId& id, told::Noticed::What what, std::uint32_t attempt = 1) {
        told::Noticed noticed;
        noticed.job = id;
        noticed.what = what;
        noticed.attempt = attempt;
        step(std::move(noticed));
    }
    void trust(bool trusted = true) { step(told::Trust{trusted}); }

    static std::shared_ptr<const Outcome> outcome(const std::string& text) {
        auto made = std::make_shared<Outcome>();
        made->state = JobState::succeeded;
        made->body.bytes = text;
        made->attempts = 1;
        return made;
    }
    static Fingerprint print(const std::string& body) {
        Fingerprint made{};
        made[0] = 1;
        for (std::size_t i = 0; i < body.size(); ++i)
            made[1 + i % (made.size() - 1)] ^= static_cast<std::uint8_t>(body[i]);
        return made;
    }
    static Error trouble() { return {Code::store_failed, Retry::safe, "no answer", 1}; }

    std::vector<Answer::Kind> kinds(WaiterId waiter) const {
        std::vector<Answer::Kind> all;
        for (const auto& answer : wanted.answers) {
            if (answer.waiter == waiter) all.push_back(answer.kind);
        }
        return all;
    }
    const Answer& answer(WaiterId waiter) const {
        for (const auto& answer : wanted.answers) {
            if (answer.waiter == waiter) return answer;
        }
        static const Answer none{};  // of kind refused, with the code internal
        return none;
    }
    bool over() const { return rendezvous.waiters() == 0 && rendezvous.jobs() == 0; }
    JobId make_id() { return ids_.make(now); }

  private:
    Wait begin(Duration patience) { return {next_waiter_++, now + patience}; }

    IdMaker ids_{2, 0};
    WaiterId next_waiter_ = 1;
};

}  // namespace bide::core::test
