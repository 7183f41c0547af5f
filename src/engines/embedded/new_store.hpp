#pragma once

#include "engines/embedded/store.hpp"

#include <string>
#include <vector>

namespace bide::engines::embedded {

/// Makes the database of a directory that has none, all at once: under another name, flushed, then
/// renamed. After a crash there is a whole one or none; what is left of an unfinished one is
/// removed here. Its two flushes are what a first start waits for: making the tables and rows in
/// place takes ten.
Result<void> make_new_store(const std::string& directory, const std::vector<StoredQueue>& queues);

/// What the ids of this database are made with; drawn when it has none yet.
Result<std::uint64_t> id_secret_of(Database& database);

}  // namespace bide::engines::embedded
