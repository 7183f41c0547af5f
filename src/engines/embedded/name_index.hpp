#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "engines/embedded/name_run.hpp"
#include "engines/embedded/sqlite.hpp"
#include "runtime/spool.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace bide::engines::embedded {

/// Where the jobs are whose ids callers chose. The youngest names are in memory, and in the rows of
/// their jobs, from where they come back after a crash; whenever there are many of them they go
/// into a file (NameRun) that the database then names. Nothing is ever written in the order of
/// the ids, which would cost a page of the disk for each; and since each run costs each look-up its
/// share, the oldest are merged once there are many (docs/decisions/0011). Thread-safe.
class NameIndex {
  public:
    /// So many runs become one, which is not merged again.
    static constexpr std::size_t kMerged = 16;

    /// `database`: for its tables, during the call.
    static Result<std::unique_ptr<NameIndex>> open(
        const std::string& directory, Database& database, std::size_t run_size = 1U << 17
    );

    /// Whether the next start finds a name in its job's row.
    enum class Kept : std::uint8_t { in_row, nowhere };
    /// Before the commit that writes the job's row. A start reads the rows above the last run's
    /// sequence; one that comes late, below it, is to be written to late_names in that commit.
    Kept add(const JobId& id, std::int64_t sequence);

    /// False: surely nowhere in the store. Memory only, well under a microsecond a run.
    bool may_have(const JobId& id) const;
    /// Where the youngest job of this id is, or was. Reads files.
    Result<std::optional<std::int64_t>> find(const JobId& id) const;

    /// A file of names that has been written and is not yet named by the database.
    struct NewRun {
        std::string file;  ///< its name in the directory
        std::int64_t last_sequence = 0;
        std::shared_ptr<const NameRun> run;
        std::vector<std::string> replaced;  ///< names of the files whose names it has
    };
    /// Whether there are enough names in memory for another run, and none is being written.
    bool wants_run() const;
    /// Writes them to a file; on a thread that may block. Then take_written().
    Result<void> write_run();
    /// The same for small runs that are to be one. One of the two at a time.
    bool wants_merge() const;
    Result<void> merge_runs();
    std::optional<NewRun> take_written();
    /// After the commit that names it and forgets those it replaces: its names leave memory.
    /// Returns the full paths of those files.
    std::vector<std::string> publish(NewRun&& run);

    struct OldRun {
        std::string file;
        std::int64_t last_sequence = 0;
    };
    /// Names of jobs up to this sequence are in files, but for those that came late.
    std::int64_t filed_through() const;
    /// The oldest run, if all its names are of before `sequence` and it is not being merged.
    std::optional<OldRun> oldest_before(std::int64_t sequence) const;
    /// After the commit that forgets it. The file's full path.
    std::string drop_oldest();

  private:
    using Recent = std::unordered_map<JobId, std::int64_t>;
    struct Registered {
        std::string file;
        std::int64_t last_sequence;
        std::shared_ptr<const NameRun> run;
    };

    NameIndex(std::unique_ptr<runtime::Spool> spool, std::size_t run_size)
        : spool_(std::move(spool)), run_size_(run_size) {}
    Result<void> load(Database& database);

    std::unique_ptr<runtime::Spool> spool_;
    const std::size_t run_size_;
    mutable std::mutex mutex_;
    Recent recent_;
    std::shared_ptr<const Recent> frozen_;  ///< being written, or written and not published
    std::optional<NewRun> written_;
    bool merging_ = false;            ///< until what replaces the runs is published
    std::int64_t highest_ = 0;        ///< sequence added so far
    std::int64_t boundary_ = 0;       ///< highest_ when the last run was begun
    std::vector<Registered> runs_;    ///< the oldest first
    std::size_t large_runs_ = 0;      ///< of these, how many are merged: the first
    std::size_t merge_at_ = kMerged;  ///< so many of the others
};

}  // namespace bide::engines::embedded
