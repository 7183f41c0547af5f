#include "engines/embedded/name_index.hpp"

#include "base/rng.hpp"
#include "engines/embedded/schema.hpp"

#include <boost/crc.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace bide::engines::embedded {
namespace {

namespace fs = std::filesystem;

class NameIndexTest : public testing::Test {
  protected:
    void SetUp() override {
        fs::remove_all(directory);
        fs::create_directories(directory);
        auto opened = Database::open(directory + "/bide.db", Database::Mode::read_write);
        ASSERT_TRUE(opened.has_value());
        database = std::make_unique<Database>(std::move(opened.value()));
        ASSERT_TRUE(migrate(*database).has_value());
        open();
    }
    void TearDown() override { fs::remove_all(directory); }

    void open() {
        index.reset();
        auto opened = NameIndex::open(directory + "/names", *database, 100);
        ASSERT_TRUE(opened.has_value()) << opened.error().detail;
        index = std::move(opened.value());
    }
    JobId any_id() {
        JobId id;
        for (auto& byte : id.bytes) byte = static_cast<std::uint8_t>(rng.next());
        return id;
    }
    /// As the store does it, in two steps.
    void make_run() {
        ASSERT_TRUE(index->write_run().has_value());
        name_written();
    }
    void merge() {
        ASSERT_TRUE(index->merge_runs().has_value());
        name_written();
    }
    void name_written() {
        auto written = index->take_written();
        ASSERT_TRUE(written);
        std::string change = "INSERT INTO name_runs VALUES ('" + written->file + "', " +
                             std::to_string(written->last_sequence) + ")";
        for (const auto& file : written->replaced)
            change += "; DELETE FROM name_runs WHERE file = '" + file + "'";
        ASSERT_TRUE(database->run(change).has_value());
        for (const auto& path : index->publish(std::move(*written))) {
            EXPECT_TRUE(fs::remove(path));
        }
    }
    /// Names at `first` and on, each hundred in a run of its own.
    std::vector<JobId> make_runs(std::size_t runs, std::int64_t first) {
        std::vector<JobId> ids(runs * 100);
        for (auto& id : ids) {
            id = any_id();
            index->add(id, first++);
            if (index->wants_run()) make_run();
        }
        return ids;
    }
    std::ptrdiff_t count_files() const {
        return std::ranges::count_if(
            fs::directory_iterator(directory + "/names"),
            [](const auto& entry) { return entry.is_regular_file(); }
        );
    }
    void expect_found(const std::vector<JobId>& ids, std::int64_t first) {
        for (const auto& id : ids) ASSERT_EQ(where(id), first++);
    }
    /// All at 1, in their order: more than two blocks.
    std::vector<JobId> many_in_a_run() {
        std::vector<JobId> ids(300);
        std::generate(ids.begin(), ids.end(), [this] { return any_id(); });
        std::sort(ids.begin(), ids.end());
        for (const auto& id : ids) index->add(id, 1);
        make_run();
        return ids;
    }
    fs::path only_file() const {
        for (const auto& entry : fs::directory_iterator(directory + "/names"))
            if (entry.is_regular_file()) return entry.path();
        return {};
    }
    /// What was there before.
    static char put(const fs::path& file, std::int64_t place, char byte) {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekg(place);
        const auto was = static_cast<char>(bytes.get());
        bytes.seekp(place);
        bytes.put(byte);
        return was;
    }
    std::int64_t where(const JobId& id) { return index->find(id).value().value_or(-1); }

    std::string directory = testing::TempDir() + "bide_name_index_test";
    std::unique_ptr<Database> database;
    std::unique_ptr<NameIndex> index;
    Rng rng{7};
};

TEST_F(NameIndexTest, FindsEveryNameBeforeWhileAndAfterItGoesToAFile) {
    std::vector<JobId> ids;
    for (std::int64_t seq = 1; seq <= 1000; ++seq) {
        ids.push_back(any_id());
        EXPECT_EQ(index->add(ids.back(), seq), NameIndex::Kept::in_row);
        if (index->wants_run()) make_run();
        for (std::size_t i = seq > 200 ? ids.size() - 200 : 0; i < ids.size(); ++i)
            ASSERT_EQ(where(ids[i]), static_cast<std::int64_t>(i) + 1);
    }
    int maybe = 0;
    for (int i = 0; i < 10'000; ++i) {
        const JobId id = any_id();
        maybe += index->may_have(id) ? 1 : 0;
        EXPECT_EQ(where(id), -1);
    }
    EXPECT_LT(maybe, 500) << "ten runs, about one in a thousand each";
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_TRUE(index->may_have(ids[i]));
        EXPECT_EQ(where(ids[i]), static_cast<std::int64_t>(i) + 1);
    }
}

TEST_F(NameIndexTest, TheYoungestOfAReusedIdCounts) {
    const JobId id = any_id();
    index->add(id, 1);
    make_run();
    EXPECT_EQ(where(id), 1);
    index->add(id, 2);
    EXPECT_EQ(where(id), 2);
    make_run();
    EXPECT_EQ(where(id), 2);
    index->add(id, 3);
    ASSERT_TRUE(index->write_run().has_value());
    EXPECT_EQ(where(id), 3) << "while it is written and not yet named";
}

TEST_F(NameIndexTest, ALateNameIsToldApartAndFoundAfterARestart) {
    index->add(any_id(), 50);
    make_run();
    const JobId late = any_id();
    EXPECT_EQ(index->add(late, 40), NameIndex::Kept::nowhere);
    std::string hex;
    for (const auto byte : late.bytes) {
        constexpr const char* kDigits = "0123456789abcdef";
        hex += {kDigits[byte >> 4], kDigits[byte & 15]};
    }
    ASSERT_TRUE(database->run("INSERT INTO late_names VALUES (40, x'" + hex + "')").has_value());
    open();
    EXPECT_EQ(where(late), 40);
    EXPECT_EQ(index->add(any_id(), 50), NameIndex::Kept::nowhere);
    EXPECT_EQ(index->add(any_id(), 51), NameIndex::Kept::in_row);
}

TEST_F(NameIndexTest, RunsOutliveARestartAndUnnamedFilesDoNot) {
    const JobId named = any_id();
    const JobId unnamed = any_id();
    index->add(named, 1);
    make_run();
    index->add(unnamed, 2);
    ASSERT_TRUE(index->write_run().has_value());
    open();
    EXPECT_EQ(where(named), 1);
    EXPECT_EQ(where(unnamed), -1) << "its row would say so";
    EXPECT_EQ(count_files(), 1);
}

TEST_F(NameIndexTest, ManyRunsBecomeOne) {
    const auto old = make_runs(NameIndex::kMerged - 1, 1);
    EXPECT_FALSE(index->wants_merge());
    const JobId again = old[3];
    index->add(again, 5000);
    auto young = make_runs(1, 5001);
    young.pop_back();  // in no file: there is `again`
    EXPECT_TRUE(index->wants_merge());
    merge();
    EXPECT_EQ(count_files(), 1);
    EXPECT_FALSE(index->wants_merge());
    EXPECT_EQ(where(again), 5000) << "the youngest, also of those in one file";
    const auto others = [&] {
        int maybe = 0;
        for (int i = 0; i < 10'000; ++i) {
            const JobId id = any_id();
            maybe += index->may_have(id) ? 1 : 0;
            EXPECT_EQ(where(id), -1);
        }
        return maybe;
    };
    EXPECT_LT(others(), 100) << "one run, about one in a thousand";
    for (int round = 0; round < 2; ++round) {
        for (std::size_t i = 0; i < old.size(); ++i) {
            const std::int64_t expected = i == 3 ? 5000 : static_cast<std::int64_t>(i) + 1;
            ASSERT_EQ(where(old[i]), expected);
        }
        expect_found(young, 5001);
        open();
        EXPECT_EQ(index->add(any_id(), 5099), NameIndex::Kept::nowhere);
    }
    // The next ones leave it alone.
    const auto next = make_runs(NameIndex::kMerged, 6000);
    merge();
    EXPECT_EQ(count_files(), 2);
    expect_found(young, 5001);
    expect_found(next, 6000);
    EXPECT_TRUE(fs::exists(index->drop_oldest()));
    EXPECT_EQ(where(young[0]), -1);
    expect_found(next, 6000);
    const auto last = make_runs(NameIndex::kMerged, 9000);
    merge();
    expect_found(next, 6000);
    expect_found(last, 9000);
}

TEST_F(NameIndexTest, WhileRunsAreMergedAllIsThereAndNoneIsDropped) {
    const auto ids = make_runs(NameIndex::kMerged, 1);
    EXPECT_TRUE(index->oldest_before(10'000));
    ASSERT_TRUE(index->merge_runs().has_value());
    EXPECT_FALSE(index->oldest_before(10'000));
    expect_found(ids, 1);
    for (int i = 0; i < 150; ++i) index->add(any_id(), 2000 + i);
    EXPECT_FALSE(index->wants_run()) << "one file at a time";
    name_written();
    EXPECT_TRUE(index->wants_run());
    EXPECT_TRUE(index->oldest_before(10'000));
    expect_found(ids, 1);
}

TEST_F(NameIndexTest, ACrashWhileRunsAreMergedLosesNothing) {
    const auto ids = make_runs(NameIndex::kMerged, 1);
    ASSERT_TRUE(index->merge_runs().has_value());
    open();
    EXPECT_EQ(count_files(), static_cast<std::ptrdiff_t>(NameIndex::kMerged));
    expect_found(ids, 1);
}

TEST_F(NameIndexTest, DamageStopsAMergeAndIsNotTriedEachTime) {
    const auto ids = make_runs(NameIndex::kMerged, 1);
    const auto file = only_file();  // any of them
    put(file, static_cast<std::int64_t>(fs::file_size(file)) - 1, '\x55');
    const auto merged = index->merge_runs();
    ASSERT_TRUE(merged.has_error());
    EXPECT_NE(merged.error().detail.find("is damaged"), std::string::npos);
    EXPECT_FALSE(index->take_written());
    EXPECT_FALSE(index->wants_merge());
    EXPECT_EQ(count_files(), static_cast<std::ptrdiff_t>(NameIndex::kMerged));
    EXPECT_TRUE(index->oldest_before(10'000)) << "it is old enough some day";
}

TEST_F(NameIndexTest, OldRunsAreDroppedWhole) {
    index->add(any_id(), 10);
    make_run();
    const JobId young = any_id();
    index->add(young, 20);
    make_run();
    EXPECT_FALSE(index->oldest_before(10));
    ASSERT_TRUE(index->oldest_before(11));
    EXPECT_TRUE(fs::exists(index->drop_oldest()));
    EXPECT_FALSE(index->oldest_before(11));
    EXPECT_EQ(where(young), 20);
}

TEST_F(NameIndexTest, ADamagedFileIsRefused) {
    index->add(any_id(), 1);
    make_run();
    index.reset();
    const fs::path file = only_file();
    for (const int place : {9, 40, 100}) {  // the head, the filter, the table
        const char was = put(file, place, '\x5a');
        const auto opened = NameIndex::open(directory + "/names", *database);
        ASSERT_TRUE(opened.has_error()) << place;
        EXPECT_EQ(opened.error().retry, Retry::never);
        put(file, place, was);
    }
    fs::resize_file(file, 20);
    EXPECT_TRUE(NameIndex::open(directory + "/names", *database).has_error());
}

TEST_F(NameIndexTest, ADamagedNameIsAnErrorAndNotUnknown) {
    const std::vector<JobId> ids = many_in_a_run();
    const fs::path file = only_file();
    const auto size = static_cast<std::int64_t>(fs::file_size(file));
    // In the id of a name and in its sequence, of the last block and of the first.
    const std::int64_t first = size - static_cast<std::int64_t>(ids.size()) * 24;
    for (const std::int64_t place : {size - 20, size - 4, first + 4, first + 20}) {
        const char was = put(file, place, '\x5a');
        const auto found = index->find(place > size - 24 ? ids.back() : ids.front());
        ASSERT_TRUE(found.has_error()) << place;
        EXPECT_EQ(found.error().code, Code::store_failed);
        EXPECT_EQ(found.error().retry, Retry::never);
        EXPECT_EQ(found.error().detail.find(directory), std::string::npos) << "clients see it";
        EXPECT_EQ(where(ids[ids.size() / 2]), std::int64_t{1}) << "another block";
        put(file, place, was);
    }
    EXPECT_EQ(where(ids.back()), 1);
    EXPECT_EQ(where(ids.front()), 1);
}

TEST_F(NameIndexTest, AFileOfTheFirstVersionIsReadAndWatchedFromThenOn) {
    const std::vector<JobId> ids = many_in_a_run();
    index.reset();
    const fs::path file = only_file();
    const auto write_old = [&](std::vector<JobId> names) {
        NameFilter filter(names.size());
        for (const auto& id : names) filter.add(id);
        boost::crc_32_type crc;
        crc.process_bytes(filter.bytes().data(), filter.bytes().size());
        std::ofstream bytes(file, std::ios::binary);
        const auto number = [&bytes](std::uint64_t value) {
            for (int i = 0; i < 8; ++i) bytes.put(static_cast<char>(value >> (8 * i)));
        };
        bytes << "bidename";
        number(names.size());
        number(filter.bytes().size());
        number(crc.checksum());
        bytes << filter.bytes();
        for (const auto& id : names) {
            bytes.write(reinterpret_cast<const char*>(id.bytes.data()), 16);
            number(7);
        }
    };
    write_old(ids);
    open();
    for (const auto& id : ids) EXPECT_EQ(where(id), 7);
    EXPECT_EQ(where(any_id()), -1);
    put(file, static_cast<std::int64_t>(fs::file_size(file)) - 20, '\x5a');
    EXPECT_TRUE(index->find(ids.back()).has_error());

    write_old({ids.rbegin(), ids.rend()});
    const auto opened = NameIndex::open(directory + "/names", *database);
    ASSERT_TRUE(opened.has_error()) << "out of order";
    EXPECT_EQ(opened.error().retry, Retry::never);
}

}  // namespace
}  // namespace bide::engines::embedded
