// Results that are files, to clients that take a part, stop reading, or leave.
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace bide::test {
namespace {

/// Far more than sockets take by themselves.
constexpr std::size_t kSize = 64 << 20;

class LargeAnswer : public testing::Test {
  protected:
    LargeAnswer() : server_(options()) {
        std::string body;
        body.reserve(kSize);
        for (std::size_t line = 0; body.size() < kSize; ++line) body += std::to_string(line) + '\n';
        body_ = body.substr(0, kSize);
        const Response answer = post(server_.address(), "/", body_, {"Prefer: respond-async"});
        page_ = "/jobs/" + answer.member("id") + "/result";
        EXPECT_EQ(get(server_.address(), page_).body.size(), kSize);
    }

    static ServerOptions options() {
        ServerOptions options;
        options.config = "[server]\nio_threads = 1\n[queues.jobs]\nexec = [\"cat\"]\n";
        return options;
    }
    /// Not all descriptors: threads that read the store open it when they first have to.
    std::ptrdiff_t sockets() const {
        const std::string path = "/proc/" + std::to_string(server_.process_id()) + "/fd";
        std::error_code gone;
        return std::ranges::count_if(
            std::filesystem::directory_iterator(path),
            [&](const auto& entry) {
                const auto target = std::filesystem::read_symlink(entry.path(), gone);
                return target.string().starts_with("socket:");
            }
        );
    }
    Request request(std::vector<std::string> lines = {}) const {
        return {"GET", page_, std::move(lines), {}};
    }

    Server server_;
    std::string body_;
    std::string page_;
};

TEST_F(LargeAnswer, PartsOfAFileAreThatPartAndTheConnectionGoesOn) {
    Connection client(server_.address());
    // Within a piece, over the borders of several, and the end.
    for (const std::size_t from : {std::size_t{0}, std::size_t{5'000'001}, kSize - 7}) {
        const std::size_t length = std::min<std::size_t>(9'000'000, kSize - from);
        const std::string range =
            "Range: bytes=" + std::to_string(from) + "-" + std::to_string(from + length - 1);
        const Response part = client.ask(request({range}));
        EXPECT_EQ(part.status, 206);
        EXPECT_TRUE(part.body == body_.substr(from, length)) << range;
    }
}

TEST_F(LargeAnswer, ClientsThatDoNotReadHoldUpNobodyAndLeaveNothing) {
    const std::ptrdiff_t before = sockets();
    std::vector<Connection> slow;
    // More than the pool has threads.
    for (int i = 0; i < 8; ++i) {
        slow.emplace_back(server_.address());
        slow.back().send(request());
        EXPECT_EQ(slow.back().read(Connection::Kind::to_head).status, 200);
    }
    EXPECT_TRUE(get(server_.address(), page_).body == body_);
    EXPECT_EQ(post(server_.address(), "/", "quick").body, "quick");
    slow.clear();
    EXPECT_TRUE(eventually([&] { return sockets() <= before; }));
    EXPECT_TRUE(get(server_.address(), page_).body == body_);
}

}  // namespace
}  // namespace bide::test
