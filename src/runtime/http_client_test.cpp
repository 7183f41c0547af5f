#include "runtime/http_client_fixture.hpp"

namespace bide::runtime {
namespace {

using namespace std::chrono_literals;
using Kind = HttpFailure::Kind;

/// Answers every request of a connection so.
Peer::Script always(std::string answer) {
    return [answer](Conversation& conversation, int) {
        while (!conversation.read_head().empty() && conversation.send(answer)) continue;
    };
}

/// Answers the first request so, and ends the connection.
Peer::Script once(std::string answer) {
    return [answer](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(answer);
    };
}

TEST_F(HttpClientTest, SendsWhatWasAskedAndReadsTheAnswer) {
    std::string head;
    std::string body;
    Peer peer([&](Conversation& conversation, int) {
        head = conversation.read_head();
        body = conversation.read(5);
        conversation.send(
            "HTTP/1.1 201 Made\r\nX-One: 1\r\nx-two:  2 \r\nContent-Length: 4\r\n\r\nbody"
        );
    });
    HttpRequest request = post(peer.url("/a?b"), "hello");
    request.header_lines = "X-Mine: yes\r\n";
    const HttpResult result = ask(std::move(request));
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result.value().status, 201);
    EXPECT_EQ(result.value().fields["x-one"], "1");
    EXPECT_EQ(result.value().fields["X-Two"], "2");
    EXPECT_EQ(result.value().fields["X-Three"], "");
    EXPECT_EQ(result.value().body.bytes, "body");
    const std::string host = peer.url("").substr(7);
    EXPECT_EQ(
        head, "POST /a?b HTTP/1.1\r\nHost: " + host + "\r\nX-Mine: yes\r\nContent-Length: 5\r\n\r\n"
    );
    EXPECT_EQ(body, "hello");
}

TEST_F(HttpClientTest, EveryWayToEndABodyIsUnderstood) {
    const auto answer_to = [this](const std::string& answer, const char* method = "GET") {
        Peer peer(once(answer));
        HttpRequest request = get(peer.url());
        request.method = method;
        const HttpResult result = ask(std::move(request));
        if (result.has_error()) return "failed: " + result.error().detail;
        return std::to_string(result.value().status) + " " + result.value().body.bytes;
    };
    EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\n\r\nto the end"), "200 to the end");
    EXPECT_EQ(answer_to("HTTP/1.0 200 OK\r\n\r\nto the end"), "200 to the end");
    EXPECT_EQ(answer_to("HTTP/1.1 204 None\r\n\r\n"), "204 ");
    EXPECT_EQ(answer_to("HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n"), "304 ");
    EXPECT_EQ(answer_to("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"), "200 ");
    EXPECT_EQ(
        answer_to("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n"),
        "200 abc0123456789"
    );
}

TEST_F(HttpClientTest, KeepsTheConnectionForTheNextRequest) {
    Peer peer(always(kOk));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(ask(get(peer.url())).has_value());
    EXPECT_EQ(peer.connections(), 1);
    EXPECT_EQ(idle(), 1U);
}

TEST_F(HttpClientTest, WhatIdlesCanBeClosedWithTheClientGoingOn) {
    Peer peer(always(kOk));
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    on_thread([this] { client().close_idle(); });
    EXPECT_EQ(idle(), 0U);
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, DoesNotKeepWhatThePeerWillCloseOrHasMuddled) {
    for (const char* answer :
         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
          "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more"}) {
        Peer peer(always(answer));
        EXPECT_EQ(ask(get(peer.url())).value().body.bytes, "ok");
        EXPECT_EQ(idle(), 0U) << answer;
        EXPECT_TRUE(ask(get(peer.url())).has_value());
        EXPECT_EQ(peer.connections(), 2) << answer;
    }
}

TEST_F(HttpClientTest, AKeptConnectionThatThePeerClosedIsReplaced) {
    Peer peer(once(kOk));
    for (int i = 0; i < 5; ++i) {
        HttpRequest request = post(peer.url(), "");
        request.idempotent = true;
        EXPECT_TRUE(ask(std::move(request)).has_value());
    }
    EXPECT_EQ(peer.connections(), 5);
}

/// Takes a second request on the first connection and goes away without a byte of an answer.
Peer::Script drops_the_second_request() {
    return [](Conversation& conversation, int number) {
        while (!conversation.read_head().empty()) {
            conversation.send(kOk);
            if (number > 1) continue;
            conversation.read_head();
            return;
        }
    };
}

TEST_F(HttpClientTest, AnIdempotentRequestIsSentAgainWhenAKeptConnectionDied) {
    Peer peer(drops_the_second_request());
    for (int i = 0; i < 3; ++i) {
        HttpRequest request = post(peer.url(), "");
        request.idempotent = true;
        const HttpResult result = ask(std::move(request));
        EXPECT_TRUE(result.has_value()) << result.error().detail;
    }
    EXPECT_EQ(peer.connections(), 2);
}

TEST_F(HttpClientTest, WhatWasSentOnAKeptConnectionMayHaveArrived) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(kOk);
        conversation.read_head();
    });
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    peer.refuse();
    // Taken on the kept connection; the fresh one cannot be had.
    HttpRequest request = get(peer.url());
    request.idempotent = true;
    const HttpFailure failure = fail(std::move(request));
    EXPECT_EQ(failure.kind, Kind::unreachable);
    EXPECT_TRUE(failure.sent);
}

TEST_F(HttpClientTest, AnotherRequestIsNotSentAgain) {
    Peer peer(drops_the_second_request());
    EXPECT_TRUE(ask(post(peer.url(), "")).has_value());
    const HttpFailure failure = fail(post(peer.url(), ""));
    EXPECT_EQ(failure.kind, Kind::broken);
    EXPECT_NE(failure.detail.find("before it answered"), std::string::npos) << failure.detail;
    EXPECT_TRUE(failure.sent);
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, WhatWasPartlyAnsweredIsNotSentAgain) {
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(kOk);
        conversation.read_head();
        conversation.send("HTTP/1.1 2");
    });
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    HttpRequest request = get(peer.url());
    request.idempotent = true;
    EXPECT_EQ(fail(std::move(request)).kind, Kind::broken);
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, AFreshConnectionThatDiesIsNotTriedAgain) {
    Peer peer([](Conversation& conversation, int) { conversation.read_head(); });
    HttpRequest request = get(peer.url());
    request.idempotent = true;
    EXPECT_EQ(fail(std::move(request)).kind, Kind::broken);
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, WhatIsNoHttpIsMalformed) {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    for (const std::string& answer : {
             std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
             std::string("HTTP/1.1 2000 OK\r\n\r\n"),
             std::string("HTTP/1.1 99 OK\r\n\r\n"),
             std::string("HTTP/2.0 200 OK\r\n\r\n"),
             std::string("HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
             head + "No colon\r\n\r\n",
             head + "Content-Length: -1\r\n\r\n",
             head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
             head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
             head + "Transfer-Encoding: gzip\r\n\r\nx",
             head + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
             head + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
             head + "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
             head + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
         }) {
        Peer peer(once(answer));
        const HttpFailure failure = fail(get(peer.url()));
        EXPECT_EQ(failure.kind, Kind::malformed) << answer << failure.detail;
    }
}

TEST_F(HttpClientTest, AnAnswerThatEndsEarlyIsBroken) {
    for (const char* answer :
         {"",
          "HTTP/1.1 200 OK\r\nContent-Le",
          "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
          "HTTP/1.1 100 Continue\r\n\r\n"}) {
        Peer peer(once(answer));
        EXPECT_EQ(fail(get(peer.url())).kind, Kind::broken) << answer;
    }
}

/// Sends `start`, and then `more` for as long as anybody reads.
Peer::Script endless(std::string start, std::string more) {
    return [start, more](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(start);
        while (conversation.send(more)) continue;
    };
}

TEST_F(HttpClientTest, WhatHasNoEndIsBrokenOff) {
    const std::string line = "X-Filler: " + std::string(1000, 'x') + "\r\n";
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto kind_of = [this](const std::string& start, const std::string& more) {
        Peer peer(endless(start, more));
        HttpRequest request = get(peer.url());
        request.response_bytes_max = 1U << 20;
        return fail(std::move(request)).kind;
    };
    EXPECT_EQ(kind_of("HTTP/1.1 200 ", line.substr(0, 1000)), Kind::malformed);
    EXPECT_EQ(kind_of("HTTP/1.1 200 OK\r\n", line), Kind::malformed);
    EXPECT_EQ(kind_of(chunked + "1;", "extension"), Kind::malformed);
    EXPECT_EQ(kind_of(chunked + "0\r\n", line), Kind::malformed);
    EXPECT_EQ(kind_of(chunked, "5\r\nabcde\r\n"), Kind::too_large);
    EXPECT_EQ(kind_of(chunked + "ffffffffffffff0\r\n", "body"), Kind::too_large);
    EXPECT_EQ(kind_of("HTTP/1.1 200 OK\r\n\r\n", "body"), Kind::too_large);
    EXPECT_EQ(kind_of("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", "x"), Kind::too_large);
}

TEST_F(HttpClientTest, OfAnErrorThatIsTooLargeTheBeginningIsTold) {
    const std::string lines = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n";
    for (const std::string& start :
         {lines + "Transfer-Encoding: chunked\r\n\r\n5\r\nwords\r\nffffffffff\r\n",
          lines + "Content-Length: 10000000000\r\n\r\nwords",
          lines + "\r\nwords"}) {
        for (Spool* spool : {static_cast<Spool*>(nullptr), spool_.get()}) {
            Peer peer(endless(start, "more"));
            expect_beginning_only(get(peer.url()), spool);
            EXPECT_EQ(idle(), 0U);
        }
    }
}

TEST_F(HttpClientTest, InterimAnswersAreShownAndSkipped) {
    Peer peer(once(
        "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 103 Early Hints\r\nX-Hint: a\r\n\r\n"
        "HTTP/1.1 199 Whatever\r\nX-Hint: b\r\n\r\n" +
        std::string(kOk)
    ));
    std::vector<std::pair<int, std::string>> seen;
    HttpRequest request = get(peer.url());
    request.on_interim = [&](std::uint16_t status, const HttpFields& fields) {
        seen.emplace_back(status, std::string(fields["X-Hint"]));
    };
    EXPECT_EQ(ask(std::move(request)).value().body.bytes, "ok");
    const std::vector<std::pair<int, std::string>> expected{{100, ""}, {103, "a"}, {199, "b"}};
    EXPECT_EQ(seen, expected);
}

TEST_F(HttpClientTest, NobodyThereIsUnreachable) {
    std::string url;
    {
        Peer peer(once(kOk));
        url = peer.url();
    }
    EXPECT_EQ(fail(get(url)).kind, Kind::unreachable);
    EXPECT_FALSE(fail(get(url)).sent);
    EXPECT_EQ(fail(get("http://nobody.invalid/")).kind, Kind::unreachable);
}

TEST_F(HttpClientTest, AHostWithSeveralAddressesIsTriedAddressByAddress) {
    Peer peer(always(kOk));  // not on ::1, which "localhost" also is
    std::string url = peer.url();
    EXPECT_TRUE(ask(get(url.replace(7, 9, "localhost"))).has_value());
}

TEST_F(HttpClientTest, APeerThatDoesNotAnswerTimesOut) {
    HttpClientOptions options;
    options.head_max = 10ms;
    client(options);
    Peer peer([](Conversation& conversation, int) {
        conversation.read_head();
        EXPECT_TRUE(conversation.ends());
    });
    const HttpFailure failure = fail(get(peer.url()));
    EXPECT_EQ(failure.kind, Kind::timeout);
    EXPECT_NE(failure.detail.find("took too long to answer"), std::string::npos);
}

TEST_F(HttpClientTest, APauseInABodyTimesOut) {
    HttpClientOptions options;
    options.pause_max = 10ms;
    client(options);
    Peer slow_answer([](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome");
        EXPECT_TRUE(conversation.ends());
    });
    EXPECT_EQ(fail(get(slow_answer.url())).kind, Kind::timeout);
    std::promise<void> over;
    Peer slow_reader([&](Conversation& conversation, int) {
        conversation.read_head();
        over.get_future().wait();
    });
    EXPECT_EQ(fail(post(slow_reader.url(), std::string(64U << 20, 'x'))).kind, Kind::timeout);
    over.set_value();
}

TEST_F(HttpClientTest, AStopClosesTheConnection) {
    std::promise<void> asked;
    std::promise<bool> ended;
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        asked.set_value();
        ended.set_value(conversation.ends());
    });
    std::stop_source stop;
    HttpRequest request = get(peer.url());
    request.stop = stop.get_token();
    auto result = begin(std::move(request));
    asked.get_future().wait();
    stop.request_stop();
    EXPECT_EQ(result.get().error().kind, Kind::stopped);
    EXPECT_TRUE(ended.get_future().get());
    HttpRequest late = get(peer.url());
    late.stop = stop.get_token();
    EXPECT_EQ(fail(std::move(late)).kind, Kind::stopped);
    EXPECT_EQ(peer.connections(), 1);
}

TEST_F(HttpClientTest, ClosingTheClientStopsWhatIsUnderWay) {
    std::promise<void> asked;
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        asked.set_value();
        EXPECT_TRUE(conversation.ends());
    });
    auto result = begin(get(peer.url()));
    asked.get_future().wait();
    on_thread([this] { client().close(); });
    EXPECT_EQ(result.get().error().kind, Kind::stopped);
    EXPECT_EQ(fail(get(peer.url())).kind, Kind::stopped);
}

TEST_F(HttpClientTest, AnIdleConnectionIsClosedInTime) {
    HttpClientOptions options;
    options.idle_max = 10ms;
    client(options);
    std::promise<bool> ended;
    Peer peer([&](Conversation& conversation, int) {
        conversation.read_head();
        conversation.send(kOk);
        ended.set_value(conversation.ends());
    });
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    EXPECT_TRUE(ended.get_future().get());
    on_thread([] {});
    EXPECT_EQ(idle(), 0U);
}

TEST_F(HttpClientTest, FurtherRequestsWaitForAConnectionInTheirOrder) {
    HttpClientOptions options;
    options.connections_max = 1;
    options.waiting_max = 2;
    client(options);
    std::promise<void> first_came;
    std::promise<void> go_on;
    std::vector<std::string> asked;
    Peer peer([&](Conversation& conversation, int) {
        for (std::string head; !(head = conversation.read_head()).empty();) {
            asked.push_back(head.substr(4, 2));
            if (asked.size() == 1) {
                first_came.set_value();
                go_on.get_future().wait();
            }
            conversation.send(kOk);
        }
    });
    std::stop_source stop;
    auto first = begin(get(peer.url("/1")));
    first_came.get_future().wait();
    HttpRequest stopped = get(peer.url("/2"));
    stopped.stop = stop.get_token();
    auto second = begin(std::move(stopped));
    auto third = begin(get(peer.url("/3")));
    EXPECT_EQ(begin(get(peer.url("/4"))).get().error().kind, Kind::overloaded);
    stop.request_stop();
    EXPECT_EQ(second.get().error().kind, Kind::stopped);
    auto fifth = begin(get(peer.url("/5")));
    on_thread([] {});
    go_on.set_value();
    EXPECT_TRUE(first.get().has_value());
    EXPECT_TRUE(third.get().has_value());
    EXPECT_TRUE(fifth.get().has_value());
    EXPECT_EQ(peer.connections(), 1);
    const std::vector<std::string> expected{"/1", "/3", "/5"};
    EXPECT_EQ(asked, expected);
}

TEST_F(HttpClientTest, WhoWaitsOpensAConnectionWhenTheOneBeforeBroke) {
    HttpClientOptions options;
    options.connections_max = 1;
    client(options);
    std::promise<void> first_came;
    std::promise<void> go_on;
    Peer peer([&](Conversation& conversation, int number) {
        conversation.read_head();
        if (number == 1) {
            first_came.set_value();
            go_on.get_future().wait();
            return;
        }
        conversation.send(kOk);
    });
    auto first = begin(get(peer.url()));
    first_came.get_future().wait();
    auto second = begin(get(peer.url()));
    on_thread([] {});
    go_on.set_value();
    EXPECT_EQ(first.get().error().kind, Kind::broken);
    EXPECT_TRUE(second.get().has_value());
}

TEST_F(HttpClientTest, WhatIsSentAgainWaitsForAPlaceAndNotForAKeptConnection) {
    HttpClientOptions options;
    options.connections_max = 1;
    client(options);
    std::promise<void> second_came;
    std::promise<void> go_on;
    // Each connection carries one exchange and dies of the next.
    Peer peer([&](Conversation& conversation, int number) {
        conversation.read_head();
        conversation.send(kOk);
        if (conversation.read_head().empty() || number > 1) return;
        second_came.set_value();
        go_on.get_future().wait();
    });
    EXPECT_TRUE(ask(get(peer.url())).has_value());
    HttpRequest request = get(peer.url());
    request.idempotent = true;
    auto second = begin(std::move(request));
    second_came.get_future().wait();
    // Gets the place of the connection that dies; what was on that waits behind it.
    auto third = begin(get(peer.url()));
    on_thread([] {});
    go_on.set_value();
    EXPECT_TRUE(third.get().has_value());
    const HttpResult again = second.get();
    EXPECT_TRUE(again.has_value()) << again.error().detail;
    EXPECT_EQ(peer.connections(), 3);
}

TEST_F(HttpClientTest, ANameThatIsNotFoundKeepsNoOtherHostWaiting) {
    std::promise<void> held;
    std::promise<void> go_on;
    std::atomic<int> lookups{0};
    HttpClientOptions options;
    options.resolve = [&](const std::string& host) {
        HttpAddresses found;
        if (host == "held.test") {
            if (++lookups == 1) held.set_value();
            go_on.get_future().wait();
            found.error = net::error::host_not_found;
        } else {
            found.addresses.push_back(net::ip::address_v4::loopback());
        }
        return found;
    };
    client(options);
    Peer peer(always(kOk));
    std::stop_source stop;
    HttpRequest stopped = get("http://held.test/");
    stopped.stop = stop.get_token();
    auto first = begin(std::move(stopped));
    held.get_future().wait();
    auto second = begin(get("http://held.test:81/"));
    std::string url = peer.url();
    auto other = begin(get(url.replace(7, 9, "other.test")));
    const auto status = other.wait_for(10s);
    EXPECT_EQ(status, std::future_status::ready);
    stop.request_stop();
    EXPECT_EQ(first.get().error().kind, Kind::stopped);
    go_on.set_value();
    EXPECT_TRUE(other.get().has_value());
    EXPECT_EQ(second.get().error().kind, Kind::unreachable);
    EXPECT_EQ(lookups, 1);
}

}  // namespace
}  // namespace bide::runtime
