// Who waits at a front, and who is told.
#include "base/check.hpp"
#include "core/planted.hpp"
#include "core/rendezvous_parts.hpp"

#include <utility>

namespace bide::core {

Rendezvous::Waiter& Rendezvous::add_waiter(Meeting& meeting, const Wait& wait) {
    auto owned = std::make_unique<Waiter>(wait, meeting);
    Waiter& waiter = *owned;
    const bool fresh = waiters_.emplace(wait.id, std::move(owned)).second;
    CHECK(fresh);
    waiter.look = meeting.looks + 1;
    meeting.waiters.push_back(waiter);
    if (wait.follow == Follow::yes) ++meeting.followers;
    if (draining_)
        end_wait(waiter, Answer::Kind::draining);
    else if (wait.deadline > now_)
        timers_.arm(waiter, wait.deadline);
    else
        end_wait(waiter, Answer::Kind::open);
    return waiter;
}

void Rendezvous::add_claimant(Meeting& meeting, event::Submit&& submit) {
    Waiter& waiter = add_waiter(meeting, submit.wait);
    meeting.waiters.erase(meeting.waiters.iterator_to(waiter));
    meeting.claimants.push_back(waiter);
    waiter.submit = std::make_unique<event::Submit>(std::move(submit));
}

/// Its time is over; it is answered as soon as the job is claimed and in the queue (G2), and at the
/// latest when the grace is over too (G5).
void Rendezvous::end_wait(Waiter& waiter, Answer::Kind kind) {
    waiter.ended = true;
    waiter.end = kind;
    timers_.arm(waiter, now_ + limits_.grace);
}

void Rendezvous::waiter_due(Waiter& waiter) {
    Meeting& meeting = *waiter.meeting;
    if (!waiter.ended) {
        end_wait(waiter, Answer::Kind::open);
        return settle(meeting);
    }
    answer(
        waiter,
        {0,
         Answer::Kind::refused,
         meeting.known ? meeting.facts : JobFacts{},
         nullptr,
         {Code::store_failed, Retry::unsafe, "queue or store did not confirm the job in time", 1}}
    );
    drop_if_idle(meeting);
}

/// Tells whom there is something to tell, asks for what is missing for it, and lets the meeting go
/// when nobody is left.
void Rendezvous::settle(Meeting& meeting) {
    const bool accepted = meeting.stage == Meeting::Stage::accepted;
    const bool promised = accepted && (meeting.claimed || planted(Bug::promise_unclaimed));
    bool needs_claim = false;
    bool listens = false;
    for (auto next = meeting.waiters.begin(); next != meeting.waiters.end();) {
        Waiter& waiter = *next++;
        if (waiter.cancels && accepted) want_cancel(meeting, false);
        listens = listens || !waiter.cancels;
        if (!waiter.cancels && (waiter.ended || waiter.follow == Follow::yes)) needs_claim = true;
        if (!promised) continue;
        if (waiter.follow == Follow::yes && !waiter.told) {
            waiter.told = true;
            meeting.shown = true;
            Answer told{waiter.id, Answer::Kind::accepted, meeting.facts, nullptr, {}};
            told.replayed = waiter.replayed;
            effects_->answers.push_back(std::move(told));
        }
        if (!waiter.ended || waiter.cancels) continue;
        meeting.shown = true;
        answer(waiter, {0, waiter.end, meeting.facts, nullptr, {}});
    }
    if (needs_claim && !meeting.claimed && meeting.known) want_claim(meeting);
    if (meeting.waiters.empty()) return drop_if_idle(meeting);
    const bool unwatched = accepted && listens && !meeting.own && !meeting.watched;
    if (unwatched) watch(meeting);
    // Or its notice came when nobody was there to be told.
    if (unwatched || (meeting.look_first > meeting.looks && !meeting.looking)) want_look(meeting);
    if (!meeting.armed()) arm(meeting);
}

void Rendezvous::on(event::Leave& event) {
    const auto found = waiters_.find(event.waiter);
    if (found == waiters_.end()) return;
    Meeting& meeting = *found->second->meeting;
    const OnLeave wish = found->second->on_leave;
    forget(*found->second);
    const bool alone =
        (meeting.waiters.empty() && meeting.claimants.empty()) || planted(Bug::leave_cancels);
    if (wish != OnLeave::go_on && alone && meeting.known) {
        if (meeting.claimed || meeting.stage != Meeting::Stage::asking)
            want_cancel(meeting, wish == OnLeave::cancel_if_queued);
        else
            return drop(meeting);  // it has not even been claimed
    }
    drop_if_idle(meeting);
}

/// Fills in who is told, and forgets the waiter: it is answered once.
void Rendezvous::answer(Waiter& waiter, Answer&& answer) {
    answer.waiter = waiter.id;
    answer.replayed = waiter.replayed;
    const Meeting& meeting = *waiter.meeting;
    if (meeting.counted) answer.rate = tenants_.at(meeting.facts.tenant, now_).rate(now_);
    effects_->answers.push_back(std::move(answer));
    forget(waiter);
}

void Rendezvous::refuse(WaiterId waiter, Error error) {
    effects_->answers.push_back({waiter, Answer::Kind::refused, {}, nullptr, std::move(error)});
}

void Rendezvous::refuse_claimants(Meeting& meeting, const Error& error) {
    while (!meeting.claimants.empty())
        answer(meeting.claimants.front(), {0, Answer::Kind::refused, {}, nullptr, error});
}

/// Nobody gets what it came for, and the meeting is over.
void Rendezvous::refuse_all(Meeting& meeting, const Error& error) {
    refuse_claimants(meeting, error);
    JobFacts named;
    named.id = meeting.facts.id;
    while (!meeting.waiters.empty()) {
        answer(
            meeting.waiters.front(),
            {0, Answer::Kind::refused, meeting.known ? meeting.facts : named, nullptr, error}
        );
    }
    drop(meeting);
}

void Rendezvous::tell_news(Meeting& meeting, Answer::News what) {
    ++meeting.facts.news;
    if (meeting.followers == 0) return;
    for (const Waiter& waiter : meeting.waiters) {
        if (!waiter.told) continue;
        Answer news{waiter.id, Answer::Kind::news, meeting.facts, nullptr, {}};
        news.what = what;
        effects_->answers.push_back(std::move(news));
    }
}

void Rendezvous::forget(Waiter& waiter) {
    timers_.disarm(waiter);
    Meeting& meeting = *waiter.meeting;
    if (waiter.follow == Follow::yes) --meeting.followers;
    auto& list = waiter.submit ? meeting.claimants : meeting.waiters;
    list.erase(list.iterator_to(waiter));
    waiters_.erase(waiter.id);
}

}  // namespace bide::core
