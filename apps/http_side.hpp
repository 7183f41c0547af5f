#pragma once

#include "cli/config.hpp"
#include "fronts/http/server.hpp"
#include "service/contract.hpp"

#include <cstdint>

namespace bide {

/// What the configuration says about the HTTP contract. The queue of batches comes last, as it does
/// among the engine's.
service::ContractRules contract_rules(const cli::Config& config);

/// Of the batches: they are to be there as long as the last of their items.
Duration longest_retention(const cli::Config& config);

/// What it says about the server. `descriptors`: how many open files the process may have.
fronts::http::Options server_options(const cli::Config& config, std::uint64_t descriptors);

/// The line on stdout that says where it listens.
void announce_address(const cli::Config& config, std::uint16_t port);
/// For people: in the log, as the other line is read by programs.
void announce_dashboard(const cli::Config& config, std::uint16_t port);

}  // namespace bide
