// Disks that are full, and databases that are broken: no 200 for what is not stored, and nothing
// lost of what was (G1, G3).
#include "support/server.hpp"
#include "support/store.hpp"
#include "support/wait.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <sys/mount.h>
#include <vector>

namespace bide::test {
namespace {

namespace fs = std::filesystem;

/// What was answered 200.
struct Kept {
    std::string page;
    std::string type;
    std::string body;
};

/// Bytes that differ from job to job.
std::string body_of(std::size_t number, std::size_t size) {
    std::string body;
    while (body.size() < size) body += "job " + std::to_string(number) + ", ";
    body.resize(size);
    return body;
}

void expect_kept(const Address& server, const std::vector<Kept>& all) {
    Connection connection(server);
    for (const auto& kept : all) {
        const Response answer = connection.ask({"GET", kept.page, {}, {}});
        EXPECT_EQ(answer.status, 200) << kept.page;
        EXPECT_EQ(answer["Content-Type"], kept.type);
        EXPECT_TRUE(answer.body == kept.body) << kept.page;
    }
}

/// A file system of its own, of a few megabytes, that goes away with this process at the latest.
class SmallDisk {
  public:
    explicit SmallDisk(const std::string& options) {
        if (::unshare(CLONE_NEWNS) != 0) return;
        if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
        mounted_ = ::mount("tmpfs", directory_.path().c_str(), "tmpfs", 0, options.c_str()) == 0;
    }
    ~SmallDisk() {
        if (mounted_) ::umount2(directory_.path().c_str(), MNT_DETACH);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    bool mounted() const { return mounted_; }
    std::string operator/(const std::string& name) const { return directory_ / name; }

  private:
    TempDir directory_;
    bool mounted_ = false;
};

/// Posts jobs until one is refused; what was answered before.
std::vector<Kept> fill(const Address& server, const std::string& queue, std::size_t size) {
    std::vector<Kept> kept;
    for (std::size_t i = 0; i < 20'000; ++i) {
        const std::string body = body_of(i, size);
        const Response answer =
            post(server, "/queues/" + queue + "/jobs", body, {"Content-Type: text/x-fill"});
        if (answer.status != 200) {
            EXPECT_EQ(answer.status, 503) << answer.body;
            EXPECT_EQ(answer.problem(), "store-failed");
            EXPECT_EQ(answer["Bide-Error-Source"], "bide");
            return kept;
        }
        EXPECT_TRUE(answer.body == body);
        kept.push_back({answer["Content-Location"], answer["Content-Type"], body});
    }
    ADD_FAILURE() << "the disk does not fill";
    return kept;
}

void expect_stopped_answering(Server& server, const std::vector<Kept>& before) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(post(server.address(), "/queues/echo/jobs", "more").status, 503);
        const Response accepted =
            post(server.address(), "/queues/echo/jobs", "more", {"Prefer: respond-async"});
        EXPECT_EQ(accepted.status, 503);
    }
    const Response ready = get(server.address(), "/readyz");
    EXPECT_EQ(ready.status, 503);
    EXPECT_NE(ready.body.find("the store failed"), std::string::npos) << ready.body;
    EXPECT_EQ(get(server.address(), "/healthz").status, 200);
    EXPECT_NE(server.log().find("the store failed"), std::string::npos);
    for (const auto& kept : before) {
        const Response answer = get(server.address(), kept.page);
        EXPECT_TRUE(answer.status == 503 || (answer.status == 200 && answer.body == kept.body))
            << answer.status;
    }
}

constexpr const char* kQueues =
    "[queues.echo]\nnative = \"echo\"\n"
    "[queues.cat]\nexec = [\"cat\"]\ncontent_type = \"text/x-fill\"\nattempts = 1\n";

TEST(FullDisk, StopsAnswering200AndLosesNothing) {
    SmallDisk disk("size=6m");
    if (!disk.mounted()) GTEST_SKIP() << "needs root, to mount a small file system";
    write_file(disk / "ballast", std::string(3 << 20, 'b'));
    ServerOptions options;
    options.data = disk / "data";
    options.config = kQueues;
    Server server(std::move(options));
    const std::vector<Kept> kept = fill(server.address(), "echo", 16 << 10);
    EXPECT_GT(kept.size(), 10U);
    expect_stopped_answering(server, kept);
    EXPECT_EQ(server.stop().status, 0) << server.log();

    fs::remove(disk / "ballast");
    server.start();
    expect_kept(server.address(), kept);
    EXPECT_EQ(get(server.address(), "/readyz").status, 200);
    EXPECT_EQ(post(server.address(), "/queues/echo/jobs", "again").status, 200);
    EXPECT_EQ(query(server.data(), "PRAGMA integrity_check"), "ok");
}

TEST(FullDisk, KilledThereItStillLosesNothing) {
    SmallDisk disk("size=6m");
    if (!disk.mounted()) GTEST_SKIP() << "needs root, to mount a small file system";
    write_file(disk / "ballast", std::string(3 << 20, 'b'));
    ServerOptions options;
    options.data = disk / "data";
    options.config = kQueues;
    Server server(std::move(options));
    const std::vector<Kept> kept = fill(server.address(), "echo", 16 << 10);
    server.kill();
    fs::remove(disk / "ballast");
    server.start();
    expect_kept(server.address(), kept);
}

TEST(FullDisk, LargeBodyThatDoesNotFitIsRefusedAndSmallOnesGoOn) {
    SmallDisk disk("size=12m");
    if (!disk.mounted()) GTEST_SKIP() << "needs root, to mount a small file system";
    ServerOptions options;
    options.data = disk / "data";
    options.config = kQueues;
    Server server(std::move(options));
    const Response fits = post(server.address(), "/queues/cat/jobs", body_of(1, 2 << 20));
    EXPECT_EQ(fits.status, 200);
    const Response refused = post(server.address(), "/queues/cat/jobs", body_of(2, 11 << 20));
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_EQ(refused.problem(), "store-failed");
    // Its half-written file is gone again, so there is room.
    EXPECT_EQ(post(server.address(), "/queues/echo/jobs", "small").status, 200);
    EXPECT_EQ(get(server.address(), fits["Content-Location"]).body, fits.body);
}

TEST(FileLimit, StopsAnswering200AndLosesNothing) {
    ServerOptions options;
    options.config = kQueues;
    options.file_bytes_max = 2 << 20;
    Server server(std::move(options));
    const std::vector<Kept> kept = fill(server.address(), "echo", 16 << 10);
    EXPECT_GT(kept.size(), 10U);
    expect_stopped_answering(server, kept);
    EXPECT_EQ(server.stop().status, 0) << server.log();
    server.options().file_bytes_max = 0;
    server.start();
    expect_kept(server.address(), kept);
    EXPECT_EQ(post(server.address(), "/queues/echo/jobs", "again").status, 200);
}

// --- broken databases -------------------------------------------------------------------------

class BrokenDatabase : public testing::Test {
  protected:
    static constexpr std::size_t kPage = 4096;

    /// Bodies of these sizes, and a job still open.
    void store(const std::vector<std::size_t>& sizes) {
        for (const std::size_t size : sizes) {
            for (std::size_t i = 0; i < 3; ++i) {
                const std::string body = body_of(kept_.size(), size);
                const Response answer =
                    post(server_.address(), "/", body, {"Content-Type: text/x-kept"});
                EXPECT_EQ(answer.status, 200);
                kept_.push_back({answer["Content-Location"], "text/x-kept", body});
            }
        }
        post(server_.address(), "/queues/sleep/jobs", "600000", {"Prefer: respond-async"});
        // Everything is then in the database itself, not in its log.
        EXPECT_EQ(server_.stop_at_once().status, 0) << server_.log();
        EXPECT_FALSE(fs::exists(server_.data() + "/bide.db-wal"));
        whole_ = read_file(server_.data() + "/bide.db");
        pages_ = whole_.size() / kPage;
    }

    static ServerOptions options() {
        ServerOptions options;
        options.config =
            "[server]\ndefault_queue = \"echo\"\n[queues.echo]\nnative = \"echo\"\n"
            "[queues.sleep]\nnative = \"sleep\"\n";
        return options;
    }

    void overwrite(std::size_t page, const std::string& bytes) {
        std::fstream file(
            server_.data() + "/bide.db", std::ios::binary | std::ios::in | std::ios::out
        );
        file.seekp(static_cast<std::streamoff>(page * kPage));
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }

    void restore(const std::string& database) {
        for (const char* rest : {"-wal", "-shm"}) fs::remove(server_.data() + "/bide.db" + rest);
        write_file(server_.data() + "/bide.db", database);
    }

    void overwrite_each_page() {
        ASSERT_GT(pages_, 10U);
        for (std::size_t page = 1; page < pages_; ++page) {
            for (const char filler : {'\xa5', '\0'}) {
                SCOPED_TRACE("page " + std::to_string(page + 1));
                restore(whole_);
                overwrite(page, std::string(kPage, filler));
                expect_no_wrong_answer();
            }
        }
    }

    /// Starts on what is there: it refuses, or every answer is the right one or 503.
    void expect_no_wrong_answer() {
        try {
            server_.start();
        } catch (const std::runtime_error&) {
            EXPECT_EQ(server_.wait().status, 1) << server_.log();
            return;
        }
        for (const auto& kept : kept_) {
            const Response answer = get(server_.address(), kept.page);
            if (answer.status == 200)
                EXPECT_TRUE(answer.body == kept.body && answer["Content-Type"] == kept.type)
                    << "a wrong 200";
            else
                EXPECT_EQ(answer.status, 503) << answer.body;
        }
        EXPECT_TRUE(server_.running());
        server_.kill();
    }

    Server server_{options()};
    std::vector<Kept> kept_;
    std::string whole_;
    std::size_t pages_ = 0;
};

TEST_F(BrokenDatabase, FirstPageOverwrittenRefusesToStart) {
    store({10});
    overwrite(0, std::string(kPage, '\xa5'));
    EXPECT_THROW(server_.start(), std::runtime_error);
    EXPECT_EQ(server_.wait().status, 1);
    EXPECT_NE(server_.log().find("cannot start"), std::string::npos) << server_.log();
}

TEST_F(BrokenDatabase, AnyPageOverwrittenGivesNoWrongAnswer) {
    store({10, 500, 1500, 3000});
    overwrite_each_page();
}

// SQLite does not notice when the last of a large body's overflow pages is not what was written;
// the row's own check does.
TEST_F(BrokenDatabase, AnyPageOfALargeBodyOverwrittenGivesNoWrongAnswer) {
    store({5000, 9000, 30'000});
    overwrite_each_page();
}

TEST_F(BrokenDatabase, FileCutShortGivesNoWrongAnswer) {
    store({10, 500, 3000, 5000, 9000, 30'000});
    for (std::size_t pages = 1; pages < pages_; pages += 7) {
        SCOPED_TRACE("cut to " + std::to_string(pages) + " pages");
        restore(whole_.substr(0, pages * kPage));
        expect_no_wrong_answer();
    }
}

// --- files of large bodies --------------------------------------------------------------------

class BrokenBody : public testing::Test {
  protected:
    static constexpr std::size_t kSize = 400'000;

    static ServerOptions options() {
        ServerOptions options;
        options.config =
            "[queues.cat]\nexec = [\"cat\"]\ntimeout = \"600s\"\nattempts = 2\n"
            "[queues.other]\nnative = \"echo\"\n";
        return options;
    }
    std::string only_file() const {
        std::vector<std::string> files;
        for (const auto& entry : fs::directory_iterator(server_.data() + "/bodies"))
            if (entry.is_regular_file()) files.push_back(entry.path());
        EXPECT_EQ(files.size(), 1U);
        return files.at(0);
    }
    /// It says so everywhere, and never the path.
    void expect_damage_told() {
        EXPECT_TRUE(eventually([&] { return get(server_.address(), "/readyz").status == 503; }));
        EXPECT_NE(server_.log().find("cannot read from the store"), std::string::npos)
            << server_.log();
        EXPECT_EQ(post(server_.address(), "/queues/other/jobs", "more").status, 503);
    }

    Server server_{options()};
    const std::string body_ = body_of(7, kSize);
};

TEST_F(BrokenBody, ResultThatIsShortOrMissingIsRefusedBeforeItsHead) {
    const std::string page = post(server_.address(), "/queues/cat/jobs", body_)["Content-Location"];
    const std::string job = page.substr(0, page.rfind('/'));
    server_.stop();
    const std::string file = only_file();
    for (const char* harm : {"short", "missing"}) {
        SCOPED_TRACE(harm);
        if (harm == std::string("short"))
            write_file(file, body_.substr(0, 1000));
        else
            fs::remove(file);
        server_.start();
        for (const std::string& at : {job, page}) {
            const Response answer = get(server_.address(), at);
            EXPECT_EQ(answer.status, 503) << at;
            EXPECT_EQ(answer.problem(), "store-failed");
            EXPECT_EQ(answer.body.find(server_.data()), std::string::npos) << answer.body;
        }
        expect_damage_told();
        server_.stop();
    }
    write_file(file, body_);
    server_.start();
    EXPECT_TRUE(get(server_.address(), page).body == body_);
}

TEST_F(BrokenBody, InputThatIsShortOrMissingIsNoAttemptAndRunsWhenItIsMended) {
    server_.stop();
    const std::string config = server_.options().config;
    server_.options().config = "[queues.cat]\nexec = [\"sleep\", \"600\"]\n";
    server_.start();
    const Response accepted =
        post(server_.address(), "/queues/cat/jobs", body_, {"Prefer: respond-async"});
    EXPECT_EQ(accepted.status, 202);
    server_.stop_at_once();
    server_.options().config = config;
    const std::string file = only_file();
    for (const char* harm : {"short", "missing"}) {
        SCOPED_TRACE(harm);
        if (harm == std::string("short"))
            write_file(file, body_.substr(0, 1000));
        else
            fs::remove(file);
        server_.start();
        expect_damage_told();
        server_.stop_at_once();
        EXPECT_EQ(count(server_.data(), "SELECT attempts FROM open_jobs"), 0);
    }
    write_file(file, body_);
    server_.start();
    const std::string page = "/jobs/" + accepted.member("id");
    EXPECT_TRUE(get(server_.address(), page + "/result").body == body_) << "waits for it";
}

}  // namespace
}  // namespace bide::test
