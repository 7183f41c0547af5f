#pragma once

#include "base/result.hpp"
#include "cli/config.hpp"

#include <optional>
#include <string>
#include <variant>

namespace bide::cli {

/// The process is to end now, with this status: --help and --version, or a usage error that has
/// been told on stderr.
struct Exit {
    int status;
};

/// Reads the flags of `serve`, the environment (BIDE_*) and the file of --config. Flags win over
/// the environment, and that over the file, or, where none is named, over BIDE_TOML, its text.
/// `command` is what the help calls it: "bide serve".
/// Programs other than serve have their queues from the file only.
std::variant<Config, Exit> read_config(
    int argc, char** argv, const std::string& command, Program program = Program::serve
);

/// The same for a Lambda function, which has no flags. The file is what BIDE_CONFIG names; without
/// that the text in BIDE_TOML, or bide.toml beside the program (LAMBDA_TASK_ROOT).
Result<Config> read_function_config();

constexpr const char* kVersion = "0.1.0";

}  // namespace bide::cli
