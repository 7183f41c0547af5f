#include "clients/s3_client.hpp"

#include "clients/aws_fixture.hpp"

#include <algorithm>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using Kind = AwsFailure::Kind;

std::string s3_error(int status, const std::string& code) {
    return answer(status, "<Error><Code>" + code + "</Code><Message>so it is</Message></Error>");
}

bool is_completion(const Seen& seen) {
    return seen.method == "POST" && seen.target.find("uploadId=") != std::string::npos;
}

/// What a bucket does with uploads in parts, unless a test wants something else at some point.
class Bucket {
  public:
    std::string reply(const Seen& seen) {
        if (seen.target.ends_with("?uploads=")) return begin();
        if (seen.method == "PUT") return part(seen);
        if (seen.method == "POST") return complete(seen);
        ++aborts;
        return answer(204);
    }

    std::string begin() {
        ++begins;
        parts.clear();
        return answer(
            200,
            "<InitiateMultipartUploadResult><UploadId>up/1</UploadId>"
            "</InitiateMultipartUploadResult>"
        );
    }
    std::string part(const Seen& seen) {
        parts.push_back(seen.body);
        return answer(200, "", "ETag: \"" + std::to_string(parts.size()) + "\"\r\n");
    }
    std::string complete(const Seen&) {
        for (const std::string& one : parts) object += one;
        return answer(200, "<CompleteMultipartUploadResult/>");
    }

    int begins = 0;
    int aborts = 0;
    std::vector<std::string> parts;
    std::string object;
};

class S3ClientTest : public ClientsTest {
  protected:
    static constexpr std::size_t kPart = 100'000;

    S3ClientTest() {
        options_.backoff_base = 1ms;
        options_.whole_max = 2 * kPart;
        options_.part_bytes = kPart;
    }
    ~S3ClientTest() override {
        on_thread([this] {
            s3_.reset();
            aws_.reset();
        });
    }

    S3Client& s3(const FakeService& at) {
        AwsOptions options;
        options.place.region = "eu-test-1";
        options.place.endpoints[""] = at.url();
        options.backoff_base = options.throttle_base = 1ms;
        auto& http = client();
        on_thread([&] {
            aws_ = std::make_unique<AwsClient>(
                context_.get_executor(), http, pool_, credentials_, time_, Rng(1), options
            );
            s3_ = std::make_unique<S3Client>(
                context_.get_executor(), *aws_, pool_, *spool_, Rng(2), "jobs", options_
            );
        });
        return *s3_;
    }

    static S3Put put_of(std::string bytes, bool if_absent = true) {
        S3Put put;
        put.key = "outgoing/q/1";
        put.facts = {"text/plain", {{"bide", "1"}}};
        put.body = std::make_shared<Body>(Body{std::move(bytes), nullptr});
        put.if_absent = if_absent;
        return put;
    }
    S3Put put_file(std::string_view bytes, bool if_absent = true) {
        S3Put put = put_of("", if_absent);
        put.body = std::make_shared<Body>(file_of(bytes));
        return put;
    }
    AwsFailure failure_of(const AwsOutcome<S3Made>& outcome) {
        if (outcome.has_error()) return outcome.error();
        ADD_FAILURE() << "no failure";
        return {};
    }

    FixedCredentials credentials_{wire::AwsCredentials{"KEY", "secret", "", kNever}};
    S3Options options_;
    std::unique_ptr<AwsClient> aws_;
    std::unique_ptr<S3Client> s3_;
};

TEST_F(S3ClientTest, PutsAnObjectWithItsFacts) {
    FakeService service({answer(200)});
    auto& to = s3(service);
    EXPECT_EQ(run(to.put(put_of("hello"))).value(), S3Made::made);
    EXPECT_EQ(run(to.put(put_of("hello", false))).value(), S3Made::made);
    const auto seen = service.seen();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0].method, "PUT");
    EXPECT_EQ(seen[0].target, "/jobs/outgoing/q/1");
    EXPECT_EQ(seen[0].body, "hello");
    EXPECT_EQ(seen[0].field("If-None-Match"), "*");
    EXPECT_EQ(seen[0].field("Content-Type"), "text/plain");
    EXPECT_EQ(seen[0].field("x-amz-meta-bide"), "1");
    EXPECT_EQ(seen[1].field("If-None-Match"), "");
    EXPECT_EQ(to.counters().puts, 2U);
}

TEST_F(S3ClientTest, SaysWhenItWasThere) {
    FakeService service({s3_error(412, "PreconditionFailed")});
    EXPECT_EQ(run(s3(service).put(put_of("hello"))).value(), S3Made::was_there);
}

TEST_F(S3ClientTest, AConflictIsTriedAgainUntilItIsKnownWhoWasFirst) {
    FakeService service(
        {s3_error(409, "ConditionalRequestConflict"),
         s3_error(409, "ConditionalRequestConflict"),
         s3_error(412, "PreconditionFailed")}
    );
    EXPECT_EQ(run(s3(service).put(put_of("hello"))).value(), S3Made::was_there);
    EXPECT_EQ(service.count(), 3);
}

TEST_F(S3ClientTest, AConflictWithoutEndIsAFailure) {
    options_.conflicts_max = 3;
    FakeService service({s3_error(409, "ConditionalRequestConflict")});
    const AwsFailure failure = failure_of(run(s3(service).put(put_of("hello"))));
    EXPECT_EQ(failure.kind, Kind::unavailable);
    EXPECT_EQ(failure.code, "ConditionalRequestConflict");
    EXPECT_EQ(service.count(), 3);
}

TEST_F(S3ClientTest, ARefusalIsAFailure) {
    FakeService service({s3_error(403, "AccessDenied")});
    const AwsFailure failure = failure_of(run(s3(service).put(put_of("hello"))));
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_EQ(failure.code, "AccessDenied");
}

TEST_F(S3ClientTest, ALargeFileGoesUpInParts) {
    const std::string bytes = pattern(5 * kPart + 1);
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) { return bucket.reply(seen); });
    auto& to = s3(service);
    ASSERT_EQ(run(to.put(put_file(bytes))).value(), S3Made::made);
    EXPECT_TRUE(bucket.object == bytes);
    EXPECT_EQ(bucket.parts.size(), 6U);
    EXPECT_EQ(bucket.aborts, 0);
    const auto seen = service.seen();
    ASSERT_EQ(seen.size(), 8U);
    EXPECT_EQ(seen[0].method, "POST");
    EXPECT_EQ(seen[0].target, "/jobs/outgoing/q/1?uploads=");
    EXPECT_EQ(seen[0].field("x-amz-meta-bide"), "1");
    EXPECT_EQ(seen[0].field("Content-Type"), "text/plain");
    EXPECT_EQ(seen[0].field("If-None-Match"), "");
    EXPECT_EQ(seen[1].target, "/jobs/outgoing/q/1?partNumber=1&uploadId=up%2F1");
    EXPECT_EQ(seen[6].target, "/jobs/outgoing/q/1?partNumber=6&uploadId=up%2F1");
    EXPECT_EQ(seen[7].target, "/jobs/outgoing/q/1?uploadId=up%2F1");
    EXPECT_EQ(seen[7].field("If-None-Match"), "*");
    EXPECT_NE(
        seen[7].body.find("<PartNumber>6</PartNumber><ETag>&quot;6&quot;</ETag>"), std::string::npos
    );
    EXPECT_EQ(to.counters().puts, 8U);
}

TEST_F(S3ClientTest, ALargeBodyInMemoryToo) {
    const std::string bytes = pattern(2 * kPart + 1);
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) { return bucket.reply(seen); });
    ASSERT_EQ(run(s3(service).put(put_of(bytes, false))).value(), S3Made::made);
    EXPECT_TRUE(bucket.object == bytes);
    EXPECT_EQ(service.seen().back().field("If-None-Match"), "");
}

TEST_F(S3ClientTest, AFileUpToTheLimitGoesWhole) {
    const std::string bytes = pattern(2 * kPart);
    FakeService service({answer(200)});
    ASSERT_EQ(run(s3(service).put(put_file(bytes))).value(), S3Made::made);
    ASSERT_EQ(service.count(), 1);
    EXPECT_TRUE(service.seen()[0].body == bytes);
}

TEST_F(S3ClientTest, PartsAreTakenBackWhenOneFails) {
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) {
        if (seen.target.find("partNumber=2") != std::string::npos)
            return s3_error(403, "AccessDenied");
        return bucket.reply(seen);
    });
    const AwsFailure failure = failure_of(run(s3(service).put(put_file(pattern(3 * kPart)))));
    EXPECT_EQ(failure.code, "AccessDenied");
    EXPECT_EQ(bucket.aborts, 1);
    EXPECT_EQ(service.seen().back().method, "DELETE");
    EXPECT_EQ(service.seen().back().target, "/jobs/outgoing/q/1?uploadId=up%2F1");
}

TEST_F(S3ClientTest, PartsAreTakenBackWhenAnotherWasFirst) {
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) {
        const bool last = is_completion(seen);
        return last ? s3_error(412, "PreconditionFailed") : bucket.reply(seen);
    });
    EXPECT_EQ(run(s3(service).put(put_file(pattern(3 * kPart)))).value(), S3Made::was_there);
    EXPECT_EQ(bucket.aborts, 1);
}

TEST_F(S3ClientTest, AConflictAtTheEndBeginsAnew) {
    Bucket bucket;
    const std::string bytes = pattern(3 * kPart);
    FakeService service([&](const Seen& seen, int) {
        const bool last = is_completion(seen);
        if (last && bucket.begins == 1) return s3_error(409, "ConditionalRequestConflict");
        return bucket.reply(seen);
    });
    EXPECT_EQ(run(s3(service).put(put_file(bytes))).value(), S3Made::made);
    EXPECT_EQ(bucket.begins, 2);
    EXPECT_EQ(bucket.aborts, 1);
    EXPECT_TRUE(bucket.object == bytes);
}

TEST_F(S3ClientTest, AnUploadWhoseEndWasNotHeardIsLookedFor) {
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) {
        if (seen.method == "HEAD") return answer(200);
        const bool last = is_completion(seen);
        return last ? s3_error(404, "NoSuchUpload") : bucket.reply(seen);
    });
    EXPECT_EQ(run(s3(service).put(put_file(pattern(3 * kPart)))).value(), S3Made::was_there);
}

TEST_F(S3ClientTest, AnErrorUnderTheStatus200IsAFailure) {
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) {
        const bool last = is_completion(seen);
        return last ? s3_error(200, "InternalError") : bucket.reply(seen);
    });
    const AwsFailure failure = failure_of(run(s3(service).put(put_file(pattern(3 * kPart)))));
    EXPECT_EQ(failure.kind, Kind::unavailable);
    EXPECT_EQ(failure.code, "InternalError");
    EXPECT_TRUE(failure.may_have_happened);
    EXPECT_EQ(bucket.aborts, 1);
}

TEST_F(S3ClientTest, AStopEndsAnUploadAndTakesItBack) {
    Bucket bucket;
    std::promise<void> asked;
    FakeService service([&](const Seen& seen, int) {
        if (seen.target.find("partNumber=2") == std::string::npos) return bucket.reply(seen);
        asked.set_value();
        return kHang;
    });
    std::stop_source stop;
    S3Put put = put_file(pattern(3 * kPart));
    put.stop = stop.get_token();
    auto end = begin(s3(service).put(std::move(put)));
    asked.get_future().wait();
    stop.request_stop();
    EXPECT_EQ(failure_of(end.get()).kind, Kind::stopped);
    EXPECT_EQ(bucket.aborts, 1);
}

TEST_F(S3ClientTest, UploadsInPartsWaitForEachOther) {
    options_.uploads_max = 1;
    Bucket bucket;
    std::vector<std::string> keys;
    FakeService service([&](const Seen& seen, int) {
        keys.push_back(seen.target.substr(0, seen.target.find('?')));
        return bucket.reply(seen);
    });
    auto& to = s3(service);
    std::vector<std::future<AwsOutcome<S3Made>>> ends;
    for (int i = 0; i < 3; ++i) {
        S3Put put = put_file(pattern(3 * kPart));
        put.key = std::to_string(i);
        ends.push_back(begin(to.put(std::move(put))));
    }
    std::stop_source stop;
    S3Put stopped = put_file(pattern(3 * kPart));
    stopped.stop = stop.get_token();
    stop.request_stop();
    EXPECT_EQ(failure_of(run(to.put(std::move(stopped)))).kind, Kind::stopped);
    for (auto& end : ends) EXPECT_EQ(end.get().value(), S3Made::made);
    EXPECT_EQ(keys.size(), 15U);
    EXPECT_EQ(std::unique(keys.begin(), keys.end()) - keys.begin(), 3);
}

TEST_F(S3ClientTest, ABodyThatCannotBeReadIsAFailureOfOurs) {
    Bucket bucket;
    FakeService service([&](const Seen& seen, int) { return bucket.reply(seen); });
    S3Put put = put_of("");
    put.body = std::make_shared<Body>(Body{
        "", std::make_shared<BodyFile>(directory_ + "/none", 3 * kPart)});
    EXPECT_EQ(failure_of(run(s3(service).put(std::move(put)))).kind, Kind::storage);
    EXPECT_EQ(bucket.aborts, 1);
}

TEST_F(S3ClientTest, GetsSmallObjectsIntoMemoryAndLargeOnesIntoAFile) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{8} << 20}) {
        const std::string bytes = pattern(size);
        FakeService service(
            {answer(200, bytes, "Content-Type: text/plain\r\nx-amz-meta-bide: 1\r\n")}
        );
        auto& from = s3(service);
        const auto got = run(from.get("outgoing/q/1", {}));
        ASSERT_TRUE(got.has_value()) << got.error().detail;
        ASSERT_TRUE(got.value());
        EXPECT_EQ(got.value()->facts.content_type, "text/plain");
        EXPECT_EQ(got.value()->facts.metadata, (wire::Metadata{{"bide", "1"}}));
        EXPECT_EQ(got.value()->size, size);
        EXPECT_EQ(got.value()->body.file != nullptr, size > kThreshold);
        EXPECT_TRUE(bytes_of(got.value()->body) == bytes);
        EXPECT_EQ(service.seen()[0].method, "GET");
        EXPECT_EQ(from.counters().gets, 1U);
    }
}

TEST_F(S3ClientTest, NoObjectIsNoFailureAndNoBucketIs) {
    FakeService service({s3_error(404, "NoSuchKey"), s3_error(404, "NoSuchBucket")});
    auto& from = s3(service);
    const auto none = run(from.get("a", {}));
    ASSERT_TRUE(none.has_value());
    EXPECT_FALSE(none.value());
    const auto nowhere = run(from.get("a", {}));
    ASSERT_TRUE(nowhere.has_error());
    EXPECT_EQ(nowhere.error().kind, Kind::refused);
    EXPECT_EQ(nowhere.error().code, "NoSuchBucket");
}

TEST_F(S3ClientTest, HeadSaysHowLargeAnObjectIs) {
    FakeService service(
        {"HTTP/1.1 200 OK\r\nContent-Length: 123456789\r\nx-amz-meta-bide: 1\r\n\r\n", answer(404)}
    );
    auto& from = s3(service);
    const auto found = run(from.head("a b", {}));
    ASSERT_TRUE(found.has_value()) << found.error().detail;
    ASSERT_TRUE(found.value());
    EXPECT_EQ(found.value()->size, 123'456'789U);
    EXPECT_EQ(found.value()->facts.metadata.size(), 1U);
    EXPECT_EQ(service.seen()[0].target, "/jobs/a%20b");
    EXPECT_FALSE(run(from.head("b", {})).value());
    EXPECT_EQ(from.counters().heads, 2U);
}

TEST_F(S3ClientTest, RemovesAndLists) {
    FakeService service(
        {answer(204),
         answer(
             200,
             "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>failed/q/1</Key>"
             "</Contents></ListBucketResult>"
         ),
         answer(200, "nonsense")}
    );
    auto& from = s3(service);
    EXPECT_TRUE(run(from.remove("failed/q/1", {})).has_value());
    const auto page = run(from.list("failed/q/", "failed/q/0", 7, {}));
    ASSERT_TRUE(page.has_value()) << page.error().detail;
    EXPECT_TRUE(page.value().more);
    EXPECT_EQ(page.value().keys, (std::vector<std::string>{"failed/q/1"}));
    EXPECT_EQ(run(from.list("", "", 7, {})).error().kind, Kind::malformed);
    const auto seen = service.seen();
    EXPECT_EQ(seen[0].method, "DELETE");
    EXPECT_EQ(
        seen[1].target,
        "/jobs/?encoding-type=url&list-type=2&max-keys=7&prefix=failed%2Fq%2F&"
        "start-after=failed%2Fq%2F0"
    );
    EXPECT_EQ(from.counters().deletes, 1U);
    EXPECT_EQ(from.counters().lists, 2U);
}

}  // namespace
}  // namespace bide::clients
