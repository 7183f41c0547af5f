#pragma once

#include "base/result.hpp"
#include "cli/config.hpp"

#include <string>

namespace bide::cli {

/// Adds what the TOML file says to `config`. Errors name the file, the line and the mend; for an
/// unknown key, the nearest known one. Relative paths of commands are relative to the file.
Result<void> read_config_file(
    const std::string& path, Config& config, Program program = Program::serve
);

}  // namespace bide::cli
