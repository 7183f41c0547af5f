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
        meeting->claimants.clear();
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
    const JobId id = event.input->id;
    Meeting* there = find(id);
    if (event.origin != IdOrigin::fresh && there != nullptr && there->known)
        return join_same(*there, event);
    Tenant& tenant = tenants_.at(event.input->tenant, now_);
    if (auto error = admit(event, tenant)) {
        refuse(event.wait.id, std::move(*error));
        effects_->answers.back().rate = tenant.rate(now_);
        return;
    }
    if (tenant.rules.rate > 0) tenant.take_token();
    Meeting& meeting = there == nullptr ? add_meeting(id) : *there;
    if (event.origin != IdOrigin::fresh) {
        add_claimant(meeting, std::move(event));
        return want_claim(meeting);
    }
    CHECK(there == nullptr);
    take(meeting, event);
    add_waiter(meeting, event.wait).submits = true;
    // Whoever is told the id before the end must find the job by it (G2).
    meeting.promised = event.wait.follow == Follow::yes || event.wait.deadline <= now_;
    return meeting.promised ? want_claim(meeting) : send(meeting);
}

/// The job is here: the same request joins it, another is refused (G4).
void Rendezvous::join_same(Meeting& meeting, const event::Submit& event) {
    if (meeting.fingerprint != event.input->fingerprint)
        return refuse(event.wait.id, key_belongs_to_another());
    if (too_many_wait()) return refuse(event.wait.id, too_many_wait_here(Retry::safe));
    ++totals_.at(meeting.facts.queue).replayed;
    Waiter& waiter = add_waiter(meeting, event.wait);
    waiter.submits = true;
    waiter.replayed = true;
    settle(meeting);
}

/// Why not, if the job cannot be taken. What is refused leaves nothing behind (G7). The limits are
/// this front's: it does not know what others have sent.
std::optional<Error> Rendezvous::admit(const event::Submit& event, Tenant& tenant) {
    const JobInput& input = *event.input;
    const QueueRules& rules = queues_.at(input.queue);
    QueueTotals& totals = totals_.at(input.queue);
    if (draining_) return Error{Code::shutting_down, Retry::safe, "the server is shutting down", 1};
    if (too_many_wait()) return too_many_wait_here(Retry::safe);
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
void Rendezvous::take(Meeting& meeting, const event::Submit& submit) {
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

void Rendezvous::want_claim(Meeting& meeting) {
    if (meeting.claiming) return;
    meeting.claiming = true;
    if (meeting.known) return effects_->claims.push_back({meeting.facts, meeting.fingerprint});
    // Who sent this knows the id, and may ask for it anywhere once the claim is there.
    const event::Submit& first = *meeting.claimants.front().submit;
    effects_->claims.push_back(
        {facts_of(*first.input, first.not_before, now_),
         first.input->fingerprint,
         first.input,
         first.start_by}
    );
}

void Rendezvous::on(told::Claimed& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr || !meeting->claiming) return;
    meeting->claiming = false;
    if (event.error) return claim_failed(*meeting, *event.error);
    if (!meeting->claimants.empty()) return compare_claimants(*meeting, event);
    if (!meeting->known) {  // who wanted the claim has left
        if (!meeting->waiters.empty()) want_look(*meeting);
        return drop_if_idle(*meeting);
    }
    meeting->claimed = true;
    const bool fresh = meeting->stage == Meeting::Stage::asking && meeting->input && !meeting->kept;
    return fresh ? send(*meeting) : settle(*meeting);
}

void Rendezvous::claim_failed(Meeting& meeting, const Error& error) {
    refuse_claimants(meeting, error);
    if (meeting.stage == Meeting::Stage::asking) {
        if (meeting.input && !meeting.claimed) return refuse_all(meeting, error);
        if (!meeting.input && !meeting.waiters.empty()) want_look(meeting);
        return drop_if_idle(meeting);
    }
    // The job goes on; only who would be told its id cannot be.
    Error known = error;
    known.retry = Retry::unsafe;
    for (auto next = meeting.waiters.begin(); next != meeting.waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.ended && !waiter.cancels)
            answer(waiter, {0, Answer::Kind::refused, {}, nullptr, known});
    }
    drop_if_idle(meeting);
}

/// The claim says whose request the id belongs to: the same requests join, others are refused (G4).
void Rendezvous::compare_claimants(Meeting& meeting, const told::Claimed& claim) {
    bool first = claim.made;
    while (!meeting.claimants.empty()) {
        Waiter& waiter = meeting.claimants.front();
        meeting.claimants.pop_front();
        meeting.waiters.push_back(waiter);
        const auto submit = std::move(waiter.submit);
        if (submit->input->fingerprint != claim.fingerprint && !planted(Bug::claim_not_compared)) {
            answer(waiter, {0, Answer::Kind::refused, {}, nullptr, key_belongs_to_another()});
            continue;
        }
        if (!meeting.known) {
            take(meeting, *submit);
            // Before there were claims on it, the id may have been another job's.
            if (submit->origin == IdOrigin::caller) meeting.look_first = meeting.looks + 1;
        }
        waiter.submits = true;
        waiter.replayed = !first;
        if (!first) ++totals_.at(submit->input->queue).replayed;
        first = false;
    }
    if (!meeting.known) {
        if (!meeting.waiters.empty()) want_look(meeting);
        return drop_if_idle(meeting);
    }
    meeting.claimed = true;
    meeting.promised = true;
    meeting.kept = !claim.sent;
    meeting.made = meeting.made || claim.made;
    if (meeting.stage != Meeting::Stage::asking || !meeting.input) {
        if (meeting.look_first > meeting.looks && !meeting.waiters.empty()) want_look(meeting);
        return settle(meeting);
    }
    if (claim.made && meeting.look_first == 0) return send(meeting);
    if (claim.sent)
        accepted(meeting);
    else
        meeting.send_again = claim.made ? now_ : claim.at + limits_.claim_patience;
    watch(meeting);
    want_look(meeting);
    settle(meeting);
}

void Rendezvous::send(Meeting& meeting) {
    CHECK(meeting.input != nullptr);
    meeting.stage = Meeting::Stage::sending;
    meeting.own = true;
    meeting.send_again = kNever;
    effects_->sends.push_back(
        {meeting.input,
         meeting.not_before,
         meeting.start_by,
         meeting.promised,
         meeting.kept,
         meeting.made}
    );
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
    if (too_many_wait()) return refuse(event.wait.id, too_many_wait_here(Retry::unsafe));
    Meeting* there = find(event.job);
    Meeting& meeting = there == nullptr ? add_meeting(event.job) : *there;
    add_waiter(meeting, event.wait);
    if (meeting.known) return settle(meeting);
    // A look that is under way may have missed what this caller knows of: it is done again.
    if (event.wait.deadline > now_) watch(meeting);
    want_look(meeting);
}

void Rendezvous::on(event::Cancel& event) {
    if (too_many_wait()) return refuse(event.wait.id, too_many_wait_here(Retry::unsafe));
    Meeting* there = find(event.job);
    Meeting& meeting = there == nullptr ? add_meeting(event.job) : *there;
    add_waiter(meeting, event.wait).cancels = true;
    if (meeting.known) return settle(meeting);
    want_look(meeting);
}

/// Before a look: what is published in between is not missed.
void Rendezvous::watch(Meeting& meeting) {
    if (meeting.watched || meeting.own) return;
    meeting.watched = true;
    effects_->watches.push_back(meeting.facts.id);
}

void Rendezvous::want_look(Meeting& meeting) {
    if (meeting.looking) {
        meeting.look_again = true;
        return;
    }
    meeting.looking = true;
    ++meeting.looks;
    effects_->looks.push_back(
        {meeting.facts.id,
         meeting.known ? std::optional(meeting.facts.queue) : std::optional<QueueIndex>(),
         meeting.stage == Meeting::Stage::asking && !meeting.made}
    );
}

void Rendezvous::on(told::Looked& event) {
    Meeting* const meeting = find(event.job);
    if (meeting == nullptr || !meeting->looking) return;
    meeting->looking = false;
    const bool again = std::exchange(meeting->look_again, false);
    using Found = told::Looked::Found;
    if (event.found == Found::result) {
        if (meeting->stage == Meeting::Stage::accepted && meeting->own) ++rescues_;
        refuse_others(*meeting, event.fingerprint);
        return finish(*meeting, std::move(event.outcome), false);
    }
    const bool unread = event.found == Found::unknown && !planted(Bug::unread_not_repeated);
    if (!unread && meeting->looks >= meeting->look_first) meeting->look_first = 0;
    // What it might have found may have been told long ago: no notice of it is still to come.
    if (std::exchange(meeting->unread, unread) || unread) arm(*meeting);
    if (meeting->waiters.empty() || meeting->stage != Meeting::Stage::asking)
        settle(*meeting);
    else if (meeting->input)
        not_sent_yet(*meeting, event);
    else if (event.found == Found::claim)
        take_found(*meeting, event);
    else
        nothing_found(*meeting, event.error);
    if (!again) return;
    Meeting* const left = find(event.job);
    if (left != nullptr && !left->waiters.empty()) want_look(*left);
}

/// For who asked before the look was begun: what later callers know of it may have missed.
void Rendezvous::nothing_found(Meeting& meeting, const std::optional<Error>& error) {
    const Error none{Code::not_found, Retry::never, "there is no job with this id"};
    JobFacts named;
    named.id = meeting.facts.id;
    for (auto next = meeting.waiters.begin(); next != meeting.waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.look <= meeting.looks || planted(Bug::stale_look))
            answer(waiter, {0, Answer::Kind::refused, named, nullptr, error ? *error : none});
    }
    drop_if_idle(meeting);
}

/// The job that has the id: it was claimed, and is in the queue unless its sender died before.
void Rendezvous::take_found(Meeting& meeting, told::Looked& found) {
    know(meeting, found.facts, found.fingerprint);
    meeting.claimed = true;
    meeting.promised = true;
    if (found.sent || !found.input || planted(Bug::claim_never_sent)) {
        accepted(meeting);
        return settle(meeting);
    }
    meeting.kept = true;
    meeting.input = std::move(found.input);
    meeting.not_before = found.facts.not_before;
    meeting.start_by = found.start_by;
    meeting.send_again = found.facts.created + limits_.claim_patience;
    not_sent_yet(meeting, found);
}

/// There is no result. If another claimed the id for the same request, the job may be in the queue;
/// if its sender died in between, it is not. Sent twice does no harm: there is one result.
void Rendezvous::not_sent_yet(Meeting& meeting, const told::Looked& found) {
    if (found.found == told::Looked::Found::unknown || meeting.look_first != 0)
        return settle(meeting);
    if (found.sent) accepted(meeting);
    if (!found.sent && now_ >= meeting.send_again) return send(meeting);
    settle(meeting);
}

/// The result under this id is another request's: who submitted is not to have it (G4).
void Rendezvous::refuse_others(Meeting& meeting, const Fingerprint& fingerprint) {
    if (!meeting.known || fingerprint == meeting.fingerprint) return;
    for (auto next = meeting.waiters.begin(); next != meeting.waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.submits)
            answer(waiter, {0, Answer::Kind::refused, {}, nullptr, key_belongs_to_another()});
    }
}

// --- results ----------------------------------------------------------------------------------

void Rendezvous::on(told::Noticed& event) {
    Meeting* const meeting = find(event.job);
    using What = told::Noticed::What;
    const bool ends = event.what == What::result || event.what == What::look;
    const bool nobody = meeting == nullptr || meeting->waiters.empty();
    if (ends && event.direct && (nobody || meeting->shown))
        effects_->forwards.push_back({event.job, event.outcome});
    // Nor is it told to those whose claim is still compared; they have to look after that.
    if (ends && nobody && meeting != nullptr) meeting->look_first = meeting->looks + 1;
    if (nobody) return;
    // Whose result it is has to be known before who submitted another request gets it.
    if (event.what == What::look || (ends && meeting->look_first != 0)) return want_look(*meeting);
    if (ends) return finish(*meeting, std::move(event.outcome), true);
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
    drop(meeting);
    // Nobody has compared those with what is stored yet: their claim will, and then they look.
    if (Meeting* left = find(id)) left->look_first = left->looks + 1;
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
    if (!event.error) return settle(*meeting);
    for (auto next = meeting->waiters.begin(); next != meeting->waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.cancels)
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
    if (!meeting.looking) want_look(meeting);
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
    const Duration pause = trusted_ && !meeting.unread
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
        for (auto* list : {&meeting->waiters, &meeting->claimants}) {
            for (Waiter& waiter : *list) {
                if (!waiter.ended) end_wait(waiter, Answer::Kind::draining);
            }
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

/// What was asked for and not answered yet is waited for, so that nobody who comes meanwhile takes
/// the answer for one to its own question.
void Rendezvous::drop(Meeting& meeting) {
    CHECK(meeting.waiters.empty());
    timers_.disarm(meeting);
    uncount(meeting);
    const JobId id = meeting.facts.id;
    if (meeting.watched) effects_->unwatches.push_back(id);
    if (!meeting.claiming && !meeting.looking && !meeting.cancelling) {
        CHECK(meeting.claimants.empty());
        meetings_.erase(id);
        return;
    }
    static_cast<RendezvousCourse&>(meeting) = {};
    meeting.facts.id = id;
    meeting.begun = now_;
}

void Rendezvous::uncount(Meeting& meeting) {
    if (!std::exchange(meeting.counted, false)) return;
    --open_.at(meeting.facts.queue);
    --tenants_.at(meeting.facts.tenant, now_).open;
}

/// Nobody waits any more, and nothing that was begun needs an end.
void Rendezvous::drop_if_idle(Meeting& meeting) {
    if (!meeting.waiters.empty() || !meeting.claimants.empty()) return;
    if (meeting.stage != Meeting::Stage::sending) drop(meeting);
}

}  // namespace bide::core
