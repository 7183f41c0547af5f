#include "wire/lambda_sqs.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bide::wire {
namespace {

/// An event with records of these ids.
std::string event_of(const std::vector<std::string>& ids) {
    std::string event = R"({"Records":[)";
    for (const auto& id : ids) {
        if (event.back() == '}') event += ',';
        event += R"({"messageId":")" + id + R"(","receiptHandle":"h","body":"b",)" +
                 R"("eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:r:1:speak"})";
    }
    return event + "]}";
}

std::string trouble_of(std::string_view event) {
    const auto records = read_sqs_event(event);
    return records ? "none" : records.error().detail;
}

TEST(LambdaSqs, TheEventOfAwsIsRead) {
    const char* const set = std::getenv("BIDE_SHARED");
    const std::filesystem::path root = set ? set : BIDE_SHARED_BESIDE;
    std::ifstream file(root / "vectors" / "lambda-events" / "sqs-event.json");
    if (!file) GTEST_SKIP() << "no events of Lambda at " << root << " (BIDE_SHARED)";
    std::stringstream text;
    text << file.rdbuf();
    const auto records = read_sqs_event(text.str());
    ASSERT_TRUE(records) << records.error().detail;
    ASSERT_EQ(records.value().size(), 1U);
    const SqsRecord& record = records.value()[0];
    EXPECT_EQ(record.queue_arn, "arn:aws:sqs:us-west-2:123456789012:SQSQueue");
    EXPECT_EQ(record.message.id, "MessageID_1");
    EXPECT_EQ(record.message.receipt_handle, "MessageReceiptHandle");
    EXPECT_EQ(record.message.body, "Message Body");
    EXPECT_EQ(record.message.receive_count, 2U);
    EXPECT_EQ(record.message.sent, Time(std::chrono::milliseconds(1'520'621'625'029)));
    EXPECT_EQ(record.message.message_group, "");
    const std::map<std::string, std::string, std::less<>> texts{
        {"Attribute1", "AttributeValue1"}, {"Attribute2", "123"}};
    EXPECT_EQ(record.message.attributes, texts);
}

TEST(LambdaSqs, TheMessageGroupIsTaken) {
    const auto records = read_sqs_event(
        R"({"Records":[{"messageId":"m","receiptHandle":"h","body":"","eventSource":"aws:sqs",)"
        R"("eventSourceARN":"a","attributes":{"MessageGroupId":"acme"}}]})"
    );
    ASSERT_TRUE(records) << records.error().detail;
    EXPECT_EQ(records.value().at(0).message.message_group, "acme");
}

TEST(LambdaSqs, AnEventOfNothingIsNone) {
    const auto records = read_sqs_event(R"({"Records":[]})");
    ASSERT_TRUE(records);
    EXPECT_TRUE(records.value().empty());
}

TEST(LambdaSqs, WhatIsNoEventOfSqsIsRefused) {
    EXPECT_EQ(trouble_of(event_of({"a", "b"})), "none");
    EXPECT_EQ(trouble_of("{\"Records\":["), "the event is not JSON: incomplete JSON");
    EXPECT_EQ(trouble_of("[]"), "the event has no list of Records");
    EXPECT_EQ(trouble_of("{}"), "the event has no list of Records");
    EXPECT_EQ(trouble_of(R"({"Records":{}})"), "the event has no list of Records");
    EXPECT_EQ(trouble_of(R"({"Records":[1]})"), "the event has a record that is no object");
    EXPECT_EQ(
        trouble_of(R"({"Records":[{"eventSource":"aws:sns"}]})"), "the event is not one of SQS"
    );
    EXPECT_NE(trouble_of(event_of({"a", ""})), "none");
    EXPECT_NE(trouble_of(R"({"Records":[{"eventSource":7}]})"), "none");
}

TEST(LambdaSqs, MoreRecordsThanThereCanBeAreRefused) {
    std::string event = R"({"Records":[0)";
    for (std::size_t i = 0; i < kSqsRecordsMax; ++i) event += ",0";
    EXPECT_EQ(trouble_of(event + "]}"), "the event has too many Records");
}

TEST(LambdaSqs, AQueuesNameIsTheLastPartOfItsArnOrUrl) {
    EXPECT_EQ(queue_name_of("arn:aws:sqs:us-west-2:123456789012:SQSQueue"), "SQSQueue");
    EXPECT_EQ(queue_name_of("https://sqs.us-west-2.amazonaws.com/123456789012/speak"), "speak");
    EXPECT_EQ(queue_name_of("speak"), "speak");
    EXPECT_EQ(queue_name_of(""), "");
}

TEST(LambdaSqs, TheAnswerNamesWhatIsToComeAgain) {
    EXPECT_EQ(sqs_batch_failures({}), R"({"batchItemFailures":[]})");
    const std::vector<std::string> ids{"a", "b\""};
    EXPECT_EQ(
        sqs_batch_failures(ids),
        R"({"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b\""}]})"
    );
}

}  // namespace
}  // namespace bide::wire
