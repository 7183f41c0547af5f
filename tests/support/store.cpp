#include "support/store.hpp"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace bide::test {
namespace {

struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
};

std::string first_cell(const std::string& data, const std::string& sql, int flags) {
    sqlite3* handle = nullptr;
    const int opened = sqlite3_open_v2((data + "/bide.db").c_str(), &handle, flags, nullptr);
    const std::unique_ptr<sqlite3, Close> database(handle);
    const auto failure = [&] { return std::runtime_error(sql + ": " + sqlite3_errmsg(handle)); };
    if (opened != SQLITE_OK) throw failure();
    sqlite3_busy_timeout(handle, 10'000);
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(handle, sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK)
        throw failure();
    const std::unique_ptr<sqlite3_stmt, Close> statement(prepared);
    const int stepped = sqlite3_step(prepared);
    if (stepped != SQLITE_ROW && stepped != SQLITE_DONE) throw failure();
    if (stepped == SQLITE_DONE || sqlite3_column_type(prepared, 0) == SQLITE_NULL) return {};
    const auto* text = static_cast<const char*>(sqlite3_column_blob(prepared, 0));
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(prepared, 0))};
}

}  // namespace

std::string query(const std::string& data, const std::string& sql) {
    return first_cell(data, sql, SQLITE_OPEN_READONLY);
}

void change(const std::string& data, const std::string& sql) {
    first_cell(data, sql, SQLITE_OPEN_READWRITE);
}

std::int64_t count(const std::string& data, const std::string& sql) {
    return std::stoll(query(data, sql));
}

std::int64_t count_jobs(const std::string& data) {
    return count(data, "SELECT count(*) FROM jobs");
}

}  // namespace bide::test
