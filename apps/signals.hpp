#pragma once

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
};

}  // namespace bide
