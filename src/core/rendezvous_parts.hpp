#pragma once

#include "core/rendezvous.hpp"

#include <boost/intrusive/list.hpp>

#include <memory>
#include <vector>

/// What the rendezvous' source files share; nobody else includes it.
namespace bide::core {

struct Rendezvous::TimerOwner : Timer {
    enum class Kind : std::uint8_t { meeting, waiter };
    explicit TimerOwner(Kind of) : kind(of) {}
    Kind kind;
};

struct Rendezvous::Waiter : TimerOwner, boost::intrusive::list_base_hook<> {
    Waiter(const Wait& wait, Meeting& of)
        : TimerOwner(Kind::waiter),
          id(wait.id),
          meeting(&of),
          follow(wait.follow),
          on_leave(wait.on_leave) {}
    WaiterId id;
    Meeting* meeting;
    /// What it submits, while nobody has compared it with the claim on the id: it is then among the
    /// meeting's claimants.
    std::unique_ptr<event::Submit> submit;
    Follow follow;
    OnLeave on_leave;
    std::uint64_t look = 0;  ///< the first of the meeting's looks that is an answer to it
    bool told = false;       ///< a follower: that the job is accepted
    bool submits = false;    ///< it does not only ask
    bool replayed = false;   ///< its submission found the job there already
    bool cancels = false;    ///< wants the job to end
    /// Its time is over, and only the claim or the queue's word is missing; the timer is then the
    /// grace period.
    bool ended = false;
    Answer::Kind end = Answer::Kind::open;
};

/// What is known of a job here, and how far its way into the queue is. Ends with the meeting.
struct RendezvousCourse {
    enum class Stage : std::uint8_t {
        asking,    ///< the store or the claim has not answered yet
        sending,   ///< the queue has not
        accepted,  ///< it is in the queue, or has been
    };
    JobFacts facts;
    Fingerprint fingerprint{};
    Stage stage = Stage::asking;
    bool known = false;     ///< facts and fingerprint are the job's
    bool own = false;       ///< sent from here: its notices come on this front's own channel
    bool promised = false;  ///< somebody knows the id, or will before the end
    bool counted = false;   ///< among its tenant's and its queue's open jobs
    bool claimed = false;   ///< the claim is durable
    bool kept = false;      ///< and has the input with it
    bool made = false;      ///< it was made here: nobody has sent the job before
    /// Not 0: there may be another request's result. Nothing is sent, and no notice believed,
    /// before the look of this number found none.
    std::uint64_t look_first = 0;
    bool look_again = false;  ///< a reason came while it was looked for
    bool unread = false;      ///< the last look could not read the store
    bool watched = false;     ///< the job's own channel is listened to
    bool shown = false;       ///< others may know the id though the envelope does not say so
    Time begun{};
    Time not_before{};
    Time start_by = kNever;
    Time send_again = kNever;               ///< another front claimed it and may have died then
    std::shared_ptr<const JobInput> input;  ///< until it is in the queue
};

/// Those here who wait for one job.
struct Rendezvous::Meeting : TimerOwner, RendezvousCourse {
    Meeting() : TimerOwner(Kind::meeting) {}

    // What was asked for and is not answered. A meeting stays until it is, so that no answer is
    // taken for that to a later question.
    bool claiming = false;
    bool looking = false;
    bool cancelling = false;
    std::uint64_t looks = 0;  ///< begun so far
    std::uint32_t followers = 0;
    boost::intrusive::list<Waiter> waiters;
    boost::intrusive::list<Waiter> claimants;
};

inline Error key_belongs_to_another() {
    return {
        Code::key_reused,
        Retry::never,
        "this key or id belongs to another request: its queue, content type or body differ"};
}

inline Error too_many_wait_here(Retry retry) {
    return {Code::overloaded, retry, "as many callers wait as may wait", 1};
}

}  // namespace bide::core
