#include "process.hpp"

#include "tell.hpp"
#include "violation.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace bide::sim {

namespace event = core::event;

Process::Process(const Surroundings& world, std::uint32_t life, Duration skew)
    : world_(world),
      life_(life),
      skew_(skew),
      ids_(world.rng.next(), world.store.highest_sequence()),
      ledger_(world.options.queues, world.options.limits, world.rng.next(), world.options.tenancy),
      handlers_(world.options, world.rng, world.timeline, life) {}

void Process::recover() {
    for (const auto queue : world_.store.paused()) feed(event::RecoveredPause{queue});
    for (const auto& [id, row] : world_.store.open_rows()) {
        feed(event::Recovered{
            id,
            row.input->sequence,
            row.input->queue,
            row.attempts,
            row.attempts_max,
            row.input->created,
            row.not_before,
            row.start_by,
            row.input->body.size(),
            row.input->tenant,
            row.input->priority,
            row.input->fingerprint});
    }
    require(
        ledger_.open_jobs() == world_.store.open_rows().size(), "G2", "not all open jobs recovered"
    );
    tick();
}

void Process::heal() {
    healed_ = true;
    next_commit_ = Commits::work;
    handlers_.heal();
}

void Process::happens(Act&& act) {
    std::visit([this](auto& what) { on(what); }, act);
}

bool Process::settled() const {
    return ledger_.idle() && ledger_.open_jobs() == 0 && ledger_.waiters() == 0 && lookups_ == 0;
}

void Process::client_acts() {
    feed_all(world_.clients.act(now(), ids_, life_));
}

void Process::feed_all(std::vector<core::Event>&& events) {
    for (auto& one : events) feed(std::move(one));
}

/// One step, and everything the driver does right after it.
void Process::feed(core::Event&& event) {
    world_.trace.line([&] { return "    " + tell(event, now()); });
    world_.checkers.before(event, ledger_, now());
    draining_ = draining_ || std::holds_alternative<event::Drain>(event);
    effects_.clear();
    ledger_.step(std::move(event), now(), effects_);
    world_.checkers.after(ledger_, effects_, now());
    carry_out();
    plan_writes();
    plan_tick();
}

void Process::carry_out() {
    for (const auto& stop : effects_.stops) {
        world_.trace.line([&] { return "        -> " + tell(stop); });
        handlers_.stop(stop);
    }
    for (std::size_t i = 0; i < effects_.starts.size(); ++i) {
        const auto& start = effects_.starts[i];
        const auto serial = world_.checkers.serials()[i];
        world_.trace.line([&] { return "        -> " + tell(start, serial); });
        handlers_.start(serial, start);
        if (!start.input) {
            world_.timeline.after(
                any_time(world_.options.load_max), act::InputLoaded{start.job, serial}, life_
            );
        }
        if (world_.options.tells_progress)
            world_.timeline.after(any_time(kPatience), act::Progresses{serial}, life_);
    }
    for (const auto& job : effects_.lookups)
        world_.timeline.after(any_time(world_.options.load_max), act::ClaimRead{job}, life_);
    for (const auto& answer : effects_.answers) answered(answer);
}

void Process::answered(const core::Answer& answer) {
    world_.trace.line([&] { return "        -> " + tell(answer); });
    if (answer.kind == core::Answer::Kind::unknown) {
        ++lookups_;
        world_.timeline.after(
            any_time(world_.options.load_max),
            act::LookedUp{world_.clients.job_of(answer.waiter)},
            life_
        );
    }
    world_.clients.answered(answer);
}

void Process::plan_writes() {
    if (take_planned_ || ledger_.commit_under_way() || !ledger_.has_writes()) return;
    take_planned_ = true;
    world_.timeline.after(any_time(world_.options.take_delay_max), act::WritesTaken{}, life_);
}

/// Timers may fire late, so that other events find them overdue.
void Process::plan_tick() {
    if (timer_ == ledger_.next_timer()) return;
    timer_ = ledger_.next_timer();
    tick_at_ = timer_ == kNever ? kNever : timer_ - skew_ + any_time(world_.options.tick_late_max);
}

Duration Process::any_time(Duration max) {
    return Duration(world_.rng.below(static_cast<std::uint64_t>(max.count()) + 1));
}

// --- what happens ------------------------------------------------------------------------------

void Process::on(act::ClientLeaves& act) {
    feed(event::Leave{act.waiter});
}

void Process::on(act::ClientJoins& act) {
    feed(world_.clients.join(act.job, now(), life_));
}

void Process::on(act::ClientResubmits& act) {
    feed(world_.clients.resubmit(act.request, now(), ids_, life_));
}

/// What is read may be old by the time the ledger learns of it.
void Process::on(act::ClaimRead& act) {
    event::LookedUp what{act.job, world_.store.read(act.job), std::nullopt};
    if (world_.options.read_errors && !healed_ && world_.rng.chance(1, 4)) {
        what.found = nullptr;
        what.error = Error{Code::store_failed, Retry::safe, "not read", 1};
    }
    world_.timeline.after(
        any_time(world_.options.load_max), act::ClaimLookedUp{std::move(what)}, life_
    );
}

void Process::on(act::ClaimLookedUp& act) {
    feed(std::move(act.what));
}

void Process::on(act::Progresses& act) {
    if (const auto* start = handlers_.running(act.serial))
        feed(event::Progress{start->job, start->attempt, "{}"});
}

void Process::on(act::LookedUp& act) {
    --lookups_;
    // Claimed or redriven since the ledger was asked: it knows the job by now.
    if (world_.store.open(act.job)) return feed(world_.clients.join(act.job, now(), life_));
    const auto* finished = world_.store.finished(act.job);
    world_.trace.line([&] {
        return "    store: " + name(act.job) + (finished ? " is finished" : " is not there");
    });
    world_.checkers.looked_up(act.job, finished);
}

/// When the row has gone, so has the attempt's lease, and nobody reads what it returns.
void Process::on(act::InputLoaded& act) {
    world_.checkers.input_loaded(act.serial, world_.store.input(act.job));
    handlers_.loaded(act.serial);
}

void Process::on(act::AttemptEnds& act) {
    if (auto ended = handlers_.end(act.serial, act.plan)) feed(std::move(*ended));
}

void Process::on(act::WritesTaken&) {
    take_planned_ = false;
    if (ledger_.commit_under_way() || !ledger_.has_writes()) return;
    in_doubt_.clear();
    ledger_.take_writes(world_.options.group_count_max, world_.options.group_bytes_max, in_doubt_);
    world_.trace.line([&] { return "    writer takes" + tell(in_doubt_); });
    require(ledger_.commit_under_way(), "G2", "has writes, and none was taken");
    world_.checkers.taken(in_doubt_);
    const auto slow = healed_ ? std::min<Duration>(world_.options.commit_max, kPatience)
                              : world_.options.commit_max;
    world_.timeline.after(any_time(slow), act::GroupApplied{}, life_);
}

/// A group whose commit fails stays in doubt: a crash may yet bring it to light.
void Process::on(act::GroupApplied&) {
    if (next_commit_ == Commits::fail) {
        next_commit_ = Commits::work;
        // Whoever watches the server starts it anew before long.
        world_.timeline.after(any_time(std::chrono::milliseconds(500)), act::Crash{}, life_);
        return feed(event::CommitFailed{});
    }
    world_.checkers.applied(in_doubt_, world_.store.apply(in_doubt_, now()));
    in_doubt_.clear();
    world_.timeline.after(
        any_time(std::min<Duration>(world_.options.commit_max, kPatience)),
        act::GroupAcknowledged{},
        life_
    );
}

void Process::on(act::GroupAcknowledged&) {
    feed(event::Committed{});
}

void Process::on(act::Halt&) {
    halted_ = true;
    feed(event::Halt{});
}

}  // namespace bide::sim
