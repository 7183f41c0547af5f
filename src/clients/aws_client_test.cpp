#include "clients/aws_fixture.hpp"
#include "clients/aws_urls.hpp"
#include "wire/sigv4.hpp"

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using Kind = AwsFailure::Kind;

/// Gives out what a test says; what is rejected is followed by the next.
class TestCredentials final : public CredentialsProvider {
  public:
    runtime::Task<Result<CredentialsPtr>> get() override {
        if (given.empty())
            co_return Error{Code::unauthenticated, Retry::never, "there are no credentials"};
        co_return given.front();
    }
    void reject(CredentialsPtr rejected) override {
        ++rejections;
        if (given.size() > 1 && given.front() == rejected) given.pop_front();
    }

    void add(const std::string& key_id, const std::string& token = "") {
        given.push_back(std::make_shared<wire::AwsCredentials>(wire::AwsCredentials{
            key_id, "secret", token, kNever}));
    }

    std::deque<CredentialsPtr> given;
    int rejections = 0;
};

class AwsClientTest : public ClientsTest {
  protected:
    AwsClientTest() {
        credentials_.add("KEY1");
        options_.place.region = "eu-test-1";
        options_.backoff_base = 1ms;
        options_.throttle_base = 1ms;
    }
    ~AwsClientTest() override {
        on_thread([this] { aws_.reset(); });
    }

    AwsClient& aws(const std::string& endpoint) {
        options_.place.endpoints[""] = endpoint;
        auto& http = client();
        on_thread([&] {
            aws_ = std::make_unique<AwsClient>(
                context_.get_executor(), http, pool_, credentials_, time_, Rng(1), options_
            );
        });
        return *aws_;
    }

    static AwsRequest request() {
        AwsRequest request;
        request.service = "sqs";
        request.headers = {{"x-amz-target", "AmazonSQS.SendMessage"}};
        request.body = std::make_shared<Body>(Body{"{}", nullptr});
        return request;
    }
    AwsResult send(const FakeService& to, AwsRequest what = request()) {
        return run(aws(to.url()).send(std::move(what)));
    }
    AwsFailure fail(const FakeService& to, AwsRequest what = request()) {
        AwsResult result = send(to, std::move(what));
        if (result.has_error()) return result.error();
        ADD_FAILURE() << "answered " << result.value().status;
        return {};
    }

    /// The authorization that the request should have.
    static std::string expected_line(
        const Seen& seen, const std::string& service, Time now, const std::string& key = "KEY1"
    ) {
        wire::SignedRequest request;
        request.method = seen.method;
        request.host = seen.field("Host");
        request.path = seen.target.substr(0, seen.target.find('?'));
        for (const char* name : {"x-amz-target"}) {
            if (!seen.field(name).empty()) request.headers.emplace_back(name, seen.field(name));
        }
        request.payload_hash = wire::payload_hash(seen.body);
        wire::sign(request, {key, "secret", "", kNever}, {"eu-test-1", service, now, {}});
        return request.headers.back().second;
    }

    TestCredentials credentials_;
    AwsOptions options_;
    std::unique_ptr<AwsClient> aws_;
};

TEST_F(AwsClientTest, SignsWhatItSends) {
    const FakeService service({answer(200, "{}")});
    const AwsResult result = send(service);
    ASSERT_TRUE(result.has_value()) << result.error().detail;
    EXPECT_EQ(result.value().body.bytes, "{}");
    const Seen seen = service.seen().at(0);
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.field("authorization"), expected_line(seen, "sqs", kTestTime));
    EXPECT_EQ(seen.field("x-amz-date"), "20260304T050607Z");
}

TEST_F(AwsClientTest, AFileIsStreamedAndHashedBeforeOverHttp) {
    const FakeService service({answer(200)});
    AwsRequest put = request();
    put.service = "s3";
    put.method = "PUT";
    put.bucket = "bucket";
    put.path = "/a key";
    put.headers.clear();
    const std::string bytes = pattern(1 << 20);
    put.body = std::make_shared<Body>(file_of(bytes));
    ASSERT_TRUE(send(service, put).has_value());
    const Seen seen = service.seen().at(0);
    EXPECT_EQ(seen.target, "/bucket/a%20key");
    EXPECT_EQ(seen.body, bytes);
    EXPECT_EQ(seen.field("x-amz-content-sha256"), wire::payload_hash(bytes));
    EXPECT_EQ(seen.field("authorization"), expected_line(seen, "s3", kTestTime));
}

TEST_F(AwsClientTest, TriesAgainAfterA500) {
    const FakeService service({answer(500), answer(503), answer(200)});
    EXPECT_TRUE(send(service).has_value());
    EXPECT_EQ(service.count(), 3);
    EXPECT_EQ(aws_->counters().calls, 1U);
    EXPECT_EQ(aws_->counters().tries, 3U);
}

TEST_F(AwsClientTest, GivesUpAfterTheLastTry) {
    const FakeService service({answer(500)});
    const AwsFailure failure = fail(service);
    EXPECT_EQ(failure.kind, Kind::unavailable);
    EXPECT_EQ(failure.status, 500);
    EXPECT_TRUE(failure.may_have_happened);
    EXPECT_EQ(service.count(), 3);
    EXPECT_EQ(aws_->counters().failed, 1U);
}

TEST_F(AwsClientTest, WhatMayHaveHappenedIsNotSentTwiceIfThatHarms) {
    const FakeService service({answer(500)});
    AwsRequest once = request();
    once.idempotent = false;
    EXPECT_TRUE(fail(service, once).may_have_happened);
    EXPECT_EQ(service.count(), 1);

    const FakeService cut({kCut});
    EXPECT_TRUE(fail(cut, once).may_have_happened);
    EXPECT_EQ(cut.count(), 1);
}

TEST_F(AwsClientTest, ThrottlingIsNotTheEndAndHasNotHappened) {
    const FakeService patient(
        {json_error(400, "ThrottlingException"), json_error(400, "RequestThrottled"), answer(200)}
    );
    AwsRequest once = request();
    once.idempotent = false;
    EXPECT_TRUE(send(patient, once).has_value());
    EXPECT_EQ(patient.count(), 3);

    const FakeService busy({answer(429)});
    const AwsFailure failure = fail(busy, once);
    EXPECT_EQ(failure.kind, Kind::throttled);
    EXPECT_FALSE(failure.may_have_happened);
    EXPECT_EQ(busy.count(), 3);
    EXPECT_EQ(aws_->counters().throttled, 3U);

    const FakeService slow({answer(503, "<Error><Code>SlowDown</Code></Error>")});
    EXPECT_EQ(fail(slow, once).kind, Kind::throttled);
}

TEST_F(AwsClientTest, ARefusalIsFinal) {
    const FakeService service({json_error(400, "QueueDoesNotExist")});
    const AwsFailure failure = fail(service);
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_EQ(failure.status, 400);
    EXPECT_EQ(failure.code, "QueueDoesNotExist");
    EXPECT_EQ(failure.detail, "sqs: answered 400 QueueDoesNotExist: so it is");
    EXPECT_FALSE(failure.may_have_happened);
    EXPECT_EQ(service.count(), 1);
}

TEST_F(AwsClientTest, OneAmbiguousTryMakesTheWholeCallAmbiguous) {
    const FakeService service({answer(500), json_error(403, "AccessDenied")});
    const AwsFailure failure = fail(service);
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_TRUE(failure.may_have_happened);
}

TEST_F(AwsClientTest, NamedStatusesAreAnswers) {
    const FakeService service({answer(412, "<Error><Code>PreconditionFailed</Code></Error>")});
    AwsRequest put = request();
    put.final_statuses = {404, 412};
    const AwsResult result = send(service, put);
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result.value().status, 412);
}

TEST_F(AwsClientTest, ACutConnectionIsTriedAgain) {
    const FakeService halves([](const Seen&, int number) { return number < 3 ? kCut : answer(200); }
    );
    EXPECT_TRUE(send(halves).has_value());
    EXPECT_EQ(halves.count(), 3);

    const FakeService dead({kCut});
    const AwsFailure failure = fail(dead);
    EXPECT_EQ(failure.kind, Kind::unavailable);
    EXPECT_EQ(failure.status, 0);
    EXPECT_TRUE(failure.may_have_happened);
}

TEST_F(AwsClientTest, WhoIsNotThereHasDoneNothing) {
    std::string url;
    {
        const FakeService gone({answer(200)});
        url = gone.url();
    }
    AwsResult result = run(aws(url).send(request()));
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().kind, Kind::unavailable);
    EXPECT_FALSE(result.error().may_have_happened);
    EXPECT_EQ(aws_->counters().tries, 3U);
}

TEST_F(AwsClientTest, ATryHasItsTime) {
    const FakeService service([](const Seen&, int number) {
        return number == 1 ? kHang : answer(200);
    });
    AwsRequest hurried = request();
    hurried.time_max = 20ms;
    EXPECT_TRUE(send(service, hurried).has_value());

    const FakeService deaf({kHang});
    const AwsFailure failure = fail(deaf, hurried);
    EXPECT_EQ(failure.kind, Kind::timeout);
    EXPECT_TRUE(failure.may_have_happened);
    EXPECT_EQ(deaf.count(), 3);
}

TEST_F(AwsClientTest, AStopEndsTheCall) {
    std::stop_source stop;
    const FakeService service([&stop](const Seen&, int) {
        stop.request_stop();
        return kHang;
    });
    AwsRequest what = request();
    what.stop = stop.get_token();
    const AwsFailure failure = fail(service, what);
    EXPECT_EQ(failure.kind, Kind::stopped);
    EXPECT_TRUE(failure.may_have_happened);
    EXPECT_EQ(fail(service, what).kind, Kind::stopped);
    EXPECT_EQ(service.count(), 1);
}

TEST_F(AwsClientTest, AStopEndsABackoff) {
    std::stop_source stop;
    const FakeService service([&stop](const Seen&, int) {
        stop.request_stop();
        return answer(500, "", "Retry-After: 3600\r\n");
    });
    options_.backoff_max = std::chrono::hours(1);
    AwsRequest what = request();
    what.stop = stop.get_token();
    EXPECT_EQ(fail(service, what).kind, Kind::stopped);
}

TEST_F(AwsClientTest, TheEndOfTheClientEndsItsCalls) {
    std::promise<void> asked;
    const FakeService service([&asked](const Seen&, int) {
        asked.set_value();
        return answer(500, "", "Retry-After: 3600\r\n");
    });
    options_.backoff_max = std::chrono::hours(1);
    auto call = aws(service.url()).send(request());
    auto ended = std::async(std::launch::async, [&] { return run(std::move(call)); });
    asked.get_future().wait();
    on_thread([this] { aws_.reset(); });
    const AwsResult result = ended.get();
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().kind, Kind::stopped);
    EXPECT_TRUE(result.error().may_have_happened);
}

TEST_F(AwsClientTest, TheBucketOfTokensBoundsRetries) {
    const FakeService service({answer(500)});
    auto& client = aws(service.url());
    for (int i = 0; i < 60; ++i) EXPECT_TRUE(run(client.send(request())).has_error());
    // 500 tokens pay for 100 retries, whoever asks.
    EXPECT_EQ(service.count(), 160);
}

TEST_F(AwsClientTest, ExpiredCredentialsAreRenewedOnce) {
    credentials_.add("KEY2");
    const FakeService service([](const Seen& seen, int) {
        return seen.field("authorization").find("KEY2") == std::string::npos
                   ? json_error(400, "ExpiredTokenException")
                   : answer(200);
    });
    EXPECT_TRUE(send(service).has_value());
    EXPECT_EQ(service.count(), 2);
    EXPECT_EQ(credentials_.rejections, 1);

    const FakeService never({json_error(403, "ExpiredToken")});
    credentials_.add("KEY3");
    const AwsFailure failure = fail(never);
    EXPECT_EQ(failure.kind, Kind::credentials);
    EXPECT_EQ(failure.code, "ExpiredToken");
    EXPECT_EQ(never.count(), 2);
}

TEST_F(AwsClientTest, WithoutOtherCredentialsItIsNotTriedAgain) {
    const FakeService service({json_error(403, "InvalidClientTokenId")});
    EXPECT_EQ(fail(service).kind, Kind::credentials);
    EXPECT_EQ(service.count(), 1);
}

TEST_F(AwsClientTest, NoCredentialsAreSaidSo) {
    credentials_.given.clear();
    const FakeService service({answer(200)});
    const AwsFailure failure = fail(service);
    EXPECT_EQ(failure.kind, Kind::credentials);
    EXPECT_EQ(failure.detail, "sqs: there are no credentials");
    EXPECT_FALSE(failure.may_have_happened);
    EXPECT_EQ(service.count(), 0);
}

TEST_F(AwsClientTest, WithoutAKeyNothingIsSigned) {
    credentials_.given.clear();
    credentials_.add("");
    const FakeService service({answer(200)});
    EXPECT_TRUE(send(service).has_value());
    EXPECT_EQ(service.seen().at(0).field("authorization"), "");
    EXPECT_EQ(service.seen().at(0).field("x-amz-date"), "");
}

/// A service whose clock is an hour ahead.
FakeService::Reply ahead(const std::string& refusal) {
    return [refusal](const Seen& seen, int) {
        const std::string date = "Date: Wed, 04 Mar 2026 06:06:07 GMT\r\n";
        if (seen.field("x-amz-date") == "20260304T060607Z") return answer(200, "", date);
        return answer(403, refusal, date);
    };
}

TEST_F(AwsClientTest, AWrongClockIsPutRight) {
    for (const char* code :
         {"<Error><Code>RequestTimeTooSkewed</Code></Error>",
          R"({"__type":"InvalidSignatureException"})",
          ""}) {
        const FakeService service(ahead(code));
        auto& client = aws(service.url());
        EXPECT_TRUE(run(client.send(request())).has_value()) << code;
        EXPECT_EQ(service.count(), 2);
        EXPECT_EQ(client.clock_offset(), 1h);
        // From here on it is known.
        EXPECT_TRUE(run(client.send(request())).has_value());
        EXPECT_EQ(service.count(), 3);
    }
    EXPECT_EQ(credentials_.rejections, 0);
}

TEST_F(AwsClientTest, ARightClockIsNotToBlame) {
    const FakeService service({answer(
        403, R"({"__type":"SignatureDoesNotMatch"})", "Date: Wed, 04 Mar 2026 05:06:09 GMT\r\n"
    )});
    const AwsFailure failure = fail(service);
    EXPECT_EQ(failure.kind, Kind::credentials);
    EXPECT_EQ(aws_->clock_offset(), 0s);
    EXPECT_EQ(service.count(), 1);
}

TEST_F(AwsClientTest, AWrongEndpointIsSaidSo) {
    AwsResult result = run(aws("ftp://x").send(request()));
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().kind, Kind::refused);
    EXPECT_NE(result.error().detail.find("ftp://x"), std::string::npos);
}

std::string url_of(AwsPlace place, std::string_view service, std::string_view bucket = "") {
    const auto url = AwsUrls(std::move(place)).find(service, bucket, "/key", "a=b");
    if (!url) return url.error().detail;
    const auto& found = *url.value();
    return (found.tls ? "https://" : "http://") + found.authority + found.target;
}

TEST(AwsUrls, ServicesHaveTheirUsualAddress) {
    EXPECT_EQ(url_of({"eu-west-1", {}}, "sqs"), "https://sqs.eu-west-1.amazonaws.com/key?a=b");
    EXPECT_EQ(url_of({"cn-north-1", {}}, "sqs"), "https://sqs.cn-north-1.amazonaws.com.cn/key?a=b");
}

TEST(AwsUrls, TheNearestEndpointCounts) {
    const AwsPlace place{"r", {{"", "http://all:1"}, {"s3", "http://s3:2/under/"}}};
    EXPECT_EQ(url_of(place, "sqs"), "http://all:1/key?a=b");
    EXPECT_EQ(url_of(place, "s3", "bucket"), "http://s3:2/under/bucket/key?a=b");
}

TEST(AwsUrls, ABucketIsInTheHostWhereThatCanBe) {
    const AwsPlace place{"eu-west-1", {}};
    EXPECT_EQ(
        url_of(place, "s3", "my-bucket"), "https://my-bucket.s3.eu-west-1.amazonaws.com/key?a=b"
    );
    EXPECT_EQ(
        url_of(place, "s3", "my.bucket"), "https://s3.eu-west-1.amazonaws.com/my.bucket/key?a=b"
    );
}

}  // namespace
}  // namespace bide::clients
