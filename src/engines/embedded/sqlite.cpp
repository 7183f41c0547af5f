#include "engines/embedded/sqlite.hpp"

#include "base/check.hpp"

#include <utility>

namespace bide::engines::embedded {
namespace {

Error sqlite_error(sqlite3* handle, std::string_view what) {
    const int code = sqlite3_errcode(handle);
    const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
    // The file is what the operator has to look for.
    const char* path = damaged ? sqlite3_db_filename(handle, "main") : nullptr;
    return {
        Code::store_failed,
        damaged ? Retry::never : Retry::unsafe,
        (path != nullptr ? std::string(path) + ": " : "") + std::string(what) + ": " +
            sqlite3_errmsg(handle)};
}

}  // namespace

Result<Database> Database::open(const std::string& path, Mode mode) {
    // Else every allocation takes one lock of the process, for statistics that nobody reads. It
    // fails when SQLite is in use already, which costs no more than that lock.
    [[maybe_unused]] static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    const int flags = mode == Mode::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                               : SQLITE_OPEN_READONLY;
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    Database database(handle);
    if (code != SQLITE_OK) return database.error("cannot open " + path);
    // Somebody's sqlite3 shell may hold a lock for a moment.
    sqlite3_busy_timeout(handle, 5000);
    return database;
}

Result<void> Database::run(const std::string& sql) {
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
        return error("cannot run \"" + sql.substr(0, 60) + "\"");
    return success();
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(
        handle_.get(),
        sql.data(),
        static_cast<int>(sql.size()),
        SQLITE_PREPARE_PERSISTENT,
        &statement,
        nullptr
    );
    if (code != SQLITE_OK) return error("cannot prepare a statement");
    return Statement(statement);
}

Result<std::int64_t> Database::number(const std::string& sql) {
    BIDE_TRY(Statement statement, prepare(sql));
    BIDE_TRY(const bool row, statement.step());
    if (!row) return error("no row for \"" + sql + "\"");
    return statement.number(0);
}

Error Database::error(std::string_view what) const {
    return sqlite_error(handle_.get(), what);
}

// Binding can fail only for an index out of range or for want of memory: a bug, or the end.

Statement& Statement::bind(int index, std::int64_t value) {
    CHECK(sqlite3_bind_int64(handle_.get(), index, value) == SQLITE_OK);
    return *this;
}

Statement& Statement::bind_text(int index, std::string_view text) {
    // A null pointer would bind NULL.
    const char* data = text.empty() ? "" : text.data();
    CHECK(
        sqlite3_bind_text64(handle_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8) ==
        SQLITE_OK
    );
    return *this;
}

Statement& Statement::bind_blob(int index, std::span<const std::uint8_t> bytes) {
    const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
    CHECK(
        sqlite3_bind_blob64(handle_.get(), index, data, bytes.size(), SQLITE_STATIC) == SQLITE_OK
    );
    return *this;
}

Statement& Statement::bind_blob(int index, std::string_view bytes) {
    return bind_blob(
        index, std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size())
    );
}

Statement& Statement::bind_null(int index) {
    CHECK(sqlite3_bind_null(handle_.get(), index) == SQLITE_OK);
    return *this;
}

Result<bool> Statement::step() {
    const int code = sqlite3_step(handle_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        reset();
        return false;
    }
    const Error failure = sqlite_error(sqlite3_db_handle(handle_.get()), "the database failed");
    reset();
    return failure;
}

Result<void> Statement::run() {
    BIDE_TRY(const bool row, step());
    CHECK(!row);
    return success();
}

void Statement::reset() {
    sqlite3_reset(handle_.get());
}

std::int64_t Statement::number(int column) const {
    return sqlite3_column_int64(handle_.get(), column);
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

std::string_view Statement::text(int column) const {
    return blob(column);
}

std::string_view Statement::blob(int column) const {
    const void* data = sqlite3_column_blob(handle_.get(), column);
    const int size = sqlite3_column_bytes(handle_.get(), column);
    return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

}  // namespace bide::engines::embedded
