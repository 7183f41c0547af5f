// HttpClient over HTTP/2.
#include "runtime/http2_peer.hpp"

namespace bide::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = HttpFailure::Kind;
using Request = Http2Talk::Request;
using Script = Http2Talk::Script;

constexpr std::size_t kLarge = 8U << 20;
/// Whose time is what the test says.
class SetClock final : public Clock {
  public:
    Time now() const override { return time_.load(); }
    void advance(Duration span) { time_ = time_.load() + span; }

  private:
    std::atomic<Time> time_{Time(std::chrono::hours(500'000))};
};

class Http2ClientTest : public HttpClientTest {
  protected:
    static HttpClientOptions over_http2() {
        HttpClientOptions options;
        options.http2 = true;
        return options;
    }
    Http2ClientTest() { client(over_http2()); }

    /// Another client, with this clock and these rules.
    void use(const Clock& clock, HttpClientOptions options) {
        on_thread([&] {
            client_ = std::make_unique<HttpClient>(
                context_.get_executor(), pool_, clock, std::move(options)
            );
        });
    }
    HttpRequest post_file(const std::string& url, std::string_view bytes) {
        HttpRequest request = post(url, {});
        request.body = std::make_shared<Body>(file_of(bytes));
        request.spool = spool_.get();
        request.response_bytes_max = 1U << 30;
        return request;
    }
    static std::string body_of(const HttpResult& result) {
        return result ? bytes_of(result.value().body) : "failed: " + result.error().detail;
    }
};

/// Whether it comes when time goes by, `step` in each millisecond, for ten seconds.
template <class Future>
bool comes(Future&& future, SetClock& clock, Duration step) {
    for (int turn = 0; turn < 10'000; ++turn) {
        if (future.wait_for(1ms) == std::future_status::ready) return true;
        clock.advance(step);
    }
    return false;
}

Script echo() {
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        talk.answer(request.id, 200, {}, request.body);
    };
    return script;
}

TEST_F(Http2ClientTest, SendsWhatWasAskedAndReadsTheAnswer) {
    std::promise<Request> seen;
    Script script;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        talk.answer(request.id, 201, {{"x-one", "1"}}, "body");
        seen.set_value(request);
    };
    Http2Peer peer(script);
    HttpRequest request = post(peer.url("/a?b"), "hello");
    request.header_lines = "X-Mine: yes\r\nX-Other:\t a: b \r\n";
    request.fixed_lines = std::make_shared<std::string>("X-Fixed: too\r\n");
    const HttpResult result = ask(std::move(request));
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result.value().status, 201);
    EXPECT_EQ(result.value().fields["X-One"], "1");
    EXPECT_EQ(result.value().fields.size(), 1U);
    EXPECT_EQ(result.value().body.bytes, "body");
    const Request came = seen.get_future().get();
    const std::map<std::string, std::string> fields{
        {":method", "POST"},
        {":scheme", "http"},
        {":authority", peer.url("").substr(7)},
        {":path", "/a?b"},
        {"x-mine", "yes"},
        {"x-other", "a: b"},
        {"x-fixed", "too"},
        {"content-length", "5"}};
    EXPECT_EQ(came.fields, fields);
    EXPECT_EQ(came.body, "hello");
}

TEST_F(Http2ClientTest, ARequestWithoutBodyAndAnAnswerWithout) {
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        talk.answer(request.id, request.fields.count("content-length") == 0 ? 204 : 500);
    };
    Http2Peer peer(script);
    const HttpResult result = ask(get(peer.url()));
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result.value().status, 204);
    EXPECT_EQ(body_of(ask(post(peer.url(), ""))), "");
}

TEST_F(Http2ClientTest, ManyAreOnOneConnectionAndAnsweredInAnyOrder) {
    constexpr std::size_t kMany = 90;
    std::vector<Request> held;
    Script script;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        held.push_back(request);
        if (held.size() < kMany) return;
        for (auto at = held.rbegin(); at != held.rend(); ++at)
            talk.answer(at->id, 200, {}, at->body);
    };
    Http2Peer peer(script);
    std::vector<std::future<HttpResult>> results;
    for (std::size_t i = 0; i < kMany; ++i)
        results.push_back(begin(post(peer.url(), std::to_string(i))));
    for (std::size_t i = 0; i < kMany; ++i) EXPECT_EQ(body_of(results[i].get()), std::to_string(i));
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, NoMoreAtOnceThanThePeerAllows) {
    std::vector<std::int32_t> held;
    Script script;
    script.streams_max = 2;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        held.push_back(request.id);
        ASSERT_LE(held.size(), 2U);
        if (held.size() < 2) return;
        for (const std::int32_t id : held) talk.answer(id, 200);
        held.clear();
    };
    Http2Peer peer(script);
    std::vector<std::future<HttpResult>> results;
    for (int i = 0; i < 10; ++i) results.push_back(begin(post(peer.url(), "x")));
    for (auto& result : results) EXPECT_EQ(body_of(result.get()), "");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, AStatusThatIsNoneEndsItsStreamOnly) {
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        talk.answer(request.id, std::stoi(request.body), {}, "answer");
    };
    Http2Peer peer(script);
    EXPECT_EQ(fail(post(peer.url(), "600")).kind, Kind::malformed);
    EXPECT_EQ(body_of(ask(post(peer.url(), "599"))), "answer");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, InterimAnswersAreShownAndSkipped) {
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        talk.interim(request.id, 103, {{"bide-progress", "1"}});
        talk.interim(request.id, 103, {{"bide-progress", "2"}});
        talk.answer(request.id, 200, {{"x-last", "3"}}, "end");
    };
    Http2Peer peer(script);
    std::string seen;
    HttpRequest request = get(peer.url());
    request.on_interim = [&seen](std::uint16_t status, const HttpFields& fields) {
        seen += std::to_string(status) + "/" + std::string(fields["Bide-Progress"]) + " ";
    };
    const HttpResult result = ask(std::move(request));
    EXPECT_EQ(body_of(result), "end");
    EXPECT_EQ(result.value().fields.size(), 1U);
    EXPECT_EQ(seen, "103/1 103/2 ");
}

TEST_F(Http2ClientTest, AFileGoesOutAndALargeAnswerBecomesAFile) {
    const std::string there = pattern(kLarge + 1);
    Http2Peer peer(echo());
    for (int i = 0; i < 2; ++i) {
        const HttpResult result = ask(post_file(peer.url(), there));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        ASSERT_NE(result.value().body.file, nullptr);
        EXPECT_TRUE(bytes_of(result.value().body) == there);
    }
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, AnAnswerUpToTheThresholdStaysInMemory) {
    for (const std::size_t size : {kThreshold, kThreshold + 1}) {
        Http2Peer peer(echo());
        HttpRequest request = post(peer.url(), pattern(size));
        request.spool = spool_.get();
        const HttpResult result = ask(std::move(request));
        EXPECT_TRUE(body_of(result) == pattern(size));
        EXPECT_EQ(result.value().body.file != nullptr, size > kThreshold);
    }
}

TEST_F(Http2ClientTest, APeerMayRefuseBeforeItHasReadAll) {
    for (const bool file : {true, false}) {
        std::promise<std::uint32_t> code;
        Script script;
        script.on_head = [](Http2Talk& talk, Request& request) {
            talk.answer(request.id, 413, {}, "big");
        };
        script.on_reset = [&](Http2Talk&, std::int32_t, std::uint32_t with) {
            code.set_value(with);
        };
        Http2Peer peer(script);
        const std::string body(16U << 20, 'x');  // more than windows and buffers hold
        const HttpResult result = ask(file ? post_file(peer.url(), body) : post(peer.url(), body));
        ASSERT_TRUE(result.has_value()) << result.error().detail;
        EXPECT_EQ(result.value().status, 413);
        EXPECT_EQ(result.value().body.bytes, "big");
        EXPECT_EQ(code.get_future().get(), static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
    }
}

TEST_F(Http2ClientTest, AnAnswerThatIsTooLargeEndsItsStreamOnly) {
    Http2Peer peer(echo());
    HttpRequest request = post(peer.url(), pattern(1000));
    request.response_bytes_max = 999;
    EXPECT_EQ(fail(std::move(request)).kind, Kind::too_large);
    EXPECT_EQ(body_of(ask(post(peer.url(), "next"))), "next");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, AHeadThatIsTooLargeEndsItsStreamOnly) {
    HttpClientOptions options = over_http2();
    options.head_bytes_max = 10'000;
    use(clock_, options);
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        Http2Talk::Fields fields;
        for (int i = 0; i < 11 && request.body == "large"; ++i)
            fields.emplace_back("x-" + std::to_string(i), std::string(1000, 'x'));
        talk.answer(request.id, 200, std::move(fields), "answer");
    };
    Http2Peer peer(script);
    EXPECT_EQ(fail(post(peer.url(), "large")).kind, Kind::malformed);
    EXPECT_EQ(body_of(ask(post(peer.url(), "small"))), "answer");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, WhoDoesNotSpeakItIsMalformed) {
    Peer old([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        conversation.ends();
    });
    const HttpFailure failure = fail(get(old.url()));
    EXPECT_EQ(failure.kind, Kind::malformed);
    EXPECT_NE(failure.detail.find("HTTP/2"), std::string::npos) << failure.detail;
}

TEST_F(Http2ClientTest, WhyThereIsNoConnectionIsToldToAllWhoWait) {
    Peer mute([](Conversation& conversation, int) { conversation.some(); });
    std::vector<std::future<HttpResult>> results;
    on_thread([&] {
        for (int i = 0; i < 5; ++i) results.push_back(begin(post(mute.url(), "x")));
    });
    for (auto& result : results) EXPECT_EQ(result.get().error().kind, Kind::malformed);
    EXPECT_EQ(mute.connections(), 1);
}

TEST_F(Http2ClientTest, WhoNeverSaysASettingTimesOut) {
    HttpClientOptions options = over_http2();
    options.connect_max = 10ms;
    use(clock_, options);
    std::promise<void> over;
    Peer mute([&](Conversation&, int) { over.get_future().wait(); });
    const HttpFailure failure = fail(get(mute.url()));
    EXPECT_EQ(failure.kind, Kind::timeout);
    EXPECT_NE(failure.detail.find("took too long to speak HTTP/2"), std::string::npos);
    over.set_value();
}

TEST_F(Http2ClientTest, WhoIsStoppedWhileOpeningLeavesItToTheNext) {
    std::promise<void> connected;
    const Script script = echo();
    Peer peer([&](Conversation& conversation, int number) {
        if (number == 1) {
            conversation.some();
            connected.set_value();
            return void(conversation.ends());
        }
        Http2Talk(conversation, script, number).run();
    });
    std::stop_source stop;
    HttpRequest request = post(peer.url(), "first");
    request.stop = stop.get_token();
    auto first = begin(std::move(request));
    connected.get_future().wait();
    auto second = begin(post(peer.url(), "second"));
    on_thread([] {});  // it waits
    stop.request_stop();
    EXPECT_EQ(first.get().error().kind, Kind::stopped);
    EXPECT_EQ(body_of(second.get()), "second");
}

TEST_F(Http2ClientTest, HundredsOfLargeAnswersDoNotUseUpTheConnection) {
    Http2Peer peer(echo());
    const std::string body = pattern(kThreshold + (300U << 10));
    for (int round = 0; round < 10; ++round) {
        std::vector<std::future<HttpResult>> results;
        for (int i = 0; i < 10; ++i) {
            HttpRequest request = post(peer.url(), body);
            request.spool = spool_.get();
            results.push_back(begin(std::move(request)));
        }
        for (auto& result : results) EXPECT_TRUE(body_of(result.get()) == body);
    }
    EXPECT_EQ(peer.connections(), 1);
}

/// What the peer does with the second request on its first connection.
Script second(std::function<void(Http2Talk& talk, Request& request)> what) {
    Script script;
    script.on_request = [what](Http2Talk& talk, Request& request) {
        if (talk.number == 1 && request.id > 1) return what(talk, request);
        talk.answer(request.id, 200, {}, std::to_string(talk.number));
    };
    return script;
}

TEST_F(Http2ClientTest, WhatWasRefusedUnseenIsSentAgain) {
    std::atomic<int> refusals{0};
    Http2Peer peer(second([&](Http2Talk& talk, Request& request) {
        if (refusals++ == 0) return talk.reset(request.id, NGHTTP2_REFUSED_STREAM);
        talk.answer(request.id, 200, {}, "again");
    }));
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "1");
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "again");
}

TEST_F(Http2ClientTest, WhatWasResetOtherwiseIsNotSentAgain) {
    std::atomic<int> resets{0};
    Http2Peer peer(second([&](Http2Talk& talk, Request& request) {
        if (resets++ == 0) return talk.reset(request.id, NGHTTP2_INTERNAL_ERROR);
        talk.answer(request.id, 200, {}, "next");
    }));
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "1");
    HttpRequest request = post(peer.url(), "x");
    request.idempotent = true;
    const HttpFailure failure = fail(std::move(request));
    EXPECT_EQ(failure.kind, Kind::broken);
    EXPECT_NE(failure.detail.find("INTERNAL_ERROR"), std::string::npos) << failure.detail;
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "next");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, WhoGoesAwayFinishesWhatItHas) {
    std::promise<void> asked;
    Script script;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (request.body == "hold") return;
        if (talk.number > 1) return talk.answer(request.id, 200, {}, "new");
        if (request.id > 1) return talk.reset(request.id, NGHTTP2_REFUSED_STREAM);
        talk.go_away(1);
        talk.interim(1, 103, {});
        asked.set_value();
    };
    script.on_ping = [](Http2Talk& talk) {
        if (talk.number == 1) talk.answer(1, 200, {}, "old");
    };
    SetClock clock;
    use(clock, over_http2());
    Http2Peer peer(script);
    auto first = begin(post(peer.url(), "x"));
    asked.get_future().wait();
    // Whether it is begun before the GOAWAY is seen or after it.
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "new");
    EXPECT_EQ(peer.connections(), 2);
    // The connection that goes is looked after to its end, beside the new one.
    auto held = begin(post(peer.url(), "hold"));
    ASSERT_TRUE(comes(first, clock, 100ms));
    EXPECT_EQ(body_of(first.get()), "old");
    on_thread([this] { client().close(); });
    EXPECT_EQ(held.get().error().kind, Kind::stopped);
}

TEST_F(Http2ClientTest, WhatWaitsForAStreamIsNotLeftBehind) {
    std::promise<void> asked;
    std::promise<void> queued;
    Script script;
    script.streams_max = 1;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (talk.number > 1) return talk.answer(request.id, 200, {}, "new");
        EXPECT_EQ(request.id, 1);
        asked.set_value();
        queued.get_future().wait();
        talk.go_away(1);
    };
    Http2Peer peer(script);
    auto first = begin(post(peer.url(), "x"));
    asked.get_future().wait();
    auto second = begin(post(peer.url(), "x"));
    on_thread([] {});
    queued.set_value();
    EXPECT_EQ(body_of(second.get()), "new");
    EXPECT_EQ(peer.connections(), 2);
    on_thread([this] { client().close(); });
    EXPECT_EQ(first.get().error().kind, Kind::stopped);
}

TEST_F(Http2ClientTest, WhatWaitsForAStreamCanBeStopped) {
    std::promise<std::int32_t> asked;
    Script script;
    script.streams_max = 1;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (request.body == "first") return asked.set_value(request.id);
        talk.answer(request.id, 200, {}, request.body);
    };
    script.on_reset = [](Http2Talk&, std::int32_t id, std::uint32_t) {
        EXPECT_EQ(id, 1) << "a stream that was never begun";
    };
    Http2Peer peer(script);
    std::stop_source first_stop;
    HttpRequest request = post(peer.url(), "first");
    request.stop = first_stop.get_token();
    auto first = begin(std::move(request));
    asked.get_future().wait();
    std::stop_source stop;
    request = post(peer.url(), "never sent");
    request.stop = stop.get_token();
    auto second = begin(std::move(request));
    on_thread([] {});
    stop.request_stop();
    const HttpFailure stopped = second.get().error();
    EXPECT_EQ(stopped.kind, Kind::stopped);
    EXPECT_FALSE(stopped.sent);
    first_stop.request_stop();
    EXPECT_EQ(first.get().error().kind, Kind::stopped);
    EXPECT_EQ(body_of(ask(post(peer.url(), "third"))), "third");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, AConnectionThatGoesAwayAndNeverAnswersIsStopped) {
    std::promise<void> asked;
    Script script;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (talk.number > 1) return talk.answer(request.id, 200, {}, "new");
        if (request.id > 1) return talk.reset(request.id, NGHTTP2_REFUSED_STREAM);
        talk.go_away(1);
        asked.set_value();
    };
    Http2Peer peer(script);
    auto first = begin(post(peer.url(), "x"));
    asked.get_future().wait();
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "new");
    on_thread([this] { client().close(); });
    EXPECT_EQ(first.get().error().kind, Kind::stopped);
}

TEST_F(Http2ClientTest, AConnectionThatEndsBreaksWhatIsOnIt) {
    for (const bool idempotent : {false, true}) {
        Http2Peer peer(second([](Http2Talk& talk, Request&) { talk.end(); }));
        EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "1");
        HttpRequest request = post(peer.url(), "x");
        request.idempotent = idempotent;
        const HttpResult result = ask(std::move(request));
        if (idempotent) {
            EXPECT_EQ(body_of(result), "2");
        } else {
            ASSERT_TRUE(result.has_error());
            EXPECT_EQ(result.error().kind, Kind::broken);
            EXPECT_TRUE(result.error().sent);
        }
        EXPECT_EQ(peer.connections(), idempotent ? 2 : 1);
    }
}

TEST_F(Http2ClientTest, WhatWasPartlyAnsweredIsNotSentAgain) {
    Http2Peer peer(second([](Http2Talk& talk, Request& request) {
        talk.begin_answer(request.id, 200, "some");
        talk.end();
    }));
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "1");
    HttpRequest request = post(peer.url(), "x");
    request.idempotent = true;
    const HttpFailure failure = fail(std::move(request));
    EXPECT_EQ(failure.kind, Kind::broken);
    EXPECT_NE(failure.detail.find("in the middle of the answer"), std::string::npos);
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, AStopEndsItsStreamOnly) {
    std::promise<void> asked;
    std::promise<std::uint32_t> code;
    Script script;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (request.body == "hang") return asked.set_value();
        talk.answer(request.id, 200, {}, request.body);
    };
    script.on_reset = [&](Http2Talk&, std::int32_t, std::uint32_t with) { code.set_value(with); };
    Http2Peer peer(script);
    std::stop_source stop;
    HttpRequest request = post(peer.url(), "hang");
    request.stop = stop.get_token();
    auto result = begin(std::move(request));
    asked.get_future().wait();
    stop.request_stop();
    EXPECT_EQ(result.get().error().kind, Kind::stopped);
    EXPECT_EQ(code.get_future().get(), static_cast<std::uint32_t>(NGHTTP2_CANCEL));
    EXPECT_EQ(body_of(ask(post(peer.url(), "next"))), "next");
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(Http2ClientTest, APeerThatDoesNotAnswerTimesOut) {
    HttpClientOptions options = over_http2();
    options.head_max = 10ms;
    options.pause_max = 20ms;
    use(clock_, options);
    Script script;
    script.on_request = [](Http2Talk& talk, Request& request) {
        if (request.body == "half") talk.begin_answer(request.id, 200, "some");
    };
    Http2Peer peer(script);
    const HttpFailure none = fail(post(peer.url(), "none"));
    EXPECT_EQ(none.kind, Kind::timeout);
    EXPECT_NE(none.detail.find("took too long to answer"), std::string::npos) << none.detail;
    const HttpFailure half = fail(post(peer.url(), "half"));
    EXPECT_EQ(half.kind, Kind::timeout);
    EXPECT_NE(half.detail.find("the rest of the answer"), std::string::npos) << half.detail;
}

TEST_F(Http2ClientTest, ClosingTheClientStopsWhatIsUnderWay) {
    std::promise<void> asked;
    Script script;
    script.on_request = [&](Http2Talk&, Request&) { asked.set_value(); };
    Http2Peer peer(script);
    auto result = begin(post(peer.url(), "x"));
    asked.get_future().wait();
    on_thread([this] { client().close(); });
    EXPECT_EQ(result.get().error().kind, Kind::stopped);
    EXPECT_EQ(fail(get(peer.url())).kind, Kind::stopped);
}

TEST_F(Http2ClientTest, AnIdleConnectionIsClosedInTime) {
    SetClock clock;
    use(clock, over_http2());
    std::promise<void> ended;
    Script script = echo();
    Peer peer([&](Conversation& conversation, int) {
        Http2Talk(conversation, script, 1).run();
        ended.set_value();
    });
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "x");
    // The first tick with nothing on it sees it idle, a later one for too long.
    EXPECT_TRUE(comes(ended.get_future(), clock, 1s));
}

TEST_F(Http2ClientTest, ASilentPeerIsAskedAndADeadOneIsGivenUp) {
    SetClock clock;
    use(clock, over_http2());
    std::atomic<int> pings{0};
    Script script;
    script.on_ping = [&](Http2Talk&) { ++pings; };
    script.on_request = [](Http2Talk& talk, Request& request) {
        if (request.body != "hang") talk.answer(request.id, 200, {}, request.body);
    };
    {
        Http2Peer peer(script);
        auto result = begin(post(peer.url(), "hang"));
        while (pings < 3) {
            // A little at each turn, so that the answers to PINGs have theirs.
            if (result.wait_for(1ms) == std::future_status::ready) break;
            clock.advance(100ms);
        }
        EXPECT_EQ(result.wait_for(0s), std::future_status::timeout) << "given up";
        EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "x");
        on_thread([this] { client().close(); });
        EXPECT_EQ(result.get().error().kind, Kind::stopped);
    }
    use(clock, over_http2());
    script.answers_pings = false;
    Http2Peer peer(script);
    auto result = begin(post(peer.url(), "hang"));
    ASSERT_TRUE(comes(result, clock, 100ms));
    const HttpResult given_up = result.get();
    ASSERT_TRUE(given_up.has_error());
    EXPECT_EQ(given_up.error().kind, Kind::broken);
    EXPECT_NE(given_up.error().detail.find("PING"), std::string::npos) << given_up.error().detail;
    EXPECT_EQ(body_of(ask(post(peer.url(), "x"))), "x");
    EXPECT_EQ(peer.connections(), 2);
}

TEST_F(Http2ClientTest, AFileThatIsGoneIsATroubleOfOurs) {
    Http2Peer peer(echo());
    HttpRequest request = post_file(peer.url(), pattern(kLarge));
    std::filesystem::remove(request.body->file->path());
    EXPECT_EQ(fail(std::move(request)).kind, Kind::storage);
    EXPECT_EQ(body_of(ask(post(peer.url(), "next"))), "next");
}

}  // namespace
}  // namespace bide::runtime
