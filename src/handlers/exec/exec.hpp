#pragma once

#include "base/time.hpp"
#include "handlers/exec/exec_thread.hpp"
#include "ports/handler.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/spool.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace bide::exec {

/// A queue's command and what it may use. For a limit 0 means: as much as the server itself.
struct Options {
    std::vector<std::string> argv;  ///< the program and its arguments; no shell
    std::string queue_name;
    /// Names of the server's variables passed on; a '*' at the end stands for any rest.
    std::vector<std::string> environment = {"PATH", "HOME", "LANG", "LC_*", "TZ", "TMPDIR"};
    std::map<std::string, std::string> environment_extra;  ///< set besides, or instead
    std::string working_directory;                         ///< empty: the server's
    Duration grace = std::chrono::seconds(2);              ///< between SIGTERM and SIGKILL
    std::uint64_t memory_bytes_max = 0;                    ///< address space of each process
    std::uint64_t cpu_seconds_max = 0;                     ///< in a pool: of a process's whole life
    std::uint64_t files_max = 0;                           ///< open descriptors of each process
    std::uint64_t output_bytes_max = 1ULL << 30;
    std::uint32_t stderr_tail_bytes = 4096;                 ///< kept for the detail of a failure
    std::string content_type = "application/octet-stream";  ///< when the handler names none

    std::uint32_t processes = 1;  ///< pool, batches
    std::uint32_t in_flight = 1;  ///< pool: jobs sent to one process before it answers the first
    std::uint32_t batch = 1;      ///< batches: jobs for one process, at most
    Duration batch_window{};      ///< batches: how long fewer than that wait for company
    /// Pool, batches: the longest answer. A line is held in memory whole.
    std::uint32_t line_bytes_max = 16U << 20;
};

/// One process per attempt: the body on its stdin (always a file, so it may be closed early), the
/// result on its stdout, facts in BIDE_JOB_ID, BIDE_QUEUE, BIDE_ATTEMPT, BIDE_ATTEMPTS_MAX,
/// BIDE_CONTENT_TYPE, BIDE_DEADLINE (Unix seconds) and TRACEPARENT, wire::ExecReport lines on
/// descriptor 3. Exit 0: success; 65: fails for good; 75, any other status and death by a signal:
/// retry. A command that cannot be run fails for good, with the mend in the detail. What the
/// process leaves running in its group is killed when it exits.
///
/// All makers: the threads outlive the handler, which may be destroyed when its attempts have
/// ended. `spool` outlives all of them, and `pool` runs until the threads are joined.
std::unique_ptr<ports::Handler> make_process_handler(
    ExecThreads& threads, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
);

/// `processes` long-lived processes that read jobs as JSON lines on stdin and answer on stdout
/// (wire/pool_line.hpp), in any order. They start at once, for loading is what a pool saves, and
/// are replaced when they die, at once and then with pauses of 100 ms to 5 s while they keep dying
/// without an answer. An "error" retries unless it says "retry":false.
///
/// A line that is no answer to an outstanding job, one over line_bytes_max, or a closed stdin or
/// stdout gets the process killed; stopping a job ends its process, SIGTERM first. What it had read
/// is lost and may be retried; what it had not read goes to the next without costing an attempt.
/// While no process can be started at all, jobs are not left waiting: they end with what is wrong.
///
/// Buffers: per process `in_flight` requests (bodies in memory are at most the spool's threshold)
/// and one answer; jobs beyond wait here, and the engine bounds them by the queue's concurrency.
std::unique_ptr<ports::Handler> make_pool_handler(
    ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
);

/// One process for each batch of up to `batch` jobs: all of their lines on its stdin (a file again,
/// the same lines as a pool's), its answers on stdout in any order, each taken as it comes. What it
/// has not answered at its end ends by its exit status, as for a process of its own; after exit 0
/// it is lost and may be retried. A line that is no answer, or one to a job that was not in the
/// batch, gets the process killed; a second answer to a job is ignored.
///
/// At most `processes` at once. Jobs that find all of them busy gather, and the first of a batch
/// that is not full waits batch_window for others. The process is ended (SIGTERM first) when the
/// stop of every job that it has not answered was requested, and at the latest deadline of all.
std::unique_ptr<ports::Handler> make_batch_handler(
    ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
);

}  // namespace bide::exec
