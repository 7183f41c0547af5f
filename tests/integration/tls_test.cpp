// TLS as clients see it: curl and openssl against the real server.
#include "support/certificate.hpp"
#include "support/process.hpp"
#include "support/server.hpp"
#include "support/store.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

namespace bide::test {
namespace {

class Tls : public testing::Test {
  protected:
    Tls() {
        make_pair("one");
        use("one");
        ServerOptions options;
        options.config = "[server]\ntls_cert = \"" + certificate() + "\"\ntls_key = \"" + key() +
                         "\"\n[queues.cat]\nexec = [\"cat\"]\n[queues.sleep]\nnative = \"sleep\"\n"
                         "[queues.echo]\nnative = \"echo\"\n";
        options.config.insert(9, "default_queue = \"echo\"\n");
        server_ = std::make_unique<Server>(std::move(options));
    }

    std::string certificate() const { return directory_ / "cert.pem"; }
    std::string key() const { return directory_ / "key.pem"; }
    std::string url(const std::string& target) const {
        return "https://127.0.0.1:" + std::to_string(server_->address().port) + target;
    }

    /// A key and its certificate, whose subject is `name`.
    void make_pair(const std::string& name) {
        make_certificate(directory_ / (name + ".cert"), directory_ / (name + ".key"), name);
    }
    void use(const std::string& name) {
        write_file(certificate(), read_file(directory_ / (name + ".cert")));
        write_file(key(), read_file(directory_ / (name + ".key")));
    }

    Ran curl(std::vector<std::string> arguments) {
        const std::vector<std::string> first{
            "curl", "--silent", "--show-error", "--max-time", "30", "--cacert", certificate()};
        arguments.insert(arguments.begin(), first.begin(), first.end());
        ProcessOptions options;
        options.argv = std::move(arguments);
        return run(options);
    }

    /// A client that waits for its job, in the store already; the version it spoke is told last.
    std::unique_ptr<Process> wait_for(const std::string& body, const std::string& line) {
        ProcessOptions options;
        options.argv = {
            "curl",
            "--silent",
            "--cacert",
            certificate(),
            "-w",
            " %{http_code} HTTP/%{http_version}",
            "-H",
            line,
            "-d",
            body,
            url("/queues/sleep/jobs")};
        auto client = std::make_unique<Process>(options);
        EXPECT_TRUE(eventually([&] { return count_jobs(server_->data()) == 1; }));
        return client;
    }

    /// What s_client tells of a handshake.
    Ran handshake(std::vector<std::string> arguments) {
        const std::vector<std::string> first{
            "s_client", "-connect", "127.0.0.1:" + std::to_string(server_->address().port)};
        arguments.insert(arguments.begin(), first.begin(), first.end());
        // Its end of input is its end.
        std::string command = "exec openssl";
        for (const auto& argument : arguments) command += " '" + argument + "'";
        ProcessOptions options;
        options.argv = {"sh", "-c", command + " </dev/null"};
        return run(options);
    }

    TempDir directory_;
    std::unique_ptr<Server> server_;
};

TEST_F(Tls, JobsOfAnySizeGoUpAndDown) {
    const std::string body = directory_ / "body";
    for (const std::size_t size : {0U, 5U, 100'000U, 3'000'000U}) {
        std::string bytes;
        for (unsigned i = 0; bytes.size() < size; ++i) bytes += std::to_string(i * 2654435761U);
        bytes.resize(size);
        write_file(body, bytes);
        for (const char* framing : {"Content-Type: x/y", "Transfer-Encoding: chunked"}) {
            const std::string out = directory_ / "out";
            const Ran ran = curl(
                {"-H", framing, "--data-binary", "@" + body, "-o", out, url("/queues/cat/jobs")}
            );
            ASSERT_EQ(ran.exit.status, 0) << ran.error;
            EXPECT_TRUE(read_file(out) == bytes) << size << " " << framing;
        }
    }
}

TEST_F(Tls, AWaitIsAnsweredAndAStreamIsTold) {
    EXPECT_EQ(curl({"-d", "700", url("/queues/sleep/jobs")}).output, "700");
    const Ran stream =
        curl({"-H", "Accept: text/event-stream", "-d", "700", url("/queues/sleep/jobs")});
    EXPECT_NE(stream.output.find("event: accepted"), std::string::npos) << stream.output;
    EXPECT_NE(stream.output.find("event: result"), std::string::npos) << stream.output;
    const Ran batch = curl(
        {"-H", "Content-Type: application/x-ndjson", "-d", "{\"body\":\"hello\"}", url("/batches")}
    );
    EXPECT_NE(batch.output.find("\"summary\""), std::string::npos) << batch.output;
}

TEST_F(Tls, ClientThatLeavesIsNoticed) {
    ProcessOptions options;
    options.argv = {
        "curl",
        "--silent",
        "--cacert",
        certificate(),
        "--max-time",
        "1",
        "-D",
        "-",
        "-H",
        "Bide-On-Disconnect: cancel",
        "-H",
        "Accept: text/event-stream",
        "-d",
        "60000",
        url("/queues/sleep/jobs")};
    const Ran ran = run(options);
    const auto at = ran.output.find("ocation: ");
    ASSERT_NE(at, std::string::npos) << ran.output;
    const std::string page = ran.output.substr(at + 9, 42);
    EXPECT_TRUE(eventually([&] {
        return curl({url(page)}).output.find("\"cancelled\"") != std::string::npos;
    }));
}

TEST_F(Tls, SpeaksTheVersionsAndTheProtocolItShould) {
    for (const char* version : {"-tls1_2", "-tls1_3"}) {
        const Ran ran = handshake({version, "-alpn", "http/1.1,h2"});
        EXPECT_NE(ran.output.find("ALPN protocol: h2"), std::string::npos) << ran.output;
    }
    EXPECT_NE(handshake({"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}).exit.status, 0);
    const Ran older = handshake({"-alpn", "http/1.1"});
    EXPECT_NE(older.output.find("ALPN protocol: http/1.1"), std::string::npos) << older.output;
    EXPECT_NE(handshake({"-alpn", "spdy/3"}).exit.status, 0);
    EXPECT_NE(handshake({"-tls1_2", "-cipher", "AES128-SHA"}).exit.status, 0);
}

TEST_F(Tls, PlainHttpIsToldWhatToDo) {
    const Response answer = get(server_->address(), "/healthz");
    EXPECT_EQ(answer.status, 400);
    EXPECT_NE(answer.body.find("https"), std::string::npos);
    Connection garbage(server_->address());
    garbage.send(std::string_view("\x16\x03\x01\x00\x05hello", 10));
    EXPECT_TRUE(garbage.ends() || !garbage.silent());
    EXPECT_EQ(curl({url("/healthz")}).output, "ok\n");
}

TEST_F(Tls, AWaitOverHttp2IsAnsweredWhenTheServerStops) {
    const auto client = wait_for("1500", "Bide-On-Disconnect: cancel");
    server_->signal(SIGTERM);
    EXPECT_EQ(client->read_rest(), "1500 200 HTTP/2");
    EXPECT_EQ(client->wait().status, 0);
    EXPECT_EQ(server_->wait().status, 0) << server_->log();
}

TEST_F(Tls, AJobWithAWaitOverHttp2IsHandedBackAndNotCancelled) {
    const auto client = wait_for("60000", "Bide-On-Disconnect: cancel");
    EXPECT_EQ(server_->stop_at_once().status, 0) << server_->log();
    EXPECT_NE(client->read_rest().find(" 503 HTTP/2"), std::string::npos);
    EXPECT_EQ(count(server_->data(), "SELECT count(*) FROM outcomes"), 0);
}

TEST_F(Tls, TakesANewPairAndKeepsTheOldOneWhenItIsBad) {
    const auto subject = [this] { return handshake({}).output; };
    EXPECT_NE(subject().find("CN = one"), std::string::npos);
    write_file(certificate(), "no certificate");
    EXPECT_TRUE(eventually([&] { return server_->log().find("stays in use") != std::string::npos; })
    );
    EXPECT_NE(subject().find("CN = one"), std::string::npos);
    make_pair("two");
    use("two");
    EXPECT_TRUE(eventually([&] { return subject().find("CN = two") != std::string::npos; }));
}

TEST_F(Tls, ServerWithABadPairDoesNotStart) {
    ServerOptions options;
    write_file(key(), "no key");
    options.config = "[server]\ntls_cert = \"" + certificate() + "\"\ntls_key = \"" + key() +
                     "\"\n[queues.echo]\nnative = \"echo\"\n";
    EXPECT_THROW(Server{std::move(options)}, std::runtime_error);
}

}  // namespace
}  // namespace bide::test
