// Longer than others: all that a store promises, on one fixture.
#include "engines/embedded/store.hpp"

#include "engines/embedded/schema.hpp"
#include "runtime/spool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bide::engines::embedded {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr Time kStart{Duration(1'790'000'000'000'000)};

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        directory = testing::TempDir() + "bide_store_test";
        fs::remove_all(directory);
        fs::create_directories(directory + "/bodies/tmp");
        open();
    }
    void TearDown() override { fs::remove_all(directory); }

    void open(
        std::vector<StoredQueue> queues = {{"short", 10s}, {"long", 24h}}, Time now = kStart
    ) {
        reader.reset();
        store.reset();
        auto opened = Store::open(directory, queues, now);
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        store = std::move(opened.value());
        reader = std::make_unique<StoreReader>(
            directory, store->queues(), store->id_secret(), store->names()
        );
        ids = IdMaker(store->id_secret(), std::max(ids.highest_sequence(), std::int64_t{0}));
    }

    std::shared_ptr<const core::JobInput> input(
        core::QueueIndex queue, Time now, std::string body
    ) {
        auto made = std::make_shared<core::JobInput>();
        made->id = ids.make(now);
        made->sequence = made->id.sequence();
        made->queue = queue;
        made->created = now;
        made->content_type = "text/plain";
        made->body.bytes = std::move(body);
        return made;
    }
    core::Write open_row(const std::shared_ptr<const core::JobInput>& job) {
        core::Write write;
        write.kind = core::DurableWrite::open;
        write.job = job->id;
        write.sequence = job->sequence;
        write.input = job;
        return write;
    }
    core::Write finish(
        const core::JobInput& job, core::JobState state, Time now, std::string body = "result"
    ) {
        auto outcome = std::make_shared<core::Outcome>();
        outcome->state = state;
        if (state == core::JobState::failed) outcome->kind = core::FailureKind::handler;
        outcome->queue = job.queue;
        outcome->created = job.created;
        outcome->started = now;
        outcome->finished = now;
        outcome->attempts = 1;
        outcome->content_type = "text/x";
        outcome->body.bytes = std::move(body);
        core::Write write;
        write.kind = core::DurableWrite::finish;
        write.job = job.id;
        write.sequence = job.sequence;
        write.outcome = std::move(outcome);
        return write;
    }
    void apply(std::vector<core::Write> jobs, Time now = kStart, std::size_t prune_max = 0) {
        const auto applied = store->apply({std::move(jobs), {}}, now, prune_max);
        ASSERT_TRUE(applied.has_value()) << applied.error().detail;
    }
    std::vector<core::event::Recovered> recovered() {
        std::vector<core::event::Recovered> jobs;
        EXPECT_TRUE(store->recover([&](auto&& job) { jobs.push_back(job); }).has_value());
        return jobs;
    }
    std::string body_of(const JobId& id) {
        auto found = reader->find(id);
        if (found.has_error()) return std::string(to_string(found.error().code));
        return found.value() ? found.value()->outcome->body.bytes : "nothing";
    }

    std::string directory;
    IdMaker ids{1, 0};
    std::unique_ptr<Store> store;
    std::unique_ptr<StoreReader> reader;
};

TEST_F(StoreTest, IsNobodyElsesToRead) {
    const auto mode = [this](const std::string& name) {
        return fs::status(directory + "/" + name).permissions();
    };
    const auto own = fs::perms::owner_read | fs::perms::owner_write;
    for (const char* name : {"bide.db", "bide.db-wal", "bide.db-shm"}) EXPECT_EQ(mode(name), own);
    // Somebody may have let others read: that is not taken back.
    fs::permissions(directory + "/bide.db", own | fs::perms::group_read);
    open();
    EXPECT_EQ(mode("bide.db"), own | fs::perms::group_read);
}

TEST_F(StoreTest, AnOpenJobComesBackAfterARestart) {
    const auto job = input(1, kStart, "hello");
    core::Write write = open_row(job);
    write.attempts = 2;
    write.not_before = kStart + 5s;
    apply({write});
    open();
    const auto jobs = recovered();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].job, job->id);
    EXPECT_EQ(jobs[0].queue, 1U);
    EXPECT_EQ(jobs[0].attempts, 2U);
    EXPECT_EQ(jobs[0].not_before, kStart + 5s);
    EXPECT_EQ(jobs[0].start_by, kNever);
    EXPECT_EQ(jobs[0].input_bytes, 5U);
    EXPECT_EQ(reader->load_input(job->id, job->sequence).value()->body.bytes, "hello");
    EXPECT_EQ(reader->load_input(job->id, job->sequence).value()->content_type, "text/plain");
}

TEST_F(StoreTest, AFinishedJobIsAnOutcomeAndNotOpen) {
    const auto job = input(0, kStart, "hello");
    apply({open_row(job)});
    core::Write done = finish(*job, core::JobState::succeeded, kStart + 1s);
    done.row_exists = true;
    apply({done});
    open();
    EXPECT_TRUE(recovered().empty());
    const auto found = reader->find(job->id).value();
    ASSERT_TRUE(found);
    EXPECT_EQ(store->queues().name(found->outcome->queue), "short");
    EXPECT_EQ(found->outcome->state, core::JobState::succeeded);
    EXPECT_EQ(found->outcome->body.bytes, "result");
    EXPECT_EQ(found->outcome->content_type, "text/x");
    EXPECT_EQ(found->outcome->finished, kStart + 1s);
}

TEST_F(StoreTest, BytesOfAnyKindAreKept) {
    const auto job = input(0, kStart, "");
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    apply({finish(*job, core::JobState::succeeded, kStart, all)});
    EXPECT_EQ(body_of(job->id), all);
}

TEST_F(StoreTest, AFailedJobKeepsItsInputWhereverItWas) {
    const auto never_open = input(0, kStart, "direct");
    core::Write direct = finish(*never_open, core::JobState::failed, kStart);
    direct.input = never_open;
    const auto was_open = input(0, kStart, "from the row");
    apply({direct, open_row(was_open)});
    core::Write later = finish(*was_open, core::JobState::failed, kStart);
    later.row_exists = true;
    apply({later});
    auto database = Database::open(directory + "/bide.db", Database::Mode::read_only);
    Statement rows =
        database.value().prepare("SELECT input FROM dead_letters ORDER BY seq").value();
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(rows.text(0), "direct");
    ASSERT_TRUE(rows.step().value());
    EXPECT_EQ(rows.text(0), "from the row");
}

TEST_F(StoreTest, RetentionRemovesWhatIsOverAndOnlyThat) {
    const auto early_long = input(1, kStart, "");
    const auto early_short = input(0, kStart, "");
    const auto late_short = input(0, kStart + 9s, "");
    const auto newest = input(0, kStart + 100s, "");
    using core::JobState;
    apply(
        {finish(*early_long, JobState::succeeded, kStart, "a"),
         finish(*early_short, JobState::succeeded, kStart, "b"),
         finish(*late_short, JobState::succeeded, kStart + 9s, "c"),
         finish(*newest, JobState::succeeded, kStart + 100s, "d")}
    );
    apply({}, kStart + 11s, 16);
    EXPECT_EQ(body_of(early_long->id), "a");
    EXPECT_EQ(body_of(early_short->id), "gone");
    EXPECT_EQ(body_of(late_short->id), "c");
    apply({}, kStart + 1000s, 16);
    EXPECT_EQ(body_of(late_short->id), "gone");
    EXPECT_EQ(body_of(newest->id), "d") << "the newest stays, for the sequence";
    EXPECT_EQ(body_of(ids.make(kStart + 200s)), "nothing") << "never made, so not gone";
    open();
    EXPECT_EQ(body_of(early_short->id), "gone") << "also after a restart";
    EXPECT_EQ(store->highest_sequence().value(), newest->id.sequence());
}

TEST_F(StoreTest, RetentionGoesInSmallStepsPastRowsThatStay) {
    std::vector<core::Write> group;
    std::vector<JobId> shorts;
    for (int i = 0; i < 50; ++i) {
        const auto longer = input(1, kStart, "");
        const auto shorter = input(0, kStart, "");
        group.push_back(finish(*longer, core::JobState::succeeded, kStart));
        group.push_back(finish(*shorter, core::JobState::succeeded, kStart));
        shorts.push_back(shorter->id);
    }
    group.push_back(finish(*input(0, kStart + 60s, ""), core::JobState::succeeded, kStart + 60s));
    apply(group);
    int steps = 0;
    do {
        apply({}, kStart + 60s, 8);
        ++steps;
    } while (store->more_to_prune() && steps < 100);
    EXPECT_GE(steps, 100 / 8);
    for (const auto& id : shorts) EXPECT_EQ(body_of(id), "gone");
}

/// A restart puts the clock right (within a process it never jumps). Ids stay ahead.
TEST_F(StoreTest, RetentionGoesOnWhenTheClockWasAhead) {
    const Time ahead = kStart + 24h * 3650;
    using core::JobState;
    const auto before = input(1, kStart, "");
    const auto ahead_short = input(0, ahead, "");
    const auto ahead_long = input(1, ahead, "");
    apply({finish(*before, JobState::succeeded, kStart, "before")});
    apply({finish(*ahead_short, JobState::succeeded, ahead, "a")}, ahead);
    apply({finish(*ahead_long, JobState::succeeded, ahead, "b")}, ahead);
    open({{"short", 10s}, {"long", 24h}}, kStart + 5s);
    const auto after_short = input(0, kStart + 5s, "");
    const auto after_long = input(1, kStart + 5s, "");
    const auto newest = input(0, kStart + 5s, "");
    EXPECT_GT(after_short->sequence, sequence_at(ahead));
    apply(
        {finish(*after_short, JobState::succeeded, kStart + 6s, "c"),
         finish(*after_long, JobState::succeeded, kStart + 6s, "d"),
         finish(*newest, JobState::succeeded, kStart + 6s, "e")}
    );
    const auto tidy = [this](Time now) {
        for (int i = 0; i < 3; ++i) apply({}, now + i * 2s, 16);
    };
    tidy(kStart + 9s);
    EXPECT_EQ(body_of(ahead_short->id), "a") << "ended at the restart, for all that is known";
    EXPECT_EQ(body_of(after_short->id), "c");
    tidy(kStart + 16s);
    EXPECT_EQ(body_of(ahead_short->id), "gone");
    EXPECT_EQ(body_of(after_short->id), "gone");
    for (const auto* kept : {&before, &ahead_long, &after_long, &newest})
        EXPECT_EQ(body_of((*kept)->id).size(), kept == &before ? 6U : 1U);
    tidy(kStart + 24h);
    EXPECT_EQ(body_of(before->id), "gone");
    EXPECT_EQ(body_of(ahead_long->id), "b");
    tidy(kStart + 24h + 7s);
    EXPECT_EQ(body_of(ahead_long->id), "gone");
    EXPECT_EQ(body_of(after_long->id), "gone");
    EXPECT_EQ(body_of(newest->id), "e") << "the newest stays, for the sequence";
}

TEST_F(StoreTest, ARestartWithAClockThatIsBehindTakesNoTimeFromResults) {
    const auto job = input(0, kStart, "");
    apply(
        {finish(*job, core::JobState::succeeded, kStart),
         finish(*input(0, kStart, ""), core::JobState::succeeded, kStart)}
    );
    open({{"short", 10s}}, Time{} + 10s);
    for (int i = 0; i < 8; ++i) apply({}, Time{} + 10s + i * 1s, 16);
    open({{"short", 10s}}, kStart + 9s);
    apply({}, kStart + 9s, 16);
    EXPECT_EQ(body_of(job->id), "result");
    apply({}, kStart + 11s, 16);
    EXPECT_EQ(body_of(job->id), "gone");
}

TEST_F(StoreTest, FilesOfNamesGoWhenTheClockWasAhead) {
    const Time ahead = kStart + 24h * 3650;
    const auto job = std::make_shared<core::JobInput>(*input(0, ahead, "x"));
    job->id = parse_job_id("11111111-2222-4333-8444-555555555555").value();
    core::Write done = finish(*job, core::JobState::succeeded, ahead);
    done.named = true;
    done.fingerprint[3] = 7;
    apply({done}, ahead);
    ASSERT_TRUE(store->names().write_run().has_value());
    apply({}, ahead);
    open();
    apply({finish(*input(1, kStart, ""), core::JobState::succeeded, kStart)});
    for (int i = 0; i < 20; ++i) apply({}, kStart + i * 1s, 16);
    EXPECT_EQ(body_of(job->id), "gone") << "its name stays for longer";
    EXPECT_TRUE(store->take_dead_files().empty());
    apply({}, kStart + 25h, 16);
    EXPECT_EQ(body_of(job->id), "nothing");
    EXPECT_EQ(store->take_dead_files().size(), 1U);
}

TEST_F(StoreTest, ALargeBodyIsAFileUntilItsRowGoes) {
    auto spool = runtime::Spool::open(directory + "/bodies", 4).value();
    runtime::BodyWriter writer(*spool, 1000);
    ASSERT_TRUE(writer.append("a large body").has_value());
    const auto job = input(0, kStart, "");
    core::Write done = finish(*job, core::JobState::succeeded, kStart);
    auto outcome = std::make_shared<core::Outcome>(*done.outcome);
    outcome->body = writer.finish().value();
    const std::string path = outcome->body.file->path();
    done.outcome = std::move(outcome);
    apply({done, finish(*input(0, kStart + 60s, ""), core::JobState::succeeded, kStart + 60s)});
    done.outcome.reset();

    EXPECT_TRUE(fs::exists(path)) << "the store has taken the file over";
    const auto found = reader->find(job->id).value();
    EXPECT_EQ(found->outcome->body.file->path(), path);
    EXPECT_EQ(found->outcome->body.size(), 12U);
    EXPECT_TRUE(reader->file_in_use(fs::path(path).filename()).value());

    apply({}, kStart + 60s, 16);
    EXPECT_EQ(store->take_dead_files(), std::vector<std::string>{path});
    EXPECT_FALSE(reader->file_in_use(fs::path(path).filename()).value());
    fs::remove(path);
    char bytes[13] = {};
    EXPECT_EQ(::pread(found->outcome->body.file->descriptor(), bytes, 13, 0), 12)
        << "who had found it before can still read all of it";
    EXPECT_STREQ(bytes, "a large body");
}

TEST_F(StoreTest, ABodysFileThatIsMissingOrOfAnotherSizeIsDamage) {
    auto spool = runtime::Spool::open(directory + "/bodies", 4).value();
    const auto large = [&](const std::string& bytes) {
        runtime::BodyWriter writer(*spool, 1000);
        EXPECT_TRUE(writer.append(bytes).has_value());
        return writer.finish().value();
    };
    auto open_job = std::make_shared<core::JobInput>(*input(0, kStart, ""));
    open_job->body = large("a large input");
    const auto ended = input(0, kStart, "");
    core::Write done = finish(*ended, core::JobState::succeeded, kStart);
    auto outcome = std::make_shared<core::Outcome>(*done.outcome);
    outcome->body = large("a large result");
    done.outcome = outcome;
    apply({open_row(open_job), done});
    ASSERT_TRUE(reader->load_input(open_job->id, open_job->sequence).has_value());
    ASSERT_TRUE(reader->find(ended->id).has_value());

    const auto expect_damage = [](const auto& result) {
        ASSERT_TRUE(result.has_error());
        EXPECT_EQ(result.error().code, Code::store_failed);
        EXPECT_EQ(result.error().retry, Retry::never);
        EXPECT_EQ(result.error().detail.find("bide_store_test"), std::string::npos) << "a path";
    };
    for (const std::uintmax_t size : {5, 100}) {
        fs::resize_file(open_job->body.file->path(), size);
        fs::resize_file(outcome->body.file->path(), size);
        expect_damage(reader->load_input(open_job->id, open_job->sequence));
        expect_damage(reader->find(ended->id));
    }
    fs::remove(open_job->body.file->path());
    fs::remove(outcome->body.file->path());
    expect_damage(reader->load_input(open_job->id, open_job->sequence));
    expect_damage(reader->find(ended->id));
}

TEST_F(StoreTest, JobsOfAQueueNoLongerConfiguredAreKept) {
    const auto job = input(1, kStart, "x");
    apply({open_row(job)});
    open({{"other", 10s}});
    const auto jobs = recovered();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(store->queues().name(jobs[0].queue), "long");
    EXPECT_GE(jobs[0].queue, 1U) << "after the configured ones";
}

TEST_F(StoreTest, AnIdOfAnotherServerIsNotFound) {
    const auto job = input(0, kStart, "");
    apply({finish(*job, core::JobState::succeeded, kStart)});
    JobId other = job->id;
    other.bytes[15] ^= 1;
    EXPECT_EQ(other.sequence(), job->id.sequence());
    EXPECT_EQ(body_of(other), "nothing");
}

TEST_F(StoreTest, ANewerOrForeignFileIsRefused) {
    store.reset();
    reader.reset();
    {
        auto database = Database::open(directory + "/bide.db", Database::Mode::read_write);
        ASSERT_TRUE(database.value().run("PRAGMA user_version = 99").has_value());
    }
    const auto newer = Store::open(directory, {}, kStart);
    ASSERT_TRUE(newer.has_error());
    EXPECT_NE(newer.error().detail.find("version 99"), std::string::npos);

    fs::remove(directory + "/bide.db");
    {
        auto database = Database::open(directory + "/bide.db", Database::Mode::read_write);
        ASSERT_TRUE(database.value().run("CREATE TABLE t (a)").has_value());
    }
    EXPECT_TRUE(Store::open(directory, {}, kStart).has_error());
}

TEST_F(StoreTest, ACallersIdIsFoundAndForgottenLongAfterItsOutcome) {
    const auto job = std::make_shared<core::JobInput>(*input(0, kStart, "x"));
    job->id = parse_job_id("11111111-2222-4333-8444-555555555555").value();
    core::Write open_it = open_row(job);
    open_it.named = true;
    apply({open_it});
    EXPECT_EQ(reader->load_input(job->id, job->sequence).value()->body.bytes, "x");
    EXPECT_EQ(body_of(job->id), "gone") << "not ended: the ledger knows it";
    core::Write done = finish(*job, core::JobState::succeeded, kStart);
    done.named = done.row_exists = true;
    done.fingerprint[3] = 7;
    const auto newest = input(1, kStart, "");
    apply({done, finish(*newest, core::JobState::succeeded, kStart)});
    EXPECT_EQ(body_of(job->id), "result");
    EXPECT_EQ(reader->find(job->id).value()->fingerprint[3], 7);
    EXPECT_EQ(reader->find(job->id).value()->sequence, job->sequence);

    apply({}, kStart + 60s, 16);
    EXPECT_EQ(body_of(job->id), "gone");
    open();
    EXPECT_EQ(body_of(job->id), "gone") << "also after a restart";
    const auto next = std::make_shared<core::JobInput>(*input(0, kStart, "y"));
    next->id = job->id;
    next->fingerprint[3] = 7;
    core::Write used_again = open_row(next);
    used_again.named = true;
    apply({used_again});
    open();
    EXPECT_EQ(store->names().find(job->id).value(), next->sequence) << "the youngest counts";
    core::Write next_done = finish(*next, core::JobState::succeeded, kStart);
    next_done.named = next_done.row_exists = true;
    next_done.fingerprint[3] = 7;
    const auto last = input(1, kStart, "");
    apply({next_done, finish(*last, core::JobState::succeeded, kStart)});
    apply({}, kStart + 60s, 16);
    ASSERT_TRUE(store->names().write_run().has_value());
    apply({}, kStart + 60s, 16);
    open();
    EXPECT_EQ(body_of(job->id), "gone") << "also from a file";
    auto names = Database::open(directory + "/bide.db", Database::Mode::read_only);
    EXPECT_EQ(names.value().number("SELECT count(*) FROM late_names").value(), 0);
    apply({}, kStart + 49h, 16);
    EXPECT_EQ(body_of(job->id), "nothing") << "after twice the longest retention";
    EXPECT_EQ(body_of(last->id), "result") << "the newest stays, whatever its age";
    EXPECT_EQ(store->take_dead_files().size(), 1U);
}

TEST_F(StoreTest, ADamagedNameIsDamageAndNotAJobThatNeverWas) {
    const auto job = std::make_shared<core::JobInput>(*input(1, kStart, "x"));
    job->id = parse_job_id("11111111-2222-4333-8444-555555555555").value();
    core::Write done = finish(*job, core::JobState::succeeded, kStart);
    done.named = true;
    done.fingerprint[3] = 7;
    apply({done});
    ASSERT_TRUE(store->names().write_run().has_value());
    apply({});
    EXPECT_EQ(body_of(job->id), "result");
    for (const auto& entry : fs::directory_iterator(directory + "/names")) {
        if (!entry.is_regular_file()) continue;
        std::fstream bytes(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(-24, std::ios::end);
        bytes.put('\x12');
    }
    const auto found = reader->find(job->id);
    ASSERT_TRUE(found.has_error());
    EXPECT_EQ(found.error().code, Code::store_failed);
    EXPECT_EQ(found.error().retry, Retry::never);
    EXPECT_EQ(found.error().detail.find("bide_store_test"), std::string::npos) << "a path";
}

TEST_F(StoreTest, AJobThatIsOpenForLongKeepsNoFilesOfNames) {
    const auto waits = std::make_shared<core::JobInput>(*input(1, kStart, "x"));
    waits->id = parse_job_id("11111111-2222-4333-8444-555555555555").value();
    waits->fingerprint[3] = 7;
    core::Write open_it = open_row(waits);
    open_it.named = true;
    open_it.fingerprint[3] = 7;
    apply({open_it, open_row(input(1, kStart, "without a name"))});
    for (int day = 0; day < 10; day += 3) {
        const Time now = kStart + day * 24h;
        const auto job = std::make_shared<core::JobInput>(*input(1, now, "x"));
        job->id = parse_job_id("21111111-2222-4333-8444-55555555555" + std::to_string(day)).value();
        core::Write done = finish(*job, core::JobState::succeeded, now, "result");
        done.named = true;
        done.fingerprint[3] = 7;
        apply({done}, now, 16);
        ASSERT_TRUE(store->names().write_run().has_value());
        apply({}, now, 16);
        EXPECT_EQ(store->take_dead_files().size(), day == 0 ? 0U : 1U) << day;
        for (int round = 0; round < 2; ++round) {
            EXPECT_EQ(store->names().find(waits->id).value(), waits->sequence) << day;
            EXPECT_EQ(body_of(job->id), "result") << day;
            open({{"short", 10s}, {"long", 24h}}, now);
        }
    }
}

TEST_F(StoreTest, FilesOfNamesStayWhileManyOfTheirJobsAreOpen) {
    std::vector<core::Write> many;
    for (int i = 0; i < 1001; ++i) {
        const auto job = std::make_shared<core::JobInput>(*input(1, kStart, "x"));
        job->id.bytes[0] = static_cast<std::uint8_t>(i >> 8);
        job->id.bytes[1] = static_cast<std::uint8_t>(i);
        job->fingerprint[3] = 7;
        many.push_back(open_row(job));
        many.back().named = true;
        many.back().fingerprint[3] = 7;
    }
    const JobId first = many[0].job;
    const JobId second = many[1].job;
    apply(std::move(many));
    ASSERT_TRUE(store->names().write_run().has_value());
    apply({});
    apply({}, kStart + 72h, 16);
    EXPECT_TRUE(store->take_dead_files().empty());
    core::Write done = finish(*input(1, kStart, ""), core::JobState::succeeded, kStart);
    done.job = first;
    done.sequence = store->names().find(first).value().value();
    done.named = done.row_exists = true;
    apply({done}, kStart + 72h + 1s, 0);
    EXPECT_TRUE(store->take_dead_files().empty()) << "looked at after a pause";
    apply({}, kStart + 72h + 11s, 0);
    EXPECT_EQ(store->take_dead_files().size(), 1U);
    EXPECT_TRUE(store->names().may_have(second));
}

TEST_F(StoreTest, FilesOfNamesThatWereMergedGo) {
    std::vector<JobId> chosen;
    for (std::size_t i = 0; i < NameIndex::kMerged; ++i) {
        const auto job = std::make_shared<core::JobInput>(*input(1, kStart, "x"));
        job->id =
            parse_job_id("11111111-2222-4333-8444-5555555555" + std::to_string(10 + i)).value();
        chosen.push_back(job->id);
        core::Write done = finish(*job, core::JobState::succeeded, kStart, "result");
        done.named = true;
        done.fingerprint[3] = 7;
        apply({done});
        ASSERT_TRUE(store->names().write_run().has_value());
        apply({});
    }
    ASSERT_TRUE(store->names().merge_runs().has_value());
    EXPECT_TRUE(store->take_dead_files().empty());
    apply({});
    const auto dead = store->take_dead_files();
    EXPECT_EQ(dead.size(), NameIndex::kMerged);
    for (const auto& path : dead) EXPECT_TRUE(fs::remove(path)) << path;
    for (int round = 0; round < 2; ++round) {
        for (const auto& id : chosen) EXPECT_EQ(body_of(id), "result");
        open();
    }
}

TEST_F(StoreTest, ANameStaysWhileItsJobIsOpenOrItsOutcomeThere) {
    open({{"short", 10s}, {"long", 24h * 30}});
    const auto named = [this](core::QueueIndex queue, const char* id) {
        auto job = std::make_shared<core::JobInput>(*input(queue, kStart, "x"));
        job->id = parse_job_id(id).value();
        job->fingerprint[3] = 7;
        return job;
    };
    const auto waits = named(0, "11111111-2222-4333-8444-555555555555");
    const auto ended = named(1, "21111111-2222-4333-8444-555555555555");
    core::Write open_it = open_row(waits);
    core::Write done = finish(*ended, core::JobState::succeeded, kStart);
    open_it.named = done.named = true;
    open_it.fingerprint[3] = done.fingerprint[3] = 7;
    apply({open_it, done});
    ASSERT_TRUE(store->names().write_run().has_value());
    apply({});

    // Both are older than twice the longest retention that is configured now.
    open({{"short", 10s}, {"long", 24h}});
    apply({}, kStart + 24h * 20, 16);
    EXPECT_EQ(store->names().find(waits->id).value(), waits->sequence);
    EXPECT_EQ(body_of(ended->id), "result");

    core::Write at_last = finish(*waits, core::JobState::succeeded, kStart + 24h * 20, "at last");
    at_last.named = at_last.row_exists = true;
    at_last.fingerprint[3] = 7;
    const auto newest = input(1, kStart + 24h * 40, "");
    apply({at_last, finish(*newest, core::JobState::succeeded, kStart + 24h * 40)});
    EXPECT_EQ(body_of(waits->id), "at last");

    apply({}, kStart + 24h * 60, 16);
    open();
    EXPECT_EQ(body_of(waits->id), "gone");
    ASSERT_TRUE(store->names().write_run().has_value());
    for (int i = 0; i < 3; ++i) apply({}, kStart + 24h * 60 + i * 2s, 16);
    open();
    EXPECT_FALSE(store->names().may_have(waits->id));
    EXPECT_FALSE(store->names().may_have(ended->id));
}

TEST_F(StoreTest, AnInputIsFoundWhileItsJobFailsAndIsOpenedAgain) {
    const auto job = input(0, kStart, "input");
    core::Write failed = finish(*job, core::JobState::failed, kStart);
    failed.input = job;
    core::Write again;
    again.kind = core::DurableWrite::reopen;
    again.job = job->id;
    again.sequence = job->sequence;
    apply({failed});
    failed.input = nullptr;
    failed.row_exists = true;

    std::atomic<bool> ended = false;
    std::thread other([&] {
        while (!ended) {
            const auto found = reader->load_input(job->id, job->sequence);
            EXPECT_TRUE(found.has_value()) << found.error().detail;
            ended = ended || !found.has_value();
        }
    });
    for (int i = 0; i < 200 && !ended; ++i) {
        apply({again});
        apply({failed});
    }
    ended = true;
    other.join();
}

TEST_F(StoreTest, AFailedJobIsOpenedAgainWithItsInput) {
    const auto job = input(0, kStart, "input");
    core::Write failed = finish(*job, core::JobState::failed, kStart);
    failed.input = job;
    failed.priority = 9;
    apply({failed});
    EXPECT_EQ(reader->find(job->id).value()->priority, 9);
    EXPECT_EQ(reader->failed(0, 10).value().jobs, std::vector<JobId>{job->id});
    EXPECT_EQ(reader->load_input(job->id, job->sequence).value()->body.bytes, "input");

    core::Write again;
    again.kind = core::DurableWrite::reopen;
    again.job = job->id;
    again.sequence = job->sequence;
    again.attempts = 1;
    again.attempts_max = 4;
    apply({again});
    EXPECT_EQ(body_of(job->id), "nothing");
    EXPECT_TRUE(reader->failed(0, 10).value().jobs.empty());
    open();
    const auto jobs = recovered();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].attempts, 1U);
    EXPECT_EQ(jobs[0].attempts_max, 4U);
    EXPECT_EQ(jobs[0].priority, 9);
    EXPECT_EQ(jobs[0].sequence, job->sequence);
    EXPECT_EQ(reader->load_input(job->id, job->sequence).value()->body.bytes, "input");
}

TEST_F(StoreTest, APauseIsKept) {
    ASSERT_TRUE(store->apply({{}, {{1, true}}}, kStart, 0).has_value());
    open();
    EXPECT_FALSE(store->queues().paused(0));
    EXPECT_TRUE(store->queues().paused(1));
    ASSERT_TRUE(store->apply({{}, {{1, false}}}, kStart, 0).has_value());
    open();
    EXPECT_FALSE(store->queues().paused(1));
}

TEST_F(StoreTest, AStoreOfTheFirstVersionIsBroughtUpToDate) {
    store.reset();
    reader.reset();
    fs::remove_all(directory + "/bide.db");
    const auto early = input(0, kStart, "x");
    {
        auto database = Database::open(directory + "/bide.db", Database::Mode::read_write);
        ASSERT_TRUE(migrate(database.value(), 1).has_value());
        const std::string seq = std::to_string(early->sequence);
        const std::string id = to_string(early->id);
        std::string hex;
        for (const char c : id) hex += c == '-' ? "" : std::string(1, c);
        ASSERT_TRUE(database.value()
                        .run(
                            "INSERT INTO queues VALUES (1, 'short');"
                            "INSERT INTO open_jobs VALUES (" +
                            seq + ", x'" + hex + "', 1, 1, 5, 6, 7, 'text/plain', '', 1, " +
                            std::to_string(check_of(early->body)) + ", NULL, x'78')"
                        )
                        .has_value());
    }
    open();
    const auto jobs = recovered();
    ASSERT_EQ(jobs.size(), 1U);
    EXPECT_EQ(jobs[0].job, early->id);
    EXPECT_EQ(jobs[0].attempts, 1U);
    EXPECT_EQ(jobs[0].priority, core::kPriorityDefault);
    EXPECT_EQ(reader->load_input(early->id, early->sequence).value()->body.bytes, "x");
}

TEST_F(StoreTest, OutcomesOfTheSecondVersionAreAllBroughtOver) {
    const std::string secret = std::to_string(store->id_secret());
    store.reset();
    reader.reset();
    fs::remove_all(directory + "/bide.db");
    const auto done = input(0, kStart, "");
    const auto failed = input(0, kStart, "input");
    const auto large = input(0, kStart, "");
    const auto hex = [](const JobId& id) {
        std::string text;
        for (const char c : to_string(id)) text += c == '-' ? "" : std::string(1, c);
        return "x'" + text + "'";
    };
    const auto row = [&](const core::JobInput& job, const std::string& rest) {
        return "INSERT INTO outcomes VALUES (" + std::to_string(job.sequence) + ", " + hex(job.id) +
               ", 1, " + rest + ");";
    };
    Body body;
    body.bytes = "result";
    const std::string check = std::to_string(check_of(body));
    {
        auto database = Database::open(directory + "/bide.db", Database::Mode::read_write);
        ASSERT_TRUE(migrate(database.value(), 2).has_value());
        const std::string key = "x'000102030405060708090a0b0c0d0e0f'";
        const auto filled = database.value().run(
            "INSERT INTO facts VALUES ('id_secret', " + secret +
            "); INSERT INTO queues VALUES (1, 'short', 0);" +
            row(*done,
                "7, 3, 0, 299, 2, 10, 20, 30, 40, " + key + ", 'somebody', 'text/x', '', 6, " +
                    check + ", NULL, NULL, NULL, NULL, NULL, NULL, CAST('result' AS BLOB), NULL") +
            row(*failed,
                "4, 4, 1, 0, 3, 10, 20, 30, 40, NULL, '', '', 'why', 0, 0, NULL, 'text/in', "
                "'trace',"
                " 5, " +
                    std::to_string(check_of(failed->body)) + ", NULL, x'', CAST('input' AS BLOB)") +
            row(*large,
                "4, 3, 0, 200, 1, 10, 20, 30, 40, NULL, '', '', '', 99, 0, 'a-file', NULL, NULL,"
                " NULL, NULL, NULL, NULL, NULL")
        );
        ASSERT_TRUE(filled.has_value()) << filled.error().detail;
    }
    open();
    const auto first = reader->find(done->id).value();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->priority, 7);
    EXPECT_EQ(first->fingerprint[15], 15);
    EXPECT_EQ(first->expires, Time(Duration(40)));
    EXPECT_EQ(first->outcome->status, 299);
    EXPECT_EQ(first->outcome->attempts, 2U);
    EXPECT_EQ(first->outcome->created, Time(Duration(10)));
    EXPECT_EQ(first->outcome->started, Time(Duration(20)));
    EXPECT_EQ(first->outcome->finished, Time(Duration(30)));
    EXPECT_EQ(first->outcome->tenant, "somebody");
    EXPECT_EQ(first->outcome->content_type, "text/x");
    EXPECT_EQ(first->outcome->body.bytes, "result");
    EXPECT_EQ(reader->find(failed->id).value()->outcome->detail, "why");
    EXPECT_EQ(reader->find(failed->id).value()->input_bytes, 5U);
    EXPECT_EQ(reader->failed(0, 10).value().jobs, std::vector<JobId>{failed->id});
    EXPECT_EQ(reader->load_input(failed->id, failed->sequence).value()->body.bytes, "input");
    std::ofstream(directory + "/bodies/a-file") << std::string(99, 'x');
    EXPECT_EQ(reader->find(large->id).value()->outcome->body.size(), 99U);
    EXPECT_TRUE(reader->file_in_use("a-file").value());

    auto shell = Database::open(directory + "/bide.db", Database::Mode::read_only);
    Statement view =
        shell.value().prepare("SELECT tenant, body_size FROM jobs ORDER BY seq").value();
    ASSERT_TRUE(view.step().value());
    EXPECT_EQ(view.text(0), "somebody");
    EXPECT_EQ(view.number(1), 6);
}

TEST_F(StoreTest, WhatIsLeftWithoutItsDatabaseIsNotTakenForANewStore) {
    store.reset();
    const auto refusal = [this] {
        const auto opened = Store::open(directory, {{"short", 10s}}, kStart);
        return opened.has_error() ? opened.error().detail : std::string();
    };
    std::ofstream(directory + "/bide.db", std::ios::trunc).flush();
    EXPECT_NE(refusal().find("bide.db is empty"), std::string::npos) << refusal();
    for (const char* left : {"/bide.db-wal", "/bodies/a-body", "/names/some"}) {
        for (const char* name : {"bide.db", "bide.db-wal", "bide.db-shm"})
            fs::remove(directory + "/" + name);
        std::ofstream(directory + left) << "something";
        EXPECT_NE(refusal().find("has no bide.db"), std::string::npos) << left << refusal();
        EXPECT_TRUE(fs::exists(directory + left));
        EXPECT_FALSE(fs::exists(directory + "/bide.db"));
        fs::remove(directory + left);
    }
    EXPECT_EQ(refusal(), "");
}

TEST_F(StoreTest, WhatACrashLeftOfANewDatabaseIsReplaced) {
    store.reset();
    for (const char* name : {"bide.db", "bide.db-wal", "bide.db-shm"})
        fs::remove(directory + "/" + name);
    for (const char* name : {"bide.db.new", "bide.db.new-wal"})
        std::ofstream(directory + "/" + name) << "half of a database";
    open();
    const auto job = input(0, kStart, "x");
    apply({finish(*job, core::JobState::succeeded, kStart)});
    open();
    EXPECT_TRUE(reader->find(job->id).value());
    EXPECT_FALSE(fs::exists(directory + "/bide.db.new"));
    EXPECT_FALSE(fs::exists(directory + "/bide.db.new-wal"));
}

TEST_F(StoreTest, AShellCanReadTheViewWhileTheStoreIsOpen) {
    const auto job = input(0, kStart, "x");
    apply({finish(*job, core::JobState::succeeded, kStart)});
    auto shell = Database::open(directory + "/bide.db", Database::Mode::read_only);
    Statement row = shell.value().prepare("SELECT id, queue, state FROM jobs").value();
    ASSERT_TRUE(row.step().value());
    EXPECT_EQ(row.text(0), to_string(job->id));
    EXPECT_EQ(row.text(1), "short");
    EXPECT_EQ(row.text(2), "succeeded");
}

}  // namespace
}  // namespace bide::engines::embedded
