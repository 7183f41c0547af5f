// How a job gets from its submission into the queue, and its result back.
#include "core/rendezvous.hpp"

#include "base/check.hpp"
#include "core/planted.hpp"
#include "core/rendezvous_parts.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {
namespace {

JobFacts facts_of(const JobInput& input, Time not_before, Time now) {
    JobFacts facts;
    facts.id = input.id;
    facts.state = not_before > now ? JobState::scheduled : JobState::ready;
    facts.queue = input.queue;
    facts.priority = input.priority;
    facts.created = input.created;
    facts.not_before = not_before;
    facts.tenant = input.tenant;
    return facts;
}

}  // namespace

Rendezvous::Rendezvous(
    std::vector<QueueRules> queues, RendezvousLimits limits, std::uint64_t seed, Tenancy tenancy
)
    : queues_(std::move(queues)),
      limits_(limits),
      rng_(seed),
      tenants_(std::move(tenancy)),
      open_(queues_.size()),
      totals_(queues_.size()) {}

Rendezvous::~Rendezvous() {
    for (auto& [id, waiter] : waiters_) timers_.disarm(*waiter);
    for (auto& [id, meeting] : meetings_) {
        timers_.disarm(*meeting);
        meeting->waiters.clear();
    }
}

void Rendezvous::step(RendezvousEvent&& event, Time now, RendezvousEffects& effects) {
    now_ = now;
    effects_ = &effects;
    std::visit([this](auto& some) { on(some); }, event);
    effects_ = nullptr;
}

// --- submissions ------------------------------------------------------------------------------

void Rendezvous::on(event::Submit& event) {
    Tenant& tenant = tenants_.at(event.input->tenant, now_);
    if (auto error = admit(event, tenant)) {
        refuse(event.wait.id, std::move(*error));
        effects_->answers.back().rate = tenant.rate(now_);
        return;
    }
    if (tenant.rules.rate > 0) tenant.take_token();
    Meeting* there = find(event.input->id);
    if (event.origin == IdOrigin::fresh) {
        CHECK(there == nullptr);
        Meeting& meeting = add_meeting(event.input->id);
        take(meeting, event);
        attach(meeting, event);
        // Whoever is told the id before the end must find the job by it (G2).
        const bool promised = event.wait.follow == Follow::yes || event.wait.deadline <= now_;
        return promised ? want_claim(meeting) : send(meeting);
    }
    if (there != nullptr && there->known) {
        if (there->fingerprint != event.input->fingerprint)
            return refuse(event.wait.id, key_belongs_to_another());
        ++totals_.at(there->facts.queue).replayed;
        attach(*there, event);
        there->waiters.back().replayed = true;
        return settle(*there);
    }
    Meeting& meeting = there == nullptr ? add_meeting(event.input->id) : *there;
    meeting.claimants.push_back(std::move(event));
    want_claim(meeting);
}

/// Why not, if the job cannot be taken. What is refused leaves nothing behind (G7). The limits are
/// this front's: it does not know what others have sent.
std::optional<Error> Rendezvous::admit(const event::Submit& event, Tenant& tenant) {
    const JobInput& input = *event.input;
    const QueueRules& rules = queues_.at(input.queue);
    QueueTotals& totals = totals_.at(input.queue);
    if (draining_) return Error{Code::shutting_down, Retry::safe, "the server is shutting down", 1};
    if (too_many_wait(event.wait)) return too_many_wait_here(Retry::safe);
    if (tenant.rules.depth_max != 0 && tenant.open >= tenant.rules.depth_max) {
        ++totals.refused_rate;
        return Error{
            Code::rate_limited, Retry::safe, "the tenant has as many open jobs as it may have", 1};
    }
    if (open_.at(input.queue) >= rules.depth_max) {
        ++totals.refused_full;
        return Error{Code::overloaded, Retry::safe, "the queue is full", 1};
    }
    if (event.start_by <= now_) {
        ++totals.refused_deadline;
        return Error{Code::overloaded, Retry::safe, "the job's deadline is over", 1};
    }
    if (!tenant.may_submit(now_)) {
        ++totals.refused_rate;
        return Error{
            Code::rate_limited,
            Retry::safe,
            "the tenant submits faster than its rate",
            tenant.next_token_s(now_)};
    }
    return std::nullopt;
}

/// The job that the meeting is about is the one of this submission.
void Rendezvous::take(Meeting& meeting, event::Submit& submit) {
    const JobInput& input = *submit.input;
    know(meeting, facts_of(input, submit.not_before, now_), input.fingerprint);
    meeting.input = submit.input;
    meeting.not_before = submit.not_before;
    meeting.start_by = submit.start_by;
    meeting.counted = true;
    ++open_.at(input.queue);
    ++totals_.at(input.queue).submitted;
    ++tenants_.at(input.tenant, now_).open;
}

void Rendezvous::know(Meeting& meeting, const JobFacts& facts, const Fingerprint& fingerprint) {
    meeting.facts = facts;
    meeting.facts.attempts_max = queues_.at(facts.queue).retry.attempts_max;
    meeting.fingerprint = fingerprint;
    meeting.known = true;
}

void Rendezvous::attach(Meeting& meeting, const event::Submit& event) {
    Waiter& waiter = add_waiter(meeting, event.wait);
    if (event.wait.deadline <= now_ && !waiter.ended) end_wait(waiter, Answer::Kind::open);
}

void Rendezvous::want_claim(Meeting& meeting) {
    if (meeting.claiming) return;
    meeting.claiming = true;
    if (meeting.known) return effects_->claims.push_back({meeting.facts, meeting.fingerprint});
    const event::Submit& first = meeting.claimants.front();
    effects_->claims.push_back(
        {facts_of(*first.input, first.not_before, now_), first.input->fingerprint}
    );
}

void Rendezvous::on(told::Claimed& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr || !meeting->claiming) return;
    meeting->claiming = false;
    if (event.error) {
        for (auto& claimant : std::exchange(meeting->claimants, {}))
            refuse(claimant.wait.id, *event.error);
        if (meeting->stage == Meeting::Stage::asking && !meeting->looking)
            return refuse_all(*meeting, *event.error);
        // The job goes on; only who would be told its id cannot be.
        Error error = *event.error;
        error.retry = Retry::unsafe;
        for (auto next = meeting->waiters.begin(); next != meeting->waiters.end();) {
            Waiter& waiter = *next++;
            if (waiter.ended) answer(waiter, {0, Answer::Kind::refused, {}, nullptr, error});
        }
        return drop_if_idle(*meeting);
    }
    meeting->claimed = true;
    if (!meeting->claimants.empty()) return compare_claimants(*meeting, event);
    if (meeting->stage == Meeting::Stage::asking && meeting->input) return send(*meeting);
    settle(*meeting);
}

/// The claim says whose request the id belongs to: the same requests join, others are refused (G4).
void Rendezvous::compare_claimants(Meeting& meeting, const told::Claimed& claim) {
    bool first = claim.made;
    for (auto& claimant : std::exchange(meeting.claimants, {})) {
        const bool same =
            claimant.input->fingerprint == claim.fingerprint || planted(Bug::claim_not_compared);
        if (!same) {
            refuse(claimant.wait.id, key_belongs_to_another());
            continue;
        }
        if (!meeting.input && meeting.stage == Meeting::Stage::asking) take(meeting, claimant);
        attach(meeting, claimant);
        meeting.waiters.back().replayed = !first;
        if (!first) ++totals_.at(claimant.input->queue).replayed;
        first = false;
    }
    if (claim.made && meeting.input) return send(meeting);
    if (meeting.stage == Meeting::Stage::asking && meeting.input) {
        if (claim.sent)
            accepted(meeting);
        else
            meeting.send_again = claim.at + limits_.claim_patience;
        watch(meeting);
    }
    settle(meeting);
}

void Rendezvous::send(Meeting& meeting) {
    CHECK(meeting.input != nullptr);
    meeting.stage = Meeting::Stage::sending;
    meeting.own = true;
    meeting.send_again = kNever;
    effects_->sends.push_back({meeting.input, meeting.not_before, meeting.start_by, meeting.claimed}
    );
    if (meeting.watched) {
        meeting.watched = false;
        effects_->unwatches.push_back(meeting.facts.id);
    }
    settle(meeting);
}

void Rendezvous::on(told::Sent& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr || meeting->stage != Meeting::Stage::sending) return;
    // A claim may stay behind: who comes again with the same key sends the job then.
    if (event.error) return refuse_all(*meeting, *event.error);
    accepted(*meeting);
    settle(*meeting);
}

void Rendezvous::accepted(Meeting& meeting) {
    meeting.stage = Meeting::Stage::accepted;
    meeting.input = nullptr;
    meeting.send_again = kNever;
}

// --- looking ----------------------------------------------------------------------------------

void Rendezvous::on(event::Join& event) {
    if (too_many_wait(event.wait)) return refuse(event.wait.id, too_many_wait_here(Retry::unsafe));
    Meeting* there = find(event.job);
    Meeting& meeting = there == nullptr ? add_meeting(event.job) : *there;
    Waiter& waiter = add_waiter(meeting, event.wait);
    if (event.wait.deadline <= now_ && !waiter.ended) end_wait(waiter, Answer::Kind::open);
    if (there == nullptr) {
        return event.wait.deadline > now_ ? watch(meeting) : want_look(meeting);
    }
    settle(meeting);
}

void Rendezvous::on(event::Cancel& event) {
    Meeting* there = find(event.job);
    Meeting& meeting = there == nullptr ? add_meeting(event.job) : *there;
    add_waiter(meeting, event.wait).cancels = true;
    if (there == nullptr) return want_look(meeting);
    settle(meeting);
}

void Rendezvous::watch(Meeting& meeting) {
    if (meeting.watched || meeting.own) return;
    meeting.watched = true;
    effects_->watches.push_back(meeting.facts.id);
    // Listen first, then look: what was published in between is not missed.
    want_look(meeting);
}

void Rendezvous::want_look(Meeting& meeting) {
    if (meeting.looking) {
        meeting.look_again = true;
        return;
    }
    meeting.looking = true;
    effects_->looks.push_back(
        {meeting.facts.id,
         meeting.known ? std::optional(meeting.facts.queue) : std::optional<QueueIndex>(),
         !meeting.known}
    );
}

void Rendezvous::on(told::Looked& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr || !meeting->looking) return;
    meeting->looking = false;
    using Found = told::Looked::Found;
    if (event.found == Found::result) {
        if (meeting->stage == Meeting::Stage::accepted && meeting->own) ++rescues_;
        return finish(*meeting, std::move(event.outcome), false);
    }
    if (std::exchange(meeting->look_again, false)) {
        want_look(*meeting);
        return;
    }
    if (meeting->stage != Meeting::Stage::asking) return settle(*meeting);
    if (event.found == Found::unknown) {
        if (!meeting->input && meeting->claimants.empty())
            return refuse_all(*meeting, *event.error);
        return settle(*meeting);
    }
    if (meeting->input) return send_again_or_wait(*meeting);
    if (event.found == Found::claim) {
        know(*meeting, event.facts, event.fingerprint);
        meeting->claimed = true;
        accepted(*meeting);
        return settle(*meeting);
    }
    if (!meeting->claimants.empty()) return;
    Error none{Code::not_found, Retry::never, "there is no job with this id"};
    refuse_all(*meeting, none);
}

/// Somebody else claimed the id for the same request, and there is no result. It may be in the
/// queue; if its sender died in between, it is not. Sent twice does no harm: there is one result.
void Rendezvous::send_again_or_wait(Meeting& meeting) {
    if (now_ >= meeting.send_again) return send(meeting);
    settle(meeting);
}

// --- results ----------------------------------------------------------------------------------

void Rendezvous::on(told::Noticed& event) {
    Meeting* const meeting = find(event.job);
    using What = told::Noticed::What;
    const bool ends = event.what == What::result || event.what == What::look;
    if (ends && event.direct && (meeting == nullptr || meeting->shown))
        effects_->forwards.push_back({event.job, event.outcome});
    if (meeting == nullptr) return;
    if (event.what == What::result) return finish(*meeting, std::move(event.outcome), true);
    if (event.what == What::look) return want_look(*meeting);
    if (!meeting->known || event.attempt < meeting->facts.attempts) return;
    JobFacts& facts = meeting->facts;
    facts.attempts = event.attempt;
    if (event.what == What::progress) {
        facts.state = JobState::running;
        facts.progress = std::move(event.progress);
        return tell_news(*meeting, Answer::News::progress);
    }
    const bool starts = event.what == What::attempt;
    facts.state = starts ? JobState::running : JobState::scheduled;
    if (starts) facts.started = now_;
    facts.progress = nullptr;
    tell_news(*meeting, starts ? Answer::News::attempt : Answer::News::retry);
}

void Rendezvous::finish(Meeting& meeting, std::shared_ptr<const Outcome> outcome, bool fresh) {
    CHECK(outcome != nullptr);
    const JobId id = meeting.facts.id;
    QueueTotals& totals = totals_.at(outcome->queue);
    if (meeting.counted) {
        if (outcome->state == JobState::succeeded) ++totals.succeeded;
        if (outcome->state == JobState::failed) ++totals.failed;
        if (outcome->state == JobState::cancelled) ++totals.cancelled;
        if (outcome->state == JobState::expired) ++totals.expired;
    }
    JobFacts facts = core::facts_of(id, *outcome);
    facts.attempts_max = queues_.at(outcome->queue).retry.attempts_max;
    facts.news = meeting.facts.news;
    while (!meeting.waiters.empty()) {
        Answer end{0, Answer::Kind::finished, facts, outcome, {}};
        end.fresh = fresh;
        answer(meeting.waiters.front(), std::move(end));
    }
    if (meeting.claimants.empty()) return drop(meeting);
    // Nobody has compared those with what is stored yet: their claim will, and then they look.
    uncount(meeting);
    meeting.stage = Meeting::Stage::asking;
    meeting.known = false;
    meeting.input = nullptr;
}

void Rendezvous::want_cancel(Meeting& meeting, bool if_queued) {
    if (meeting.cancelling) return;
    meeting.cancelling = true;
    auto outcome = std::make_shared<Outcome>();
    outcome->state = JobState::cancelled;
    outcome->kind = FailureKind::cancelled;
    outcome->detail = "the job was cancelled";
    outcome->attempts = meeting.facts.attempts;
    outcome->queue = meeting.facts.queue;
    outcome->tenant = meeting.facts.tenant;
    outcome->created = meeting.facts.created;
    outcome->started = meeting.facts.started;
    outcome->finished = now_;
    effects_->cancels.push_back(
        {meeting.facts.id, std::move(outcome), meeting.fingerprint, if_queued}
    );
}

void Rendezvous::on(told::Cancelled& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr) return;
    meeting->cancelling = false;
    if (event.outcome) return finish(*meeting, std::move(event.outcome), true);
    for (auto next = meeting->waiters.begin(); next != meeting->waiters.end();) {
        Waiter& waiter = *next++;
        if (!waiter.cancels || !event.error) continue;
        answer(waiter, {0, Answer::Kind::refused, meeting->facts, nullptr, *event.error});
    }
    drop_if_idle(*meeting);
}

// --- time, trust, the end ---------------------------------------------------------------------

void Rendezvous::on(told::Trust& event) {
    const bool gained = event.trusted && !trusted_;
    trusted_ = event.trusted;
    for (auto& [id, meeting] : meetings_) {
        if (meeting->stage != Meeting::Stage::accepted) continue;
        // What was published while nobody listened is found in one sweep.
        if (gained)
            want_look(*meeting);
        else
            arm(*meeting);
    }
}

void Rendezvous::on(event::Tick&) {
    while (Timer* due = timers_.pop_due(now_)) {
        auto* owner = static_cast<TimerOwner*>(due);
        if (owner->kind == TimerOwner::Kind::meeting)
            meeting_due(*static_cast<Meeting*>(owner));
        else
            waiter_due(*static_cast<Waiter*>(owner));
    }
}

void Rendezvous::meeting_due(Meeting& meeting) {
    want_look(meeting);
    arm(meeting);
}

/// When the store is asked next though nothing was heard.
void Rendezvous::arm(Meeting& meeting) {
    if (planted(Bug::rescue_never) || meeting.stage == Meeting::Stage::sending) return;
    if (meeting.stage == Meeting::Stage::asking) {
        if (meeting.input)
            timers_.arm(meeting, std::max(meeting.send_again, now_ + limits_.rescue_min));
        return;
    }
    const Duration waited = std::max(now_ - meeting.begun, meeting.not_before - now_);
    const Duration pause = trusted_
                               ? limits_.rescue_trusted
                               : std::clamp(waited / 4, limits_.rescue_min, limits_.rescue_max);
    // Spread, so that those who came together do not ask together.
    const auto spread = static_cast<std::uint64_t>(pause.count() / 4 + 1);
    timers_.arm(meeting, now_ + pause + Duration(static_cast<std::int64_t>(rng_.below(spread))));
}

void Rendezvous::on(event::Drain&) {
    draining_ = true;
    std::vector<Meeting*> all;
    all.reserve(meetings_.size());
    for (auto& [id, meeting] : meetings_) all.push_back(meeting.get());
    for (Meeting* meeting : all) {
        for (Waiter& waiter : meeting->waiters) {
            if (!waiter.ended) end_wait(waiter, Answer::Kind::draining);
        }
        settle(*meeting);
    }
}

Rendezvous::Meeting* Rendezvous::find(const JobId& job) {
    const auto found = meetings_.find(job);
    return found == meetings_.end() ? nullptr : found->second.get();
}

Rendezvous::Meeting& Rendezvous::add_meeting(const JobId& job) {
    auto owned = std::make_unique<Meeting>();
    Meeting& meeting = *owned;
    meeting.facts.id = job;
    meeting.begun = now_;
    meetings_.emplace(job, std::move(owned));
    return meeting;
}

void Rendezvous::drop(Meeting& meeting) {
    CHECK(meeting.waiters.empty());
    timers_.disarm(meeting);
    uncount(meeting);
    const JobId id = meeting.facts.id;
    if (meeting.watched) effects_->unwatches.push_back(id);
    meetings_.erase(id);
}

void Rendezvous::uncount(Meeting& meeting) {
    if (!std::exchange(meeting.counted, false)) return;
    --open_.at(meeting.facts.queue);
    --tenants_.at(meeting.facts.tenant, now_).open;
}

/// Nobody waits any more, and nothing that was begun needs an end.
void Rendezvous::drop_if_idle(Meeting& meeting) {
    const bool under_way = meeting.stage == Meeting::Stage::sending || meeting.claiming;
    if (meeting.waiters.empty() && meeting.claimants.empty() && !under_way) drop(meeting);
}

}  // namespace bide::core
