#pragma once

#include "base/result.hpp"
#include "cli/config.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace bide::cli {

/// Adds what the TOML file says to `config`. Errors name the file, the line and the mend; for an
/// unknown key, the nearest known one. Relative paths of commands are relative to the file.
Result<void> read_config_file(
    const std::string& path, Config& config, Program program = Program::serve
);

struct ConfigTextOrigin {
    std::string name;       ///< what errors call it
    std::string directory;  ///< relative paths of commands are relative to it
};

/// The same of a text that is in no file.
Result<void> read_config_text(
    std::string_view text, const ConfigTextOrigin& origin, Config& config, Program program
);

/// The tables that a file may have: "server", "queues", ...
std::vector<std::string_view> config_sections();
/// The keys that [section] takes, or each table in it; docs/configuration.md has the same, and a
/// test compares.
std::vector<std::string_view> config_keys(std::string_view section);

}  // namespace bide::cli
