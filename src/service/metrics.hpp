#pragma once

#include "service/contract.hpp"

#include <string>
#include <string_view>

namespace bide::service {

constexpr std::string_view kMetricsType =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The state of the server as OpenMetrics text.
std::string metrics_text(
    const ContractRules& rules, const ports::EngineFacts& facts, const Surroundings& around
);

}  // namespace bide::service
