#include "engines/embedded/schema.hpp"

#include "engines/embedded/outcome_facts.hpp"

#include <array>
#include <string>

namespace bide::engines::embedded {
namespace {

constexpr std::int64_t kApplicationId = 0x62696465;  // "bide"

// Both large tables are keyed by the id's sequence number (base/id.hpp), so rows are appended at
// the right edge of the tree. The columns that scans read come before those that may overflow.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE queues (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE open_jobs (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    queue INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    not_before_us INTEGER NOT NULL,
    start_by_us INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    input_size INTEGER NOT NULL,
    input_check INTEGER NOT NULL,
    input_file TEXT,
    input BLOB
) STRICT;

CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    detail TEXT NOT NULL,
    body_size INTEGER NOT NULL,
    body_check INTEGER NOT NULL,
    body_file TEXT,
    input_content_type TEXT,
    input_traceparent TEXT,
    input_size INTEGER,
    input_check INTEGER,
    input_file TEXT,
    body BLOB,
    input BLOB
) STRICT;

-- Partial: a job without files costs nothing here.
CREATE INDEX open_jobs_input_file ON open_jobs (input_file) WHERE input_file IS NOT NULL;
CREATE INDEX outcomes_body_file ON outcomes (body_file) WHERE body_file IS NOT NULL;
CREATE INDEX outcomes_input_file ON outcomes (input_file) WHERE input_file IS NOT NULL;

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO facts VALUES ('pruned_through', 0);

-- For people: SELECT * FROM jobs ORDER BY seq DESC LIMIT 10;
CREATE VIEW jobs AS
WITH named (seq, id, queue, state, attempts, created_us, finished_us, input_size, body_size) AS (
    SELECT seq, id, queue, 'open', attempts, created_us, NULL, input_size, NULL FROM open_jobs
    UNION ALL
    SELECT seq, id, queue,
           CASE state WHEN 3 THEN 'succeeded' WHEN 4 THEN 'failed'
                      WHEN 5 THEN 'cancelled' WHEN 6 THEN 'expired' END,
           attempts, created_us, finished_us, input_size, body_size
    FROM outcomes
)
SELECT seq,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' ||
             substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' ||
             substr(hex(id), 21)) AS id,
       (SELECT name FROM queues WHERE number = named.queue) AS queue,
       state,
       attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_us / 1e6, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_us / 1e6, 'unixepoch') AS finished,
       input_size,
       body_size
FROM named;
)sql";

// Callers' ids, keys, tenants, priorities, pauses, redrives. The two large tables are made anew,
// for SQLite adds columns only behind those that may overflow.
constexpr const char* kVersion2 = R"sql(
DROP VIEW jobs;
DROP INDEX open_jobs_input_file;
DROP INDEX outcomes_body_file;
DROP INDEX outcomes_input_file;
ALTER TABLE open_jobs RENAME TO open_jobs_1;
ALTER TABLE outcomes RENAME TO outcomes_1;
ALTER TABLE queues ADD COLUMN paused INTEGER NOT NULL DEFAULT 0;

CREATE TABLE open_jobs (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    queue INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    not_before_us INTEGER NOT NULL,
    start_by_us INTEGER NOT NULL,
    fingerprint BLOB,
    tenant TEXT NOT NULL,
    content_type TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    input_size INTEGER NOT NULL,
    input_check INTEGER NOT NULL,
    input_file TEXT,
    input BLOB
) STRICT;

CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    queue INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    status INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    fingerprint BLOB,
    tenant TEXT NOT NULL,
    content_type TEXT NOT NULL,
    detail TEXT NOT NULL,
    body_size INTEGER NOT NULL,
    body_check INTEGER NOT NULL,
    body_file TEXT,
    input_content_type TEXT,
    input_traceparent TEXT,
    input_size INTEGER,
    input_check INTEGER,
    input_file TEXT,
    body BLOB,
    input BLOB
) STRICT;

INSERT INTO open_jobs
SELECT seq, id, queue, 4, attempts, 0, created_us, not_before_us, start_by_us, NULL, '', content_type,
       traceparent, input_size, input_check, input_file, input
FROM open_jobs_1;
INSERT INTO outcomes
SELECT seq, id, queue, 4, state, kind, status, attempts, created_us, started_us, finished_us,
       expires_us, NULL, '', content_type, detail, body_size, body_check, body_file,
       input_content_type, input_traceparent, input_size, input_check, input_file, body, input
FROM outcomes_1;
DROP TABLE open_jobs_1;
DROP TABLE outcomes_1;

-- Partial: a job that has none of it costs nothing here.
CREATE INDEX open_jobs_input_file ON open_jobs (input_file) WHERE input_file IS NOT NULL;
CREATE INDEX outcomes_body_file ON outcomes (body_file) WHERE body_file IS NOT NULL;
CREATE INDEX outcomes_input_file ON outcomes (input_file) WHERE input_file IS NOT NULL;
CREATE INDEX outcomes_failed ON outcomes (queue, seq) WHERE state = 4;

-- Ids that callers chose or that were derived from keys (the others say their seq themselves) are in
-- files, which this names, and in the rows of younger jobs.
CREATE TABLE name_runs (
    file TEXT PRIMARY KEY,
    last_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outcomes_named ON outcomes (seq) WHERE fingerprint IS NOT NULL;
CREATE TABLE late_names (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL
) STRICT;

-- For people: SELECT * FROM jobs ORDER BY seq DESC LIMIT 10;
CREATE VIEW jobs AS
WITH named (seq, id, queue, tenant, state, attempts, created_us, finished_us, input_size, body_size)
AS (
    SELECT seq, id, queue, tenant, 'open', attempts, created_us, NULL, input_size, NULL
    FROM open_jobs
    UNION ALL
    SELECT seq, id, queue, tenant,
           CASE state WHEN 3 THEN 'succeeded' WHEN 4 THEN 'failed'
                      WHEN 5 THEN 'cancelled' WHEN 6 THEN 'expired' END,
           attempts, created_us, finished_us, input_size, body_size
    FROM outcomes
)
SELECT seq,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' ||
             substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' ||
             substr(hex(id), 21)) AS id,
       (SELECT name FROM queues WHERE number = named.queue) AS queue,
       tenant,
       state,
       attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_us / 1e6, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_us / 1e6, 'unixepoch') AS finished,
       input_size,
       body_size
FROM named;
)sql";

// What no query asks for went into one column, and what few jobs have into tables of their own:
// each column and each index cost every job.
constexpr const char* kVersion3 = R"sql(
DROP VIEW jobs;
DROP INDEX outcomes_body_file;
DROP INDEX outcomes_input_file;
DROP INDEX outcomes_failed;
DROP INDEX outcomes_named;
ALTER TABLE outcomes RENAME TO outcomes_2;

CREATE TABLE outcomes (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    queue INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    finished_us INTEGER NOT NULL,
    facts BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE keyed (
    seq INTEGER PRIMARY KEY,
    fingerprint BLOB NOT NULL
) STRICT;
CREATE TABLE outcome_files (
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    size INTEGER NOT NULL
) STRICT;
CREATE INDEX outcome_files_name ON outcome_files (name);
CREATE TABLE dead_letters (
    seq INTEGER PRIMARY KEY,
    queue INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    input_size INTEGER NOT NULL,
    input_check INTEGER NOT NULL,
    input_file TEXT,
    input BLOB
) STRICT;
CREATE INDEX dead_letters_queue ON dead_letters (queue, seq);
CREATE INDEX dead_letters_input_file ON dead_letters (input_file) WHERE input_file IS NOT NULL;

INSERT INTO keyed SELECT seq, fingerprint FROM outcomes_2 WHERE fingerprint IS NOT NULL;
INSERT INTO outcome_files SELECT seq, body_file, body_size FROM outcomes_2
WHERE body_file IS NOT NULL;
INSERT INTO dead_letters
SELECT seq, queue, coalesce(input_content_type, ''), coalesce(input_traceparent, ''),
       coalesce(input_size, 0), coalesce(input_check, 0), input_file, input
FROM outcomes_2 WHERE state = 4;

-- For people: SELECT * FROM jobs ORDER BY seq DESC LIMIT 10;
CREATE VIEW jobs AS
WITH named (seq, id, queue, tenant, state, attempts, created_us, finished_us, input_size, body_size)
AS (
    SELECT seq, id, queue, tenant, 'open', attempts, created_us, NULL, input_size, NULL
    FROM open_jobs
    UNION ALL
    SELECT seq, id, queue,
           -- facts: the length of the tenant's name is in byte 4, the name from byte 41 on
           CAST(substr(facts, 41,
                       instr('123456789ABCDEF', substr(hex(substr(facts, 4, 1)), 1, 1)) * 16 +
                       instr('123456789ABCDEF', substr(hex(substr(facts, 4, 1)), 2, 1))) AS TEXT),
           CASE state WHEN 3 THEN 'succeeded' WHEN 4 THEN 'failed'
                      WHEN 5 THEN 'cancelled' WHEN 6 THEN 'expired' END,
           attempts,
           ((seq >> 23) + 1577836800000) * 1000,
           finished_us,
           (SELECT input_size FROM dead_letters d WHERE d.seq = outcomes.seq),
           coalesce((SELECT size FROM outcome_files f WHERE f.seq = outcomes.seq), length(body))
    FROM outcomes
)
SELECT seq,
       lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' ||
             substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' ||
             substr(hex(id), 21)) AS id,
       (SELECT name FROM queues WHERE number = named.queue) AS queue,
       tenant,
       state,
       attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', created_us / 1e6, 'unixepoch') AS created,
       strftime('%Y-%m-%dT%H:%M:%fZ', finished_us / 1e6, 'unixepoch') AS finished,
       input_size,
       body_size
FROM named;
)sql";

/// SQL cannot pack the facts.
Result<void> pack_outcomes(Database& database) {
    BIDE_TRY(
        Statement row,
        database.prepare(
            "SELECT seq, id, queue, state, attempts, finished_us, priority, kind, status,"
            " body_check, created_us, started_us, expires_us, tenant, content_type,"
            " detail, fingerprint IS NOT NULL, body_file IS NOT NULL,"
            " coalesce(body, x'') FROM outcomes_2 ORDER BY seq"
        )
    );
    BIDE_TRY(
        Statement insert,
        database.prepare("INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
    );
    const auto time = [&row](int column) { return Time(Duration(row.number(column))); };
    std::string packed;
    for (;;) {
        BIDE_TRY(const bool there, row.step());
        if (!there) break;
        OutcomeFacts facts;
        facts.priority = static_cast<std::uint8_t>(row.number(6));
        facts.kind = static_cast<core::FailureKind>(row.number(7));
        facts.status = static_cast<std::uint16_t>(row.number(8));
        facts.check = static_cast<std::uint32_t>(row.number(9));
        facts.created = time(10);
        facts.started = time(11);
        facts.expires = time(12);
        facts.tenant = row.text(13);
        facts.content_type = row.text(14);
        facts.detail = row.text(15);
        facts.keyed = row.number(16) != 0;
        facts.file = row.number(17) != 0;
        pack(facts, packed);
        insert.bind(1, row.number(0)).bind_blob(2, row.blob(1)).bind_blob(7, packed);
        for (const int column : {2, 3, 4, 5}) insert.bind(column + 1, row.number(column));
        BIDE_TRY(insert.bind_blob(8, row.blob(18)).run());
    }
    return success();
}

struct Step {
    const char* sql;
    Result<void> (*then)(Database&) = nullptr;
    const char* last = "";
};

// Entry n brings version n to n + 1.
constexpr std::array<Step, kSchemaVersion> kSteps{
    Step{kVersion1}, Step{kVersion2}, Step{kVersion3, pack_outcomes, "DROP TABLE outcomes_2"}};

}  // namespace

Result<void> migrate(Database& database, std::int64_t to) {
    BIDE_TRY(const std::int64_t version, database.number("PRAGMA user_version"));
    BIDE_TRY(const std::int64_t application, database.number("PRAGMA application_id"));
    BIDE_TRY(const std::int64_t tables, database.number("SELECT count(*) FROM sqlite_schema"));
    if (tables > 0 && application != kApplicationId) {
        return Error{
            Code::store_failed,
            Retry::never,
            "the database file is not one of bide's; name another --data"};
    }
    if (version > kSchemaVersion) {
        return Error{
            Code::store_failed,
            Retry::never,
            "the database has schema version " + std::to_string(version) + ", this program knows " +
                std::to_string(kSchemaVersion) + "; run the newer bide that wrote it"};
    }
    if (version == to) return success();

    BIDE_TRY(database.run("BEGIN IMMEDIATE"));
    for (auto step = static_cast<std::size_t>(version); step < static_cast<std::size_t>(to);
         ++step) {
        BIDE_TRY(database.run(kSteps[step].sql));
        if (kSteps[step].then != nullptr) {
            BIDE_TRY(kSteps[step].then(database));
        }
        BIDE_TRY(database.run(kSteps[step].last));
    }
    BIDE_TRY(database.run("PRAGMA application_id = " + std::to_string(kApplicationId)));
    BIDE_TRY(database.run("PRAGMA user_version = " + std::to_string(to)));
    return database.run("COMMIT");
}

}  // namespace bide::engines::embedded
