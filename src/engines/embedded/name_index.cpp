#include "engines/embedded/name_index.hpp"

#include "base/check.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

namespace bide::engines::embedded {

Result<std::unique_ptr<NameIndex>> NameIndex::open(
    const std::string& directory, Database& database, std::size_t run_size
) {
    // A threshold of 0: always a file.
    BIDE_TRY(auto spool, runtime::Spool::open(directory, 0));
    BIDE_TRY(spool->remove_unfinished());
    auto index = std::unique_ptr<NameIndex>(new NameIndex(std::move(spool), run_size));
    BIDE_TRY(index->load(database));
    return index;
}

/// The runs that the database names, and the names that are in rows only. A file that it does not
/// name was written just before a crash: its names are in rows.
Result<void> NameIndex::load(Database& database) {
    std::unordered_set<std::string> known;
    BIDE_TRY(
        Statement runs, database.prepare("SELECT file, last_seq FROM name_runs ORDER BY last_seq")
    );
    std::int64_t last = 0;
    for (;;) {
        BIDE_TRY(const bool row, runs.step());
        if (!row) break;
        const std::string file(runs.text(0));
        last = runs.number(1);
        BIDE_TRY(auto run, NameRun::open(spool_->directory() + "/" + file));
        const bool large = run->size() >= kMerged * run_size_;
        if (large && large_runs_ == runs_.size()) ++large_runs_;
        runs_.push_back({file, last, std::move(run)});
        known.insert(file);
    }
    boundary_ = last;
    // Open jobs may be older than the last run, and are read at every start anyway.
    const std::array<std::string, 3> sources{
        "SELECT id, seq FROM open_jobs WHERE fingerprint IS NOT NULL AND seq > ?1 - ?1",
        "SELECT id, seq FROM late_names WHERE seq > ?1 - ?1",
        "SELECT o.id, k.seq FROM keyed k CROSS JOIN outcomes o ON o.seq = k.seq WHERE k.seq > ?1",
    };
    for (const auto& source : sources) {
        BIDE_TRY(Statement rows, database.prepare(source));
        rows.bind(1, last);
        for (;;) {
            BIDE_TRY(const bool row, rows.step());
            if (!row) break;
            JobId id;
            const std::string_view bytes = rows.blob(0);
            if (bytes.size() != id.bytes.size()) continue;  // found damaged when it is needed
            std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
            // The youngest counts: the id of a job that has gone may be used again.
            const auto same = recent_.find(id);
            if (same != recent_.end() && same->second > rows.number(1)) continue;
            add(id, rows.number(1));
        }
    }
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(spool_->directory(), error)) {
        if (entry.is_regular_file(error) && !known.contains(entry.path().filename().string()))
            std::filesystem::remove(entry.path(), error);
    }
    return success();
}

NameIndex::Kept NameIndex::add(const JobId& id, std::int64_t sequence) {
    const std::lock_guard lock(mutex_);
    recent_.insert_or_assign(id, sequence);
    highest_ = std::max(highest_, sequence);
    return sequence > boundary_ ? Kept::in_row : Kept::nowhere;
}

bool NameIndex::may_have(const JobId& id) const {
    const std::lock_guard lock(mutex_);
    if (recent_.contains(id) || (frozen_ && frozen_->contains(id))) return true;
    return std::any_of(runs_.begin(), runs_.end(), [&id](const Registered& some) {
        return some.run->may_have(id);
    });
}

Result<std::optional<std::int64_t>> NameIndex::find(const JobId& id) const {
    std::vector<std::shared_ptr<const NameRun>> candidates;
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = recent_.find(id); found != recent_.end())
            return std::optional(found->second);
        if (frozen_) {
            if (const auto found = frozen_->find(id); found != frozen_->end())
                return std::optional(found->second);
        }
        for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
            if (run->run->may_have(id)) candidates.push_back(run->run);
        }
    }
    for (const auto& run : candidates) {
        BIDE_TRY(const auto found, run->find(id));
        if (found) return found;
    }
    return std::optional<std::int64_t>();
}

bool NameIndex::wants_run() const {
    const std::lock_guard lock(mutex_);
    return recent_.size() >= run_size_ && !frozen_ && !merging_;
}

bool NameIndex::wants_merge() const {
    const std::lock_guard lock(mutex_);
    return runs_.size() - large_runs_ >= merge_at_ && !frozen_ && !merging_;
}

Result<void> NameIndex::write_run() {
    std::shared_ptr<const Recent> names;
    NewRun made;
    {
        const std::lock_guard lock(mutex_);
        if (frozen_ || merging_ || recent_.empty()) return success();
        frozen_ = names = std::make_shared<const Recent>(std::exchange(recent_, {}));
        boundary_ = made.last_sequence = highest_;
    }
    std::vector<Name> sorted;
    sorted.reserve(names->size());
    for (const auto& [id, sequence] : *names) sorted.push_back({id, sequence});
    std::sort(sorted.begin(), sorted.end());
    const auto path = NameRun::write(*spool_, sorted);
    auto run = path.has_value() ? NameRun::open(path.value()) : path.error();
    const std::lock_guard lock(mutex_);
    if (run.has_error()) {
        recent_.insert(frozen_->begin(), frozen_->end());  // younger ones stay as they are
        frozen_ = nullptr;
        return std::move(run.error());
    }
    made.file = path.value().substr(path.value().rfind('/') + 1);
    made.run = std::move(run.value());
    written_ = std::move(made);
    return success();
}

Result<void> NameIndex::merge_runs() {
    NameRun::Some old;
    NewRun made;
    {
        const std::lock_guard lock(mutex_);
        if (frozen_ || merging_ || runs_.size() - large_runs_ < kMerged) return success();
        merging_ = true;
        for (std::size_t i = large_runs_; i < large_runs_ + kMerged; ++i) {
            old.push_back(runs_[i].run);
            made.replaced.push_back(runs_[i].file);
            made.last_sequence = runs_[i].last_sequence;
        }
    }
    const auto path = NameRun::merge(*spool_, old);
    auto run = path.has_value() ? NameRun::open(path.value()) : path.error();
    const std::lock_guard lock(mutex_);
    if (run.has_error()) {
        merging_ = false;
        merge_at_ = runs_.size() - large_runs_ + kMerged;  // not each time from now on
        return std::move(run.error());
    }
    merge_at_ = kMerged;
    made.file = path.value().substr(path.value().rfind('/') + 1);
    made.run = std::move(run.value());
    written_ = std::move(made);
    return success();
}

std::optional<NameIndex::NewRun> NameIndex::take_written() {
    const std::lock_guard lock(mutex_);
    return std::exchange(written_, std::nullopt);
}

std::vector<std::string> NameIndex::publish(NewRun&& run) {
    std::vector<std::string> replaced;
    std::shared_ptr<const Recent> done;  // goes without the lock
    const std::lock_guard lock(mutex_);
    Registered made{std::move(run.file), run.last_sequence, std::move(run.run)};
    if (run.replaced.empty()) {
        runs_.push_back(std::move(made));
        done = std::exchange(frozen_, nullptr);
        return replaced;
    }
    const auto first = runs_.begin() + static_cast<std::ptrdiff_t>(large_runs_);
    CHECK(first->file == run.replaced.front());
    for (const auto& file : run.replaced) replaced.push_back(spool_->directory() + "/" + file);
    runs_.erase(first + 1, first + static_cast<std::ptrdiff_t>(run.replaced.size()));
    *first = std::move(made);
    ++large_runs_;
    merging_ = false;
    return replaced;
}

std::int64_t NameIndex::filed_through() const {
    const std::lock_guard lock(mutex_);
    return runs_.empty() ? 0 : runs_.back().last_sequence;
}

std::optional<NameIndex::OldRun> NameIndex::oldest_before(std::int64_t sequence) const {
    const std::lock_guard lock(mutex_);
    if (runs_.empty() || merging_ || runs_.front().last_sequence >= sequence) return std::nullopt;
    return OldRun{runs_.front().file, runs_.front().last_sequence};
}

std::string NameIndex::drop_oldest() {
    const std::lock_guard lock(mutex_);
    CHECK(!runs_.empty());
    const std::string path = spool_->directory() + "/" + runs_.front().file;
    runs_.erase(runs_.begin());
    if (large_runs_ > 0) --large_runs_;
    return path;
}

}  // namespace bide::engines::embedded
