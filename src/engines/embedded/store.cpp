#include "engines/embedded/store.hpp"

#include "base/check.hpp"
#include "engines/embedded/new_store.hpp"
#include "engines/embedded/outcome_facts.hpp"
#include "engines/embedded/schema.hpp"
#include "runtime/spool.hpp"

#include <boost/crc.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

namespace bide::engines::embedded {
namespace {

/// Names that go on without their file: so many in one commit take a few milliseconds. When there
/// are more, that is looked at again after a pause.
constexpr std::int64_t kCarriedMax = 1000;
constexpr auto kDropPause = std::chrono::seconds(10);

std::int64_t us(Time time) {
    return time.time_since_epoch().count();
}
Time time_of(std::int64_t microseconds) {
    return Time(Duration(microseconds));
}

/// Rows name files relative to the bodies' directory, so that the data can be moved.
std::string_view file_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

void bind_fingerprint(Statement& statement, int index, const core::Fingerprint& fingerprint) {
    if (fingerprint == core::Fingerprint{})
        statement.bind_null(index);
    else
        statement.bind_blob(index, fingerprint);
}

/// The name of a body's file, which is the store's from here on, whatever becomes of the commit:
/// after a failed one it is not known whether a row names it.
std::string_view keep_file(const Body& body) {
    if (auto* spooled = dynamic_cast<runtime::SpooledFile*>(body.file.get())) spooled->keep();
    return file_name(body.file->path());
}

/// Binds a body to (size, file, bytes).
void bind_body(
    Statement& statement, int size_index, int file_index, int blob_index, const Body& body
) {
    statement.bind(size_index, static_cast<std::int64_t>(body.size()));
    if (body.file) {
        statement.bind_text(file_index, keep_file(body));
        statement.bind_null(blob_index);
    } else {
        statement.bind_null(file_index);
        statement.bind_blob(blob_index, body.bytes);
    }
}

}  // namespace

std::int64_t check_of(const Body& body) {
    if (body.file) return 0;
    boost::crc_32_type crc;
    crc.process_bytes(body.bytes.data(), body.bytes.size());
    return static_cast<std::int64_t>(crc.checksum());
}

Result<JobId> id_of(const Statement& row, int column) {
    JobId id;
    const std::string_view bytes = row.blob(column);
    if (bytes.size() != id.bytes.size()) return damaged("an id of the wrong size");
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}

Result<core::Fingerprint> fingerprint_of(const Statement& row, int column) {
    core::Fingerprint fingerprint{};
    if (row.is_null(column)) return fingerprint;
    const std::string_view bytes = row.blob(column);
    if (bytes.size() != fingerprint.size()) return damaged("a fingerprint of the wrong size");
    std::copy(bytes.begin(), bytes.end(), fingerprint.begin());
    return fingerprint;
}

Error damaged(std::string_view what) {
    return {Code::store_failed, Retry::never, "the database is damaged: " + std::string(what)};
}

Result<core::QueueIndex> QueueNumbers::index(std::int64_t number) const {
    const auto found = indexes_.find(number);
    if (found == indexes_.end()) return damaged("a job of a queue that is not there");
    return found->second;
}

Result<QueueNumbers> QueueNumbers::load(
    Database& database, const std::vector<StoredQueue>& queues
) {
    QueueNumbers known;
    const auto learn = [&known](const Statement& row) {
        known.indexes_[row.number(0)] = static_cast<core::QueueIndex>(known.names_.size());
        known.numbers_.push_back(row.number(0));
        known.names_.emplace_back(row.text(1));
        known.paused_.push_back(row.number(2) != 0);
    };
    BIDE_TRY(Statement insert, database.prepare("INSERT OR IGNORE INTO queues (name) VALUES (?1)"));
    BIDE_TRY(
        Statement find, database.prepare("SELECT number, name, paused FROM queues WHERE name = ?1")
    );
    for (const auto& queue : queues) {
        BIDE_TRY(insert.bind_text(1, queue.name).run());
        BIDE_TRY(const bool row, find.bind_text(1, queue.name).step());
        CHECK(row);
        learn(find);
        find.reset();
    }
    BIDE_TRY(
        Statement all, database.prepare("SELECT number, name, paused FROM queues ORDER BY number")
    );
    for (;;) {
        BIDE_TRY(const bool row, all.step());
        if (!row) return known;
        if (!known.indexes_.contains(all.number(0))) learn(all);
    }
}

Result<std::unique_ptr<Store>> Store::open(
    const std::string& directory, const std::vector<StoredQueue>& queues, Time now
) {
    BIDE_TRY(make_new_store(directory, queues));
    const std::string path = directory + "/bide.db";
    BIDE_TRY(Database database, Database::open(path, Database::Mode::read_write));
    // FULL: a commit in WAL mode returns after its flush. The checkpoint size is a trade between
    // the length of its stall and how often it comes; 1000 pages is SQLite's own default.
    BIDE_TRY(database.run("PRAGMA journal_mode = WAL"));
    BIDE_TRY(database.run("PRAGMA synchronous = FULL"));
    BIDE_TRY(database.run("PRAGMA cache_size = -32768"));
    BIDE_TRY(migrate(database));

    auto store = std::unique_ptr<Store>(new Store(std::move(database), directory));
    BIDE_TRY(store->queue_numbers_, QueueNumbers::load(store->database_, queues));
    for (const auto& queue : queues) store->retention_.push_back(queue.retention);
    // Jobs of queues no longer configured are cancelled at most; those outcomes stay a day.
    store->retention_.resize(store->queue_numbers_.size(), std::chrono::hours(24));
    store->shortest_retention_ = *std::ranges::min_element(store->retention_);
    store->longest_retention_ = *std::ranges::max_element(store->retention_);
    store->opened_ = now;
    BIDE_TRY(store->highest_at_open_, store->highest_sequence());
    BIDE_TRY(store->id_secret_, id_secret_of(store->database_));
    BIDE_TRY(store->names_, NameIndex::open(directory + "/names", store->database_));
    BIDE_TRY(store->prepare_writes());
    BIDE_TRY(store->prepare_removals());
    return store;
}

Result<void> Store::prepare(std::span<const Entry> entries) {
    for (const auto& entry : entries) {
        BIDE_TRY(auto statement, database_.prepare(entry.sql));
        entry.place->emplace(std::move(statement));
    }
    return success();
}

Result<void> Store::prepare_writes() {
    const std::array entries{
        Entry{&begin_, "BEGIN IMMEDIATE"},
        Entry{&commit_, "COMMIT"},
        Entry{
            &insert_open_,
            "INSERT INTO open_jobs (seq, id, queue, attempts, created_us, not_before_us,"
            " start_by_us, content_type, traceparent, input_size, input_file, input, input_check,"
            " priority, attempts_max, fingerprint, tenant)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"},
        Entry{
            &update_open_,
            "UPDATE open_jobs SET attempts = ?2, not_before_us = ?3, start_by_us = ?4"
            " WHERE seq = ?1"},
        Entry{&delete_open_, "DELETE FROM open_jobs WHERE seq = ?1"},
        Entry{
            &insert_outcome_,
            "INSERT INTO outcomes (seq, id, queue, state, attempts, finished_us, facts, body)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
        Entry{&insert_keyed_, "INSERT INTO keyed (seq, fingerprint) VALUES (?1, ?2)"},
        Entry{&insert_file_, "INSERT INTO outcome_files (seq, name, size) VALUES (?1, ?2, ?3)"},
        Entry{
            &insert_dead_letter_,
            "INSERT INTO dead_letters (seq, queue, content_type, traceparent, input_size,"
            " input_check, input_file, input) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
        Entry{
            &keep_input_,
            "INSERT INTO dead_letters (seq, queue, content_type, traceparent, input_size,"
            " input_check, input_file, input)"
            " SELECT seq, queue, content_type, traceparent, input_size, input_check, input_file,"
            " input FROM open_jobs WHERE seq = ?1"},
        Entry{&facts_of_failed_, "SELECT facts FROM outcomes WHERE seq = ?1 AND state = 4"},
        Entry{
            &reopen_,
            "INSERT INTO open_jobs (seq, id, queue, priority, attempts, attempts_max, created_us,"
            " not_before_us, start_by_us, fingerprint, tenant, content_type, traceparent,"
            " input_size, input_check, input_file, input)"
            " SELECT o.seq, o.id, o.queue, ?6, ?2, ?3, ?7, ?4, ?5, k.fingerprint, ?8,"
            " d.content_type, d.traceparent, d.input_size, d.input_check, d.input_file, d.input"
            " FROM outcomes o JOIN dead_letters d ON d.seq = o.seq"
            " LEFT JOIN keyed k ON k.seq = o.seq WHERE o.seq = ?1"},
        Entry{&input_file_of_, "SELECT input_file FROM open_jobs WHERE seq = ?1"},
        Entry{&insert_late_name_, "INSERT OR IGNORE INTO late_names (seq, id) VALUES (?1, ?2)"},
        Entry{
            &delete_late_names_,
            "DELETE FROM late_names WHERE seq <= ?1"
            " AND NOT EXISTS (SELECT 1 FROM keyed k WHERE k.seq = late_names.seq)"
            " AND NOT EXISTS (SELECT 1 FROM open_jobs o WHERE o.seq = late_names.seq)"},
        Entry{
            &first_before_,
            "SELECT * FROM (SELECT id, seq, fingerprint IS NOT NULL FROM open_jobs"
            " WHERE seq <= ?1 ORDER BY seq LIMIT ?2)"
            " UNION ALL SELECT * FROM (SELECT o.id, k.seq, 1 FROM keyed k"
            " CROSS JOIN outcomes o ON o.seq = k.seq WHERE k.seq <= ?1 ORDER BY k.seq LIMIT ?2)"},
        Entry{&insert_run_, "INSERT INTO name_runs (file, last_seq) VALUES (?1, ?2)"},
        Entry{&delete_run_, "DELETE FROM name_runs WHERE file = ?1"},
        Entry{&set_paused_, "UPDATE queues SET paused = ?2 WHERE number = ?1"},
    };
    return prepare(entries);
}

Result<void> Store::prepare_removals() {
    const std::array entries{
        Entry{
            &scan_expired_,
            "SELECT seq, state, facts, finished_us FROM outcomes"
            " WHERE seq > ?1 AND seq < min(?2, (SELECT max(seq) FROM outcomes))"
            " ORDER BY seq LIMIT ?3"},
        Entry{
            &files_of_,
            "SELECT name FROM outcome_files WHERE seq = ?1 UNION ALL"
            " SELECT input_file FROM dead_letters WHERE seq = ?1 AND input_file IS NOT NULL"},
        Entry{&delete_outcomes_, "DELETE FROM outcomes WHERE seq BETWEEN ?1 AND ?2"},
        Entry{&delete_keyed_, "DELETE FROM keyed WHERE seq BETWEEN ?1 AND ?2"},
        Entry{&delete_files_, "DELETE FROM outcome_files WHERE seq BETWEEN ?1 AND ?2"},
        Entry{&delete_dead_letters_, "DELETE FROM dead_letters WHERE seq BETWEEN ?1 AND ?2"},
        Entry{
            &keep_names_,
            "INSERT OR IGNORE INTO late_names SELECT k.seq, o.id FROM keyed k"
            " CROSS JOIN outcomes o ON o.seq = k.seq WHERE k.seq BETWEEN ?1 AND ?2"},
        Entry{&set_pruned_, "UPDATE facts SET value = ?1 WHERE name = 'pruned_through'"},
    };
    BIDE_TRY(prepare(entries));
    BIDE_TRY(
        pruned_through_, database_.number("SELECT value FROM facts WHERE name = 'pruned_through'")
    );
    return success();
}

Result<void> Store::recover(const std::function<void(core::event::Recovered&&)>& each) {
    BIDE_TRY(
        Statement rows,
        database_.prepare("SELECT id, queue, attempts, created_us, not_before_us, start_by_us,"
                          " input_size, input_file, seq, priority, attempts_max, tenant,"
                          " fingerprint FROM open_jobs ORDER BY seq")
    );
    for (;;) {
        BIDE_TRY(const bool row, rows.step());
        if (!row) return success();
        core::event::Recovered job;
        BIDE_TRY(job.job, id_of(rows, 0));
        BIDE_TRY(job.queue, queue_numbers_.index(rows.number(1)));
        job.attempts = static_cast<std::uint32_t>(rows.number(2));
        job.created = time_of(rows.number(3));
        job.not_before = time_of(rows.number(4));
        job.start_by = time_of(rows.number(5));
        job.input_bytes = static_cast<std::uint64_t>(rows.number(6));
        job.sequence = rows.number(8);
        const std::int64_t priority = rows.number(9);
        if (priority < 0 || priority >= core::kPriorities)
            return damaged("a priority there is not");
        job.priority = static_cast<std::uint8_t>(priority);
        job.attempts_max = static_cast<std::uint32_t>(rows.number(10));
        job.tenant = rows.text(11);
        BIDE_TRY(job.fingerprint, fingerprint_of(rows, 12));
        if (!rows.is_null(7)) open_files_[job.job] = bodies_ + "/" + std::string(rows.text(7));
        each(std::move(job));
    }
}

Result<std::int64_t> Store::highest_sequence() {
    return database_.number(
        "SELECT max(coalesce((SELECT max(seq) FROM open_jobs), 0),"
        " coalesce((SELECT max(seq) FROM outcomes), 0))"
    );
}

Result<void> Store::apply(const core::WriteGroup& group, Time now, std::size_t prune_max) {
    BIDE_TRY(begin_->run());
    for (const auto& write : group.jobs) {
        if (write.named && !write.row_exists) {
            BIDE_TRY(write_name(write));
        }
        switch (write.kind) {
            case core::DurableWrite::finish: {
                BIDE_TRY(write_finish(write));
                break;
            }
            case core::DurableWrite::reopen: {
                BIDE_TRY(write_reopen(write));
                break;
            }
            default: BIDE_TRY(write_open(write));
        }
    }
    for (const auto& change : group.pauses) {
        BIDE_TRY(set_paused_->bind(1, queue_numbers_.number(change.queue))
                     .bind(2, change.paused ? 1 : 0)
                     .run());
    }
    BIDE_TRY(prune(now, prune_max));
    auto written = names_->take_written();
    BIDE_TRY(keep_names(now, written));
    BIDE_TRY(commit_->run());
    if (written) {
        for (auto& path : names_->publish(std::move(*written)))
            dead_files_.push_back(std::move(path));
    }
    if (drops_run_) {
        for (const auto& name : carried_) names_->add(name.id, name.sequence);
        dead_files_.push_back(names_->drop_oldest());
    }
    return success();
}

Result<void> Store::write_open(const core::Write& write) {
    if (write.row_exists) {
        return update_open_->bind(1, write.sequence)
            .bind(2, write.attempts)
            .bind(3, us(write.not_before))
            .bind(4, us(write.start_by))
            .run();
    }
    const core::JobInput& input = *write.input;
    insert_open_->bind(1, write.sequence)
        .bind_blob(2, write.job.bytes)
        .bind(3, queue_numbers_.number(input.queue))
        .bind(4, write.attempts)
        .bind(5, us(input.created))
        .bind(6, us(write.not_before))
        .bind(7, us(write.start_by))
        .bind_text(8, input.content_type)
        .bind_text(9, input.traceparent);
    bind_body(*insert_open_, 10, 11, 12, input.body);
    insert_open_->bind(13, check_of(input.body))
        .bind(14, input.priority)
        .bind(15, write.attempts_max)
        .bind_text(17, input.tenant);
    bind_fingerprint(*insert_open_, 16, input.fingerprint);
    if (input.body.file) open_files_[write.job] = input.body.file->path();
    return insert_open_->run();
}

Result<void> Store::write_name(const core::Write& write) {
    if (names_->add(write.job, write.sequence) == NameIndex::Kept::in_row) return success();
    return insert_late_name_->bind(1, write.sequence).bind_blob(2, write.job.bytes).run();
}

/// The failed job's outcome becomes an open row again, with the input that was kept for this.
Result<void> Store::write_reopen(const core::Write& write) {
    Statement& failed = *facts_of_failed_;
    BIDE_TRY(const bool there, failed.bind(1, write.sequence).step());
    if (!there) return damaged("a failed job to be run again is not there");
    BIDE_TRY(const OutcomeFacts facts, unpack_facts(failed.blob(0)));
    BIDE_TRY(reopen_->bind(1, write.sequence)
                 .bind(2, write.attempts)
                 .bind(3, write.attempts_max)
                 .bind(4, us(write.not_before))
                 .bind(5, us(write.start_by))
                 .bind(6, facts.priority)
                 .bind(7, us(facts.created))
                 .bind_text(8, facts.tenant)
                 .run());
    Expired gone{write.sequence, write.sequence, true};
    failed.reset();

    Statement& row = *input_file_of_;
    BIDE_TRY(const bool opened, row.bind(1, write.sequence).step());
    if (!opened) return damaged("the input of a failed job to be run again is not there");
    if (!row.is_null(0)) open_files_[write.job] = bodies_ + "/" + std::string(row.text(0));
    row.reset();
    return remove(gone);
}

Result<void> Store::write_finish(const core::Write& write) {
    const core::Outcome& outcome = *write.outcome;
    OutcomeFacts facts;
    facts.keyed = write.fingerprint != core::Fingerprint{};
    facts.file = outcome.body.file != nullptr;
    facts.priority = write.priority;
    facts.kind = outcome.kind;
    facts.status = outcome.status;
    facts.check = static_cast<std::uint32_t>(check_of(outcome.body));
    facts.created = outcome.created;
    facts.started = outcome.started;
    facts.expires = outcome.finished + retention_[outcome.queue];
    facts.tenant = outcome.tenant;
    facts.content_type = outcome.content_type;
    facts.detail = outcome.detail;
    pack(facts, facts_);
    BIDE_TRY(insert_outcome_->bind(1, write.sequence)
                 .bind_blob(2, write.job.bytes)
                 .bind(3, queue_numbers_.number(outcome.queue))
                 .bind(4, static_cast<std::int64_t>(outcome.state))
                 .bind(5, outcome.attempts)
                 .bind(6, us(outcome.finished))
                 .bind_blob(7, facts_)
                 .bind_blob(8, outcome.body.bytes)
                 .run());
    if (facts.keyed) {
        BIDE_TRY(insert_keyed_->bind(1, write.sequence).bind_blob(2, write.fingerprint).run());
    }
    if (facts.file) {
        BIDE_TRY(insert_file_->bind(1, write.sequence)
                     .bind_text(2, keep_file(outcome.body))
                     .bind(3, static_cast<std::int64_t>(outcome.body.size()))
                     .run());
    }
    const bool failed = outcome.state == core::JobState::failed;
    if (failed) {
        BIDE_TRY(write_dead_letter(write));
    }
    if (!write.row_exists) return success();
    if (!open_files_.empty()) {
        const auto file = open_files_.find(write.job);
        if (file != open_files_.end()) {
            if (!failed) dead_files_.push_back(std::move(file->second));
            open_files_.erase(file);
        }
    }
    return delete_open_->bind(1, write.sequence).run();
}

Result<void> Store::write_dead_letter(const core::Write& write) {
    if (write.row_exists) return keep_input_->bind(1, write.sequence).run();
    Statement& insert = *insert_dead_letter_;
    insert.bind(1, write.sequence)
        .bind(2, queue_numbers_.number(write.outcome->queue))
        .bind_text(3, write.input->content_type)
        .bind_text(4, write.input->traceparent)
        .bind(6, check_of(write.input->body));
    bind_body(insert, 5, 7, 8, write.input->body);
    return insert.run();
}

/// Outcomes that follow each other, and what other tables have of them.
Result<void> Store::remove(const Expired& range) {
    BIDE_TRY(delete_outcomes_->bind(1, range.first).bind(2, range.last).run());
    if (!range.more) return success();
    for (auto* statement : {&delete_keyed_, &delete_files_, &delete_dead_letters_}) {
        BIDE_TRY((*statement)->bind(1, range.first).bind(2, range.last).run());
    }
    return success();
}

/// Walks over the outcomes from the oldest on, a few rows at each commit, and removes those whose
/// time is over; removing many at once was measured to stall answers for tens of milliseconds.
/// What was made after (now - shortest retention) cannot be over: there the walk ends, and a new
/// one begins a second later. Sequence numbers say where that is, unless the clock was ahead when
/// the first of them was made: then all are, and times of creation say it. The newest outcome
/// stays, so that sequence numbers are never used twice.
Result<void> Store::prune(Time now, std::size_t count_max) {
    more_to_prune_ = false;
    const bool too_soon = prune_cursor_ == 0 && now < next_walk_;
    if (too_soon || count_max == 0) return success();

    std::vector<Expired> ranges;
    bool extends = false;  // the row before this one goes, too
    std::size_t seen = 0;
    std::int64_t last = 0;
    const bool ahead = ids_ahead(now);
    const Time too_young = now - shortest_retention_;
    Statement& scan = *scan_expired_;
    scan.bind(1, prune_cursor_)
        .bind(2, ahead ? std::numeric_limits<std::int64_t>::max() : sequence_at(too_young))
        .bind(3, static_cast<std::int64_t>(count_max));
    for (;; ++seen) {
        BIDE_TRY(const bool row, scan.step());
        if (!row) break;
        last = scan.number(0);
        BIDE_TRY(const OutcomeFacts facts, unpack_facts(scan.blob(2)));
        if (ahead && facts.created > too_young && facts.created <= now) break;
        const bool expired = expiry(time_of(scan.number(3)), facts.expires, now) <= now;
        if (expired && !extends) ranges.push_back({last, last, false});
        extends = expired;
        if (!expired) continue;
        const bool failed = scan.number(1) == static_cast<std::int64_t>(core::JobState::failed);
        ranges.back().last = last;
        ranges.back().more = ranges.back().more || facts.keyed || facts.file || failed;
        if (facts.file || failed) {
            BIDE_TRY(take_files_of(last));
        }
    }
    scan.reset();
    const std::int64_t filed = names_->filed_through();
    for (const auto& range : ranges) {
        // A name that is in no file yet goes on without its row.
        if (range.more && range.last > filed) {
            BIDE_TRY(
                keep_names_->bind(1, std::max(range.first, filed + 1)).bind(2, range.last).run()
            );
        }
        BIDE_TRY(remove(range));
    }
    more_to_prune_ = seen == count_max;
    prune_cursor_ = more_to_prune_ ? last : 0;
    if (!more_to_prune_) next_walk_ = now + std::chrono::seconds(1);
    if (ranges.empty() || ranges.back().last <= pruned_through_) return success();
    pruned_through_ = ranges.back().last;
    return set_pruned_->bind(1, pruned_through_).run();
}

Result<void> Store::take_files_of(std::int64_t sequence) {
    Statement& files = *files_of_;
    files.bind(1, sequence);
    for (;;) {
        BIDE_TRY(const bool row, files.step());
        if (!row) return success();
        dead_files_.push_back(bodies_ + "/" + std::string(files.text(0)));
    }
}

/// Names a new file of names and forgets those it replaces; and forgets the oldest one when it is
/// about two retentions old and nearly all the jobs in it have gone.
Result<void> Store::keep_names(Time now, const std::optional<NameIndex::NewRun>& written) {
    drops_run_ = false;
    // When all numbers are ahead of the clock, they say nothing: then what no row needs any more
    // goes, though not before this process is a retention old.
    const bool all = ids_ahead(now) && now - opened_ >= longest_retention_;
    const std::int64_t over =
        all ? std::numeric_limits<std::int64_t>::max() : sequence_at(now - 2 * longest_retention_);
    if (written) {
        BIDE_TRY(insert_run_->bind_text(1, written->file).bind(2, written->last_sequence).run());
        for (const auto& file : written->replaced) {
            BIDE_TRY(delete_run_->bind_text(1, file).run());
        }
        // Those without a row are in this file of names that were in none, or in one before it.
        if (written->replaced.empty()) {
            BIDE_TRY(delete_late_names_->bind(1, written->last_sequence).run());
        }
    }
    const auto oldest = names_->oldest_before(over);
    if (!oldest || now < next_drop_) return success();
    BIDE_TRY(drops_run_, carry_names(oldest->last_sequence));
    if (drops_run_) return delete_run_->bind_text(1, oldest->file).run();
    next_drop_ = now + kDropPause;
    return success();
}

/// A job may be open for longer than names are kept, and an outcome was given its time by another
/// configuration: their names are taken over into the next file. False: those are too many.
Result<bool> Store::carry_names(std::int64_t last_sequence) {
    carried_.clear();
    std::int64_t seen = 0;
    Statement& first = *first_before_;
    first.bind(1, last_sequence).bind(2, kCarriedMax + 1);
    for (;; ++seen) {
        BIDE_TRY(const bool row, first.step());
        if (!row) break;
        if (first.number(2) == 0) continue;
        Name& name = carried_.emplace_back();
        BIDE_TRY(name.id, id_of(first, 0));
        name.sequence = first.number(1);
    }
    first.reset();
    if (seen > kCarriedMax) {
        carried_.clear();
        return false;
    }
    for (const auto& name : carried_) {
        BIDE_TRY(insert_late_name_->bind(1, name.sequence).bind_blob(2, name.id.bytes).run());
    }
    return true;
}

}  // namespace bide::engines::embedded
