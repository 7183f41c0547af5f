#pragma once

namespace bide::cli {

/// `bide key`: makes an API key, prints it to stdout once, and the lines for the configuration file
/// after it. Returns the exit status.
int key_command(int argc, char** argv);

}  // namespace bide::cli
