#pragma once

#include "base/result.hpp"
#include "engines/embedded/sqlite.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace bide::engines::embedded {

/// In frames of the write-ahead log, which are of 4 KiB.
struct LogLimits {
    int pass_at = 2000;  ///< so many are copied at once; more would hold up the disk for longer
    /// A log of so many is to be begun anew. Each time costs the writer a flush of the database,
    /// which was seen to take some 3 ms where one of the log takes 0.1.
    int renew_at = 16'000;
    int frames_max = 64'000;  ///< 256 MiB: here the writer waits
};

/// Copies what the write-ahead log holds into the database, on a thread and a connection of its
/// own, while the writer goes on: the writer would have to stand still for a thousand pages and a
/// flush.
///
/// SQLite begins the log anew only when all of it has been copied, which never happens beside a
/// busy writer. So the thread makes passes, each with less to do, and the writer copies the few
/// frames that are left. A log that keeps growing all the same is the writer's to copy, and it
/// waits: the log stays bounded, but for readers that hold on to an old state for long (a shell).
///
/// Errors are not told: nothing is lost by a checkpoint that fails, and it is tried again.
class Checkpointer {
  public:
    /// `path` is of a database in WAL mode.
    static Result<std::unique_ptr<Checkpointer>> open(
        const std::string& path, LogLimits limits = {}
    );
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    /// On the writer's thread, with its connection, after each commit, no statement being under
    /// way: the log has so many frames now.
    void committed(int frames, Database& writer);

  private:
    Checkpointer(Database database, LogLimits limits);
    void run();

    const LogLimits limits_;

    // The writer's
    int last_frames_ = 0;
    int next_at_;   ///< frames at which something is to be done
    int renew_at_;  ///< frames at which the log is to be begun anew
    int last_passes_ = 0;

    std::mutex mutex_;  ///< guards the rest
    std::condition_variable changed_;
    int copied_ = 0;  ///< frames of this log, by the last pass
    bool passing_ = false;
    bool stopping_ = false;
    Database database_;  ///< the thread's, while passing_
    std::thread thread_;
};

}  // namespace bide::engines::embedded
