#pragma once

#include "base/result.hpp"
#include "engines/embedded/sqlite.hpp"

namespace bide::engines::embedded {

/// The version this program writes; PRAGMA user_version of the file.
constexpr std::int64_t kSchemaVersion = 3;

/// Creates the tables, or brings an older file to kSchemaVersion in one transaction. Refuses a
/// file of another program or of a newer bide, naming both versions. The tables are documented
/// in docs/store.md.
Result<void> migrate(Database& database, std::int64_t to = kSchemaVersion);

}  // namespace bide::engines::embedded
