// HttpClient over HTTP/2: requests and answers.
#include "runtime/http2_client_fixture.hpp"

namespace bide::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = HttpFailure::Kind;
using Request = Http2Talk::Request;
using Script = Http2Talk::Script;

constexpr std::size_t kLarge = 8U << 20;

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
    results.reserve(10);
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

TEST_F(Http2ClientTest, OfAnErrorThatIsTooLargeTheBeginningIsTold) {
    for (Spool* spool : {static_cast<Spool*>(nullptr), spool_.get()}) {
        Script script;
        std::promise<std::uint32_t> code;
        script.on_request = [](Http2Talk& talk, Request& request) {
            talk.answer(request.id, 503, {{"retry-after", "7"}}, "words" + pattern(1U << 20));
        };
        script.on_reset = [&](Http2Talk&, std::int32_t, std::uint32_t with) {
            code.set_value(with);
        };
        Http2Peer peer(script);
        expect_beginning_only(post(peer.url(), "x"), spool);
        EXPECT_EQ(code.get_future().get(), static_cast<std::uint32_t>(NGHTTP2_CANCEL));
    }
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

TEST_F(Http2ClientTest, AFileThatIsGoneIsATroubleOfOurs) {
    Http2Peer peer(echo());
    HttpRequest request = post_file(peer.url(), pattern(kLarge));
    std::filesystem::remove(request.body->file->path());
    EXPECT_EQ(fail(std::move(request)).kind, Kind::storage);
    EXPECT_EQ(body_of(ask(post(peer.url(), "next"))), "next");
}

}  // namespace
}  // namespace bide::runtime
