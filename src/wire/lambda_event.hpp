#pragma once

#include "base/id.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// A job as a message of an SQS event, as Lambda functions are given it.
struct LambdaMessage {
    JobId id;                  ///< messageId
    std::string_view receipt;  ///< receiptHandle: unique to the invocation
    std::string_view queue;
    std::string_view region;
    std::uint32_t attempt = 1;
    std::int64_t sent_ms = 0;      ///< Unix time
    std::int64_t received_ms = 0;  ///< of this attempt; that of the first is not kept
    std::string_view content_type;
    std::string_view traceparent;  ///< W3C; empty: none
    std::string_view body;
    std::string_view body_file;  ///< path; not empty: instead of the body
};

/// What stands around the records of an event; between them stand commas.
constexpr std::string_view kLambdaEventHead = R"({"Records":[)";
constexpr std::string_view kLambdaEventTail = "]}";

/// Appends the message as a record. The body is text when the bytes are UTF-8; else base64, with
/// the message attribute BodyEncoding "base64"; of a file its path, with BodyEncoding "file".
/// Further attributes: Queue, ContentType and Traceparent.
void append_lambda_record(std::string& out, const LambdaMessage& message);

/// The Lambda-Runtime-Trace-Id of a W3C traceparent (version 00); empty when it is none.
std::string xray_trace_id(std::string_view traceparent);
/// The other way round; empty when there is no whole trace in it: Root and Parent.
std::string traceparent_of(std::string_view xray_trace_id);

/// "arn:aws:sqs:REGION:000000000000:QUEUE"; bide has no account.
std::string queue_arn(std::string_view region, std::string_view queue);
/// "arn:aws:lambda:REGION:000000000000:function:QUEUE".
std::string function_arn(std::string_view region, std::string_view queue);

}  // namespace bide::wire
