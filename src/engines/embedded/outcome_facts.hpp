#pragma once

#include "base/result.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::engines::embedded {

/// What an outcome's row says in its `facts` column: everything that no query asks SQLite for, in
/// one value, since each column costs about as much as the whole of this (docs/store.md has the
/// layout).
struct OutcomeFacts {
    bool keyed = false;  ///< a row of `keyed` has its fingerprint
    bool file = false;   ///< a row of `outcome_files` names its body
    std::uint8_t priority = core::kPriorityDefault;
    core::FailureKind kind = core::FailureKind::none;
    std::uint16_t status = 0;
    std::uint32_t check = 0;  ///< of the body
    Time created{};
    Time started{};
    Time expires{};
    std::string_view tenant;
    std::string_view content_type;
    std::string_view detail;
};

/// Replaces `to`. A tenant's name has at most 64 bytes.
void pack(const OutcomeFacts& facts, std::string& to);

/// The texts are views into `bytes`.
Result<OutcomeFacts> unpack_facts(std::string_view bytes);

}  // namespace bide::engines::embedded
