#pragma once

#include "handlers/exec/exec.hpp"
#include "wire/pool_line.hpp"

#include <string>
#include <string_view>

namespace bide::exec {

/// The attempt as a process reads it; the views are into the attempt and `queue`.
wire::PoolRequest make_request(const ports::Attempt& attempt, std::string_view queue);

/// What a process's answer means for its job.
core::AttemptResult to_result(wire::PoolAnswer&& answer, const Options& options);

// What processes are ended for, as it goes on after "the handler's process ":
std::string wrote_no_answer(const Error& error, std::string_view line);
std::string wrote_too_long_a_line(const Options& options);
std::string answered_a_stranger(JobId job);

}  // namespace bide::exec
