#pragma once

#include "clients/credentials.hpp"

#include <string>

namespace bide::clients {

/// What the command of a credential_process prints, run by sh with `environment`. Blocks for up to
/// a minute. What it writes to stderr is dropped, for it may hold secrets.
Result<std::string> run_credential_process(
    const std::string& command, const Environment& environment, const Clock& clock
);

}  // namespace bide::clients
