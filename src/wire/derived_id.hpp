#pragma once

#include "base/id.hpp"

#include <cstdint>
#include <string_view>

namespace bide::wire {

/// The id of a job that was submitted with an Idempotency-Key: every front on every engine derives
/// the same one (G4). SHA-256 over the three, each with its length before it, cut to 16 bytes, as a
/// UUID of version 8.
JobId id_of_key(std::string_view tenant, std::string_view queue, std::string_view key);

/// The id of item `index` of a batch, derived in the same way.
JobId id_of_item(const JobId& batch, std::uint64_t index);

}  // namespace bide::wire
