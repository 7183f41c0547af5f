#include "engines/embedded/name_index.hpp"

#include "base/rng.hpp"
#include "engines/embedded/schema.hpp"

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
        auto written = index->take_written();
        ASSERT_TRUE(written);
        ASSERT_TRUE(database
                        ->run(
                            "INSERT INTO name_runs VALUES ('" + written->file + "', " +
                            std::to_string(written->last_sequence) + ")"
                        )
                        .has_value());
        index->publish(std::move(*written));
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
    const auto files =
        std::count_if(fs::directory_iterator(directory + "/names"), {}, [](const auto& entry) {
            return entry.is_regular_file();
        });
    EXPECT_EQ(files, 1);
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
    const fs::path file = [&] {
        for (const auto& entry : fs::directory_iterator(directory + "/names"))
            if (entry.is_regular_file()) return entry.path();
        return fs::path();
    }();
    {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(40);
        bytes.put('\x5a');
    }
    const auto opened = NameIndex::open(directory + "/names", *database);
    ASSERT_TRUE(opened.has_error());
    EXPECT_EQ(opened.error().retry, Retry::never);
    fs::resize_file(file, 20);
    EXPECT_TRUE(NameIndex::open(directory + "/names", *database).has_error());
}

}  // namespace
}  // namespace bide::engines::embedded
