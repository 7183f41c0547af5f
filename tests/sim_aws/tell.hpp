#pragma once

#include "core/consumer.hpp"
#include "core/rendezvous.hpp"

#include <string>

namespace bide::sim_aws {

// What passes between the state machines and their drivers, for a trace; effects take several
// lines.
std::string tell(const core::RendezvousEvent& event, Time now);
std::string tell(const core::RendezvousEffects& effects);
std::string tell(const core::ConsumerEvent& event, Time now);
std::string tell(const core::ConsumerEffects& effects);

}  // namespace bide::sim_aws
