// Attempts of the http handler, in process. What it does in a server: tests/integration.
#include "handlers/http/http_handler.hpp"

#include "runtime/http_client_fixture.hpp"

namespace bide::http {
namespace {

using core::AttemptResult;
using core::FailureKind;
using runtime::Conversation;
using runtime::Peer;
using Verdict = core::AttemptResult::Verdict;

class Sink final : public ports::AttemptSink {
  public:
    void attempt_ended(core::event::AttemptEnded&& ended) override {
        results_.at(ended.attempt).set_value(std::move(ended.result));
    }
    void attempt_progressed(core::event::Progress&& progress) override {
        words.push_back(progress.json);
    }
    std::future<AttemptResult> expect(std::uint32_t attempt) {
        return results_[attempt].get_future();
    }

    std::vector<std::string> words;  ///< written on the WorkThread before the end

  private:
    std::map<std::uint32_t, std::promise<AttemptResult>> results_;
};

class HttpAttempt : public testing::Test {
  protected:
    HttpAttempt() {
        std::string name = testing::TempDir() + "bide-http-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        spool_ = std::move(runtime::Spool::open(directory_ + "/bodies", 1000).value());
        thread_.start();
    }
    ~HttpAttempt() override {
        handler_.reset();
        thread_.stop();
        thread_.join();
        pool_.join();
        std::filesystem::remove_all(directory_);
    }

    void forward_to(const Peer& peer) {
        Options options;
        options.queue_name = "testing";
        options.url = runtime::parse_http_url(peer.url()).value();
        handler_ = make_http_handler(thread_, *spool_, pool_, clock_, std::move(options));
    }
    std::future<AttemptResult> start(std::uint32_t number = 1, std::stop_token stop = {}) {
        auto input = std::make_shared<core::JobInput>();
        input->id = ids_.make(clock_.now());
        input->content_type = "text/plain\r\nBide-Attempt: 9";
        const JobId job = input->id;
        ports::Attempt attempt{std::move(input), number, 3, clock_.now(), std::move(stop)};
        attempt.progress = ports::Progress(sink_, job, number);
        auto result = sink_.expect(number);
        handler_->start(std::move(attempt), ports::Completion(sink_, job, 0, number));
        return result;
    }

    std::string directory_;
    SystemClock clock_;
    IdMaker ids_{7, 0};
    Sink sink_;
    std::unique_ptr<runtime::Spool> spool_;
    runtime::BlockingPool pool_{1};
    runtime::WorkThread thread_{"bide-http"};
    std::unique_ptr<ports::Handler> handler_;
};

TEST_F(HttpAttempt, ProgressIsTold) {
    const std::string start = "HTTP/1.1 103 Early Hints\r\n";
    const std::string end = "\r\n\r\n";
    const std::string long_word = '"' + std::string(ports::Progress::kBytesMax - 1, 'x') + '"';
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        for (const std::string& word :
             {std::string("{\"done\": 1}"), std::string("no JSON"), long_word, std::string("2")})
            conversation.send(start + "Bide-Progress: " + word + end);
        conversation.send("HTTP/1.1 100 Continue" + end + start + "Link: x" + end + runtime::kOk);
    });
    forward_to(peer);
    EXPECT_EQ(this->start().get().verdict, Verdict::success);
    const std::vector<std::string> expected{"{\"done\": 1}", "2"};
    EXPECT_EQ(sink_.words, expected);
}

TEST_F(HttpAttempt, AFloodOfProgressIsCutOff) {
    constexpr std::size_t kFlood = 6000;
    const std::string word =
        "HTTP/1.1 103 Early Hints\r\nBide-Progress: \"" + std::string(1000, 'x') + "\"\r\n\r\n";
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        for (std::size_t i = 0; i < kFlood; ++i) conversation.send(word);
        conversation.send(runtime::kOk);
    });
    forward_to(peer);
    EXPECT_EQ(start().get().verdict, Verdict::success);
    EXPECT_GT(sink_.words.size(), 1000U);
    EXPECT_LT(sink_.words.size(), kFlood - 1000);
}

TEST_F(HttpAttempt, WhatThePosterCallsItsTypeCannotAddAHeader) {
    std::string head;
    Peer peer([&](Conversation& conversation, int) {
        head = conversation.read_head();
        conversation.send(runtime::kOk);
    });
    forward_to(peer);
    EXPECT_EQ(start().get().verdict, Verdict::success);
    EXPECT_NE(head.find("\r\nBide-Attempt: 1\r\n"), std::string::npos) << head;
    EXPECT_EQ(head.find("\r\nBide-Attempt: 9\r\n"), std::string::npos) << head;
}

TEST_F(HttpAttempt, AStoppedThreadRefuses) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(runtime::kOk);
    });
    forward_to(peer);
    thread_.stop();
    auto late = start();
    thread_.join();
    const AttemptResult result = late.get();
    EXPECT_EQ(result.verdict, Verdict::retry);
    EXPECT_EQ(result.kind, FailureKind::lost);
    EXPECT_EQ(peer.connections(), 0);
}

TEST_F(HttpAttempt, StoppingTheThreadEndsWhatIsUnderWay) {
    std::promise<void> asked;
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        asked.set_value();
        EXPECT_TRUE(conversation.ends());
    });
    forward_to(peer);
    auto result = start();
    asked.get_future().wait();
    thread_.stop();
    EXPECT_EQ(result.get().kind, FailureKind::lost);
    thread_.join();
}

TEST_F(HttpAttempt, AHandlerMayGoWhileItsConnectionsIdle) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(runtime::kOk);
        EXPECT_TRUE(conversation.ends());
    });
    forward_to(peer);
    EXPECT_EQ(start().get().verdict, Verdict::success);
    handler_.reset();
}

}  // namespace
}  // namespace bide::http
