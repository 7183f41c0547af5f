// Large bodies of HttpClient, either way.
#include "runtime/http_client_fixture.hpp"

namespace bide::runtime {
namespace {

using Kind = HttpFailure::Kind;

constexpr std::size_t kLarge = 8U << 20;

using HttpClientBodyTest = HttpClientTest;

std::string answer_with(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_F(HttpClientBodyTest, AFileGoesOutAndALargeAnswerBecomesAFile) {
    const std::string there = pattern(kLarge + 1);
    const std::string back = pattern(kLarge + 2);
    std::string came;
    Peer peer([&](Conversation& conversation, int) {
        for (std::string head; !(head = conversation.read_head()).empty();) {
            EXPECT_NE(head.find("Content-Length: " + std::to_string(there.size())), head.npos);
            came = conversation.read(there.size());
            conversation.send(answer_with(back));
        }
    });
    for (int i = 0; i < 2; ++i) {
        came.clear();
        const HttpResult result = ask(post_file(peer.url(), there));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_TRUE(came == there);
        ASSERT_NE(result.value().body.file, nullptr);
        EXPECT_TRUE(bytes_of(result.value().body) == back);
    }
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientBodyTest, AnAnswerUpToTheThresholdStaysInMemory) {
    for (const std::size_t size : {kThreshold, kThreshold + 1}) {
        Peer peer([&](Conversation& conversation, int) {
            conversation.read_head();
            conversation.send(answer_with(pattern(size)));
        });
        HttpRequest request = get(peer.url());
        request.spool = spool_.get();
        const HttpResult result = ask(std::move(request));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_EQ(result.value().body.file != nullptr, size > kThreshold);
        EXPECT_TRUE(bytes_of(result.value().body) == pattern(size));
    }
}

TEST_F(HttpClientBodyTest, APeerMayAnswerAsItReads) {
    const std::string there = pattern(kLarge);
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (std::size_t left = there.size(); left > 0;) {
            const std::string some = conversation.read(std::min<std::size_t>(left, 65536));
            if (some.empty()) return;
            left -= some.size();
            conversation.send("10000\r\n" + some + "\r\n");
        }
        conversation.send("0\r\n\r\n");
        EXPECT_TRUE(conversation.ends());
    });
    const HttpResult result = ask(post_file(peer.url(), there));
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_TRUE(bytes_of(result.value().body) == there);
    EXPECT_EQ(idle(), 1U);
}

TEST_F(HttpClientBodyTest, APeerMayRefuseBeforeItHasReadAll) {
    for (const bool file : {true, false}) {
        std::promise<void> over;
        Peer peer([&](Conversation& conversation, int) {
            conversation.read_head();
            conversation.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
            over.get_future().wait();
        });
        const std::string body(64U << 20, 'x');  // more than a socket's buffers hold
        const HttpResult result = ask(file ? post_file(peer.url(), body) : post(peer.url(), body));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_EQ(result.value().status, 413);
        EXPECT_EQ(result.value().body.bytes, "big");
        EXPECT_EQ(idle(), 0U);
        over.set_value();
    }
}

TEST_F(HttpClientBodyTest, APeerThatGoesInTheMiddleOfTheRequestBreaksIt) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.read(100'000);
    });
    EXPECT_EQ(fail(post_file(peer.url(), pattern(kLarge))).kind, Kind::broken);
}

TEST_F(HttpClientBodyTest, AFileThatIsGoneIsATroubleOfOurs) {
    Peer peer([](Conversation& conversation, int) { conversation.read(2 * kLarge); });
    HttpRequest request = post_file(peer.url(), pattern(kLarge));
    std::filesystem::remove(request.body->file->path());
    EXPECT_EQ(fail(std::move(request)).kind, Kind::storage);
    HttpRequest cut = post_file(peer.url(), pattern(kLarge));
    std::filesystem::resize_file(cut.body->file->path(), kLarge / 2);
    EXPECT_EQ(fail(std::move(cut)).kind, Kind::storage);
}

TEST_F(HttpClientBodyTest, AFullDiskIsATroubleOfOurs) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(answer_with(pattern(kLarge)));
    });
    HttpRequest request = get(peer.url());
    request.spool = spool_.get();
    std::filesystem::remove_all(spool_->directory() + "/tmp");
    EXPECT_EQ(fail(std::move(request)).kind, Kind::storage);
}

TEST_F(HttpClientBodyTest, AStoppedAnswerLeavesNoFileBehind) {
    std::promise<void> sent;
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + pattern(kLarge));
        sent.set_value();
        conversation.ends();
    });
    std::stop_source stop;
    HttpRequest request = get(peer.url());
    request.spool = spool_.get();
    request.response_bytes_max = 1U << 30;
    request.stop = stop.get_token();
    auto result = begin(std::move(request));
    sent.get_future().wait();
    stop.request_stop();
    EXPECT_EQ(result.get().error().kind, Kind::stopped);
    EXPECT_TRUE(std::filesystem::is_empty(spool_->directory() + "/tmp"));
}

}  // namespace
}  // namespace bide::runtime
