#include "engines/embedded/new_store.hpp"

#include "base/rng.hpp"
#include "engines/embedded/schema.hpp"
#include "runtime/spool.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

namespace bide::engines::embedded {
namespace {

/// For its owner only: it holds what jobs are given and what they give. SQLite would let everybody
/// read it, and makes -wal and -shm as the database is.
Result<void> make_private(const std::string& path) {
    const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0) return runtime::disk_error("cannot create " + path, errno);
    ::close(made);
    return success();
}

Result<void> fill(const std::string& path, const std::vector<StoredQueue>& queues) {
    BIDE_TRY(make_private(path));
    BIDE_TRY(Database database, Database::open(path, Database::Mode::read_write));
    // Nothing is kept of it unless all of it is there.
    BIDE_TRY(database.run("PRAGMA synchronous = OFF"));
    BIDE_TRY(database.run("PRAGMA journal_mode = MEMORY"));
    BIDE_TRY(migrate(database));
    BIDE_TRY(QueueNumbers::load(database, queues));
    BIDE_TRY(id_secret_of(database));
    return database.run("PRAGMA journal_mode = WAL");
}

bool has_file(const std::string& directory) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        if (entry.is_regular_file(error)) return true;
    }
    return false;
}

/// What is left of a store whose database has gone must not be taken for a new one's: its bodies
/// would be removed as nobody's, and its log would go into another database.
Result<void> see_nothing_left(const std::string& directory) {
    std::string left;
    if (std::filesystem::exists(directory + "/bide.db-wal")) left = "bide.db-wal";
    for (const char* name : {"bodies", "names"}) {
        if (has_file(directory + "/" + name)) left = name;
    }
    if (left.empty()) return success();
    return Error{
        Code::store_failed,
        Retry::never,
        directory + " has no bide.db, but " + left +
            " of one: put it back, or name another --data for a new store"};
}

}  // namespace

Result<void> make_new_store(const std::string& directory, const std::vector<StoredQueue>& queues) {
    const std::string path = directory + "/bide.db";
    const std::string unfinished = path + ".new";
    std::error_code error;
    if (std::filesystem::exists(path, error)) {
        // A new one has its tables before it has this name.
        if (std::filesystem::file_size(path, error) != 0 || error) return success();
        return Error{
            Code::store_failed,
            Retry::never,
            path + " is empty: put it back from a copy, or name another --data for a new store"};
    }
    BIDE_TRY(see_nothing_left(directory));
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) {
        std::filesystem::remove(unfinished + suffix, error);
        if (error) return runtime::disk_error("cannot remove " + unfinished, error.value());
    }
    BIDE_TRY(fill(unfinished, queues));
    BIDE_TRY(runtime::sync_path(unfinished));
    std::filesystem::rename(unfinished, path, error);
    if (error) return runtime::disk_error("cannot rename " + unfinished, error.value());
    return runtime::sync_path(directory);
}

Result<std::uint64_t> id_secret_of(Database& database) {
    const auto fresh = static_cast<std::int64_t>(os_random() >> 1);
    BIDE_TRY(database.run(
        "INSERT OR IGNORE INTO facts VALUES ('id_secret', " + std::to_string(fresh) + ")"
    ));
    BIDE_TRY(
        const std::int64_t secret,
        database.number("SELECT value FROM facts WHERE name = 'id_secret'")
    );
    return static_cast<std::uint64_t>(secret);
}

}  // namespace bide::engines::embedded
