#include "base/check.hpp"
#include "engines/embedded/store.hpp"

#include <utility>

namespace bide::engines::embedded {
namespace {

Time time_of(std::int64_t microseconds) {
    return Time(Duration(microseconds));
}

/// The columns of a body in a row.
struct BodyColumns {
    int size;
    int file;
    int blob;
    int check;
};

Result<Body> read_body(const Statement& row, BodyColumns columns, const std::string& bodies) {
    Body body;
    if (row.is_null(columns.file)) {
        body.bytes = row.blob(columns.blob);
    } else {
        body.file = std::make_shared<BodyFile>(
            bodies + "/" + std::string(row.text(columns.file)),
            static_cast<std::uint64_t>(row.number(columns.size))
        );
    }
    if (row.number(columns.check) != check_of(body))
        return damaged("a body is not what was stored");
    return body;
}

}  // namespace

struct StoreReader::Connection {
    Database database;
    Statement find_outcome;
    Statement pruned_through;
    Statement load_input;
    Statement file_in_use;
};

StoreReader::StoreReader(const std::string& directory, const QueueNumbers& queues)
    : path_(directory + "/bide.db"), bodies_(directory + "/bodies"), queues_(queues) {}

StoreReader::~StoreReader() = default;

Result<std::shared_ptr<StoreReader::Connection>> StoreReader::connect() {
    std::unique_ptr<Connection> connection;
    {
        const std::lock_guard lock(mutex_);
        if (!free_.empty()) {
            connection = std::move(free_.back());
            free_.pop_back();
        }
    }
    if (!connection) {
        BIDE_TRY(Database database, Database::open(path_, Database::Mode::read_only));
        BIDE_TRY(
            Statement find_outcome,
            database.prepare("SELECT id, queue, state, kind, status, attempts, created_us,"
                             " started_us, finished_us, content_type, detail, body_size,"
                             " body_file, body, body_check FROM outcomes WHERE seq = ?1")
        );
        BIDE_TRY(
            Statement pruned_through,
            database.prepare("SELECT value FROM facts WHERE name = 'pruned_through'")
        );
        BIDE_TRY(
            Statement load_input,
            database.prepare("SELECT id, queue, created_us, content_type, traceparent, input_size,"
                             " input_file, input, input_check FROM open_jobs WHERE seq = ?1")
        );
        BIDE_TRY(
            Statement file_in_use,
            database.prepare("SELECT EXISTS (SELECT 1 FROM open_jobs WHERE input_file = ?1)"
                             " OR EXISTS (SELECT 1 FROM outcomes WHERE body_file = ?1)"
                             " OR EXISTS (SELECT 1 FROM outcomes WHERE input_file = ?1)")
        );
        connection.reset(new Connection{
            std::move(database),
            std::move(find_outcome),
            std::move(pruned_through),
            std::move(load_input),
            std::move(file_in_use)});
    }
    return std::shared_ptr<Connection>(connection.release(), [this](Connection* used) {
        const std::lock_guard lock(mutex_);
        free_.emplace_back(used);
    });
}

Result<std::optional<StoredOutcome>> StoreReader::find_outcome(const JobId& id) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->find_outcome;
    row.reset();  // a damaged row may have ended the last read early
    BIDE_TRY(const bool found, row.bind(1, id.sequence()).step());
    if (!found) {
        Statement& fact = connection->pruned_through;
        BIDE_TRY(const bool known, fact.step());
        const std::int64_t pruned_through = known ? fact.number(0) : 0;
        fact.reset();
        if (id.sequence() <= pruned_through) {
            return Error{
                Code::gone,
                Retry::never,
                "the job is older than the results that are kept; see the queue's retention"};
        }
        return std::optional<StoredOutcome>();
    }
    const std::string_view own_id(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    if (row.blob(0) != own_id) {
        row.reset();
        return std::optional<StoredOutcome>();
    }
    const std::int64_t state = row.number(2);
    const std::int64_t kind = row.number(3);
    if (state < static_cast<std::int64_t>(core::JobState::succeeded) ||
        state > static_cast<std::int64_t>(core::JobState::expired) || kind < 0 ||
        kind > static_cast<std::int64_t>(core::FailureKind::rejected))
        return damaged("an outcome of no known state");
    auto outcome = std::make_shared<core::Outcome>();
    BIDE_TRY(outcome->queue, queues_.index(row.number(1)));
    outcome->state = static_cast<core::JobState>(state);
    outcome->kind = static_cast<core::FailureKind>(kind);
    outcome->status = static_cast<std::uint16_t>(row.number(4));
    outcome->attempts = static_cast<std::uint32_t>(row.number(5));
    outcome->created = time_of(row.number(6));
    outcome->started = time_of(row.number(7));
    outcome->finished = time_of(row.number(8));
    outcome->content_type = row.text(9);
    outcome->detail = row.text(10);
    BIDE_TRY(outcome->body, read_body(row, {11, 12, 13, 14}, bodies_));
    row.reset();
    return std::optional(StoredOutcome{outcome, queues_.name(outcome->queue)});
}

Result<std::shared_ptr<const core::JobInput>> StoreReader::load_input(const JobId& id) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->load_input;
    row.reset();
    BIDE_TRY(const bool found, row.bind(1, id.sequence()).step());
    if (!found) {
        return Error{
            Code::store_failed, Retry::unsafe, "the input of an open job is not in the store"};
    }
    auto input = std::make_shared<core::JobInput>();
    input->id = id;
    BIDE_TRY(input->queue, queues_.index(row.number(1)));
    input->created = time_of(row.number(2));
    input->content_type = row.text(3);
    input->traceparent = row.text(4);
    BIDE_TRY(input->body, read_body(row, {5, 6, 7, 8}, bodies_));
    row.reset();
    return std::shared_ptr<const core::JobInput>(std::move(input));
}

Result<bool> StoreReader::file_in_use(const std::string& name) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->file_in_use;
    BIDE_TRY(const bool found, row.bind_text(1, name).step());
    const bool in_use = found && row.number(0) != 0;
    row.reset();
    return in_use;
}

}  // namespace bide::engines::embedded
