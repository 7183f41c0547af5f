// Jobs forwarded to a URL: the real server before a real HTTP server.
#include "support/server.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>

namespace bide::test {
namespace {

class HttpTarget {
  public:
    explicit HttpTarget(std::vector<std::string> certificate = {}) {
        ProcessOptions options;
        options.argv = {"python3", BIDE_HTTP_TARGET};
        options.argv.insert(options.argv.end(), certificate.begin(), certificate.end());
        options.error_path = directory_ / "stderr";
        process_ = std::make_unique<Process>(options);
        const auto port = process_->read_line();
        if (!port) throw std::runtime_error("no target: " + read_file(directory_ / "stderr"));
        port_ = *port;
    }
    std::string url(
        const std::string& path,
        const std::string& scheme = "http",
        const std::string& host = "127.0.0.1"
    ) const {
        return scheme + "://" + host + ":" + port_ + path;
    }
    std::string line() { return process_->read_line().value_or("(nothing)"); }

  private:
    TempDir directory_;
    std::unique_ptr<Process> process_;
    std::string port_;
};

/// A queue of this name that forwards to this URL.
std::string queue(const std::string& name, const std::string& url, const std::string& more = "") {
    return "[queues." + name + "]\nhttp = \"" + url + "\"\nbackoff = \"1ms\"\n" + more + "\n";
}

class HttpHandler : public testing::Test {
  protected:
    Server& serve(const std::string& config) {
        ServerOptions options;
        options.config = config;
        server_ = std::make_unique<Server>(std::move(options));
        return *server_;
    }
    /// A server whose one queue forwards to this path of the target.
    Server& forward_to(const std::string& path, const std::string& more = "") {
        return serve(queue("far", target_.url(path), more));
    }
    Response post(std::string body = "", std::vector<std::string> lines = {}) {
        return test::post(server_->address(), "/", std::move(body), std::move(lines));
    }

    HttpTarget target_;
    std::unique_ptr<Server> server_;
};

TEST_F(HttpHandler, TheTargetsAnswerIsTheResult) {
    forward_to("/echo");
    for (const std::string& body :
         {std::string("hello"), std::string(), std::string("\0\xff", 2)}) {
        const Response answer = post(body);
        EXPECT_EQ(answer.status, 201) << answer.body;
        EXPECT_EQ(answer["Content-Type"], "text/x-echo");
        EXPECT_EQ(answer.body, body);
        EXPECT_EQ(answer["Bide-Attempts"], "1");
        EXPECT_EQ(get(server_->address(), answer["Content-Location"]).body, body);
    }
}

TEST_F(HttpHandler, TheTargetLearnsTheFactsOfTheJob) {
    forward_to(
        "/headers_seen?a=b",
        "attempts = 7\nhttp_headers = {Authorization = \"Bearer abc\", User-Agent = \"me\"}"
    );
    const Response answer = post(
        "body",
        {"Content-Type: text/x-mine",
         "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    );
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.member("Content-Type"), "text/x-mine");
    EXPECT_EQ(answer.member("Bide-Job-Id"), answer["Bide-Job-Id"]);
    EXPECT_EQ(answer.member("Bide-Queue"), "far");
    EXPECT_EQ(answer.member("Bide-Attempt"), "1");
    EXPECT_EQ(answer.member("Bide-Attempts-Max"), "7");
    EXPECT_EQ(answer.member("Idempotency-Key"), '"' + answer["Bide-Job-Id"] + '"');
    EXPECT_EQ(
        answer.member("Bide-Deadline").size(), std::string("2026-11-25T02:49:22.879Z").size()
    );
    EXPECT_NE(
        answer.member("traceparent").find("0af7651916cd43dd8448eb211c80319c"), std::string::npos
    );
    EXPECT_EQ(answer.member("Authorization"), "Bearer abc");
    EXPECT_EQ(answer.member("User-Agent"), "me");
    EXPECT_EQ(answer.member("Content-Length"), "4");
}

TEST_F(HttpHandler, ARefusalFailsForGoodAndIsPassedOn) {
    for (const int status : {400, 404, 409, 410, 422, 451}) {
        forward_to("/status?is=" + std::to_string(status));
        const Response answer = post();
        EXPECT_EQ(answer.status, status);
        EXPECT_EQ(answer["Content-Type"], "text/x-said");
        EXPECT_EQ(answer.body, "said " + std::to_string(status));
        EXPECT_EQ(answer["Bide-Attempts"], "1");
        EXPECT_EQ(answer["Bide-Error-Source"], "handler");
        const Response job = get(server_->address(), "/jobs/" + answer["Bide-Job-Id"]);
        EXPECT_EQ(job.member("state"), "failed");
    }
}

TEST_F(HttpHandler, WhatMayGoBetterGetsAnotherAttempt) {
    for (const int status : {408, 425, 429, 500, 502, 503, 599}) {
        forward_to("/status?then=200&is=" + std::to_string(status));
        const Response answer = post();
        EXPECT_EQ(answer.status, 200) << status << answer.body;
        EXPECT_EQ(answer["Bide-Attempts"], "2") << status;
    }
}

TEST_F(HttpHandler, WhatNeverGoesBetterFailsInTheEndWithTheLastWords) {
    forward_to("/status?is=503", "attempts = 2");
    const Response answer = post();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-failed");
    EXPECT_EQ(answer["Bide-Attempts"], "2");
    EXPECT_EQ(
        answer.member("detail"), "the target answered 503 Service Unavailable; it said:\nsaid 503"
    );
}

TEST_F(HttpHandler, ARedirectFailsForGood) {
    forward_to("/status?is=307");
    const Response answer = post();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-rejected");
    EXPECT_EQ(answer["Bide-Attempts"], "1");
    EXPECT_EQ(
        answer.member("detail"),
        "the target answered 307 Temporary Redirect; redirects are not followed (to /echo)"
    );
}

TEST_F(HttpHandler, RetryAfterIsHeeded) {
    const auto before = [](const std::string& time) { return time.substr(0, 19); };
    for (const std::string how : {"after=3600", "date=3600"}) {
        forward_to("/status?is=503&" + how);
        const Response accepted = post("", {"Prefer: respond-async"});
        Response job;
        EXPECT_TRUE(eventually([&] {
            job = get(server_->address(), accepted["Location"]);
            return job.member("state") == "scheduled";
        }));
        // An hour, as texts: the day may change, not the order.
        const std::string created = before(job.member("created"));
        const std::string not_before = before(job.member("not_before"));
        EXPECT_GT(not_before, created) << how;
        const auto minutes_of_day = [](const std::string& t) {
            return std::stoi(t.substr(11, 2)) * 60 + std::stoi(t.substr(14, 2));
        };
        const int pause = (minutes_of_day(not_before) - minutes_of_day(created) + 1440) % 1440;
        EXPECT_GE(pause, 59) << how;
        EXPECT_LE(pause, 62) << how;
    }
}

TEST_F(HttpHandler, ConnectionsAreKept) {
    forward_to("/count");
    std::string port;
    for (int i = 1; i <= 5; ++i) {
        const std::string said = post().body;
        const auto space = said.find(' ');
        if (i == 1) port = said.substr(0, space);
        EXPECT_EQ(said, port + " " + std::to_string(i));
    }
}

TEST_F(HttpHandler, ATargetThatClosesKeptConnectionsCostsNoAttempt) {
    forward_to("/closes", "attempts = 1");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(post().status, 200);
}

TEST_F(HttpHandler, ASlowTargetIsLeftWhenTheLeaseEnds) {
    forward_to("/hold", "timeout = \"300ms\"\nattempts = 2");
    const Response answer = post();
    EXPECT_EQ(answer.status, 504);
    EXPECT_EQ(answer.problem(), "handler-timeout");
    for (const char* said : {"held", "gone", "held", "gone"}) EXPECT_EQ(target_.line(), said);
}

TEST_F(HttpHandler, CancellingClosesTheConnection) {
    forward_to("/hold");
    const Response accepted = post("", {"Prefer: respond-async"});
    EXPECT_EQ(target_.line(), "held");
    EXPECT_EQ(ask(server_->address(), {"DELETE", accepted["Location"], {}, {}}).status, 200);
    EXPECT_EQ(target_.line(), "gone");
}

TEST_F(HttpHandler, StoppingTheServerClosesTheConnectionAndTheJobRunsAgain) {
    forward_to("/hold");
    const Response accepted = post("", {"Prefer: respond-async"});
    EXPECT_EQ(target_.line(), "held");
    EXPECT_EQ(server_->stop_at_once().status, 0) << server_->log();
    EXPECT_EQ(target_.line(), "gone");
    server_->start();
    EXPECT_EQ(target_.line(), "held");
    EXPECT_EQ(ask(server_->address(), {"DELETE", accepted["Location"], {}, {}}).status, 200);
    EXPECT_EQ(target_.line(), "gone");
}

TEST_F(HttpHandler, ATargetThatIsNotThereIsTriedAgainAndThenFails) {
    std::string url;
    {
        HttpTarget gone;
        url = gone.url("/");
    }
    serve(queue("far", url, "attempts = 2"));
    const Response answer = post();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer["Bide-Attempts"], "2");
    EXPECT_NE(answer.member("detail").find("cannot connect: Connection refused"), std::string::npos)
        << answer.body;
}

TEST_F(HttpHandler, NonsenseFromTheTargetIsTriedAgainAndThenFails) {
    forward_to("/raw?bytes=HTTP/7+hello", "attempts = 2");
    const Response answer = post();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-failed");
    EXPECT_EQ(answer["Bide-Attempts"], "2");
    EXPECT_NE(answer.member("detail").find("not a valid HTTP answer"), std::string::npos);
}

TEST_F(HttpHandler, AnAnswerOverTheLimitFailsForGood) {
    forward_to("/large?size=1048576", "output_max = 1000");
    const Response answer = post();
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(answer.problem(), "handler-rejected");
    EXPECT_EQ(answer["Bide-Attempts"], "1");
}

/// The most memory that the process ever had, in bytes.
std::size_t memory_peak(pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
    }
    return 0;
}

TEST_F(HttpHandler, AnErrorThatIsTooLargeMeansWhatItsStatusDoes) {
    const std::string large = "&size=400000";
    forward_to("/status?is=503&then=200" + large, "attempts = 2\noutput_max = \"300KiB\"");
    const Response second = post("x");
    EXPECT_EQ(second.status, 200) << second.body;
    EXPECT_EQ(second["Bide-Attempts"], "2");
    forward_to("/status?is=503" + large, "attempts = 1\noutput_max = \"300KiB\"");
    const std::string detail = post("x").member("detail");
    EXPECT_NE(detail.find("503"), std::string::npos) << detail;
    EXPECT_NE(detail.find("said 503"), std::string::npos) << detail;
    forward_to("/status?is=404&then=200" + large, "attempts = 2\noutput_max = \"300KiB\"");
    const Response refused = post("x");
    EXPECT_EQ(refused.status, 502);
    EXPECT_EQ(refused["Bide-Attempts"], "1");
    EXPECT_NE(refused.member("detail").find("larger than"), std::string::npos) << refused.body;
}

TEST_F(HttpHandler, LargeBodiesPassInFlatMemory) {
    constexpr std::size_t kSize = 64U << 20;
    forward_to("/large?size=" + std::to_string(kSize));
    EXPECT_EQ(post("small").status, 200);
    [[maybe_unused]] const std::size_t before = memory_peak(server_->process_id());
    const Response answer = post(std::string(kSize, 'x'));
    ASSERT_EQ(answer.status, 200) << answer.body.substr(0, 1000);
    EXPECT_EQ(answer.body.size(), kSize);
    EXPECT_EQ(answer.body.substr(kSize - 16), "0123456789abcdef");
    // sha256 of 64 MiB of 'x'
    EXPECT_EQ(
        answer["Content-Type"],
        "digest/e20a69eca39368572e90b9135738a613838f954987a0b44b6220889c171cbb76"
    );
#ifndef __SANITIZE_ADDRESS__
    EXPECT_LT(memory_peak(server_->process_id()) - before, kSize / 4);
#endif
}

class HttpHandlerTls : public testing::Test {
  protected:
    /// A CA, and a certificate of its for the name localhost.
    static void SetUpTestSuite() {
        directory = std::make_unique<TempDir>();
        make_ca("ca");
        make_ca("other");
        openssl(
            {"req",
             "-newkey",
             "ec",
             "-pkeyopt",
             "ec_paramgen_curve:prime256v1",
             "-nodes",
             "-keyout",
             file("key.pem"),
             "-out",
             file("request.pem"),
             "-subj",
             "/CN=target"}
        );
        sign("target.pem", "localhost");
        sign("elsewhere.pem", "elsewhere");
    }
    static void TearDownTestSuite() { directory.reset(); }

    static std::string file(const std::string& name) { return *directory / name; }
    /// The target's certificate for this host.
    static void sign(const std::string& name, const std::string& host) {
        write_file(file("names"), "subjectAltName=DNS:" + host + "\n");
        openssl(
            {"x509",
             "-req",
             "-in",
             file("request.pem"),
             "-CA",
             file("ca.pem"),
             "-CAkey",
             file("ca.key"),
             "-CAcreateserial",
             "-days",
             "2",
             "-out",
             file(name),
             "-extfile",
             file("names")}
        );
    }
    static void make_ca(const std::string& name) {
        openssl(
            {"req",
             "-x509",
             "-newkey",
             "ec",
             "-pkeyopt",
             "ec_paramgen_curve:prime256v1",
             "-nodes",
             "-days",
             "2",
             "-keyout",
             file(name + ".key"),
             "-out",
             file(name + ".pem"),
             "-subj",
             "/CN=" + name}
        );
    }
    static void openssl(std::vector<std::string> words) {
        words.insert(words.begin(), "openssl");
        ProcessOptions options;
        options.argv = std::move(words);
        const Ran ran = run(std::move(options));
        ASSERT_EQ(ran.exit.status, 0) << ran.error;
    }

    /// What a job gets that is forwarded to this host, trusting this CA (or the system's).
    static Response post_to(
        const std::string& host, const std::string& ca, const std::string& own = "target.pem"
    ) {
        HttpTarget target({file(own), file("key.pem")});
        const std::string trust = ca.empty() ? "" : "http_ca = \"" + file(ca) + "\"\n";
        ServerOptions options;
        options.config = queue("far", target.url("/echo", "https", host), "attempts = 1\n" + trust);
        const Server server(std::move(options));
        for (int i = 0; i < 3; ++i) post(server.address(), "/", "some body");
        return post(server.address(), "/", "some body");
    }
    static void expect_refused(const Response& answer) {
        EXPECT_EQ(answer.status, 502);
        EXPECT_EQ(answer.problem(), "handler-failed");
        EXPECT_NE(answer.member("detail").find("certificate verify failed"), std::string::npos)
            << answer.body;
    }

    static inline std::unique_ptr<TempDir> directory;
};

TEST_F(HttpHandlerTls, AKnownCaIsTrusted) {
    const Response answer = post_to("localhost", "ca.pem");
    EXPECT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(answer.body, "some body");
}

TEST_F(HttpHandlerTls, AnUnknownCaIsNot) {
    expect_refused(post_to("localhost", "other.pem"));
    expect_refused(post_to("localhost", ""));
}

TEST_F(HttpHandlerTls, AnotherHostNameIsNot) {
    const auto expect_told = [](const Response& answer, const std::string& host) {
        expect_refused(answer);
        const std::string detail = answer.member("detail");
        EXPECT_NE(detail.find("the certificate is not for " + host), std::string::npos) << detail;
    };
    expect_told(post_to("127.0.0.1", "ca.pem"), "127.0.0.1");
    expect_told(post_to("localhost", "ca.pem", "elsewhere.pem"), "localhost");
}

TEST(HttpHandlerConfig, IsCheckedAtTheStart) {
    const auto refusal = [](const std::string& config) {
        TempDir directory;
        write_file(directory / "bide.toml", config);
        ProcessOptions options;
        options.argv = {
            bide_program(),
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data",
            directory / "data",
            "--config",
            directory / "bide.toml"};
        const Ran ran = run(std::move(options));
        EXPECT_EQ(ran.exit.status, 2) << config;
        return ran.error;
    };
    const auto expect = [&](const std::string& config, const std::string& words) {
        const std::string said = refusal(config);
        EXPECT_NE(said.find(words), std::string::npos) << said;
    };
    expect(queue("far", "ftp://host/"), "must start with http:// or https://");
    expect(queue("far", "http://me:geheim@host/"), "user information");
    expect(queue("far", "http://host/#x"), "fragment");
    expect(queue("far", "http://host/", "http_headers = [\"Content-Length: 1\"]"), "set by bide");
    expect(queue("far", "http://host/", "http_headers = [\"bide-attempt: 1\"]"), "set by bide");
    expect(queue("far", "http://host/", "http_headers = {\"a b\" = \"1\"}"), "not the name");
    expect(queue("far", "http://host/", "http_headers = {a = \"1\\r\\nb: 2\"}"), "control");
    expect(queue("far", "https://host/", "http_ca = \"missing.pem\""), "missing.pem");
    expect(queue("far", "http://host/", "http_ca = \"ca.pem\""), "http_ca is for https");
}

TEST(HttpHandlerConfig, AFlagMakesAQueueToo) {
    HttpTarget target;
    ServerOptions options;
    options.flags = {"--http", target.url("/echo")};
    const Server server(std::move(options));
    EXPECT_EQ(post(server.address(), "/", "hi").body, "hi");
}

}  // namespace
}  // namespace bide::test
