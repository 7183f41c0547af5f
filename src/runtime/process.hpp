#pragma once

#include "base/result.hpp"
#include "runtime/descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace bide::runtime {

/// What a child may use; 0: as much as the server itself. Past the server's own hard limit the
/// hard limit counts.
struct ProcessLimits {
    std::uint64_t memory_bytes_max = 0;  ///< address space
    std::uint64_t cpu_seconds_max = 0;   ///< SIGXCPU there, SIGKILL a second later
    std::uint64_t files_max = 0;         ///< open descriptors
};

struct ProcessSpec {
    /// No shell. A name without a slash is looked up in the PATH of `environment`; one with a slash
    /// that is not absolute counts from working_directory.
    std::vector<std::string> argv;
    std::vector<std::string> environment;  ///< NAME=value; all the child gets
    std::string working_directory;         ///< empty: the server's
    std::vector<int> descriptors;          ///< become 0, 1, 2, ...; at most 8, borrowed
    ProcessLimits limits;
};

/// Whether the program and its directory are there now, by what spawn() looks at. The error says
/// how to mend it.
Result<void> check_program(const ProcessSpec& spec);

/// How a process ended: by exit(code), or by a signal when signal is not 0.
struct ProcessExit {
    int code = 0;
    int signal = 0;
};

/// "exit status 3" or "killed by signal 9 (Killed)".
std::string to_string(const ProcessExit& exit);

/// Numbers for what a child gets, low ones when they are taken before the server has many open. A
/// child whose descriptors lie there is started without a copy of all others, each of which would
/// have to be closed again: with 1,000 connections that is a seventh of what /bin/true costs. For
/// one thread; its spawns are one at a time.
class LowDescriptors {
  public:
    /// Takes the numbers. Without them all works, only slower.
    void reserve();
    bool reserved() const { return places_.size() == kCount; }

  private:
    friend class Process;
    static constexpr std::size_t kCount = 10;  ///< a child's eight, its report, and one kept empty

    int put(std::size_t place, int descriptor) const;
    /// Closes what was put into the first of them.
    void clear(std::size_t count) const;
    int last() const { return last_; }

    int last_ = -1;
    std::vector<Descriptor> places_;
};

/// A child process that leads a process group of its own. It has no descriptors but those named, no
/// ignored or blocked signals, no core dump; it is killed when the thread that spawned it ends
/// (PR_SET_PDEATHSIG), so spawn from a thread that lives as long as the server. Destroying the
/// object kills the group and waits for the leader.
///
/// A descendant that leaves the group (setsid) is out of reach.
class Process {
  public:
    /// Returns once the program runs. Retry::never in the error: the same spec will fail again,
    /// the detail says how to mend it.
    static Result<Process> spawn(const ProcessSpec& spec, const LowDescriptors* low = nullptr);

    Process(Process&& other) noexcept
        : id_(std::exchange(other.id_, 0)), handle_(std::move(other.handle_)) {}
    Process& operator=(Process&&) = delete;
    ~Process();

    /// Readable once the leader has exited (a pidfd).
    int handle() const { return handle_.get(); }
    pid_t id() const { return id_; }

    /// Whether the leader has exited. Does not wait.
    bool has_exited() const;

    /// Signals the whole group; nothing after reap().
    void signal_group(int signal) const;

    /// Kills what is left of the group and takes the leader's exit status. Waits for the leader if
    /// it has not exited yet. Once only.
    ProcessExit reap();

  private:
    Process(pid_t id, Descriptor handle) : id_(id), handle_(std::move(handle)) {}

    pid_t id_;
    Descriptor handle_;
};

}  // namespace bide::runtime
