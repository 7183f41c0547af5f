#pragma once

#include "support/wait.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace bide::test {

struct ProcessOptions {
    std::vector<std::string> argv;
    /// Added to the environment of the test, or instead of what it has there; all its BIDE_* are
    /// taken out.
    std::map<std::string, std::string> environment;
    std::string error_path;              ///< where stderr goes
    std::uint64_t file_bytes_max = 0;    ///< RLIMIT_FSIZE; 0: none
    std::uint64_t open_files_max = 0;    ///< RLIMIT_NOFILE; 0: the test's
    bool without_root_override = false;  ///< root must heed the modes of files, as others do
};

/// How a process ended.
struct Exit {
    int status = -1;  ///< -1: by a signal
    int signal = 0;
};

/// A child process. It dies with this object, and with the thread that made it.
class Process {
  public:
    explicit Process(const ProcessOptions& options);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t id() const { return id_; }
    void signal(int number) const;
    /// The next line of its stdout; empty when there is none within the patience or at its end.
    std::optional<std::string> read_line(Milliseconds patience = kPatience);
    /// All that is left of its stdout, to its end.
    std::string read_rest();
    /// Throws when it has not ended by then.
    Exit wait(Milliseconds patience = kPatience);
    bool running();

  private:
    bool reap();
    bool read_more(Milliseconds patience);

    pid_t id_ = -1;
    int output_ = -1;
    std::string buffer_;
    std::optional<Exit> exit_;
};

/// Runs a command to its end.
struct Ran {
    Exit exit;
    std::string output;
    std::string error;
};
Ran run(ProcessOptions options);

}  // namespace bide::test
