#pragma once

#include "base/result.hpp"

#include <functional>
#include <stop_token>

namespace bide {

/// Takes SIGTERM, SIGINT and SIGHUP out of the process's way and hands them to one waiting thread.
/// One at a time in a process; whatever threads there are, before and after. SIGPIPE is ignored.
class Signals {
  public:
    Signals();

    /// Blocks until a signal or wake(); the signal's name, or nullptr for wake().
    const char* wait();
    /// Any thread.
    void wake();

    /// Runs what may take long to begin. A signal meanwhile asks it to stop, and is the error.
    Result<void> watch(const std::function<Result<void>(std::stop_token)>& begin);
};

}  // namespace bide
