#include "engines/embedded/engine.hpp"

#include "base/check.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <pthread.h>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bide::engines::embedded {
namespace {

/// Writes and bytes of bodies in one commit: enough to make the flush cheap per job, few enough to
/// keep the commit itself in the low milliseconds.
constexpr std::size_t kGroupCountMax = 1024;
constexpr std::uint64_t kGroupBytesMax = 8ULL << 20;

/// Outcomes looked at for retention in one commit.
constexpr std::size_t kPruneMin = 16;
constexpr std::size_t kPruneIdle = 256;

/// A chain of handlers that answer inside start() is cut after this many rounds and goes on on the
/// pool, so that an I/O thread gets back to its connections.
constexpr int kRoundsMax = 64;

/// The longest sleep of the alarm: in the nanoseconds that are waited by, 292 years are too many.
constexpr auto kAlarmMax = std::chrono::hours(24);

constexpr auto kIdlePause = std::chrono::seconds(1);

/// How long stopped handlers have to end: longer than their own grace before SIGKILL.
constexpr auto kHaltPatience = std::chrono::seconds(15);

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
    if (to.empty()) return to.swap(from);
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::vector<std::string> file_names(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        if (entry.is_regular_file(error)) names.push_back(entry.path().filename().string());
    }
    return names;
}

}  // namespace

/// Marks that this thread is performing chores: what they ask for in turn is done after them, not
/// inside them, so that the stack stays flat.
struct Engine::Trampoline {
    static thread_local Trampoline* current;

    explicit Trampoline(Engine& of) : engine(&of), outer(std::exchange(current, this)) {}
    ~Trampoline() { current = outer; }
    Trampoline(const Trampoline&) = delete;
    Trampoline& operator=(const Trampoline&) = delete;

    Engine* engine;
    Trampoline* outer;
    Chores pending;
};
thread_local Engine::Trampoline* Engine::Trampoline::current = nullptr;

/// Somebody is in here. Its end is the last touch of the engine: see stop().
struct Engine::Caller {
    explicit Caller(std::atomic<std::uint32_t>& of) : count(of) { ++count; }
    ~Caller() { --count; }
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    std::atomic<std::uint32_t>& count;
};

Engine::Engine(Options options, Clock& clock, runtime::BlockingPool& pool)
    : options_(std::move(options)), clock_(clock), pool_(pool) {}

Engine::~Engine() {
    if (lock_descriptor_ >= 0) ::close(lock_descriptor_);
}

Result<std::unique_ptr<Engine>> Engine::open(
    Options options, Clock& clock, runtime::BlockingPool& pool
) {
    auto engine = std::unique_ptr<Engine>(new Engine(std::move(options), clock, pool));
    BIDE_TRY(engine->lock_directory());
    BIDE_TRY(engine->recover());
    return engine;
}

void Engine::start() {
    writer_ = std::thread(&Engine::write_loop, this);
    alarm_ = std::thread(&Engine::alarm_loop, this);
    ::pthread_setname_np(writer_.native_handle(), "bide-writer");
    ::pthread_setname_np(alarm_.native_handle(), "bide-alarm");
    pool_.post([this, names = file_names(options_.directory + "/bodies")] { remove_orphans(names); }
    );
    step(core::event::Tick{});
}

Result<void> Engine::lock_directory() {
    const std::string path = options_.directory + "/lock";
    lock_descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const auto failure = [&path](const std::string& why) {
        return Error{Code::store_failed, Retry::never, path + ": " + why};
    };
    if (lock_descriptor_ < 0) return failure(std::generic_category().message(errno));
    if (::flock(lock_descriptor_, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return failure(std::generic_category().message(errno));
        return failure("another bide is running on this data; stop it, or name another --data");
    }
    return success();
}

Result<void> Engine::recover() {
    std::vector<StoredQueue> names;
    std::vector<core::QueueRules> rules;
    for (const auto& queue : options_.queues) {
        CHECK(queue.handler != nullptr);
        names.push_back({queue.name, queue.retention});
        rules.push_back(queue.rules);
    }
    const Time now = clock_.now();
    BIDE_TRY(store_, Store::open(options_.directory, names, now));
    reader_ = std::make_unique<StoreReader>(
        options_.directory, store_->queues(), store_->id_secret(), store_->names()
    );
    // Open jobs of queues no longer configured are kept, and wait for the queue to come back.
    core::QueueRules parked;
    parked.concurrency = 0;
    rules.resize(store_->queues().size(), parked);

    BIDE_TRY(const std::int64_t highest, store_->highest_sequence());
    ids_ = std::make_unique<IdMaker>(store_->id_secret(), highest);
    ledger_ = std::make_unique<core::Ledger>(
        rules, options_.limits, os_random(), std::move(options_.tenancy)
    );
    redriver_ = std::make_unique<Redriver>(*this, [this](core::Answer&& answer) {
        deliver_one(std::move(answer));
    });
    for (core::QueueIndex queue = 0; queue < store_->queues().size(); ++queue) {
        if (store_->queues().paused(queue))
            ledger_->step(core::event::RecoveredPause{queue}, now, effects_);
    }
    std::vector<std::uint64_t> found(store_->queues().size());
    BIDE_TRY(store_->recover([&](core::event::Recovered&& job) {
        ++found[job.queue];
        ledger_->step(std::move(job), now, effects_);
    }));
    tell_stranded(found);
    return success();
}

void Engine::tell_stranded(const std::vector<std::uint64_t>& open_jobs) const {
    if (!options_.log_warning) return;
    for (std::size_t queue = options_.queues.size(); queue < open_jobs.size(); ++queue) {
        const std::uint64_t count = open_jobs[queue];
        if (count == 0) continue;
        options_.log_warning(
            std::to_string(count) + (count == 1 ? " open job" : " open jobs") + " of queue \"" +
            store_->queues().name(static_cast<core::QueueIndex>(queue)) +
            "\", which is not configured: " +
            (count == 1 ? "it waits until it is" : "they wait until it is")
        );
    }
}

// --- stopping ---------------------------------------------------------------------------------

void Engine::drain(Duration patience) {
    {
        const std::lock_guard lock(mutex_);
        draining_ = true;
    }
    step(core::event::Drain{});
    std::unique_lock lock(mutex_);
    const bool settled = wait_until_idle(lock, patience);
    lock.unlock();
    if (settled) return;
    step(core::event::Halt{});
    lock.lock();
    stop_now_ = false;
    wait_until_idle(lock, kHaltPatience);
}

bool Engine::wait_until_idle(std::unique_lock<std::mutex>& lock, Duration patience) {
    settled_.wait_for(lock, patience, [this] { return ledger_->idle() || stop_now_; });
    return ledger_->idle();
}

void Engine::stop_now() {
    const std::lock_guard lock(mutex_);
    stop_now_ = true;
    settled_.notify_all();
}

void Engine::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        writer_wake_.notify_all();
        alarm_wake_.notify_all();
    }
    if (writer_.joinable()) writer_.join();
    if (alarm_.joinable()) alarm_.join();
    // A handler's thread that has just ended the last attempt may still be on its way out.
    while (callers_.load() != 0) std::this_thread::yield();
}

// --- the port ---------------------------------------------------------------------------------

std::uint8_t Engine::add_sink(ports::AnswerSink& sink) {
    const std::uint32_t number = sink_count_.fetch_add(1);
    CHECK(number < sinks_.size());
    sinks_[number] = &sink;
    return static_cast<std::uint8_t>(number);
}

ports::NewId Engine::make_id() {
    const Time now = clock_.now();
    const std::lock_guard lock(ids_mutex_);
    const JobId id = ids_->make(now);
    return {id, id.sequence()};
}

void Engine::submit(core::event::Submit&& submit) {
    step(std::move(submit));
}

void Engine::join(const JobId& job, const core::Wait& wait) {
    step(core::event::Join{job, wait});
}

void Engine::cancel(const JobId& job, const core::Wait& wait) {
    step(core::event::Cancel{job, wait});
}

void Engine::leave(core::WaiterId waiter) {
    step(core::event::Leave{waiter});
}

void Engine::attempt_ended(core::event::AttemptEnded&& ended) {
    step(std::move(ended));
}

void Engine::attempt_progressed(core::event::Progress&& progress) {
    step(std::move(progress));
}

void Engine::redrive(const JobId& job, const core::Wait& wait) {
    step(core::event::Redrive{job, wait});
}

void Engine::set_paused(core::event::SetPaused&& change) {
    step(std::move(change));
}

ports::EngineFacts Engine::facts() const {
    ports::EngineFacts known;
    known.commits = commits_.load();
    const std::lock_guard lock(mutex_);
    for (core::QueueIndex queue = 0; queue < options_.queues.size(); ++queue) {
        known.queues.push_back(
            {options_.queues[queue].rules,
             ledger_->counts(queue),
             ledger_->totals(queue),
             ledger_->paused(queue)}
        );
    }
    known.waiters = ledger_->waiters();
    known.open_jobs = ledger_->open_jobs();
    known.resident_bytes = ledger_->resident_bytes();
    return known;
}

ports::EngineHealth Engine::health() const {
    const std::lock_guard lock(mutex_);
    if (!failure_.empty()) {
        return {
            false,
            "the store failed, nothing is answered until a restart: " + failure_ +
                ". Mend the disk or free space, then restart; what was answered is safe"};
    }
    if (draining_) return {false, "shutting down"};
    return {true, {}};
}

// --- steps and what follows from them ---------------------------------------------------------

void Engine::step(core::Event&& event) {
    const Caller here(callers_);
    Chores chores;
    {
        const std::lock_guard lock(mutex_);
        step_locked(std::move(event), chores);
    }
    perform(std::move(chores));
}

bool Engine::is_open(const JobId& job) {
    const std::lock_guard lock(mutex_);
    return ledger_->find(job).has_value();
}

void Engine::step_locked(core::Event&& event, Chores& chores) {
    if (const auto* ended = std::get_if<core::event::AttemptEnded>(&event)) {
        const auto running = running_.find(ended->job);
        if (running != running_.end() && running->second.attempt == ended->attempt)
            running_.erase(running);
    }
    if (auto* submit = std::get_if<core::event::Submit>(&event)) {
        // Under the lock: a job leaves the ledger only after its name is in the index.
        const bool unused = submit->origin == core::IdOrigin::caller &&
                            !store_->names().may_have(submit->input->id) &&
                            !IdMaker::made(submit->input->id, store_->id_secret());
        if (unused) submit->origin = core::IdOrigin::unused;
    }
    ledger_->step(std::move(event), clock_.now(), effects_);

    append(chores.answers, std::move(effects_.answers));
    append(chores.lookups, std::move(effects_.lookups));
    // Stops first: the same step may have stopped one attempt of a job and started the next.
    for (const auto& stop : effects_.stops) {
        const auto running = running_.find(stop.job);
        if (running != running_.end() && running->second.attempt == stop.attempt)
            chores.stops.push_back(running->second.stop);
    }
    for (auto& start : effects_.starts) {
        std::stop_source stop;
        std::stop_token token = stop.get_token();
        running_.insert_or_assign(start.job, Running{start.attempt, std::move(stop)});
        chores.starts.push_back({std::move(start), std::move(token)});
    }
    effects_.clear();
    chores.writes = chores.writes || ledger_->has_writes();

    if (ledger_->next_timer() < alarm_at_) {
        alarm_at_ = ledger_->next_timer();
        alarm_wake_.notify_one();
    }
    if (draining_ && ledger_->idle()) settled_.notify_all();
}

void Engine::perform(Chores chores) {
    Trampoline* outer = Trampoline::current;
    if (outer != nullptr && outer->engine == this) {
        append(outer->pending.answers, std::move(chores.answers));
        append(outer->pending.starts, std::move(chores.starts));
        append(outer->pending.stops, std::move(chores.stops));
        append(outer->pending.lookups, std::move(chores.lookups));
        outer->pending.writes = outer->pending.writes || chores.writes;
        return;
    }
    bool writes = chores.writes;
    {
        Trampoline here(*this);
        for (int round = 0; !chores.empty(); ++round) {
            if (round == kRoundsMax) {
                pool_.post([this, rest = std::move(chores)]() mutable { perform(std::move(rest)); }
                );
                break;
            }
            do_chores(std::move(chores));
            chores = std::exchange(here.pending, {});
            writes = writes || chores.writes;
        }
    }
    // Only now: a job whose handler has answered above goes into the store as one row.
    if (writes) wake_writer();
}

/// What came together is written together: waking the writer for the first of many makes small
/// commits, each of which costs as much as many jobs.
void Engine::wake_writer() {
    ++callers_;
    // Not an owner: stop() waits for callers_.
    if (!runtime::at_turns_end({std::shared_ptr<void>(), this})) --callers_;
}

void Engine::turn_ended() {
    if (writer_waits_.exchange(false)) {
        // This thread need not have had the lock since the writer looked: it may not sleep yet.
        { const std::lock_guard lock(mutex_); }
        writer_wake_.notify_one();
    }
    --callers_;  // the last touch: see stop()
}

void Engine::do_chores(Chores chores) {
    if (!chores.answers.empty()) deliver(std::move(chores.answers));
    for (auto& stop : chores.stops) stop.request_stop();
    for (const auto& job : chores.lookups) pool_.post([this, job] { look_up_claim(job); });
    for (auto& start : chores.starts) start_attempt(std::move(start));
}

void Engine::deliver(std::vector<core::Answer>&& answers) {
    // Nearly always they are all for one front.
    const auto goes_on = [first = ports::sink_of(answers.front().waiter)](const core::Answer& one) {
        return ports::sink_of(one.waiter) == first && one.kind != core::Answer::Kind::unknown;
    };
    if (std::ranges::all_of(answers, goes_on)) {
        return sinks_[ports::sink_of(answers.front().waiter)].load()->deliver(std::move(answers));
    }
    std::vector<std::vector<core::Answer>> by_sink(sink_count_.load());
    for (auto& answer : answers) {
        if (answer.kind == core::Answer::Kind::unknown) {
            pool_.post([this, asked = std::move(answer)]() mutable { look_up(std::move(asked)); });
            continue;
        }
        by_sink.at(ports::sink_of(answer.waiter)).push_back(std::move(answer));
    }
    for (std::size_t sink = 0; sink < by_sink.size(); ++sink) {
        if (!by_sink[sink].empty()) sinks_[sink].load()->deliver(std::move(by_sink[sink]));
    }
}

void Engine::deliver_one(core::Answer&& answer) {
    std::vector<core::Answer> answers;
    answers.push_back(std::move(answer));
    deliver(std::move(answers));
}

/// A damaged file ends all answering, as a failed commit does; anything else may pass.
void Engine::read_failed(const Error& error) {
    options_.log_error("cannot read from the store: " + error.detail);
    if (error.retry != Retry::never) return;
    Chores chores;
    {
        const std::lock_guard lock(mutex_);
        if (!failure_.empty()) return;
        failure_ = error.detail;
        step_locked(core::event::CommitFailed{}, chores);
    }
    perform(std::move(chores));
}

void Engine::start_attempt(Start start) {
    ports::Completion done(*this, start.attempt.job, start.attempt.queue, start.attempt.attempt);
    if (start.attempt.input) return run_handler(std::move(start), std::move(done));
    pool_.post([this, start = std::move(start), done = std::move(done)]() mutable {
        auto input = reader_->load_input(start.attempt.job, start.attempt.sequence);
        if (input.has_value()) {
            start.attempt.input = std::move(input.value());
            return run_handler(std::move(start), std::move(done));
        }
        read_failed(input.error());
        core::AttemptResult unread;
        unread.kind = core::FailureKind::lost;
        unread.detail = input.error().detail;
        done(std::move(unread));
    });
}

void Engine::run_handler(Start start, ports::Completion done) {
    ports::Handler& handler = *options_.queues[start.attempt.queue].handler;
    const ports::Progress progress(*this, start.attempt.job, start.attempt.attempt);
    ports::Attempt attempt{
        std::move(start.attempt.input),
        start.attempt.attempt,
        start.attempt.attempts_max,
        start.attempt.deadline,
        std::move(start.stop),
        progress};
    try {
        handler.start(std::move(attempt), std::move(done));
    } catch (const std::exception& failure) {
        // Out of memory or descriptors, say. Its Completion has gone, or will, and says "lost".
        options_.log_error(std::string("a handler could not start: ") + failure.what());
    }
}

// --- threads ----------------------------------------------------------------------------------

void Engine::write_loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (!ledger_->has_writes() && !stopping_) {
            const auto pause = store_->more_to_prune() ? Duration(0) : Duration(kIdlePause);
            writer_wake_.wait_for(lock, pause, [this] {
                if (ledger_->has_writes() || stopping_) return true;
                // Each time, not once before: a wake for writes already taken has reset it, and
                // the next one would be lost.
                writer_waits_ = true;
                return false;
            });
            writer_waits_ = false;
        }
        if (!failure_.empty()) {
            if (stopping_) return;
            writer_wake_.wait(lock, [this] { return stopping_; });
            return;
        }
        if (stopping_ && !ledger_->has_writes()) return;
        write_group(lock);
    }
}

/// Takes what there is to write, commits it, and answers.
void Engine::write_group(std::unique_lock<std::mutex>& lock) {
    ledger_->take_writes(kGroupCountMax, kGroupBytesMax, group_);
    lock.unlock();

    const Result<void> done = commit(group_);
    Chores chores;
    lock.lock();
    if (done.has_error()) {
        failure_ = done.error().detail;
        step_locked(core::event::CommitFailed{}, chores);
    } else if (!group_.empty()) {
        step_locked(core::event::Committed{}, chores);
    }
    lock.unlock();

    if (done.has_error()) options_.log_error("the store failed: " + done.error().detail);
    perform(std::move(chores));
    if (done.has_value()) log_failures();
    group_.clear();
    if (done.has_value()) after_commit();
    lock.lock();
}

void Engine::write_now() {
    std::unique_lock lock(mutex_);
    write_group(lock);
}

Result<void> Engine::commit(const core::WriteGroup& group) {
    const std::size_t prune_max =
        group.empty() ? kPruneIdle : std::max(kPruneMin, 2 * group.jobs.size());
    ++commits_;
    return store_->apply(group, clock_.now(), prune_max);
}

/// On the pool: whoever reads the log may be slow.
void Engine::log_failures() {
    if (!options_.log_warning) return;
    for (const auto& write : group_.jobs) {
        // The clock is not for nothing, and nearly all succeed.
        if (!write.outcome || write.outcome->state != core::JobState::failed) continue;
        const std::string& queue = store_->queues().name(write.outcome->queue);
        auto line = failure_log_.line(write.job, queue, *write.outcome, clock_.now());
        if (line) pool_.post([this, text = std::move(*line)] { options_.log_warning(text); });
    }
}

void Engine::after_commit() {
    remove_files(store_->take_dead_files());
    NameIndex& names = store_->names();
    const bool wanted = names.wants_run() || names.wants_merge();
    if (!wanted || names_being_written_.exchange(true)) return;
    pool_.post([this, &names] {
        const auto written = names.wants_run() ? names.write_run() : names.merge_runs();
        if (written.has_error())
            options_.log_error(
                "cannot write names, they stay where they are: " + written.error().detail
            );
        names_being_written_ = false;
    });
}

void Engine::alarm_loop() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        const Time now = clock_.now();
        const Time next = ledger_->next_timer();
        if (next <= now) {
            Chores chores;
            step_locked(core::event::Tick{}, chores);
            lock.unlock();
            perform(std::move(chores));
            lock.lock();
            continue;
        }
        alarm_at_ = next;
        if (next == kNever)
            alarm_wake_.wait(lock);
        else
            alarm_wake_.wait_for(lock, std::min<Duration>(next - now, kAlarmMax));
    }
}

}  // namespace bide::engines::embedded
