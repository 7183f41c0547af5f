#include "checkers.hpp"

#include "sim/same.hpp"
#include "sim/violation.hpp"

#include <algorithm>
#include <utility>

namespace bide::sim_aws {

using core::Answer;
using sim::require;
using std::chrono::seconds;

void Checkers::begun(core::WaiterId waiter, Waiting waiting) {
    if (waiting.ask == Ask::cancel) cancels_wanted_.insert(waiting.job);
    if (waiting.ask == Ask::submit) queues_.emplace(waiting.job, waiting.queue);
    waits_.emplace(waiter, std::move(waiting));
}

/// G2: what is in the queue can be run.
void Checkers::sent(const Envelope& envelope) const {
    if (!envelope.by_reference) return;
    const bool there = services_.s3.inputs.contains(S3::input_key(*envelope.input));
    require(there, "G2", "sent without its body, which is not in the store", envelope.input->id);
}

void Checkers::answered(const Answer& answer, Time now) {
    ++answers_;
    const auto found = waits_.find(answer.waiter);
    require(found != waits_.end(), "G5", "an answer to nobody, or a second one");
    Waiting& waiting = found->second;
    switch (answer.kind) {
        case Answer::Kind::finished: finished(waiting, answer); break;
        case Answer::Kind::accepted:
            require(!waiting.told, "G5", "told twice that it is accepted", waiting.job);
            waiting.told = true;
            promise(waiting, answer.facts.id, now);
            break;
        case Answer::Kind::open:
        case Answer::Kind::draining:
            not_given_up(waiting, now);
            promise(waiting, answer.facts.id, now);
            break;
        case Answer::Kind::news:
            require(waiting.told, "G2", "news of a job not yet accepted", waiting.job);
            break;
        case Answer::Kind::refused:
            not_given_up(waiting, now);
            refused(waiting, answer);
            break;
        default: require(false, "G5", "not an answer that a front gives", waiting.job);
    }
    if (!answer.last()) return;
    const auto [front, job] = std::pair(waiting.front, waiting.job);
    waits_.erase(found);
    forget_if_alone(front, job);
}

/// G1, G3, G4, G8: what is told is what the store has, everybody is told the same, it is the
/// outcome of that request, and no job ends as cancelled unless somebody wanted it.
void Checkers::finished(const Waiting& waiting, const Answer& answer) {
    require(answer.facts.id == waiting.job, "G3", "the outcome of another job", waiting.job);
    const auto* stored = services_.s3.result(waiting.job);
    require(stored != nullptr, "G1", "a result that is not in the store", waiting.job);
    require(
        sim::same(*stored->outcome, *answer.outcome), "G3", "not what the store has", waiting.job
    );
    const auto [first, fresh] = told_.emplace(waiting.job, answer.outcome);
    require(fresh || sim::same(*first->second, *answer.outcome), "G3", "two outcomes", waiting.job);
    if (answer.outcome->state == core::JobState::cancelled)
        require(cancels_wanted_.contains(waiting.job), "G8", "nobody cancelled it", waiting.job);
    if (waiting.ask != Ask::submit) return;
    same_request(waiting);
    if (answer.outcome->state != core::JobState::succeeded) return;
    const std::string& body = answer.outcome->body.bytes;
    require(
        body.substr(0, body.find('#')) == waiting.body,
        "G4",
        "the result of another request",
        waiting.job
    );
}

/// Who comes in the last round has time enough for everything to be done.
void Checkers::not_given_up(const Waiting& waiting, Time now) const {
    const bool late = waiting.begun >= healed_at_ && now >= waiting.wait.deadline;
    const bool lost = promised_.contains(waiting.job) && !services_.s3.result(waiting.job);
    const char* broken = lost ? "G2" : "G5";
    require(!late, broken, "all is well, and the job does not come to its end", waiting.job);
}

/// G2: the id is told as the job's own: it can be found by everybody from now on.
void Checkers::promise(const Waiting& waiting, const JobId& job, Time now) {
    require(job == waiting.job, "G3", "the id of another job", waiting.job);
    require(
        services_.s3.claim(job) != nullptr || services_.s3.result(job) != nullptr,
        "G2",
        "told the id of a job that nobody else can find",
        job
    );
    if (waiting.ask == Ask::submit) same_request(waiting);
    promised_.emplace(job, now);
}

void Checkers::refused(const Waiting& waiting, const Answer& answer) {
    if (answer.error.code == Code::not_found) {
        const auto promised = promised_.find(waiting.job);
        require(
            promised == promised_.end() || promised->second > waiting.begun,
            "G2",
            "an accepted job is not found",
            waiting.job
        );
        const auto told = told_.find(waiting.job);
        require(
            told == told_.end() || waiting.begun < services_.s3.result(waiting.job)->at,
            "G2",
            "a job that has ended is not found",
            waiting.job
        );
    }
    if (waiting.ask != Ask::submit) return;
    if (answer.error.code == Code::key_reused) {
        const auto* claim = services_.s3.claim(waiting.job);
        const auto* result = services_.s3.result(waiting.job);
        const bool other = (claim && claim->fingerprint != waiting.fingerprint) ||
                           (result && result->fingerprint != waiting.fingerprint);
        require(other, "G4", "refused its own key", waiting.job);
    }
    if (waiting.fresh && answer.error.retry == Retry::safe) not_taken_.insert(waiting.job);
}

/// G4: the id is this request's, as the store knows.
void Checkers::same_request(const Waiting& waiting) const {
    const auto* claim = services_.s3.claim(waiting.job);
    const auto* result = services_.s3.result(waiting.job);
    if (claim) {
        require(
            claim->fingerprint == waiting.fingerprint,
            "G4",
            "the job of another request",
            waiting.job
        );
    }
    if (result) {
        require(
            result->fingerprint == waiting.fingerprint,
            "G4",
            "the outcome of another request",
            waiting.job
        );
    }
}

std::optional<core::QueueIndex> Checkers::queue_of(const JobId& job) const {
    const auto found = queues_.find(job);
    return found == queues_.end() ? std::nullopt : std::optional(found->second);
}

void Checkers::left(core::WaiterId waiter) {
    const auto found = waits_.find(waiter);
    if (found == waits_.end()) return;
    const Waiting gone = std::move(found->second);
    waits_.erase(found);
    forget_if_alone(gone.front, gone.job);
    // Of the last one at its front; fronts do not know of each other's callers.
    if (gone.wait.on_leave != core::OnLeave::go_on && !anybody_waits(gone.front, gone.job))
        cancels_wanted_.insert(gone.job);
}

bool Checkers::anybody_waits(Life front, const JobId& job) const {
    return std::any_of(waits_.begin(), waits_.end(), [&](const auto& wait) {
        return wait.second.front == front && wait.second.job == job;
    });
}

/// What a front did for callers who are gone is nothing to those who come.
void Checkers::forget_if_alone(Life front, const JobId& job) {
    if (!anybody_waits(front, job)) could_read(front, job, true);
}

void Checkers::hears(Life front, const JobId& job, Time now) {
    Asked& asked = asked_[{front, job}];
    require(asked.under_way > 0, "G5", "heard what was not asked", job);
    --asked.under_way;
    asked.heard = now;
}

void Checkers::could_read(Life front, const JobId& job, bool could) {
    asked_[{front, job}].unread = !could && anybody_waits(front, job);
}

void Checkers::owed(Life worker, Life front, const JobId& job, Time now) {
    owed_.emplace(job, Owed{worker, front, now});
}

/// What it had not told goes with it.
void Checkers::worker_died(Life worker) {
    loses_cache(worker);
    std::erase_if(owed_, [worker](const auto& owed) { return owed.second.worker == worker; });
}

void Checkers::front_died(Life front) {
    loses_cache(front);
    std::erase_if(waits_, [front](const auto& wait) { return wait.second.front == front; });
}

/// G7.
void Checkers::stepped(const core::Rendezvous& front) const {
    require(front.waiters() <= options_.front_limits.waiters_max, "G7", "more wait than may wait");
    for (core::QueueIndex queue = 0; queue < options_.queues.size(); ++queue) {
        // Claims under way are not counted yet.
        const auto most = options_.queues[queue].depth_max + options_.front_limits.waiters_max;
        require(front.open(queue) <= most, "G7", "more jobs than the queue takes");
    }
}

/// How long a wait for a job that has ended may go on, once all is well: a lost notice costs one
/// rescue interval (with its spread), and before it perhaps a look without trust, or the patience
/// with another front's claim.
Duration Checkers::patience() const {
    const auto& limits = options_.front_limits;
    return (limits.rescue_trusted + limits.rescue_max) * 5 / 4 + limits.claim_patience +
           options_.slow_max + seconds(5);
}

/// G5: nobody waits longer than the deadline and the grace; and once the services work, nobody
/// waits for what is in the store.
void Checkers::time_passes(Time now) {
    for (const auto& [waiter, waiting] : waits_) {
        const Time last = std::max(waiting.wait.deadline, waiting.begun) +
                          options_.front_limits.grace + 2 * options_.tick_late_max;
        require(now <= last, "G5", "waits longer than the deadline and the grace", waiting.job);
        told_soon(waiting, now);
        asks_again(waiting, now);
        if (healed_at_ == kNever) continue;
        const auto* result = services_.s3.result(waiting.job);
        if (!result) continue;
        const Time since = std::max({result->at, waiting.begun, healed_at_});
        require(now <= since + patience(), "G5", "was not told of a stored result", waiting.job);
    }
}

/// G5: while worker and front have the cache, and it does what it should, a result is told long
/// before a look would find it: the worker keeps the notice until the cache has taken it. What was
/// under way when all became well may still be slow, a claim on the way to the store too.
void Checkers::told_soon(const Waiting& waiting, Time now) const {
    const bool healed = healed_at_ != kNever;
    const bool calm = options_.cache.none() && options_.store.none();
    if (!options_.notices_come() || !(healed || calm)) return;
    Duration bound = seconds(2) + 4 * options_.tick_late_max;
    if (options_.cache.slow + options_.store.slow > 0)
        bound += 2 * options_.tries * options_.slow_max;
    const auto [first, last] = owed_.equal_range(waiting.job);
    for (auto owed = first; owed != last; ++owed) {
        const auto& [worker, front, at] = owed->second;
        if (front != waiting.front || at < waiting.begun) continue;
        const auto from = reached_.find(worker);
        const auto to = reached_.find(front);
        if (from == reached_.end() || to == reached_.end()) continue;
        // Who was not subscribed when it was published looks when it is.
        if (to->second > at) continue;
        const Time since = std::max({at, from->second, healed ? healed_at_ : Time{}});
        require(now <= since + bound, "G5", "was not told though the cache works", waiting.job);
    }
}

/// G5: what a look that could not read would have found may have been told before the caller came,
/// and no notice of it is still to come.
void Checkers::asks_again(const Waiting& waiting, Time now) const {
    const auto found = asked_.find({waiting.front, waiting.job});
    if (found == asked_.end()) return;
    const Asked& asked = found->second;
    if (!asked.unread || asked.under_way > 0) return;
    const auto& limits = options_.front_limits;
    const Duration pause = std::max(limits.rescue_max * 5 / 4, limits.claim_patience);
    const auto replanned = replanned_.find(waiting.front);
    Time from = std::max(asked.heard, waiting.begun);
    if (replanned != replanned_.end()) from = std::max(from, replanned->second);
    const Time last = from + pause + 2 * options_.tick_late_max;
    require(now <= last, "G5", "does not ask again though it could not read", waiting.job);
}

void Checkers::settled() const {
    for (const auto& [waiter, waiting] : waits_)
        require(false, "G5", "waits though all is over", waiting.job);
    for (const auto& [job, at] : promised_)
        require(services_.s3.result(job) != nullptr, "G2", "an accepted job has no outcome", job);
    for (const auto& job : not_taken_)
        require(services_.s3.result(job) == nullptr, "G2", "ran though it was not taken", job);
}

}  // namespace bide::sim_aws
