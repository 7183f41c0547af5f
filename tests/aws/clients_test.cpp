// The clients of SQS and S3 on servers that nobody here wrote: run it under tests/aws/services.py,
// which puts their addresses into the environment.
#include "clients/aws_fixture.hpp"
#include "clients/s3_client.hpp"
#include "clients/sqs_client.hpp"
#include "wire/envelope.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using Kind = AwsFailure::Kind;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) ADD_FAILURE() << name << " is not set; see tests/aws/services.py";
    return value == nullptr ? "" : value;
}

class AwsServersTest : public ClientsTest {
  protected:
    AwsServersTest() {
        AwsOptions options;
        options.place.region = variable("AWS_REGION");
        options.place.endpoints["sqs"] = variable("AWS_ENDPOINT_URL_SQS");
        options.place.endpoints["s3"] = variable("AWS_ENDPOINT_URL_S3");
        auto& http = client();
        on_thread([&] {
            const auto executor = context_.get_executor();
            aws_ = std::make_unique<AwsClient>(
                executor, http, pool_, credentials_, clock_, Rng(1), options
            );
            sqs_ = std::make_unique<SqsClient>(executor, *aws_, clock_, Rng(2));
            s3_ = make_bucket(variable("BIDE_S3_BUCKET"), {});
        });
    }
    ~AwsServersTest() override {
        on_thread([this] {
            s3_.reset();
            sqs_.reset();
            aws_.reset();
        });
    }

    std::unique_ptr<S3Client> make_bucket(std::string name, S3Options options) {
        return std::make_unique<S3Client>(
            context_.get_executor(), *aws_, pool_, *spool_, Rng(3), std::move(name), options
        );
    }

    std::vector<SqsMessage> receive(std::uint32_t wait_s = 2, std::uint32_t visibility_s = 30) {
        auto got = run(sqs_->receive({queue_, {10, wait_s, visibility_s}, {}}));
        if (got.has_value()) return std::move(got).value();
        ADD_FAILURE() << got.error().detail;
        return {};
    }
    /// All that comes until that many bodies are there.
    std::multiset<std::string> take(std::size_t count) {
        std::multiset<std::string> bodies;
        for (int polls = 0; bodies.size() < count && polls < 50; ++polls) {
            for (const SqsMessage& message : receive()) {
                bodies.insert(message.body);
                EXPECT_EQ(message.receive_count, 1U);
                EXPECT_GT(message.sent, Time());
                expect_done(run(sqs_->remove(queue_, message.receipt_handle)));
            }
        }
        return bodies;
    }
    template <class T>
    static void expect_done(const AwsOutcome<T>& outcome) {
        EXPECT_TRUE(outcome.has_value()) << outcome.error().detail;
    }

    S3Put put_of(const std::string& key, Body body) {
        S3Put put;
        put.key = key;
        put.facts = {"text/plain", {{"bide", "1"}}};
        put.body = std::make_shared<Body>(std::move(body));
        put.if_absent = true;
        return put;
    }
    S3Made put(S3Client& to, S3Put what) {
        const auto made = run(to.put(std::move(what)));
        if (made.has_value()) return made.value();
        ADD_FAILURE() << made.error().detail;
        return S3Made::was_there;
    }
    S3Object get(S3Client& from, const std::string& key) {
        auto got = run(from.get(key, {}));
        expect_done(got);
        if (got.has_value() && got.value()) return std::move(*got.value());
        ADD_FAILURE() << "no object " << key;
        return {};
    }

    FixedCredentials credentials_{wire::AwsCredentials{
        variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), "", kNever}};
    const std::string queue_ = variable("BIDE_SQS_QUEUE");
    std::unique_ptr<AwsClient> aws_;
    std::unique_ptr<SqsClient> sqs_;
    std::unique_ptr<S3Client> s3_;
};

TEST_F(AwsServersTest, MessagesComeAsTheyWereSentInFewCalls) {
    std::multiset<std::string> sent;
    std::vector<std::future<AwsOutcome<void>>> ends;
    for (int i = 0; i < 100; ++i) {
        wire::Envelope envelope;
        envelope.queue = "speak";
        envelope.job.body.bytes =
            std::to_string(i) + "\0 \x1f \xff \xef\xbf\xbf ]]> & \" \\ \xc3\xa4"s;
        if (i % 2 == 0) envelope.job.body.bytes.resize(3);
        sent.insert(wire::encode_envelope(envelope).value());
    }
    for (const std::string& body : sent) ends.push_back(begin(sqs_->send({queue_, body, 0, {}})));
    for (auto& end : ends) expect_done(end.get());
    EXPECT_TRUE(take(100) == sent);
    EXPECT_LE(sqs_->counters().sends, 30U);
    EXPECT_TRUE(receive(1).empty());
}

TEST_F(AwsServersTest, TheLargestEnvelopePasses) {
    wire::Envelope envelope;
    envelope.queue = "speak";
    const std::size_t fixed = wire::encode_envelope(envelope).value().size() + 10;
    envelope.job.body.bytes.assign(wire::kEnvelopeBytesMax - fixed, 'x');
    const std::string body = wire::encode_envelope(envelope).value();
    ASSERT_EQ(body.size(), wire::kEnvelopeBytesMax);
    expect_done(run(sqs_->send({queue_, body, 0, {}})));
    EXPECT_TRUE(take(1) == std::multiset<std::string>{body});
}

TEST_F(AwsServersTest, AMessageHandedBackComesAgain) {
    expect_done(run(sqs_->send({queue_, "again", 0, {}})));
    const auto first = receive();
    ASSERT_EQ(first.size(), 1U);
    expect_done(run(sqs_->change_visibility(queue_, first[0].receipt_handle, 0)));
    const auto second = receive();
    ASSERT_EQ(second.size(), 1U);
    EXPECT_EQ(second[0].id, first[0].id);
    EXPECT_EQ(second[0].receive_count, 2U);
    expect_done(run(sqs_->remove(queue_, second[0].receipt_handle)));
}

TEST_F(AwsServersTest, WhatCannotBeSentHarmsNoOther) {
    const std::string no_xml = "b\x01";
    std::multiset<std::string> sent{"a", "c", "d"};
    std::vector<std::future<AwsOutcome<void>>> ends;
    for (const std::string& body : {"a"s, no_xml, "c"s, "d"s})
        ends.push_back(begin(sqs_->send({queue_, body, 0, {}})));
    const auto odd = ends[1].get();
    // moto takes it, SQS and ElasticMQ do not.
    if (odd.has_value())
        sent.insert(no_xml);
    else
        EXPECT_EQ(odd.error().kind, Kind::refused) << odd.error().detail;
    for (const std::size_t i : {0, 2, 3}) expect_done(ends[i].get());
    EXPECT_EQ(take(sent.size()), sent);
}

TEST_F(AwsServersTest, QueuesAreLookedUp) {
    const auto url = run(sqs_->find_queue("default"));
    expect_done(url);
    const auto attributes = run(sqs_->attributes(queue_));
    expect_done(attributes);
    EXPECT_EQ(attributes.value().at("VisibilityTimeout"), "30");
    EXPECT_NE(attributes.value().at("RedrivePolicy").find("maxReceiveCount"), std::string::npos);
    const auto none = run(sqs_->send({queue_ + "-none", "a", 0, {}}));
    ASSERT_TRUE(none.has_error());
    EXPECT_EQ(none.error().code, "QueueDoesNotExist") << none.error().detail;
}

TEST_F(AwsServersTest, WhoIsFirstPutsAndAllReadTheSame) {
    core::Outcome outcome;
    outcome.state = core::JobState::failed;
    outcome.kind = core::FailureKind::rejected;
    outcome.content_type = "text/plain; charset=utf-8";
    outcome.detail = "  two  spaces\n\xc3\xa4 " + std::string(5000, 'x');
    S3Put first = put_of("outgoing/q/1", {"first \0 \xff"s, nullptr});
    first.facts = wire::describe_result("q", outcome, {1, 2}, 7);
    EXPECT_EQ(put(*s3_, first), S3Made::made);
    EXPECT_EQ(put(*s3_, put_of("outgoing/q/1", {"second", nullptr})), S3Made::was_there);
    const S3Object stored = get(*s3_, "outgoing/q/1");
    EXPECT_EQ(stored.body.bytes, "first \0 \xff"s);
    const auto read = wire::read_result(stored.facts);
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read.value().outcome.content_type, outcome.content_type);
    EXPECT_TRUE(outcome.detail.starts_with(read.value().outcome.detail));
    EXPECT_GT(read.value().outcome.detail.size(), 900U);

    const auto head = run(s3_->head("outgoing/q/1", {}));
    ASSERT_TRUE(head.has_value()) << head.error().detail;
    ASSERT_TRUE(head.value());
    EXPECT_EQ(head.value()->size, stored.body.size());
    EXPECT_EQ(head.value()->facts.metadata.size(), stored.facts.metadata.size());

    S3Put replace = put_of("outgoing/q/1", {"third", nullptr});
    replace.if_absent = false;
    EXPECT_EQ(put(*s3_, replace), S3Made::made);
    EXPECT_EQ(get(*s3_, "outgoing/q/1").body.bytes, "third");
    expect_done(run(s3_->remove("outgoing/q/1", {})));
    expect_done(run(s3_->remove("outgoing/q/1", {})));
    EXPECT_FALSE(run(s3_->get("outgoing/q/1", {})).value());
    EXPECT_FALSE(run(s3_->head("outgoing/q/1", {})).value());
}

TEST_F(AwsServersTest, OneOfManyPutsWins) {
    if (variable("BIDE_S3_SERVER") == "moto")
        GTEST_SKIP() << "moto does not put conditionally at once: two may be first";
    for (int round = 0; round < 10; ++round) {
        const std::string key = "race/" + std::to_string(round);
        std::vector<std::future<AwsOutcome<S3Made>>> ends;
        ends.reserve(16);
        for (int i = 0; i < 16; ++i)
            ends.push_back(begin(s3_->put(put_of(key, {std::to_string(i), nullptr}))));
        int winner = -1;
        for (int i = 0; i < 16; ++i) {
            const auto made = ends[static_cast<std::size_t>(i)].get();
            expect_done(made);
            if (made.value() == S3Made::was_there) continue;
            EXPECT_EQ(winner, -1);
            winner = i;
        }
        EXPECT_EQ(get(*s3_, key).body.bytes, std::to_string(winner));
    }
}

TEST_F(AwsServersTest, ALargeObjectGoesUpInPartsAndComesBackAsAFile) {
    std::unique_ptr<S3Client> in_parts;
    S3Options options;
    options.whole_max = 6U << 20;
    options.part_bytes = 5U << 20;
    on_thread([&] { in_parts = make_bucket(s3_->bucket(), options); });
    const std::string bytes = pattern((17U << 20) + 1);
    EXPECT_EQ(put(*in_parts, put_of("incoming/q/large", file_of(bytes))), S3Made::made);
    EXPECT_EQ(in_parts->counters().puts, 6U);
    EXPECT_EQ(put(*in_parts, put_of("incoming/q/large", file_of(bytes))), S3Made::was_there);
    const S3Object stored = get(*s3_, "incoming/q/large");
    ASSERT_NE(stored.body.file, nullptr);
    EXPECT_TRUE(bytes_of(stored.body) == bytes);
    EXPECT_EQ(stored.facts.content_type, "text/plain");
    EXPECT_EQ(stored.facts.metadata, (wire::Metadata{{"bide", "1"}}));
    // A file that goes up whole.
    EXPECT_EQ(put(*s3_, put_of("incoming/q/whole", file_of(bytes))), S3Made::made);
    EXPECT_TRUE(bytes_of(get(*s3_, "incoming/q/whole").body) == bytes);
    on_thread([&] { in_parts.reset(); });
}

TEST_F(AwsServersTest, KeysAreListedPageByPage) {
    const std::vector<std::string> keys{
        "list/a b", "list/a%20b", "list/a&b", "list/a+b", "list/a=b", "list/b/c", "list/\xc3\xa4"};
    for (const std::string& key : keys) EXPECT_EQ(put(*s3_, put_of(key, {})), S3Made::made);
    std::vector<std::string> listed;
    for (bool more = true; more;) {
        const auto page = run(s3_->list("list/", listed.empty() ? "" : listed.back(), 3, {}));
        ASSERT_TRUE(page.has_value()) << page.error().detail;
        EXPECT_LE(page.value().keys.size(), 3U);
        listed.insert(listed.end(), page.value().keys.begin(), page.value().keys.end());
        more = page.value().more;
    }
    EXPECT_EQ(listed, keys);
    for (const std::string& key : keys) EXPECT_TRUE(get(*s3_, key).body.bytes.empty()) << key;
}

TEST_F(AwsServersTest, ABucketThatIsNotThereIsAFailure) {
    std::unique_ptr<S3Client> nowhere;
    on_thread([&] { nowhere = make_bucket("nowhere", {}); });
    const auto got = run(nowhere->get("a", {}));
    ASSERT_TRUE(got.has_error());
    EXPECT_EQ(got.error().code, "NoSuchBucket") << got.error().detail;
    EXPECT_TRUE(run(nowhere->put(put_of("a", {}))).has_error());
    on_thread([&] { nowhere.reset(); });
}

}  // namespace
}  // namespace bide::clients
