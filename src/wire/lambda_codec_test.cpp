#include "wire/lambda_event.hpp"
#include "wire/lambda_result.hpp"
#include "wire/lambda_runtime.hpp"
#include "wire/md5.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace bide::wire {
namespace {

namespace json = boost::json;

constexpr std::string_view kId = "019aaf1e-5c00-7123-8abc-0123456789ab";
constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

json::object event_of(LambdaMessage message) {
    message.id = parse_job_id(kId).value();
    message.receipt = "receipt";
    message.queue = "speak";
    message.region = "eu-central-1";
    std::string text;
    append_lambda_record(text, message);
    return json::parse(text).as_object();
}

std::string attribute(const json::object& record, std::string_view name) {
    const json::object& all = record.at("messageAttributes").as_object();
    const json::value* found = all.if_contains(name);
    if (found == nullptr) return "";
    EXPECT_EQ(found->at("dataType").as_string(), "String");
    EXPECT_TRUE(found->at("stringListValues").as_array().empty());
    EXPECT_TRUE(found->at("binaryListValues").as_array().empty());
    return std::string(found->at("stringValue").as_string());
}

TEST(LambdaEvent, HasTheMembersOfAnSqsRecord) {
    LambdaMessage message;
    message.attempt = 2;
    message.sent_ms = 1520621625029;
    message.received_ms = 1520621634884;
    message.content_type = "text/plain";
    message.traceparent = kTrace;
    message.body = "Message \"Body\"\n";
    const json::object record = event_of(message);
    EXPECT_EQ(record.at("messageId").as_string(), kId);
    EXPECT_EQ(record.at("receiptHandle").as_string(), "receipt");
    EXPECT_EQ(record.at("body").as_string(), "Message \"Body\"\n");
    EXPECT_EQ(record.at("md5OfBody").as_string(), md5_hex("Message \"Body\"\n"));
    EXPECT_EQ(record.at("eventSource").as_string(), "aws:sqs");
    EXPECT_EQ(
        record.at("eventSourceARN").as_string(), "arn:aws:sqs:eu-central-1:000000000000:speak"
    );
    EXPECT_EQ(record.at("awsRegion").as_string(), "eu-central-1");
    const json::object& attributes = record.at("attributes").as_object();
    EXPECT_EQ(attributes.at("ApproximateReceiveCount").as_string(), "2");
    EXPECT_EQ(attributes.at("SentTimestamp").as_string(), "1520621625029");
    EXPECT_EQ(attributes.at("ApproximateFirstReceiveTimestamp").as_string(), "1520621634884");
    EXPECT_EQ(attributes.at("SenderId").as_string(), "bide");
    EXPECT_EQ(
        attributes.at("AWSTraceHeader").as_string(),
        "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1"
    );
    EXPECT_EQ(attribute(record, "Queue"), "speak");
    EXPECT_EQ(attribute(record, "ContentType"), "text/plain");
    EXPECT_EQ(attribute(record, "Traceparent"), kTrace);
    EXPECT_EQ(attribute(record, "BodyEncoding"), "");
}

TEST(LambdaEvent, SaysHowABodyIsEncoded) {
    LambdaMessage binary;
    binary.body = "\xff\xfe";
    EXPECT_EQ(event_of(binary).at("body").as_string(), "//4=");
    EXPECT_EQ(attribute(event_of(binary), "BodyEncoding"), "base64");
    EXPECT_EQ(event_of(binary).at("md5OfBody").as_string(), md5_hex("//4="));
    LambdaMessage large;
    large.body_file = "/data/bodies/1";
    EXPECT_EQ(event_of(large).at("body").as_string(), "/data/bodies/1");
    EXPECT_EQ(attribute(event_of(large), "BodyEncoding"), "file");
}

TEST(LambdaEvent, AnEmptyBodyIsAnEmptyText) {
    const json::object record = event_of({});
    EXPECT_EQ(record.at("body").as_string(), "");
    EXPECT_EQ(record.at("md5OfBody").as_string(), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_EQ(attribute(record, "Traceparent"), "");
    EXPECT_FALSE(record.at("attributes").as_object().contains("AWSTraceHeader"));
}

TEST(LambdaEvent, TraceIdOnlyOfATraceparent) {
    EXPECT_EQ(
        xray_trace_id("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"),
        "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=0"
    );
    EXPECT_EQ(xray_trace_id(""), "");
    EXPECT_EQ(xray_trace_id("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "");
    EXPECT_EQ(xray_trace_id("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), "");
    EXPECT_EQ(xray_trace_id("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0\r"), "");
}

TEST(LambdaEvent, TraceparentOnlyOfAWholeTrace) {
    const std::string root = "Root=1-0af76519-16cd43dd8448eb211c80319c";
    const std::string traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
    EXPECT_EQ(traceparent_of(root + ";Parent=b7ad6b7169203331;Sampled=1"), traceparent + "1");
    EXPECT_EQ(traceparent_of("Sampled=0; Parent=b7ad6b7169203331;X=1; " + root), traceparent + "0");
    for (const char* other :
         {"",
          ";;=;",
          "Root",
          "Root=1-0af76519-16cd43dd8448eb211c80319c",
          "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b716920333",
          "Root=1-0AF76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331",
          "Root=2-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331"})
        EXPECT_EQ(traceparent_of(other), "") << other;
}

TEST(LambdaCalls, ByMethodAndTarget) {
    using Kind = LambdaCall::Kind;
    const std::string root = "/2018-06-01/runtime/";
    EXPECT_EQ(parse_lambda_call("GET", root + "invocation/next").kind, Kind::next);
    EXPECT_EQ(parse_lambda_call("GET", root + "invocation/next?x=1").kind, Kind::next);
    EXPECT_EQ(parse_lambda_call("POST", root + "invocation/next").kind, Kind::wrong_method);
    EXPECT_EQ(parse_lambda_call("POST", root + "init/error").kind, Kind::init_error);
    EXPECT_EQ(parse_lambda_call("GET", root + "init/error").kind, Kind::wrong_method);
    const std::string response = root + "invocation/abc-1/response";
    EXPECT_EQ(parse_lambda_call("POST", response).kind, Kind::response);
    EXPECT_EQ(parse_lambda_call("POST", response).id, "abc-1");
    EXPECT_EQ(parse_lambda_call("PUT", response).kind, Kind::wrong_method);
    const std::string error = root + "invocation/abc-1/error";
    EXPECT_EQ(parse_lambda_call("POST", error).kind, Kind::error);
    EXPECT_EQ(parse_lambda_call("POST", error).id, "abc-1");
    for (const char* other :
         {"",
          "/",
          "/2018-06-01/runtime",
          "/2018-06-01/runtime/",
          "/2018-06-01/runtime/invocation",
          "/2018-06-01/runtime/invocation/",
          "/2018-06-01/runtime/invocation//response",
          "/2018-06-01/runtime/invocation/x",
          "/2018-06-01/runtime/invocation/x/y/response",
          "/2018-06-01/runtime/restore/next",
          "/2017-06-01/runtime/invocation/next"})
        EXPECT_EQ(parse_lambda_call("POST", other).kind, Kind::unknown) << other;
}

LambdaResult response(std::string payload, std::string_view type = "application/json") {
    return parse_lambda_response(std::move(payload), type);
}

TEST(LambdaResponse, NothingAndNullAreASuccessWithoutABody) {
    for (const char* payload :
         {"",
          " ",
          "null",
          " null\n",
          R"({"batchItemFailures":[]})",
          R"({"batchItemFailures":null,"x":1})"}) {
        const LambdaResult result = response(payload);
        EXPECT_FALSE(result.failed) << payload;
        EXPECT_EQ(result.body, "") << payload;
        EXPECT_EQ(result.status, 0) << payload;
    }
}

TEST(LambdaResponse, AnyBatchItemFailureIsTheMessages) {
    for (const char* payload :
         {R"({"batchItemFailures":[{"itemIdentifier":"019aaf1e-5c00-7123-8abc-0123456789ab"}]})",
          R"({"batchItemFailures":[{"itemIdentifier":""}]})",
          R"({"batchItemFailures":[null]})",
          R"({"batchItemFailures":"all"})"}) {
        EXPECT_TRUE(response(payload).failed) << payload;
        EXPECT_NE(response(payload).detail, "") << payload;
    }
}

TEST(LambdaResponse, OtherJsonIsTheResult) {
    const std::string deep = std::string(200, '[') + std::string(200, ']');
    for (const std::string payload :
         {"{\"answer\": 42}",
          "[1,2]",
          "\"text\"",
          "false",
          "{\"statusCode\":\"200\"}",
          "{\"statusCode\":99,\"body\":\"x\"}",
          "{\"statusCode\":200,\"body\":{\"a\":1}}",
          deep.c_str()}) {
        const LambdaResult result = response(payload, "text/plain");
        EXPECT_FALSE(result.failed);
        EXPECT_EQ(result.body, payload);
        EXPECT_EQ(result.content_type, "application/json");
        EXPECT_EQ(result.status, 0);
    }
}

TEST(LambdaResponse, WhatIsNoJsonHasTheTypeItCameWith) {
    const std::string bytes("\xff\0RIFF", 6);
    EXPECT_EQ(response(bytes, "audio/wav").content_type, "audio/wav");
    EXPECT_EQ(response(bytes, "audio/wav").body, bytes);
    EXPECT_EQ(response(bytes, "Application/JSON; charset=utf-8").content_type, "");
    EXPECT_EQ(response(bytes, "nonsense").content_type, "");
}

TEST(LambdaResponse, AProxyAnswerSetsStatusTypeAndBody) {
    const LambdaResult plain = response(
        R"({"statusCode":201,"headers":{"X-Y":"1","Content-Type":"text/html"},"body":"<p>"})"
    );
    EXPECT_EQ(plain.status, 201);
    EXPECT_EQ(plain.content_type, "text/html");
    EXPECT_EQ(plain.body, "<p>");
    const LambdaResult many =
        response(R"({"statusCode":200,"multiValueHeaders":{"content-type":["image/png"]},)"
                 R"("body":"//4=","isBase64Encoded":true})");
    EXPECT_EQ(many.content_type, "image/png");
    EXPECT_EQ(many.body, "\xff\xfe");
    const LambdaResult bare = response(R"({"statusCode":404})");
    EXPECT_FALSE(bare.failed);
    EXPECT_EQ(bare.status, 404);
    EXPECT_EQ(bare.content_type, "application/json");
    EXPECT_EQ(bare.body, "");
    const LambdaResult injected =
        response("{\"statusCode\":200,\"headers\":{\"content-type\":\"a/b\\r\\nX: y\"}}");
    EXPECT_EQ(injected.content_type, "application/json");
    EXPECT_TRUE(response(R"({"statusCode":200,"body":"?","isBase64Encoded":true})").failed);
}

class LambdaBatch : public testing::Test {
  protected:
    std::vector<LambdaResult> response(const std::string& payload) {
        auto results = parse_lambda_batch_response(payload, ids_);
        EXPECT_EQ(results.size(), ids_.size());
        results.resize(ids_.size());
        return results;
    }
    std::string all_failed(const std::string& payload) {
        const auto results = response(payload);
        for (const auto& result : results) {
            EXPECT_TRUE(result.failed) << payload;
            EXPECT_EQ(result.body, "") << payload;
        }
        return results.front().detail;
    }

    const std::string first_ = "019aaf1e-5c00-7123-8abc-000000000001";
    const std::string second_ = "019aaf1e-5c00-7123-8abc-000000000002";
    const std::vector<JobId> ids_{parse_job_id(first_).value(), parse_job_id(second_).value()};
};

TEST_F(LambdaBatch, WhatNamesNobodyIsASuccessOfAll) {
    for (const char* payload :
         {"",
          "null",
          "{}",
          R"({"batchItemFailures":[]})",
          R"({"batchItemFailures":null,"batchItemResults":null})",
          R"({"batchItemResults":{}})",
          R"({"statusCode":200,"body":"of whom?"})",
          "\"done\"",
          "[1,2]"}) {
        for (const auto& result : response(payload)) {
            EXPECT_FALSE(result.failed) << payload;
            EXPECT_EQ(result.body, "") << payload;
            EXPECT_EQ(result.status, 0) << payload;
        }
    }
}

TEST_F(LambdaBatch, TheNamedOnesFail) {
    const auto results =
        response(R"({"batchItemFailures":[{"itemIdentifier":")" + second_ + R"("}]})");
    EXPECT_FALSE(results[0].failed);
    EXPECT_TRUE(results[1].failed);
    EXPECT_NE(results[1].detail, "");
}

TEST_F(LambdaBatch, WhatIsNotUnderstoodFailsAll) {
    for (const std::string& payload :
         {std::string("{"),
          std::string("\xff"),
          std::string(R"({"batchItemFailures":[{"itemIdentifier":""}]})"),
          std::string(R"({"batchItemFailures":[{"itemIdentifier":null}]})"),
          std::string(R"({"batchItemFailures":[{"id":"x"}]})"),
          std::string(R"({"batchItemFailures":[null]})"),
          std::string(R"({"batchItemFailures":"all"})"),
          R"({"batchItemFailures":[{"itemIdentifier":")" + std::string(kId) + R"("}]})",
          R"({"batchItemFailures":[{"itemIdentifier":")" + first_ + R"("},{}]})"})
        all_failed(payload);
    for (const std::string& results :
         {std::string("[]"),
          std::string("\"x\""),
          std::string(R"({"":1})"),
          R"({")" + std::string(kId) + R"(":1})"})
        EXPECT_NE(
            all_failed(R"({"batchItemResults":)" + results + "}").find("batchItemResults"),
            std::string::npos
        );
}

TEST_F(LambdaBatch, EachHasItsOwnResult) {
    const auto results = response(
        R"({"batchItemResults": {")" + second_ +
        R"(": {"statusCode":201,"headers":{"Content-Type":"text/html"},"body":"<p>"}, ")" + first_ +
        R"(": {"price": 1.50} }})"
    );
    EXPECT_EQ(results[0].body, R"({"price": 1.50})");
    EXPECT_EQ(results[0].content_type, "application/json");
    EXPECT_EQ(results[1].body, "<p>");
    EXPECT_EQ(results[1].status, 201);
    EXPECT_EQ(results[1].content_type, "text/html");
}

TEST_F(LambdaBatch, AFailureCountsMoreThanAResult) {
    const auto results = response(
        R"({"batchItemResults":{")" + first_ + R"(":1,")" + second_ +
        R"(":null},"batchItemFailures":[{"itemIdentifier":")" + first_ + R"("}]})"
    );
    EXPECT_TRUE(results[0].failed);
    EXPECT_EQ(results[0].body, "");
    EXPECT_FALSE(results[1].failed);
    EXPECT_EQ(results[1].body, "");
}

TEST(LambdaErrors, TypeAndMessageFromBodyOrHeader) {
    const std::string body = R"({"errorMessage":"no","errorType":"KeyError","stackTrace":[]})";
    EXPECT_EQ(parse_lambda_error("Runtime.X", body).detail(), "KeyError: no");
    EXPECT_EQ(parse_lambda_error("Runtime.X", "{}").type, "Runtime.X");
    EXPECT_EQ(parse_lambda_error("Runtime.X", "oops").detail(), "Runtime.X: oops");
    EXPECT_EQ(parse_lambda_error("", R"({"errorType":"A"})").detail(), "A");
    EXPECT_EQ(parse_lambda_error("", "").detail(), "the function failed without a word");
    EXPECT_EQ(parse_lambda_error("", std::string(10'000, 'x')).message.size(), 4096U);
    EXPECT_EQ(parse_lambda_trailers("T", "eyJlcnJvck1lc3NhZ2UiOiJtIn0=").detail(), "T: m");
    EXPECT_EQ(parse_lambda_trailers("T", "?").detail(), "T: ?");
    EXPECT_EQ(lambda_refusal("A", "b\""), R"({"errorMessage":"b\"","errorType":"A"})");
}

const std::string kNuls(8, '\0');

TEST(LambdaStream, PreludeInAnyPieces) {
    EXPECT_TRUE(has_lambda_prelude("application/vnd.awslambda.http-integration-response"));
    EXPECT_FALSE(has_lambda_prelude("application/json"));
    const std::string whole =
        R"({"statusCode":202,"headers":{"Content-Type":"text/csv"},"cookies":[]})" + kNuls + "a,b";
    for (std::size_t size = 1; size <= whole.size(); ++size) {
        LambdaPrelude prelude;
        std::string rest;
        for (std::size_t at = 0; at < whole.size(); at += size) {
            std::string_view piece = std::string_view(whole).substr(at, size);
            const bool good = prelude.done() || prelude.take(piece).has_value();
            ASSERT_TRUE(good);
            rest += piece;
        }
        ASSERT_TRUE(prelude.done()) << size;
        EXPECT_EQ(prelude.status(), 202);
        EXPECT_EQ(prelude.content_type(), "text/csv");
        EXPECT_EQ(rest, "a,b") << size;
    }
}

TEST(LambdaStream, ABrokenPreludeIsRefused) {
    for (const std::string& bytes :
         {"[]" + kNuls,
          "{" + kNuls,
          R"({"statusCode":100})" + kNuls,
          R"({"statusCode":"a"})" + kNuls,
          std::string(17U << 10, ' ')}) {
        LambdaPrelude prelude;
        std::string_view view = bytes;
        EXPECT_TRUE(prelude.take(view).has_error());
    }
    LambdaPrelude prelude;
    const std::string bare = "{}" + kNuls;
    std::string_view view = bare;
    EXPECT_TRUE(prelude.take(view).has_value());
    EXPECT_EQ(prelude.status(), 200);
    EXPECT_EQ(prelude.content_type(), "application/octet-stream");
}

}  // namespace
}  // namespace bide::wire
