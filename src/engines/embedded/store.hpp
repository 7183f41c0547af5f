#pragma once

#include "base/result.hpp"
#include "core/ledger.hpp"
#include "engines/embedded/name_index.hpp"
#include "engines/embedded/sqlite.hpp"
#include "ports/engine.hpp"
#include "runtime/descriptor.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bide::engines::embedded {

struct OutcomeFacts;

/// Names a queue of the configuration to the store and says how long its outcomes are kept.
struct StoredQueue {
    std::string name;
    Duration retention;
};

/// CRC-32 of a body kept in the database: SQLite does not notice every damaged page. 0 for a file.
std::int64_t check_of(const Body& body);

/// Of a row's column.
Result<JobId> id_of(const Statement& row, int column);

/// The same; zero when it is NULL.
Result<core::Fingerprint> fingerprint_of(const Statement& row, int column);

/// What readers say of a row that cannot be true.
Error damaged(std::string_view what);

/// The queues' numbers in the file, which outlive a change of the configuration.
class QueueNumbers {
  public:
    /// Gives a number to each name that has none yet, and learns those of queues no longer
    /// configured: they follow the configured ones as further indexes.
    static Result<QueueNumbers> load(Database& database, const std::vector<StoredQueue>& queues);

    std::int64_t number(core::QueueIndex index) const { return numbers_.at(index); }
    Result<core::QueueIndex> index(std::int64_t number) const;
    const std::string& name(core::QueueIndex index) const { return names_.at(index); }
    /// Whether it was paused when the store was opened.
    bool paused(core::QueueIndex index) const { return paused_.at(index); }
    std::size_t size() const { return names_.size(); }

  private:
    std::vector<std::string> names_;
    std::vector<bool> paused_;
    std::vector<std::int64_t> numbers_;
    std::unordered_map<std::int64_t, core::QueueIndex> indexes_;
};

/// Where everything durable is: one SQLite file in WAL mode with synchronous=FULL, so that a
/// commit has returned from its flush, and large bodies as files beside it. This is the writing
/// side, of one thread; readers are StoreReader's.
class Store {
  public:
    /// `directory` exists and is locked by this process, whose clock never jumps.
    static Result<std::unique_ptr<Store>> open(
        const std::string& directory, const std::vector<StoredQueue>& queues, Time now
    );

    const QueueNumbers& queues() const { return queue_numbers_; }

    /// Calls `each` for every open job, in the order of creation. Bodies are not read.
    Result<void> recover(const std::function<void(core::event::Recovered&&)>& each);

    /// The highest sequence number in use, and the secret of this store's ids, for the IdMaker.
    Result<std::int64_t> highest_sequence();
    std::uint64_t id_secret() const { return id_secret_; }
    /// Of callers' ids. Any thread.
    NameIndex& names() { return *names_; }

    /// When retention may remove an outcome whose row says `expires`. One that ended in the
    /// future was written by a process whose clock was ahead of this one's: it counts as ended
    /// when this one began. Any thread.
    Time expiry(Time finished, Time expires, Time now) const {
        return finished > now ? opened_ + (expires - finished) : expires;
    }

    /// Makes a group durable in one commit, and removes at most `prune_max` expired outcomes in
    /// it. Names of callers' ids are kept about twice as long, so that those are told as gone.
    /// After an error nothing more may be written: the caller stops (G1).
    Result<void> apply(const core::WriteGroup& group, Time now, std::size_t prune_max);

    /// Paths of files whose rows went with the last commits; the caller removes them, when it
    /// likes.
    std::vector<std::string> take_dead_files() { return std::exchange(dead_files_, {}); }

    /// Whether the last apply() met expired outcomes up to its limit, so that more are waiting.
    bool more_to_prune() const { return more_to_prune_; }

  private:
    Store(Database database, const std::string& directory)
        : database_(std::move(database)), bodies_(directory + "/bodies") {}

    struct Entry {
        std::optional<Statement>* place;
        std::string_view sql;
    };
    Result<void> prepare(std::span<const Entry> entries);
    Result<void> prepare_writes();
    Result<void> prepare_removals();
    Result<void> write_open(const core::Write& write);
    Result<void> write_finish(const core::Write& write);
    Result<void> write_dead_letter(const core::Write& write);
    Result<void> write_reopen(const core::Write& write);
    Result<void> write_name(const core::Write& write);
    /// Sequences of outcomes that go together; whether other tables may have something of them.
    struct Expired {
        std::int64_t first;
        std::int64_t last;
        bool more;
    };
    bool ids_ahead(Time now) const { return sequence_at(now) <= highest_at_open_; }
    Result<void> prune(Time now, std::size_t count_max);
    Result<void> take_files_of(std::int64_t sequence);
    Result<void> remove(const Expired& range);
    Result<void> keep_names(Time now, const std::optional<NameIndex::NewRun>& written);
    Result<bool> carry_names(std::int64_t last_sequence);

    Database database_;
    std::string bodies_;
    QueueNumbers queue_numbers_;
    std::vector<Duration> retention_;
    std::optional<Statement> begin_, commit_, insert_open_, update_open_, delete_open_,
        insert_outcome_, insert_keyed_, insert_file_, insert_dead_letter_, keep_input_,
        scan_expired_, files_of_, delete_outcomes_, delete_keyed_, delete_files_,
        delete_dead_letters_, keep_names_, set_pruned_, facts_of_failed_, reopen_, input_file_of_,
        insert_late_name_, delete_late_names_, first_before_, insert_run_, delete_run_, set_paused_;
    std::string facts_;  ///< of the row being written
    std::unordered_map<JobId, std::string>
        open_files_;  ///< paths of input files named by open rows
    std::vector<std::string> dead_files_;
    std::int64_t prune_cursor_ = 0;  ///< where the walk over old outcomes goes on; 0: a new one
    Time next_walk_{};
    Time opened_{};
    std::int64_t highest_at_open_ = 0;  ///< sequence
    Duration shortest_retention_{};
    Duration longest_retention_{};
    std::unique_ptr<NameIndex> names_;
    bool drops_run_ = false;     ///< the commit under way forgets the oldest run of names
    std::vector<Name> carried_;  ///< of these, those that are needed
    Time next_drop_{};
    std::uint64_t id_secret_ = 0;
    std::int64_t pruned_through_ = 0;
    bool more_to_prune_ = false;
};

/// Reads what is durable, on any thread; several at once.
class StoreReader {
  public:
    /// `queues` and `names` must outlive it.
    StoreReader(
        const std::string& directory,
        const QueueNumbers& queues,
        std::uint64_t id_secret,
        const NameIndex& names
    );
    ~StoreReader();

    /// A job that has ended; null: not there. Error code gone: it was, and retention removed it.
    /// The file of a large result is open: it can be read to its end though retention removes it.
    Result<std::shared_ptr<const core::StoredJob>> find(const JobId& id);

    /// The input of an open job, or of a failed one about to run again.
    Result<std::shared_ptr<const core::JobInput>> load_input(
        const JobId& id, std::int64_t sequence
    );

    /// Whether a row names this file of the bodies' directory.
    Result<bool> file_in_use(const std::string& name);

    /// Rows of ListQuery, bodies left out. Open jobs come with what their row says: the ledger
    /// knows better.
    Result<core::JobPage> list(const ports::ListQuery& query);

    struct FailedJobs {
        std::vector<JobId> jobs;
        bool more = false;
    };
    /// The oldest failed jobs of a queue.
    Result<FailedJobs> failed(core::QueueIndex queue, std::uint32_t count_max);

  private:
    struct Connection;

    /// A free connection, or a new one; it goes back by itself.
    Result<std::shared_ptr<Connection>> connect();
    static Result<std::unique_ptr<Connection>> open_connection(const std::string& path);
    Result<std::shared_ptr<const core::StoredJob>> find_at(
        Connection& connection, const JobId& id, std::int64_t sequence
    );
    /// The columns of an input in a row.
    struct BodyColumns {
        int size;
        int file;
        int blob;
        int check;
    };
    Result<Body> input_of(const Statement& row, BodyColumns columns);
    Result<Body> result_of(
        Connection& connection, std::int64_t sequence, const OutcomeFacts& facts
    );
    Result<std::optional<runtime::Descriptor>> open_file(
        const std::string& name, std::uint64_t size
    );
    Result<core::JobPage> list_open(Connection& connection, const ports::ListQuery& query);
    Result<core::JobPage> list_ended(Connection& connection, const ports::ListQuery& query);

    std::string path_;
    std::string bodies_;
    const QueueNumbers& queues_;
    std::uint64_t id_secret_;
    const NameIndex& names_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> free_;
};

}  // namespace bide::engines::embedded
