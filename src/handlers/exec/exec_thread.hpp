#pragma once

#include "runtime/process.hpp"
#include "runtime/work_thread.hpp"

#include <span>
#include <vector>

namespace bide::exec {

using runtime::Member;

/// The one thread that starts and watches the children of all exec handlers. It lives as long as
/// the server because children are killed with the thread that made them (PR_SET_PDEATHSIG), and
/// it is one because it only moves bytes. Attempts started after stop() end as lost.
class ExecThread : public runtime::WorkThread {
  public:
    ExecThread();

    /// Also takes SIGCHLD off "ignored", where a parent may have left it: children's exit statuses
    /// would be lost.
    void start();

    /// On the thread.
    Result<runtime::Process> spawn(const runtime::ProcessSpec& spec) const {
        return runtime::Process::spawn(spec, &low_);
    }

    /// One buffer for all reads, on the thread: valid until the next suspension.
    std::span<char> scratch() { return scratch_; }

  private:
    std::vector<char> scratch_;
    runtime::LowDescriptors low_;
};

}  // namespace bide::exec
