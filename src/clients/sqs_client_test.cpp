#include "clients/sqs_client.hpp"

#include "clients/aws_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace bide::clients {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;
using Kind = AwsFailure::Kind;

const std::string kQueue = "http://sqs/1/speak";

/// Members of the entries of a batch, in their order.
std::vector<std::string> entries_of(const Seen& seen, std::string_view member) {
    std::vector<std::string> texts;
    const json::value request = json::parse(seen.body);
    for (const json::value& entry : request.at("Entries").as_array())
        texts.emplace_back(entry.at({member.data(), member.size()}).as_string());
    return texts;
}

/// The answer to a batch in which the entries that `fault` names failed.
std::string batch_answer(
    const Seen& seen, const std::function<std::string(const std::string& text)>& fault
) {
    json::array done;
    json::array failed;
    const json::value request = json::parse(seen.body);
    for (const json::value& entry : request.at("Entries").as_array()) {
        const json::object& members = entry.as_object();
        const json::value& text = members.contains("MessageBody") ? members.at("MessageBody")
                                                                  : members.at("ReceiptHandle");
        const std::string why = fault(std::string(text.as_string()));
        if (why.empty()) {
            done.push_back(json::object{{"Id", members.at("Id")}});
        } else {
            failed.push_back(json::object{
                {"Id", members.at("Id")},
                {"Code", why},
                {"Message", "so it is"},
                {"SenderFault", !why.starts_with("Internal")}});
        }
    }
    return answer(200, json::serialize(json::object{{"Successful", done}, {"Failed", failed}}));
}

std::string all_done(const Seen& seen, int) {
    return batch_answer(seen, [](const std::string&) { return std::string(); });
}

/// Something that others wait for.
class Gate {
  public:
    void wait() { future_.wait(); }
    void open() { promise_.set_value(); }

  private:
    std::promise<void> promise_;
    std::shared_future<void> future_{promise_.get_future()};
};

class SqsClientTest : public ClientsTest {
  protected:
    SqsClientTest() {
        options_.backoff_base = 1ms;
        // Long enough for all entries of a test to come together.
        options_.send_linger = options_.handle_linger = 200ms;
    }
    ~SqsClientTest() override {
        on_thread([this] {
            sqs_.reset();
            aws_.reset();
        });
    }

    SqsClient& sqs(const FakeService& at) {
        AwsOptions options;
        options.place.region = "eu-test-1";
        options.place.endpoints[""] = at.url();
        options.backoff_base = options.throttle_base = 1ms;
        auto& http = client();
        on_thread([&] {
            aws_ = std::make_unique<AwsClient>(
                context_.get_executor(), http, pool_, credentials_, time_, Rng(1), options
            );
            sqs_ = std::make_unique<SqsClient>(
                context_.get_executor(), *aws_, time_, Rng(2), options_
            );
        });
        return *sqs_;
    }

    using Ends = std::vector<std::future<AwsOutcome<void>>>;
    /// Sends them in one turn of the client's thread, so that no answer comes in between; when it
    /// returns all of them wait.
    Ends send_together(SqsClient& to, const std::vector<std::string>& bodies) {
        Ends ends;
        on_thread([&] {
            for (const std::string& body : bodies)
                ends.push_back(begin(to.send({kQueue, body, 0, {}})));
        });
        on_thread([] {});
        return ends;
    }
    /// The same for "0", "1" and so on.
    Ends send_numbers(SqsClient& to, int first, int last) {
        std::vector<std::string> bodies;
        for (int i = first; i <= last; ++i) bodies.push_back(std::to_string(i));
        return send_together(to, bodies);
    }
    static void expect_success(Ends& ends) {
        for (auto& end : ends) {
            const auto outcome = end.get();
            EXPECT_TRUE(outcome.has_value()) << outcome.error().detail;
        }
    }
    static AwsFailure failure_of(std::future<AwsOutcome<void>>& end) {
        const auto outcome = end.get();
        if (outcome.has_error()) return outcome.error();
        ADD_FAILURE() << "no failure";
        return {};
    }
    static std::vector<std::size_t> sizes(const FakeService& service) {
        std::vector<std::size_t> all;
        for (const Seen& seen : service.seen())
            all.push_back(json::parse(seen.body).at("Entries").as_array().size());
        return all;
    }

    FixedCredentials credentials_{wire::AwsCredentials{"KEY", "secret", "", kNever}};
    SqsOptions options_;
    std::unique_ptr<AwsClient> aws_;
    std::unique_ptr<SqsClient> sqs_;
};

TEST_F(SqsClientTest, AnEntryAloneGoesAtOnce) {
    FakeService service(all_done);
    auto& to = sqs(service);
    ASSERT_TRUE(run(to.send({kQueue, "hello", 7, "acme"})).has_value());
    ASSERT_TRUE(run(to.send({kQueue, "again", 0, {}})).has_value());
    ASSERT_EQ(service.count(), 2);
    const Seen seen = service.seen()[0];
    EXPECT_EQ(seen.field("X-Amz-Target"), "AmazonSQS.SendMessageBatch");
    EXPECT_EQ(seen.field("Content-Type"), "application/x-amz-json-1.0");
    const json::value request = json::parse(seen.body);
    EXPECT_EQ(request.at("QueueUrl").as_string(), std::string_view(kQueue));
    const json::value& entry = request.at("Entries").at(0);
    EXPECT_EQ(entry.at("MessageBody").as_string(), "hello");
    EXPECT_EQ(entry.at("DelaySeconds").as_int64(), 7);
    EXPECT_EQ(entry.at("MessageGroupId").as_string(), "acme");
    EXPECT_EQ(to.counters().sends, 2U);
    EXPECT_EQ(to.counters().messages_sent, 2U);
}

TEST_F(SqsClientTest, WhileACallIsUnderWayTheNextGather) {
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        return all_done(seen, number);
    });
    auto& to = sqs(service);
    Ends ends = send_numbers(to, 0, 25);
    gate.open();
    expect_success(ends);
    auto found = sizes(service);
    std::ranges::sort(found);
    EXPECT_EQ(found, (std::vector<std::size_t>{1, 5, 10, 10}));
    std::vector<int> numbers;
    for (const Seen& seen : service.seen()) {
        for (const std::string& body : entries_of(seen, "MessageBody"))
            numbers.push_back(std::stoi(body));
    }
    std::ranges::sort(numbers);
    for (int i = 0; i < 26; ++i) EXPECT_EQ(numbers.at(static_cast<std::size_t>(i)), i);
    EXPECT_EQ(to.counters().sends, 4U);
    EXPECT_EQ(to.counters().messages_sent, 26U);
}

TEST_F(SqsClientTest, AsLongAsSeveralComeTogetherTheNextGatherToo) {
    options_.send_linger = 1h;
    Gate gate;
    FakeService service([&](const Seen& seen, int) {
        if (entries_of(seen, "MessageBody").size() > 1) gate.wait();
        return all_done(seen, 0);
    });
    auto& to = sqs(service);
    Ends first = send_numbers(to, 0, 10);
    Ends two = send_numbers(to, 11, 12);
    gate.open();
    expect_success(first);
    on_thread([] {});
    EXPECT_EQ(to.counters().sends, 2U);
    Ends eight = send_numbers(to, 13, 20);
    expect_success(two);
    expect_success(eight);
    auto found = sizes(service);  // the first two are on their way side by side
    std::ranges::sort(found);
    EXPECT_EQ(found, (std::vector<std::size_t>{1, 10, 10}));
}

TEST_F(SqsClientTest, CallsUnderWayHaveALimit) {
    options_.calls_max = 2;
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        return all_done(seen, number);
    });
    auto& to = sqs(service);
    Ends ends = send_numbers(to, 0, 40);
    while (to.counters().sends < 2) on_thread([] {});
    for (int i = 0; i < 10; ++i) on_thread([] {});
    EXPECT_EQ(to.counters().sends, 2U);
    gate.open();
    expect_success(ends);
    EXPECT_EQ(to.counters().sends, 5U);
}

TEST_F(SqsClientTest, ACallHasAMegabyteAtMost) {
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        return all_done(seen, number);
    });
    auto& to = sqs(service);
    const std::string half(500'000, 'x');
    Ends ends = send_together(to, {"0", half, half, half, half});
    gate.open();
    expect_success(ends);
    auto found = sizes(service);
    std::ranges::sort(found);
    EXPECT_EQ(found, (std::vector<std::size_t>{1, 2, 2}));
}

TEST_F(SqsClientTest, NobodyWaitsLongerThanTheLingerForOthers) {
    options_.send_linger = 1ms;
    Gate gate;
    FakeService first([&](const Seen& seen, int) {
        // The first call comes back only when the second one has been answered, by nothing but the
        // end of its linger.
        if (entries_of(seen, "MessageBody")[0] == "0") return kHang;
        return all_done(seen, 0);
    });
    auto& to = sqs(first);
    Ends hung = send_numbers(to, 0, 0);
    Ends ends = send_numbers(to, 1, 1);
    expect_success(ends);
    on_thread([this] { client_->close(); });
    EXPECT_EQ(failure_of(hung[0]).kind, Kind::stopped);
}

TEST_F(SqsClientTest, EachHearsOfItsOwnEntry) {
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        return batch_answer(seen, [](const std::string& body) {
            return std::string(body == "3" ? "InvalidMessageContents" : "");
        });
    });
    Ends ends = send_numbers(sqs(service), 0, 5);
    gate.open();
    const AwsFailure failure = failure_of(ends[3]);
    EXPECT_EQ(failure.kind, Kind::refused);
    EXPECT_EQ(failure.code, "InvalidMessageContents");
    EXPECT_FALSE(failure.may_have_happened);
    ends.erase(ends.begin() + 3);
    expect_success(ends);
    EXPECT_EQ(service.count(), 2);
}

TEST_F(SqsClientTest, AnEntryThatTheServiceFailedIsTriedAgain) {
    FakeService service([&](const Seen& seen, int number) {
        return batch_answer(seen, [&](const std::string&) {
            return std::string(number < 3 ? "InternalError" : "");
        });
    });
    EXPECT_TRUE(run(sqs(service).send({kQueue, "a", 0, {}})).has_value());
    EXPECT_EQ(service.count(), 3);
}

TEST_F(SqsClientTest, ButNotForEver) {
    FakeService service([&](const Seen& seen, int) {
        return batch_answer(seen, [&](const std::string&) { return std::string("InternalError"); });
    });
    const auto outcome = run(sqs(service).send({kQueue, "a", 0, {}}));
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, Kind::unavailable);
    EXPECT_EQ(outcome.error().code, "InternalError");
    EXPECT_TRUE(outcome.error().may_have_happened);
    EXPECT_EQ(service.count(), options_.attempts_max);
}

TEST_F(SqsClientTest, NobodyFailsForAnothersFault) {
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        const auto bodies = entries_of(seen, "MessageBody");
        if (std::ranges::find(bodies, "2") != bodies.end())
            return json_error(400, "InvalidMessageContents");
        return all_done(seen, number);
    });
    Ends ends = send_numbers(sqs(service), 0, 4);
    gate.open();
    EXPECT_EQ(failure_of(ends[2]).code, "InvalidMessageContents");
    ends.erase(ends.begin() + 2);
    expect_success(ends);
    EXPECT_EQ(service.count(), 2 + 4);
}

TEST_F(SqsClientTest, WhatConcernsAllIsSaidToAllAtOnce) {
    Gate gate;
    FakeService service([&](const Seen&, int number) {
        if (number == 1) gate.wait();
        return json_error(400, "QueueDoesNotExist");
    });
    Ends ends = send_numbers(sqs(service), 0, 4);
    gate.open();
    for (auto& end : ends) {
        const AwsFailure failure = failure_of(end);
        EXPECT_EQ(failure.kind, Kind::refused);
        EXPECT_EQ(failure.code, "QueueDoesNotExist");
    }
    EXPECT_EQ(service.count(), 2);
}

TEST_F(SqsClientTest, AnAnswerThatLeavesAnEntryOutIsNoSuccess) {
    FakeService service({answer(200, R"({"Successful":[]})")});
    const auto outcome = run(sqs(service).send({kQueue, "a", 0, {}}));
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, Kind::malformed);
    EXPECT_TRUE(outcome.error().may_have_happened);
}

TEST_F(SqsClientTest, TooManyEntriesAreRefused) {
    options_.waiting_max = 3;
    Gate gate;
    FakeService service([&](const Seen& seen, int number) {
        if (number == 1) gate.wait();
        return all_done(seen, number);
    });
    auto& to = sqs(service);
    Ends ends = send_numbers(to, 0, 3);
    const auto refused = run(to.send({kQueue, "4", 0, {}}));
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().kind, Kind::throttled);
    EXPECT_FALSE(refused.error().may_have_happened);
    gate.open();
    expect_success(ends);
}

TEST_F(SqsClientTest, QueuesAndKindsGatherApart) {
    FakeService service(all_done);
    auto& to = sqs(service);
    ASSERT_TRUE(run(to.remove(kQueue, "h1")).has_value());
    ASSERT_TRUE(run(to.change_visibility(kQueue, "h2", 43'200)).has_value());
    ASSERT_TRUE(run(to.send({"other", "m", 0, {}})).has_value());
    const auto seen = service.seen();
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].field("X-Amz-Target"), "AmazonSQS.DeleteMessageBatch");
    EXPECT_EQ(entries_of(seen[0], "ReceiptHandle"), (std::vector<std::string>{"h1"}));
    EXPECT_EQ(seen[1].field("X-Amz-Target"), "AmazonSQS.ChangeMessageVisibilityBatch");
    const json::value change = json::parse(seen[1].body);
    EXPECT_EQ(change.at("Entries").at(0).at("VisibilityTimeout").as_int64(), 43'200);
    EXPECT_EQ(json::parse(seen[2].body).at("QueueUrl").as_string(), "other");
    EXPECT_EQ(to.counters().deletes, 1U);
    EXPECT_EQ(to.counters().messages_deleted, 1U);
    EXPECT_EQ(to.counters().visibilities, 1U);
    EXPECT_EQ(to.counters().sends, 1U);
}

TEST_F(SqsClientTest, AnEndedLeaseIsSaidByItsCode) {
    FakeService service([](const Seen& seen, int) {
        return batch_answer(seen, [](const std::string&) {
            return std::string("ReceiptHandleIsInvalid");
        });
    });
    const auto outcome = run(sqs(service).change_visibility(kQueue, "h", 30));
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code, "ReceiptHandleIsInvalid");
    EXPECT_EQ(service.count(), 1);
}

TEST_F(SqsClientTest, ReceivesMessagesOrNone) {
    FakeService service(
        {answer(200, "{}"),
         answer(200, R"({"Messages":[{"MessageId":"m","ReceiptHandle":"r","Body":"b"}]})")}
    );
    auto& to = sqs(service);
    auto none = run(to.receive({kQueue, {10, 20, 60}, {}}));
    ASSERT_TRUE(none.has_value());
    EXPECT_TRUE(none.value().empty());
    auto one = run(to.receive({kQueue, {10, 20, 60}, {}}));
    ASSERT_TRUE(one.has_value());
    ASSERT_EQ(one.value().size(), 1U);
    EXPECT_EQ(one.value()[0].body, "b");
    EXPECT_EQ(service.seen()[0].field("X-Amz-Target"), "AmazonSQS.ReceiveMessage");
    EXPECT_EQ(to.counters().receives, 2U);
    EXPECT_EQ(to.counters().messages_received, 1U);
}

TEST_F(SqsClientTest, AStopEndsALongPoll) {
    std::promise<void> asked;
    FakeService service([&](const Seen&, int) {
        asked.set_value();
        return kHang;
    });
    std::stop_source stop;
    auto end = begin(sqs(service).receive({kQueue, {10, 20, 60}, stop.get_token()}));
    asked.get_future().wait();
    stop.request_stop();
    const auto outcome = end.get();
    ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().kind, Kind::stopped);
}

TEST_F(SqsClientTest, LooksQueuesUp) {
    FakeService service(
        {answer(200, R"({"QueueUrl":"http://q"})"),
         answer(200, R"({"Attributes":{"VisibilityTimeout":"30"}})"),
         answer(200, "nonsense"),
         json_error(400, "QueueDoesNotExist")}
    );
    auto& to = sqs(service);
    EXPECT_EQ(run(to.find_queue("speak")).value(), "http://q");
    EXPECT_EQ(run(to.attributes(kQueue)).value().at("VisibilityTimeout"), "30");
    EXPECT_EQ(run(to.find_queue("speak")).error().kind, Kind::malformed);
    EXPECT_EQ(run(to.find_queue("speak")).error().code, "QueueDoesNotExist");
    EXPECT_EQ(to.counters().others, 4U);
}

}  // namespace
}  // namespace bide::clients
