#include "base/check.hpp"
#include "engines/embedded/store.hpp"

#include <algorithm>
#include <array>
#include <limits>
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

/// How many rows one page of a list may look at.
constexpr std::int64_t kListScanMax = 2000;

/// The columns of an outcome, in the order in which outcome_of() reads them.
constexpr std::string_view kOutcomeColumns =
    "seq, id, queue, state, kind, status, attempts, created_us, started_us, finished_us, "
    "expires_us,"
    " tenant, content_type, detail, priority, body_size, body_check, body_file";

std::string_view bytes_of(const JobId& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

Result<JobId> id_of(const Statement& row, int column) {
    JobId id;
    const std::string_view bytes = row.blob(column);
    if (bytes.size() != id.bytes.size()) return damaged("an id of the wrong size");
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}

/// Without the body.
Result<std::shared_ptr<core::Outcome>> outcome_of(
    const Statement& row, const QueueNumbers& queues
) {
    const std::int64_t state = row.number(3);
    const std::int64_t kind = row.number(4);
    if (state < static_cast<std::int64_t>(core::JobState::succeeded) ||
        state > static_cast<std::int64_t>(core::JobState::expired) || kind < 0 ||
        kind > static_cast<std::int64_t>(core::FailureKind::rejected))
        return damaged("an outcome of no known state");
    auto outcome = std::make_shared<core::Outcome>();
    BIDE_TRY(outcome->queue, queues.index(row.number(2)));
    outcome->state = static_cast<core::JobState>(state);
    outcome->kind = static_cast<core::FailureKind>(kind);
    outcome->status = static_cast<std::uint16_t>(row.number(5));
    outcome->attempts = static_cast<std::uint32_t>(row.number(6));
    outcome->created = time_of(row.number(7));
    outcome->started = time_of(row.number(8));
    outcome->finished = time_of(row.number(9));
    outcome->tenant = row.text(11);
    outcome->content_type = row.text(12);
    outcome->detail = row.text(13);
    return outcome;
}

}  // namespace

struct StoreReader::Connection {
    Database database;
    Statement find;
    Statement pruned_through;
    Statement load_open;
    Statement load_kept;
    Statement file_in_use;
    Statement list_open;
    Statement list_ended;
    Statement list_failed;
    Statement oldest_failed;
};

StoreReader::StoreReader(
    const std::string& directory,
    const QueueNumbers& queues,
    std::uint64_t id_secret,
    const NameIndex& names
)
    : path_(directory + "/bide.db"),
      bodies_(directory + "/bodies"),
      queues_(queues),
      id_secret_(id_secret),
      names_(names) {}

StoreReader::~StoreReader() = default;

Result<std::unique_ptr<StoreReader::Connection>> StoreReader::open_connection(
    const std::string& path
) {
    BIDE_TRY(Database database, Database::open(path, Database::Mode::read_only));
    const std::string outcome = "SELECT " + std::string(kOutcomeColumns);
    const std::array<std::string, 9> texts{
        outcome + ", body, fingerprint, input_size FROM outcomes WHERE seq = ?1",
        "SELECT value FROM facts WHERE name = 'pruned_through'",
        "SELECT id, queue, created_us, content_type, traceparent, input_size, input_file, input,"
        " input_check, tenant, priority FROM open_jobs WHERE seq = ?1",
        "SELECT id, queue, created_us, input_content_type, input_traceparent, input_size,"
        " input_file, input, input_check, tenant, priority FROM outcomes"
        " WHERE seq = ?1 AND state = 4",
        "SELECT EXISTS (SELECT 1 FROM open_jobs WHERE input_file = ?1)"
        " OR EXISTS (SELECT 1 FROM outcomes WHERE body_file = ?1)"
        " OR EXISTS (SELECT 1 FROM outcomes WHERE input_file = ?1)",
        "SELECT seq, id, queue, attempts, created_us, not_before_us, tenant, priority"
        " FROM open_jobs WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
        outcome + " FROM outcomes WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
        outcome +
            " FROM outcomes WHERE queue = ?3 AND state = 4 AND seq < ?1 ORDER BY seq DESC LIMIT ?2",
        "SELECT id FROM outcomes WHERE queue = ?1 AND state = 4 ORDER BY seq LIMIT ?2",
    };
    std::vector<Statement> made;
    for (const auto& text : texts) {
        BIDE_TRY(Statement statement, database.prepare(text));
        made.push_back(std::move(statement));
    }
    std::size_t next = 0;
    const auto take = [&]() -> Statement&& { return std::move(made[next++]); };
    // Braces: in this order.
    return std::unique_ptr<Connection>(new Connection{
        std::move(database), take(), take(), take(), take(), take(), take(), take(), take(), take()}
    );
}

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
        BIDE_TRY(connection, open_connection(path_));
    }
    return std::shared_ptr<Connection>(connection.release(), [this](Connection* used) {
        const std::lock_guard lock(mutex_);
        free_.emplace_back(used);
    });
}

Result<std::shared_ptr<const core::StoredJob>> StoreReader::find(const JobId& id) {
    BIDE_TRY(const auto connection, connect());
    const bool ours = IdMaker::made(id, id_secret_);
    if (ours) {
        BIDE_TRY(auto found, find_at(*connection, id, id.sequence()));
        if (found) return found;
    }
    // Also one of ours may be there by its name: posted again by a caller when it was gone.
    BIDE_TRY(const auto named, names_.find(id));
    if (named) {
        BIDE_TRY(auto found, find_at(*connection, id, *named));
        if (found) return found;
    }
    bool gone = named.has_value();
    if (ours && !gone) {
        Statement& fact = connection->pruned_through;
        fact.reset();
        BIDE_TRY(const bool known, fact.step());
        gone = known && id.sequence() <= fact.number(0);
        fact.reset();
    }
    if (gone) {
        return Error{
            Code::gone,
            Retry::never,
            "the job is older than the results that are kept; see the queue's retention"};
    }
    return std::shared_ptr<const core::StoredJob>();
}

Result<std::shared_ptr<const core::StoredJob>> StoreReader::find_at(
    Connection& connection, const JobId& id, std::int64_t sequence
) {
    std::shared_ptr<const core::StoredJob> none;
    Statement& row = connection.find;
    row.reset();  // a damaged row may have ended the last read early
    BIDE_TRY(const bool found, row.bind(1, sequence).step());
    if (!found) return none;
    if (row.blob(1) != bytes_of(id)) {
        row.reset();
        return none;
    }
    BIDE_TRY(auto outcome, outcome_of(row, queues_));
    BIDE_TRY(outcome->body, read_body(row, {15, 17, 18, 16}, bodies_));
    auto job = std::make_shared<core::StoredJob>();
    job->outcome = std::move(outcome);
    job->sequence = sequence;
    job->expires = time_of(row.number(10));
    job->priority = static_cast<std::uint8_t>(row.number(14) % core::kPriorities);
    BIDE_TRY(job->fingerprint, fingerprint_of(row, 19));
    job->input_bytes = row.is_null(20) ? 0 : static_cast<std::uint64_t>(row.number(20));
    row.reset();
    return std::shared_ptr<const core::StoredJob>(std::move(job));
}

Result<std::shared_ptr<const core::JobInput>> StoreReader::load_input(
    const JobId& id, std::int64_t sequence
) {
    BIDE_TRY(const auto connection, connect());
    for (Statement* row : {&connection->load_open, &connection->load_kept}) {
        row->reset();
        BIDE_TRY(const bool found, row->bind(1, sequence).step());
        if (!found || row->blob(0) != bytes_of(id)) continue;
        auto input = std::make_shared<core::JobInput>();
        input->id = id;
        input->sequence = sequence;
        BIDE_TRY(input->queue, queues_.index(row->number(1)));
        input->created = time_of(row->number(2));
        input->content_type = row->text(3);
        input->traceparent = row->text(4);
        BIDE_TRY(input->body, read_body(*row, {5, 6, 7, 8}, bodies_));
        input->tenant = row->text(9);
        input->priority = static_cast<std::uint8_t>(row->number(10) % core::kPriorities);
        row->reset();
        return std::shared_ptr<const core::JobInput>(std::move(input));
    }
    return Error{Code::store_failed, Retry::unsafe, "the input of an open job is not in the store"};
}

Result<bool> StoreReader::file_in_use(const std::string& name) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->file_in_use;
    BIDE_TRY(const bool found, row.bind_text(1, name).step());
    const bool in_use = found && row.number(0) != 0;
    row.reset();
    return in_use;
}

// --- lists ------------------------------------------------------------------------------------

Result<core::JobPage> StoreReader::list(const ports::ListQuery& query) {
    BIDE_TRY(const auto connection, connect());
    const bool open = !query.state || !core::is_final(*query.state);
    return open ? list_open(*connection, query) : list_ended(*connection, query);
}

Result<core::JobPage> StoreReader::list_open(
    Connection& connection, const ports::ListQuery& query
) {
    core::JobPage page;
    Statement& row = connection.list_open;
    row.reset();
    row.bind(1, query.before == 0 ? std::numeric_limits<std::int64_t>::max() : query.before)
        .bind(2, kListScanMax);
    for (std::int64_t seen = 1;; ++seen) {
        BIDE_TRY(const bool there, row.step());
        if (!there) return page;
        BIDE_TRY(const core::QueueIndex queue, queues_.index(row.number(2)));
        if (queue == query.queue && (!query.tenant || row.text(6) == *query.tenant)) {
            core::JobPage::Entry entry;
            BIDE_TRY(entry.facts.id, id_of(row, 1));
            entry.facts.queue = queue;
            entry.facts.attempts = static_cast<std::uint32_t>(row.number(3));
            entry.facts.created = time_of(row.number(4));
            entry.facts.not_before = time_of(row.number(5));
            entry.facts.tenant = row.text(6);
            entry.facts.priority = static_cast<std::uint8_t>(row.number(7) % core::kPriorities);
            page.jobs.push_back(std::move(entry));
        }
        if (page.jobs.size() < query.count_max && seen < kListScanMax) continue;
        page.next = row.number(0);
        row.reset();
        return page;
    }
}

Result<core::JobPage> StoreReader::list_ended(
    Connection& connection, const ports::ListQuery& query
) {
    core::JobPage page;
    const bool failed = *query.state == core::JobState::failed;
    Statement& row = failed ? connection.list_failed : connection.list_ended;
    row.reset();
    row.bind(1, query.before == 0 ? std::numeric_limits<std::int64_t>::max() : query.before)
        .bind(2, kListScanMax);
    if (failed) row.bind(3, queues_.number(query.queue));
    for (std::int64_t seen = 1;; ++seen) {
        BIDE_TRY(const bool there, row.step());
        if (!there) return page;
        BIDE_TRY(auto outcome, outcome_of(row, queues_));
        const bool wanted = outcome->queue == query.queue && outcome->state == *query.state &&
                            (!query.tenant || outcome->tenant == *query.tenant);
        if (wanted) {
            core::JobPage::Entry entry;
            BIDE_TRY(const JobId id, id_of(row, 1));
            entry.facts = core::facts_of(id, *outcome);
            entry.facts.priority = static_cast<std::uint8_t>(row.number(14) % core::kPriorities);
            entry.outcome = std::move(outcome);
            page.jobs.push_back(std::move(entry));
        }
        if (page.jobs.size() < query.count_max && seen < kListScanMax) continue;
        page.next = row.number(0);
        row.reset();
        return page;
    }
}

Result<StoreReader::FailedJobs> StoreReader::failed(
    core::QueueIndex queue, std::uint32_t count_max
) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->oldest_failed;
    row.reset();
    row.bind(1, queues_.number(queue)).bind(2, std::int64_t{count_max} + 1);
    FailedJobs found;
    for (;;) {
        BIDE_TRY(const bool there, row.step());
        if (!there) return found;
        if (found.jobs.size() == count_max) break;
        BIDE_TRY(const JobId id, id_of(row, 0));
        found.jobs.push_back(id);
    }
    found.more = true;
    row.reset();
    return found;
}

}  // namespace bide::engines::embedded
