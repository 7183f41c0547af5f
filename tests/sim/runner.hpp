#pragma once

#include "trace.hpp"
#include "violation.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bide::sim {

struct RunResult {
    std::uint64_t events = 0;
    std::uint64_t lives = 0;
    std::uint64_t answers = 0;
    std::uint64_t jobs = 0;  ///< that ended
    std::optional<Violation> violation;
};

/// What a simulator is, to run it by many seeds from a command line.
struct Simulator {
    std::string help;
    std::vector<int> bugs;  ///< planted ones (core/planted.hpp) that it finds
    std::string bugs_help;
    std::function<std::string(std::uint64_t seed)> describe;
    std::function<RunResult(std::uint64_t seed, const Trace& trace)> run;
};

/// Exit status 0 when all guarantees held, or when the violation asked for was found.
int main_of(int argc, char** argv, const Simulator& simulator);

}  // namespace bide::sim
