#include "core/consumer.hpp"

#include "base/check.hpp"
#include "core/planted.hpp"

#include <algorithm>
#include <utility>

namespace bide::core {
namespace {

/// For the end of an attempt that was stopped, before another worker is to try.
constexpr Duration kWaitMax = std::chrono::seconds(30);

double seconds(Duration span) {
    return std::chrono::duration<double>(span).count();
}

}  // namespace

struct Consumer::Job : Timer {
    enum class Stage : std::uint8_t {
        waiting,  ///< for the end of an attempt that was stopped
        fetching,
        running,
        storing,
    };
    JobId id;
    QueueIndex queue = 0;
    Stage stage = Stage::fetching;
    std::shared_ptr<const JobInput> input;
    std::shared_ptr<const Outcome> outcome;  ///< to be stored
    std::uint32_t attempt = 0;
    bool last = false;     ///< no attempt comes after this one
    bool stopped = false;  ///< by a halt: only a success still counts
    bool asked = false;    ///< the store has not answered yet
    Time created{};
    Time started{};
    Time deadline = kNever;     ///< of the attempt, or of waiting
    Time end_by = kNever;       ///< of the attempt, that of its queue aside
    Time lease_until = kNever;  ///< kNever: lost
    Time store_at = kNever;     ///< when to try again
    Duration store_pause{};
    Fingerprint fingerprint{};
    std::string tenant;
    std::vector<Receipt> receipts;    ///< several when the queue gave the message out twice
    std::vector<Receipt> given_back;  ///< of these: answers may still name them
};

struct Consumer::Abandoned {
    std::uint32_t attempt = 0;
    QueueIndex queue = 0;
};

Consumer::Consumer(
    std::vector<QueueRules> queues, ConsumerLimits limits, std::uint64_t seed, Role role
)
    : queues_(std::move(queues)),
      limits_(limits),
      rng_(seed),
      role_(role),
      slots_(queues_.size()),
      totals_(queues_.size()) {}

Consumer::~Consumer() {
    for (auto& [id, job] : jobs_) timers_.disarm(*job);
}

void Consumer::step(ConsumerEvent&& event, Time now, ConsumerEffects& effects) {
    now_ = now;
    effects_ = &effects;
    std::visit([this](auto& some) { on(some); }, event);
    effects_ = nullptr;
}

std::uint32_t Consumer::room(QueueIndex queue) const {
    if (draining_) return 0;
    const std::uint32_t concurrency = queues_.at(queue).concurrency;
    return concurrency > slots_.at(queue) ? concurrency - slots_.at(queue) : 0;
}

QueueCounts Consumer::counts(QueueIndex queue) const {
    QueueCounts counts;
    counts.running = slots_.at(queue);
    return counts;
}

// --- messages ---------------------------------------------------------------------------------

void Consumer::on(consumed::Received& event) {
    const auto back = [&](Duration pause, bool anew) {
        effects_->hand_backs.push_back({event.receipt, pause, anew});
    };
    if (Job* there = find(event.job)) {
        // Given out again, or sent twice: both messages are done with when this one is.
        there->receipts.push_back(event.receipt);
        receipts_.emplace(event.receipt, there);
        there->lease_until = std::min(there->lease_until, now_ + limits_.lease);
        // It would be a dead letter if it came back once more.
        there->last = there->last || event.receives >= attempts_max(*there);
        there->end_by = std::max(there->end_by, event.end_by);
        if (there->stage == Job::Stage::running) there->deadline = end_of(*there);
        return arm(*there);
    }
    if (draining_) return back(Duration(0), false);
    if (event.not_before > now_ && role_ == Role::work) return back(event.not_before - now_, true);

    auto owned = std::make_unique<Job>();
    Job& job = *owned;
    jobs_.emplace(event.job, std::move(owned));
    receipts_.emplace(event.receipt, &job);
    ++slots_.at(event.queue);
    job.id = event.job;
    job.queue = event.queue;
    job.receipts.push_back(event.receipt);
    job.input = std::move(event.input);
    job.created = event.created;
    job.tenant = std::move(event.tenant);
    job.fingerprint = event.fingerprint;
    job.end_by = event.end_by;
    job.lease_until = now_ + limits_.lease;
    const std::uint32_t most = queues_.at(job.queue).retry.attempts_max;
    job.attempt = std::min(event.receives, most);
    job.last = event.receives >= most;

    if (!event.refused.empty()) {
        job.attempt = 0;
        AttemptResult refused;
        refused.detail = std::move(event.refused);
        return store(job, JobState::failed, FailureKind::rejected, std::move(refused));
    }
    if (event.cancelled) return store(job, JobState::cancelled, FailureKind::cancelled, {});
    if (role_ == Role::dead_letters) {
        job.attempt = most;
        AttemptResult lost;
        lost.detail = "every worker that took the job went away without an answer";
        return store(job, JobState::failed, FailureKind::lost, std::move(lost));
    }
    // A retry is not late work.
    if (event.start_by <= now_ && event.receives <= 1) {
        job.attempt = 0;
        return store(job, JobState::expired, FailureKind::expired, {});
    }
    // Not beside the one that is being stopped. Should that not end, others are to have it.
    if (abandoned_.contains(event.job)) {
        job.stage = Job::Stage::waiting;
        job.deadline = now_ + std::min(limits_.lease, kWaitMax);
        return arm(job);
    }
    begin(job);
}

void Consumer::begin(Job& job) {
    job.stage = Job::Stage::fetching;
    job.deadline = kNever;
    if (job.input) return start(job);
    effects_->fetches.push_back({job.receipts.front()});
    arm(job);
}

void Consumer::on(consumed::Fetched& event) {
    Job* const job = find(event.receipt);
    if (job == nullptr || job->stage != Job::Stage::fetching) return;
    if (halted_) return hand_back(*job, Duration(0), false);
    if (event.input) {
        job->input = std::move(event.input);
        return start(*job);
    }
    if (event.error) {
        AttemptResult later;
        later.kind = FailureKind::lost;
        later.detail = "the job's input could not be read: " + event.error->detail;
        return end_attempt(*job, std::move(later));
    }
    AttemptResult gone;
    gone.detail = "the job's input is no longer in the store";
    store(*job, JobState::failed, FailureKind::lost, std::move(gone));
}

void Consumer::start(Job& job) {
    // An attempt without any time would be a failure of its own, perhaps the last.
    if (job.end_by <= now_) return hand_back(job, Duration(0), false);
    job.stage = Job::Stage::running;
    job.started = now_;
    job.deadline = end_of(job);
    QueueTotals& totals = totals_.at(job.queue);
    ++totals.attempts;
    totals.queued_s += seconds(now_ - job.created);
    effects_->starts.push_back(
        {job.receipts.front(),
         job.id,
         job.queue,
         job.attempt,
         attempts_max(job),
         job.input,
         job.deadline}
    );
    effects_->news.push_back({job.receipts.front(), job.id, Answer::News::attempt, job.attempt, {}}
    );
    arm(job);
}

Time Consumer::end_of(const Job& job) const {
    return std::min(job.started + queues_.at(job.queue).timeout, job.end_by);
}

std::uint32_t Consumer::attempts_max(const Job& job) const {
    return queues_.at(job.queue).retry.attempts_max;
}

void Consumer::on(event::Progress& event) {
    Job* const job = find(event.job);
    if (job == nullptr || job->stage != Job::Stage::running || job->attempt != event.attempt)
        return;
    effects_->news.push_back(
        {job->receipts.front(),
         job->id,
         Answer::News::progress,
         job->attempt,
         std::move(event.json)}
    );
}

// --- results ----------------------------------------------------------------------------------

void Consumer::on(event::AttemptEnded& event) {
    Job* const job = find(event.job);
    const bool running = job != nullptr && job->stage == Job::Stage::running;
    if (running && job->attempt == event.attempt) return end_attempt(*job, std::move(event.result));
    const auto abandoned = abandoned_.find(event.job);
    if (abandoned == abandoned_.end() || abandoned->second.attempt != event.attempt) return;
    if (!planted(Bug::stopped_slot_free)) --slots_.at(abandoned->second.queue);
    abandoned_.erase(abandoned);
    if (job != nullptr && job->stage == Job::Stage::waiting) begin(*job);
}

void Consumer::end_attempt(Job& job, AttemptResult&& result) {
    using Verdict = AttemptResult::Verdict;
    QueueTotals& totals = totals_.at(job.queue);
    if (job.stage == Job::Stage::running) {
        ++totals.ran;
        totals.running_s += seconds(now_ - job.started);
    }
    if (result.verdict == Verdict::success)
        return store(job, JobState::succeeded, FailureKind::none, std::move(result));
    // What was cut off by our own end is not a failure of its own.
    if (job.stopped) return hand_back(job, Duration(0), false);
    FailureKind kind = result.kind;
    if (result.verdict == Verdict::fail && kind == FailureKind::handler)
        kind = FailureKind::rejected;
    if (result.verdict == Verdict::fail || job.last)
        return store(job, JobState::failed, kind, std::move(result));
    ++totals.retries;
    effects_->news.push_back({job.receipts.front(), job.id, Answer::News::retry, job.attempt, {}});
    hand_back(
        job, backoff(queues_.at(job.queue).retry, job.attempt, result.retry_after, rng_), false
    );
}

void Consumer::store(Job& job, JobState state, FailureKind kind, AttemptResult&& result) {
    auto outcome = std::make_shared<Outcome>();
    outcome->state = state;
    outcome->kind = kind;
    outcome->status = result.status;
    outcome->content_type = std::move(result.content_type);
    outcome->body = std::move(result.body);
    outcome->detail = std::move(result.detail);
    outcome->attempts = job.attempt;
    outcome->queue = job.queue;
    outcome->tenant = job.tenant;
    outcome->created = job.created;
    outcome->started = job.started;
    outcome->finished = now_;
    job.stage = Job::Stage::storing;
    job.outcome = std::move(outcome);
    job.deadline = kNever;
    if (planted(Bug::remove_before_store)) {
        for (const Receipt receipt : job.receipts) effects_->removes.push_back({receipt});
    }
    ask_store(job);
}

void Consumer::ask_store(Job& job) {
    job.asked = true;
    job.store_at = kNever;
    const bool failed = job.outcome->state == JobState::failed;
    effects_->stores.push_back(
        {job.receipts.front(),
         job.id,
         job.outcome,
         job.fingerprint,
         failed ? job.input : std::shared_ptr<const JobInput>()}
    );
    arm(job);
}

void Consumer::on(consumed::Stored& event) {
    Job* const job = find(event.receipt);
    if (job == nullptr || job->stage != Job::Stage::storing || !job->asked) return;
    job->asked = false;
    if (event.error) {
        // The message stays: if this worker may not go on trying, another runs the job again.
        if (halted_) return hand_back(*job, Duration(0), false);
        job->store_pause =
            std::clamp(job->store_pause * 2, limits_.store_pause, limits_.store_pause_max);
        job->store_at = now_ + job->store_pause;
        return arm(*job);
    }
    QueueTotals& totals = totals_.at(job->queue);
    switch (event.outcome->state) {
        case JobState::succeeded: ++totals.succeeded; break;
        case JobState::cancelled: ++totals.cancelled; break;
        case JobState::expired: ++totals.expired; break;
        default: ++totals.failed; break;
    }
    // Each message may have come from another front.
    for (const Receipt receipt : job->receipts) {
        const auto& result = planted(Bug::own_result_told) ? job->outcome : event.outcome;
        effects_->publishes.push_back({receipt, job->id, result});
        effects_->removes.push_back({receipt});
    }
    let_go(*job);
}

// --- leases and time --------------------------------------------------------------------------

/// The job may run elsewhere too now; here it goes on, and whoever stores first wins (G3).
void Consumer::on(consumed::LeaseLost& event) {
    Job* const job = find(event.receipt);
    if (job == nullptr || job->receipts.size() > 1) return;  // the other may still be held
    job->lease_until = kNever;
    arm(*job);
}

/// Of an attempt that another receipt pays for too, only this one ends.
void Consumer::on(consumed::TimeUp& event) {
    Job* const job = find(event.receipt);
    if (job == nullptr || std::erase(job->receipts, event.receipt) == 0) return;
    effects_->hand_backs.push_back({event.receipt, Duration(0), false});
    job->given_back.push_back(event.receipt);
    if (!job->receipts.empty()) return;
    stop(*job);
    let_go(*job);
}

void Consumer::on(consumed::CancelHeard& event) {
    Job* const job = find(event.job);
    if (job == nullptr || job->stage == Job::Stage::storing) return;
    if (event.if_queued && job->stage == Job::Stage::running) return;
    stop(*job);
    store(*job, JobState::cancelled, FailureKind::cancelled, {});
}

/// The attempt's result no longer counts; its slot is taken until it has ended (G6).
void Consumer::stop(Job& job) {
    if (job.stage != Job::Stage::running) return;
    effects_->stops.push_back({job.id, job.attempt});
    abandoned_.emplace(job.id, Abandoned{job.attempt, job.queue});
    if (!planted(Bug::stopped_slot_free)) ++slots_.at(job.queue);
}

void Consumer::on(event::Tick&) {
    while (Timer* timer = timers_.pop_due(now_)) due(*static_cast<Job*>(timer));
}

void Consumer::due(Job& job) {
    if (job.stage == Job::Stage::running && job.deadline <= now_) {
        stop(job);
        AttemptResult late;
        late.kind = FailureKind::timeout;
        late.detail =
            job.deadline == job.end_by
                ? "the attempt took longer than the function has"
                : "the attempt took longer than " + bide::to_string(queues_.at(job.queue).timeout);
        return end_attempt(job, std::move(late));
    }
    if (job.stage == Job::Stage::waiting && job.deadline <= now_)
        return hand_back(job, std::min(limits_.lease, kWaitMax), false);
    if (job.lease_until != kNever && job.lease_until - limits_.lease / 2 <= now_) {
        job.lease_until = now_ + limits_.lease;
        for (const Receipt receipt : job.receipts) {
            if (planted(Bug::lease_not_extended)) break;
            effects_->extends.push_back({receipt, limits_.lease});
        }
    }
    if (job.stage == Job::Stage::storing && !job.asked && job.store_at <= now_)
        return ask_store(job);
    arm(job);
}

void Consumer::arm(Job& job) {
    Time next = std::min(job.deadline, job.store_at);
    if (job.lease_until != kNever) next = std::min(next, job.lease_until - limits_.lease / 2);
    timers_.arm(job, next);
}

void Consumer::on(event::Drain&) {
    draining_ = true;
    for (Job* job : all_jobs()) {
        if (job->stage == Job::Stage::waiting) hand_back(*job, Duration(0), false);
    }
}

void Consumer::on(event::Halt&) {
    draining_ = true;
    halted_ = true;
    for (Job* job : all_jobs()) {
        if (job->stage == Job::Stage::running) {
            job->stopped = true;
            effects_->stops.push_back({job->id, job->attempt});
        } else if (job->stage == Job::Stage::waiting || (job->stage == Job::Stage::storing && !job->asked)) {
            hand_back(*job, Duration(0), false);
        }
    }
}

/// To go through while some go.
std::vector<Consumer::Job*> Consumer::all_jobs() {
    std::vector<Job*> all;
    all.reserve(jobs_.size());
    for (auto& [id, job] : jobs_) all.push_back(job.get());
    return all;
}

void Consumer::hand_back(Job& job, Duration pause, bool anew) {
    for (const Receipt receipt : job.receipts)
        effects_->hand_backs.push_back({receipt, pause, anew});
    let_go(job);
}

void Consumer::let_go(Job& job) {
    timers_.disarm(job);
    --slots_.at(job.queue);
    for (const Receipt receipt : job.receipts) receipts_.erase(receipt);
    for (const Receipt receipt : job.given_back) receipts_.erase(receipt);
    jobs_.erase(JobId(job.id));
}

Consumer::Job* Consumer::find(const JobId& job) {
    const auto found = jobs_.find(job);
    return found == jobs_.end() ? nullptr : found->second.get();
}

Consumer::Job* Consumer::find(Receipt receipt) {
    const auto found = receipts_.find(receipt);
    return found == receipts_.end() ? nullptr : found->second;
}

}  // namespace bide::core
