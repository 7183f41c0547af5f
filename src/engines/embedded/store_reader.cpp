#include "base/check.hpp"
#include "engines/embedded/outcome_facts.hpp"
#include "engines/embedded/store.hpp"
#include "runtime/spool.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace bide::engines::embedded {
namespace {

Time time_of(std::int64_t microseconds) {
    return Time(Duration(microseconds));
}

Error no_longer_kept() {
    return {
        Code::gone,
        Retry::never,
        "the job is older than the results that are kept; see the queue's retention"};
}

Error no_input() {
    return {Code::store_failed, Retry::unsafe, "the input of an open job is not in the store"};
}

/// How many rows one page of a list may look at.
constexpr std::int64_t kListScanMax = 2000;

/// The columns of an outcome, in the order in which outcome_of() reads them.
constexpr std::string_view kOutcomeColumns =
    "o.seq, o.id, o.queue, o.state, o.attempts, o.finished_us, o.facts";

std::string_view bytes_of(const JobId& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

/// Without the body.
Result<std::shared_ptr<core::Outcome>> outcome_of(
    const Statement& row, const OutcomeFacts& facts, const QueueNumbers& queues
) {
    const std::int64_t state = row.number(3);
    if (state < static_cast<std::int64_t>(core::JobState::succeeded) ||
        state > static_cast<std::int64_t>(core::JobState::expired))
        return damaged("an outcome of no known state");
    auto outcome = std::make_shared<core::Outcome>();
    BIDE_TRY(outcome->queue, queues.index(row.number(2)));
    outcome->state = static_cast<core::JobState>(state);
    outcome->kind = facts.kind;
    outcome->status = facts.status;
    outcome->attempts = static_cast<std::uint32_t>(row.number(4));
    outcome->created = facts.created;
    outcome->started = facts.started;
    outcome->finished = time_of(row.number(5));
    outcome->tenant = facts.tenant;
    outcome->content_type = facts.content_type;
    outcome->detail = facts.detail;
    return outcome;
}

}  // namespace

struct StoreReader::Connection {
    Database database;
    Statement find;
    Statement find_file;
    Statement find_fingerprint;
    Statement find_input_size;
    Statement pruned_through;
    Statement load_input;
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
    const std::array<std::string, 11> texts{
        outcome + ", o.body FROM outcomes o WHERE seq = ?1",
        "SELECT name, size FROM outcome_files WHERE seq = ?1",
        "SELECT fingerprint FROM keyed WHERE seq = ?1",
        "SELECT input_size FROM dead_letters WHERE seq = ?1",
        "SELECT value FROM facts WHERE name = 'pruned_through'",
        // One statement: between two, a failed job may become an open one.
        "SELECT id, queue, content_type, traceparent, input_size, input_file, input, input_check,"
        " NULL, tenant, priority, created_us FROM open_jobs WHERE seq = ?1 UNION ALL"
        " SELECT o.id, o.queue, d.content_type, d.traceparent, d.input_size, d.input_file, d.input,"
        " d.input_check, o.facts, NULL, NULL, NULL"
        " FROM outcomes o JOIN dead_letters d ON d.seq = o.seq WHERE o.seq = ?1",
        "SELECT EXISTS (SELECT 1 FROM open_jobs WHERE input_file = ?1)"
        " OR EXISTS (SELECT 1 FROM outcome_files WHERE name = ?1)"
        " OR EXISTS (SELECT 1 FROM dead_letters WHERE input_file = ?1)",
        "SELECT seq, id, queue, attempts, created_us, not_before_us, tenant, priority"
        " FROM open_jobs WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
        outcome + " FROM outcomes o WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
        outcome +
            " FROM dead_letters d CROSS JOIN outcomes o ON o.seq = d.seq"
            " WHERE d.queue = ?3 AND d.seq < ?1 ORDER BY d.seq DESC LIMIT ?2",
        "SELECT o.id FROM dead_letters d CROSS JOIN outcomes o ON o.seq = d.seq"
        " WHERE d.queue = ?1 ORDER BY d.seq LIMIT ?2",
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
        std::move(database),
        take(),
        take(),
        take(),
        take(),
        take(),
        take(),
        take(),
        take(),
        take(),
        take(),
        take()});
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
    if (gone) return no_longer_kept();
    return std::shared_ptr<const core::StoredJob>();
}

/// Nothing: the row that names it has gone since it was read, and the file with it.
Result<std::optional<runtime::Descriptor>> StoreReader::open_file(
    const std::string& name, std::uint64_t size
) {
    auto file = runtime::open_body(BodyFile(bodies_ + "/" + name, size));
    if (file.has_value()) return std::optional(std::move(file.value()));
    if (file.error().retry != Retry::never) return std::move(file.error());
    // On another connection: this one still reads the database as it was.
    BIDE_TRY(const bool in_use, file_in_use(name));
    if (!in_use) return std::nullopt;
    return damaged(file.error().detail);
}

/// The file's bytes are not compared, only how many there are: reading it all would double the work
/// of who asked.
Result<Body> StoreReader::input_of(const Statement& row, BodyColumns columns) {
    Body body;
    if (row.is_null(columns.file)) {
        body.bytes = row.blob(columns.blob);
    } else {
        const std::string name(row.text(columns.file));
        const auto size = static_cast<std::uint64_t>(row.number(columns.size));
        BIDE_TRY(const auto file, open_file(name, size));
        if (!file) return no_input();
        body.file = std::make_shared<BodyFile>(bodies_ + "/" + name, size);
    }
    if (row.number(columns.check) != check_of(body))
        return damaged("a body is not what was stored");
    return body;
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
    BIDE_TRY(const OutcomeFacts facts, unpack_facts(row.blob(6)));
    BIDE_TRY(auto outcome, outcome_of(row, facts, queues_));
    BIDE_TRY(outcome->body, result_of(connection, sequence, facts));
    auto job = std::make_shared<core::StoredJob>();
    job->sequence = sequence;
    job->expires = facts.expires;
    job->priority = facts.priority;
    if (facts.keyed) {
        Statement& keyed = connection.find_fingerprint;
        keyed.reset();
        BIDE_TRY(const bool there, keyed.bind(1, sequence).step());
        if (!there) return damaged("a fingerprint is not there");
        BIDE_TRY(job->fingerprint, fingerprint_of(keyed, 0));
        keyed.reset();
    }
    if (outcome->state == core::JobState::failed) {
        Statement& input = connection.find_input_size;
        BIDE_TRY(const bool there, input.bind(1, sequence).step());
        if (there) job->input_bytes = static_cast<std::uint64_t>(input.number(0));
        input.reset();
    }
    job->outcome = std::move(outcome);
    row.reset();
    return std::shared_ptr<const core::StoredJob>(std::move(job));
}

/// Of the outcome that `connection.find` is at.
Result<Body> StoreReader::result_of(
    Connection& connection, std::int64_t sequence, const OutcomeFacts& facts
) {
    Body body;
    if (!facts.file) {
        body.bytes = connection.find.blob(7);
        if (facts.check != check_of(body)) return damaged("a body is not what was stored");
        return body;
    }
    Statement& file = connection.find_file;
    BIDE_TRY(const bool there, file.bind(1, sequence).step());
    if (!there) return damaged("the file of a body has no name");
    const std::string name(file.text(0));
    const auto size = static_cast<std::uint64_t>(file.number(1));
    file.reset();
    BIDE_TRY(auto opened, open_file(name, size));
    if (!opened) return no_longer_kept();
    body.file =
        std::make_shared<runtime::OpenedFile>(bodies_ + "/" + name, size, std::move(*opened));
    return body;
}

Result<std::shared_ptr<const core::JobInput>> StoreReader::load_input(
    const JobId& id, std::int64_t sequence
) {
    BIDE_TRY(const auto connection, connect());
    Statement& row = connection->load_input;
    row.reset();
    BIDE_TRY(const bool found, row.bind(1, sequence).step());
    if (!found || row.blob(0) != bytes_of(id)) return no_input();
    auto input = std::make_shared<core::JobInput>();
    input->id = id;
    input->sequence = sequence;
    BIDE_TRY(input->queue, queues_.index(row.number(1)));
    input->content_type = row.text(2);
    input->traceparent = row.text(3);
    BIDE_TRY(input->body, input_of(row, {4, 5, 6, 7}));
    if (row.is_null(8)) {
        input->tenant = row.text(9);
        input->priority = static_cast<std::uint8_t>(row.number(10) % core::kPriorities);
        input->created = time_of(row.number(11));
    } else {
        BIDE_TRY(const OutcomeFacts facts, unpack_facts(row.blob(8)));
        input->tenant = facts.tenant;
        input->priority = facts.priority;
        input->created = facts.created;
    }
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
        BIDE_TRY(const OutcomeFacts facts, unpack_facts(row.blob(6)));
        BIDE_TRY(auto outcome, outcome_of(row, facts, queues_));
        const bool wanted = outcome->queue == query.queue && outcome->state == *query.state &&
                            (!query.tenant || outcome->tenant == *query.tenant);
        if (wanted) {
            core::JobPage::Entry entry;
            BIDE_TRY(const JobId id, id_of(row, 1));
            entry.facts = core::facts_of(id, *outcome);
            entry.facts.priority = facts.priority;
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
