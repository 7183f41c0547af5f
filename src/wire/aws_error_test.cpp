#include "wire/aws_error.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

TEST(AwsError, JsonNamesItsType) {
    const AwsError error = read_aws_error(
        "AWS.SimpleQueueService.NonExistentQueue;Sender",
        R"({"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"There is no such queue."})"
    );
    EXPECT_EQ(error.code, "QueueDoesNotExist");
    EXPECT_EQ(error.message, "There is no such queue.");
}

TEST(AwsError, JsonMayWriteItsMessageWithACapital) {
    const AwsError error =
        read_aws_error("", R"({"__type":"ExpiredTokenException:http://x/","Message":"old"})");
    EXPECT_EQ(error.code, "ExpiredTokenException");
    EXPECT_EQ(error.message, "old");
}

TEST(AwsError, TheFieldSpeaksWhereTheBodyDoesNot) {
    EXPECT_EQ(read_aws_error("OverLimit;Sender", "").code, "OverLimit");
    EXPECT_EQ(read_aws_error("OverLimit;Sender", "{}").code, "OverLimit");
    EXPECT_EQ(read_aws_error("OverLimit;Sender", "<html>busy</html>").code, "OverLimit");
}

TEST(AwsError, XmlOfS3AndOfTheOthers) {
    const AwsError s3 = read_aws_error(
        "",
        "<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code>"
        "<Message>The key &quot;a&amp;b&quot; is not there</Message><Key>a</Key></Error>"
    );
    EXPECT_EQ(s3.code, "NoSuchKey");
    EXPECT_EQ(s3.message, "The key \"a&b\" is not there");
    const AwsError sts = read_aws_error(
        "",
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>"
        "<Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
    );
    EXPECT_EQ(sts.code, "AccessDenied");
    EXPECT_EQ(sts.message, "no");
}

TEST(AwsError, WhatIsNeitherNamesNothing) {
    for (const char* body : {"", " ", "{", "[]", "null", "<", "<a", "<a></b>", "busy", "\"x\""})
        EXPECT_EQ(read_aws_error("", body).code, "") << body;
}

TEST(AwsError, LongMessagesAreCut) {
    const std::string body = R"({"message":")" + std::string(100'000, 'x') + "\"}";
    EXPECT_EQ(read_aws_error("", body).message.size(), 1000U);
}

TEST(AwsError, CodesHaveClasses) {
    EXPECT_EQ(class_of("SlowDown"), AwsErrorClass::throttled);
    EXPECT_EQ(class_of("RequestTimeout"), AwsErrorClass::transient);
    EXPECT_EQ(class_of("ExpiredToken"), AwsErrorClass::expired);
    EXPECT_EQ(class_of("RequestTimeTooSkewed"), AwsErrorClass::skewed);
    EXPECT_EQ(class_of("SignatureDoesNotMatch"), AwsErrorClass::credentials);
    EXPECT_EQ(class_of("NoSuchKey"), AwsErrorClass::other);
    EXPECT_EQ(class_of(""), AwsErrorClass::other);
}

}  // namespace
}  // namespace bide::wire
