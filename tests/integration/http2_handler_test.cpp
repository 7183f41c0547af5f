// Jobs forwarded over HTTP/2: the real server before another one.
#include "support/certificate.hpp"
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

namespace bide::test {
namespace {

class Http2Handler : public testing::Test {
  protected:
    /// A server that does the work, over TLS if there is a certificate, with this under [server].
    void work(const std::string& rules, bool tls = false) {
        std::string config = "[server]\n" + rules + "\n";
        if (tls) {
            make_certificate(certificate(), directory_ / "key.pem", "target");
            config += "tls_cert = \"" + certificate() + "\"\ntls_key = \"" +
                      std::string(directory_ / "key.pem") + "\"\n";
        }
        config +=
            "[queues.echo]\nnative = \"echo\"\n[queues.cat]\nexec = [\"cat\"]\n"
            "[queues.sleep]\nnative = \"sleep\"\nconcurrency = 1000\n";
        ServerOptions options;
        options.config = config;
        target_ = std::make_unique<Server>(std::move(options));
        scheme_ = tls ? "https" : "http";
    }

    /// A server whose one queue forwards to that queue.
    void forward_to(const std::string& queue, const std::string& more = "attempts = 1") {
        ServerOptions options;
        options.config = "[queues.far]\nhttp = \"" + scheme_ +
                         "://127.0.0.1:" + std::to_string(target_->address().port) + "/queues/" +
                         queue + "/jobs\"\nhttp2 = true\n" + more + "\n";
        server_ = std::make_unique<Server>(std::move(options));
    }
    Response post(std::string body) { return test::post(server_->address(), "/", std::move(body)); }
    std::string trust(bool tls) const { return tls ? "http_ca = \"" + certificate() + "\"" : ""; }
    std::string certificate() const { return directory_ / "cert.pem"; }

    /// Of the one that does the work.
    std::size_t gauge(const std::string& name) {
        const std::string page = get(target_->address(), "/metrics").body;
        const auto at = page.find("\n" + name + " ");
        if (at == std::string::npos) throw std::runtime_error("no " + name);
        return std::stoul(page.substr(at + name.size() + 2));
    }

    TempDir directory_;
    std::string scheme_;
    std::unique_ptr<Server> target_;
    std::unique_ptr<Server> server_;
};

TEST_F(Http2Handler, ManyJobsAreOnOneConnection) {
    constexpr int kJobs = 100;
    work("");
    forward_to("sleep", "http_connections = 100");
    std::vector<std::future<Response>> answers;
    for (int i = 0; i < kJobs; ++i)
        answers.push_back(std::async(std::launch::async, [this] { return post("300"); }));
    for (auto& answer : answers) {
        const Response response = answer.get();
        EXPECT_EQ(response.status, 200) << response.body;
        EXPECT_EQ(response.body, "300");
    }
    // This question's own, and the one that the jobs came on.
    EXPECT_EQ(gauge("bide_connections"), 2U);
}

TEST_F(Http2Handler, BodiesOfAnySizeGoThereAndBack) {
    for (const bool tls : {false, true}) {
        work("", tls);
        forward_to("cat", trust(tls));
        for (const std::size_t size : {0U, 5U, 100'000U, 8'000'000U}) {
            std::string bytes;
            for (unsigned i = 0; bytes.size() < size; ++i) bytes += std::to_string(i * 2654435761U);
            bytes.resize(size);
            const Response answer = post(bytes);
            EXPECT_EQ(answer.status, 200) << answer.body;
            EXPECT_TRUE(answer.body == bytes) << size << (tls ? " tls" : "");
        }
    }
}

TEST_F(Http2Handler, ATargetWithoutItIsNamedAsTheReason) {
    for (const bool tls : {false, true}) {
        work("http2 = false", tls);
        forward_to("echo", "attempts = 1\n" + trust(tls));
        const Response answer = post("x");
        EXPECT_EQ(answer.status, 502);
        EXPECT_EQ(answer.problem(), "handler-failed");
        EXPECT_NE(answer.member("detail").find("HTTP/2"), std::string::npos) << answer.body;
    }
}

TEST_F(Http2Handler, ATargetThatStartsAnewIsFoundAgain) {
    work("");
    forward_to("echo", "attempts = 20\nbackoff = \"100ms\"");
    EXPECT_EQ(post("one").body, "one");
    const std::string port = std::to_string(target_->address().port);
    target_->kill();
    target_->options().listen = "127.0.0.1:" + port;
    auto answer = std::async(std::launch::async, [this] { return post("two"); });
    target_->start();
    const Response response = answer.get();
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.body, "two");
}

TEST_F(Http2Handler, StopsWithAJobUnderWay) {
    work("");
    forward_to("sleep");
    auto answer = std::async(std::launch::async, [this] {
        try {
            return post("60000").status;
        } catch (const std::exception&) {
            return 0;  // the connection ended with the server
        }
    });
    EXPECT_TRUE(eventually([this] { return gauge("bide_open_jobs") == 1; }));
    EXPECT_EQ(server_->stop_at_once().status, 0);
    EXPECT_NE(answer.get(), 200);
}

}  // namespace
}  // namespace bide::test
