#pragma once

#include "core/ledger.hpp"

#include <cstdint>
#include <string>

namespace bide::sim {

// One line of a trace about each thing that passes between ledger and driver.
std::string tell(const core::Event& event, Time now);
std::string tell(const core::StartAttempt& start, std::uint64_t serial);
std::string tell(const core::StopAttempt& stop);
std::string tell(const core::Answer& answer);
std::string tell(const core::WriteGroup& group);

}  // namespace bide::sim
