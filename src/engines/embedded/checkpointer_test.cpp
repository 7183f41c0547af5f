#include "engines/embedded/checkpointer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace bide::engines::embedded {
namespace {

class CheckpointerTest : public testing::Test {
  protected:
    void SetUp() override {
        path = testing::TempDir() + "bide_checkpointer_test.db";
        remove();
        writer.emplace(Database::open(path, Database::Mode::read_write).value());
        run("PRAGMA journal_mode = WAL");
        run("PRAGMA synchronous = NORMAL");
        run("CREATE TABLE t (n INTEGER PRIMARY KEY, filling BLOB)");
        writer->watch_log(frames);
        checkpointer = Checkpointer::open(path, {10, 40, 80}).value();
    }
    void TearDown() override {
        checkpointer.reset();
        writer.reset();
        remove();
    }
    void remove() {
        for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path + end);
    }
    void run(const std::string& sql) { ASSERT_TRUE(writer->run(sql).has_value()); }
    void commit(int count) {
        for (int i = 0; i < count; ++i) {
            run("INSERT INTO t (filling) VALUES (zeroblob(3000))");
            most = std::max(most, frames);
            checkpointer->committed(frames, *writer);
        }
    }

    std::string path;
    std::optional<Database> writer;
    std::unique_ptr<Checkpointer> checkpointer;
    int frames = 0;
    int most = 0;
};

TEST_F(CheckpointerTest, ABusyWritersLogStaysBounded) {
    commit(1000);
    EXPECT_GE(most, 40);
    EXPECT_LE(most, 90);
    EXPECT_EQ(writer->number("SELECT count(*) FROM t").value(), 1000);
    EXPECT_GT(std::filesystem::file_size(path), 900U * 3000) << "copied, but for the last";
}

TEST_F(CheckpointerTest, AReaderOfAnOldStateKeepsTheLogOnlyForSoLong) {
    auto reader = Database::open(path, Database::Mode::read_only);
    Statement old = reader.value().prepare("SELECT count(*) FROM t UNION ALL SELECT 7").value();
    commit(5);
    ASSERT_TRUE(old.step().value());
    EXPECT_EQ(old.number(0), 5);
    commit(500);
    EXPECT_GT(most, 500) << "what it may read is kept";
    ASSERT_TRUE(old.step().value());
    old.reset();
    most = 0;
    commit(200);
    EXPECT_LT(frames, 200) << "begun anew after it";
    EXPECT_EQ(writer->number("SELECT count(*) FROM t").value(), 705);
}

}  // namespace
}  // namespace bide::engines::embedded
