#pragma once

#include "base/result.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace bide::engines::embedded {

class Statement;

/// One SQLite connection. Used by one thread at a time. Errors carry SQLite's own words; a damaged
/// file is told by Retry::never.
class Database {
  public:
    enum class Mode { read_write, read_only };

    static Result<Database> open(const std::string& path, Mode mode);

    /// Runs statements that return nothing.
    Result<void> run(const std::string& sql);
    Result<Statement> prepare(std::string_view sql);
    /// The first column of the first row of `sql`, which must be a number.
    Result<std::int64_t> number(const std::string& sql);

    Error error(std::string_view what) const;

  private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    explicit Database(sqlite3* handle) : handle_(handle) {}

    std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. Bound text and blobs are not copied: they must live until reset().
class Statement {
  public:
    Statement& bind(int index, std::int64_t value);
    Statement& bind_text(int index, std::string_view text);
    Statement& bind_blob(int index, std::span<const std::uint8_t> bytes);
    Statement& bind_blob(int index, std::string_view bytes);
    Statement& bind_null(int index);

    /// True when there is a row to read. After false or an error the statement is reset.
    Result<bool> step();
    /// For statements without rows: steps to the end and resets.
    Result<void> run();
    void reset();

    std::int64_t number(int column) const;
    bool is_null(int column) const;
    /// Valid until the next step() or reset().
    std::string_view text(int column) const;
    std::string_view blob(int column) const;

  private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
    };
    explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}

    std::unique_ptr<sqlite3_stmt, Finalize> handle_;
};

}  // namespace bide::engines::embedded
