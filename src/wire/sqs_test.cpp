#include "wire/sqs.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace bide::wire {
namespace {

constexpr std::string_view kQueue = "https://sqs.eu-central-1.amazonaws.com/123456789012/speak";

TEST(Sqs, ABatchOfMessagesSaysWhatEachNeeds) {
    const std::vector<SqsSendEntry> entries{{"{\"a\":1}", 0, ""}, {"b\n", 900, "acme"}};
    EXPECT_EQ(
        sqs_send_batch(kQueue, entries),
        R"({"QueueUrl":"https://sqs.eu-central-1.amazonaws.com/123456789012/speak","Entries":[)"
        R"({"Id":"0","MessageBody":"{\"a\":1}"},)"
        R"({"Id":"1","MessageBody":"b\n","DelaySeconds":900,"MessageGroupId":"acme"}]})"
    );
}

TEST(Sqs, BatchesOfHandlesNameThem) {
    const std::vector<SqsHandleEntry> entries{{"AQEB+/=", 0}, {"h2", 43'200}};
    EXPECT_EQ(
        sqs_delete_batch("q", entries),
        R"({"QueueUrl":"q","Entries":[{"Id":"0","ReceiptHandle":"AQEB+/="},)"
        R"({"Id":"1","ReceiptHandle":"h2"}]})"
    );
    EXPECT_EQ(
        sqs_visibility_batch("q", entries),
        R"({"QueueUrl":"q","Entries":[)"
        R"({"Id":"0","ReceiptHandle":"AQEB+/=","VisibilityTimeout":0},)"
        R"({"Id":"1","ReceiptHandle":"h2","VisibilityTimeout":43200}]})"
    );
}

TEST(Sqs, OtherRequestsAreJson) {
    for (const std::string& request :
         {sqs_receive("q\"", {5, 20, 60}), sqs_queue_attributes("q"), sqs_queue_url("n")})
        EXPECT_TRUE(boost::json::parse(request).is_object()) << request;
    const auto receive = boost::json::parse(sqs_receive("q", {5, 20, 60}));
    EXPECT_EQ(receive.at("MaxNumberOfMessages").as_int64(), 5);
    EXPECT_EQ(receive.at("WaitTimeSeconds").as_int64(), 20);
    EXPECT_EQ(receive.at("VisibilityTimeout").as_int64(), 60);
}

TEST(Sqs, EveryEntryHasItsOwnOutcome) {
    const auto outcomes = read_sqs_batch(
        R"({"Successful":[{"Id":"2","MessageId":"m"}],"Failed":[)"
        R"({"Id":"0","SenderFault":true,"Code":"InvalidMessageContents","Message":"no"},)"
        R"({"Id":"1","SenderFault":false,"Code":"InternalError"}]})",
        3
    );
    ASSERT_TRUE(outcomes.has_value()) << outcomes.error().detail;
    ASSERT_TRUE(outcomes.value()[0]);
    EXPECT_EQ(outcomes.value()[0]->code, "InvalidMessageContents");
    EXPECT_EQ(outcomes.value()[0]->message, "no");
    EXPECT_TRUE(outcomes.value()[0]->sender_fault);
    ASSERT_TRUE(outcomes.value()[1]);
    EXPECT_FALSE(outcomes.value()[1]->sender_fault);
    EXPECT_FALSE(outcomes.value()[2]);
}

TEST(Sqs, AnEntryThatIsNotSpokenOfIsNoSuccess) {
    EXPECT_TRUE(read_sqs_batch(R"({"Successful":[{"Id":"0"}],"Failed":[]})", 2).has_error());
    EXPECT_TRUE(read_sqs_batch("{}", 1).has_error());
    EXPECT_TRUE(read_sqs_batch("", 1).has_error());
    EXPECT_TRUE(read_sqs_batch("[]", 1).has_error());
    for (const std::string_view id : {"1", "10", "", "-1", "a", "00", "/"}) {
        const std::string answer =
            R"({"Successful":[{"Id":"0"},{"Id":")" + std::string(id) + "\"}]}";
        EXPECT_TRUE(read_sqs_batch(answer, 1).has_error()) << answer;
    }
    EXPECT_TRUE(read_sqs_batch(R"({"Successful":{"Id":"0"}})", 1).has_error());
    EXPECT_TRUE(read_sqs_batch(R"({"Successful":["0"]})", 1).has_error());
    EXPECT_TRUE(read_sqs_batch(R"({"Failed":[{"Id":"0","SenderFault":"yes"}]})", 1).has_error());
}

TEST(Sqs, APollWithoutMessagesIsNoError) {
    for (const std::string_view answer : {"{}", R"({"Messages":[]})", R"({"Messages":null})"}) {
        const auto messages = read_sqs_messages(answer);
        ASSERT_TRUE(messages.has_value());
        EXPECT_TRUE(messages.value().empty());
    }
}

TEST(Sqs, AMessageComesWithWhatTheQueueKnowsOfIt) {
    const auto messages = read_sqs_messages(
        R"({"Messages":[{"MessageId":"5fea7756-0ea4-451a-a703-a558b933e274",)"
        R"("ReceiptHandle":"AQEB","MD5OfBody":"x","Body":"hello \"you\"",)"
        R"("Attributes":{"ApproximateReceiveCount":"3","SentTimestamp":"1764000000123",)"
        R"("MessageGroupId":"acme","SenderId":"AIDA"},)"
        R"("MessageAttributes":{"a":{"DataType":"String","StringValue":"b"},)"
        R"("c":{"DataType":"Binary","BinaryValue":"AA=="}}},)"
        R"({"MessageId":"m","ReceiptHandle":"r","Body":"x",)"
        R"("Attributes":{"ApproximateReceiveCount":"many","SentTimestamp":"9223372036854775807"}}]})"
    );
    ASSERT_TRUE(messages.has_value()) << messages.error().detail;
    ASSERT_EQ(messages.value().size(), 2U);
    const SqsMessage& first = messages.value()[0];
    EXPECT_EQ(first.id, "5fea7756-0ea4-451a-a703-a558b933e274");
    EXPECT_EQ(first.receipt_handle, "AQEB");
    EXPECT_EQ(first.body, "hello \"you\"");
    EXPECT_EQ(first.receive_count, 3U);
    EXPECT_EQ(first.sent, Time(std::chrono::milliseconds(1'764'000'000'123)));
    EXPECT_EQ(first.message_group, "acme");
    EXPECT_EQ(first.attributes, (std::map<std::string, std::string, std::less<>>{{"a", "b"}}));
    const SqsMessage& second = messages.value()[1];
    EXPECT_EQ(second.receive_count, 1U);
    EXPECT_EQ(second.sent, Time());
}

TEST(Sqs, AMessageThatCannotBeAnsweredIsAnError) {
    for (const std::string_view message :
         {"1",
          "{}",
          R"({"MessageId":"m","Body":"x"})",
          R"({"ReceiptHandle":"r","Body":"x"})",
          R"({"MessageId":"m","ReceiptHandle":"r","Body":1})"}) {
        const std::string answer = R"({"Messages":[)" + std::string(message) + "]}";
        EXPECT_TRUE(read_sqs_messages(answer).has_error()) << answer;
    }
    EXPECT_TRUE(read_sqs_messages(R"({"Messages":)" + std::string(100'000, '[')).has_error());
}

TEST(Sqs, AttributesAndUrlsAreRead) {
    const auto attributes = read_sqs_attributes(
        R"({"Attributes":{"VisibilityTimeout":"30","RedrivePolicy":"{\"a\":1}","x":1}})"
    );
    ASSERT_TRUE(attributes.has_value());
    EXPECT_EQ(attributes.value().size(), 2U);
    EXPECT_EQ(attributes.value().at("RedrivePolicy"), R"({"a":1})");
    EXPECT_EQ(read_sqs_queue_url(R"({"QueueUrl":"http://q"})").value(), "http://q");
    EXPECT_TRUE(read_sqs_queue_url("{}").has_error());
    EXPECT_TRUE(read_sqs_queue_url(R"({"QueueUrl":1})").has_error());
}

TEST(Sqs, ARedrivePolicyHasItsCountAsTextOrNumber) {
    for (const char* count : {"5", "\"5\""}) {
        const auto policy = read_sqs_redrive_policy(
            std::string(R"({"deadLetterTargetArn":"arn:aws:sqs:x:1:dead","maxReceiveCount":)") +
            count + "}"
        );
        ASSERT_TRUE(policy.has_value()) << count;
        EXPECT_EQ(policy.value().target_arn, "arn:aws:sqs:x:1:dead");
        EXPECT_EQ(policy.value().receives_max, 5U);
    }
    for (const char* text :
         {"",
          "{}",
          R"({"deadLetterTargetArn":"a"})",
          R"({"maxReceiveCount":"5"})",
          R"({"deadLetterTargetArn":"a","maxReceiveCount":"many"})",
          R"({"deadLetterTargetArn":"a","maxReceiveCount":-1})",
          R"({"deadLetterTargetArn":1,"maxReceiveCount":5})"})
        EXPECT_TRUE(read_sqs_redrive_policy(text).has_error()) << text;
}

TEST(Sqs, AnEmptyBatchAsksForNothing) {
    EXPECT_EQ(sqs_empty_batch("q\""), R"({"QueueUrl":"q\"","Entries":[]})");
}

}  // namespace
}  // namespace bide::wire
