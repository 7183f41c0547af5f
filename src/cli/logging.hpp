#pragma once

#include <string>

namespace bide::cli {

/// Sends spdlog's default logger to stderr: text (in colour where it is a terminal that has it),
/// or one JSON object a line otherwise. `level` is debug, info, warn or error. What is logged
/// never contains a payload.
void start_logging(const std::string& level);

}  // namespace bide::cli
