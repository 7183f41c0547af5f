#pragma once

#include <cstdint>
#include <string>

namespace bide::test {

/// Runs SQL on a data directory's database, as somebody with the sqlite3 shell would; the first
/// column of the first row as text. Throws what SQLite says.
std::string query(const std::string& data, const std::string& sql);
/// The same for statements that change something.
void change(const std::string& data, const std::string& sql);

std::int64_t count(const std::string& data, const std::string& sql);
/// Open jobs and outcomes together.
std::int64_t count_jobs(const std::string& data);

}  // namespace bide::test
