#include "engines/embedded/checkpointer.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::embedded {
namespace {

/// The log is begun anew when no more frames than the first are left to copy, or after so many
/// passes more as the second says.
constexpr int kLeftMax = 100;
constexpr int kLastPassesMax = 4;

}  // namespace

Checkpointer::Checkpointer(Database database, LogLimits limits)
    : limits_(limits),
      next_at_(limits.pass_at),
      renew_at_(limits.renew_at),
      database_(std::move(database)),
      thread_(&Checkpointer::run, this) {}

Checkpointer::~Checkpointer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Result<std::unique_ptr<Checkpointer>> Checkpointer::open(
    const std::string& path, LogLimits limits
) {
    BIDE_TRY(Database database, Database::open(path, Database::Mode::read_write));
    BIDE_TRY(database.run("PRAGMA synchronous = FULL"));
    return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(database), limits));
}

void Checkpointer::committed(int frames, Database& writer) {
    if (frames < last_frames_) {  // a new log
        renew_at_ = limits_.renew_at;
        next_at_ = limits_.pass_at;
        last_passes_ = 0;
    }
    last_frames_ = frames;
    if (frames < next_at_) return;

    std::unique_lock lock(mutex_);
    if (passing_) {
        if (frames < limits_.frames_max) return;
        changed_.wait(lock, [this] { return !passing_; });
    }
    const bool renew = frames >= renew_at_;
    const bool little = frames - copied_ <= kLeftMax || last_passes_ == kLastPassesMax;
    if (renew && (little || frames >= limits_.frames_max)) {
        lock.unlock();
        writer.checkpoint();
        // The next commit begins a new log, unless somebody reads from this one: then later again.
        renew_at_ = frames + limits_.renew_at;
        next_at_ = frames + limits_.pass_at;
        last_passes_ = 0;
        return;
    }
    if (renew) ++last_passes_;
    next_at_ = renew ? 0 : std::min(frames + limits_.pass_at, renew_at_);
    passing_ = true;
    lock.unlock();
    changed_.notify_all();
}

void Checkpointer::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return passing_ || stopping_; });
        if (stopping_) return;
        lock.unlock();
        const int copied = database_.checkpoint();
        lock.lock();
        copied_ = copied;
        passing_ = false;
        changed_.notify_all();
    }
}

}  // namespace bide::engines::embedded
