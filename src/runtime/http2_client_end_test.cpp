// How requests over HTTP/2 end that are not simply answered, and their connections.
#include "runtime/http2_client_fixture.hpp"

#include <set>

namespace bide::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = HttpFailure::Kind;
using Request = Http2Talk::Request;
using Script = Http2Talk::Script;

/// What the peer does with the second request on its first connection.
Script second(const std::function<void(Http2Talk& talk, Request& request)>& what) {
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
    SetClock& clock = set_clock_;
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

TEST_F(Http2ClientTest, WhatIsLeftBehindTwiceIsStillNotTried) {
    std::promise<void> asked;
    std::promise<void> queued;
    Script script;
    script.streams_max = 1;
    script.on_request = [&](Http2Talk& talk, Request& request) {
        if (talk.number == 1) {
            asked.set_value();
            queued.get_future().wait();
            return talk.go_away(request.id);
        }
        talk.go_away(request.id);
        talk.answer(request.id, 200, {}, std::to_string(talk.number));
    };
    Http2Peer peer(script);
    auto first = begin(post(peer.url(), "x"));
    asked.get_future().wait();
    std::vector<std::future<HttpResult>> results;
    results.reserve(3);
    for (int i = 0; i < 3; ++i) results.push_back(begin(post(peer.url(), "x")));
    on_thread([] {});
    queued.set_value();
    std::set<std::string> answers;
    for (auto& result : results) answers.insert(body_of(result.get()));
    EXPECT_EQ(answers, (std::set<std::string>{"2", "3", "4"}));
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
    SetClock& clock = set_clock_;
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
    SetClock& clock = set_clock_;
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

}  // namespace
}  // namespace bide::runtime
