#pragma once

#include "runtime/process.hpp"
#include "runtime/work_thread.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace bide::exec {

using runtime::Member;

/// Starts and watches children of exec handlers. It lives as long as the server because children
/// are killed with the thread that made them (PR_SET_PDEATHSIG). Attempts started after stop() end
/// as lost.
class ExecThread : public runtime::WorkThread {
  public:
    ExecThread();

    /// Also takes SIGCHLD off "ignored", where a parent may have left it: children's exit statuses
    /// would be lost.
    void start();

    /// On the thread, which it blocks until the program runs.
    Result<runtime::Process> spawn(const runtime::ProcessSpec& spec) const;

    /// One buffer for all reads, on the thread: valid until the next suspension.
    std::span<char> scratch();

  private:
    std::unique_ptr<char[]> scratch_;
    runtime::LowDescriptors low_;
};

/// Those of a server. Moving bytes is work for one thread, and long-lived processes have the first;
/// but starting a process blocks its thread until the program runs, which has to get a processor
/// for that, so processes for single attempts are started by all of them.
class ExecThreads {
  public:
    /// One for each processor, up to four: one alone starts some 2,200 processes a second.
    explicit ExecThreads(std::size_t processors);
    /// Stops and joins.
    ~ExecThreads();  // NOLINT(bugprone-exception-escape)
    ExecThreads(const ExecThreads&) = delete;
    ExecThreads& operator=(const ExecThreads&) = delete;

    void start();
    void stop();
    void join();

    ExecThread& first() { return *threads_.front(); }
    /// One after the other. Any thread.
    ExecThread& next() { return *threads_[next_.fetch_add(1) % threads_.size()]; }

  private:
    std::vector<std::unique_ptr<ExecThread>> threads_;
    std::atomic<std::size_t> next_{0};
};

}  // namespace bide::exec
