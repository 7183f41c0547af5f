#pragma once

#include "handlers/exec/exec.hpp"
#include "runtime/process.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bide::exec {

/// Options made ready for many starts. Immutable, shared by the attempts under way.
class Command {
  public:
    explicit Command(Options options);

    const Options& options() const { return options_; }

    /// What all processes get; the caller adds descriptors and facts.
    runtime::ProcessSpec spec() const;
    /// Adds the facts of one attempt. (BIDE_QUEUE is in spec(): it holds for all.)
    static void add_facts(std::vector<std::string>& environment, const ports::Attempt& attempt);

  private:
    Options options_;
    std::vector<std::string> environment_;
};

using Verdict = core::AttemptResult::Verdict;

core::AttemptResult failure(Verdict verdict, core::FailureKind kind, std::string detail);

/// Of an attempt that was stopped in time.
core::AttemptResult stopped_before_start();

class Tail;

/// Of a process that ended without success: by its exit status, with its last words.
core::AttemptResult exit_failure(const runtime::ProcessExit& exit, const Tail& log);

/// Of a result over the limit: fails for good.
core::AttemptResult output_too_large(const Options& options);

/// Of a command that could not be started: whether it is worth another try is in the error.
core::AttemptResult cannot_start(const Error& error);

/// The end of a lease in Unix seconds, for the handler's eyes; 0: it has none.
std::int64_t deadline_seconds(Time deadline);

}  // namespace bide::exec
