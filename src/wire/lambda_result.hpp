#pragma once

#include "base/id.hpp"
#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bide::wire {

/// What a function's answer means for its job.
struct LambdaResult {
    bool failed = false;       ///< for what stands in `detail`; may be tried again
    std::uint16_t status = 0;  ///< 0: not said
    std::string content_type;  ///< empty: not said
    std::string body;
    std::string detail;
};

/// Reads the payload of a buffered response. In this order:
///
/// - nothing or null: success without a body;
/// - an object with batchItemFailures: success without a body when that is empty or null, else a
///   failure, for there is one message in the event, and what is not understood fails the batch;
/// - an object with a statusCode of 200 to 599 and no body, or one that is a string (the answer of
///   an API Gateway proxy integration): status, the header content-type (default
///   application/json) and the body, decoded if isBase64Encoded;
/// - other JSON: the payload as it is, application/json;
/// - what is no JSON: as it is, of `content_type` when that is a media type but JSON's.
LambdaResult parse_lambda_response(std::string payload, std::string_view content_type);

/// Reads the payload of a response to a batch; returns a result for each of `ids`, in their order.
///
/// - {"batchItemFailures":[{"itemIdentifier":ID},...]}: those named failed, the others succeeded.
/// As
///   the real service has it, an ID that is empty or not of the batch, and a list or an entry of
///   another shape, fail all; so does what is no JSON.
/// - {"batchItemResults":{ID:RESULT,...}}, with the member above or without it: for each ID what
///   the function could have answered to the message alone. Who is not named there has no body.
/// - other JSON, or nothing: all succeeded without a body.
std::vector<LambdaResult> parse_lambda_batch_response(
    std::string_view payload, const std::vector<JobId>& ids
);

/// How a function, or its runtime, said that it failed.
struct LambdaError {
    std::string type;  ///< empty: not said
    std::string message;

    /// "TYPE: MESSAGE", printable, for a person.
    std::string detail() const;
};

/// Reads {"errorMessage":"...","errorType":"...",...}; the header says the type when that does not.
/// What is no such object becomes the message as it is, cut after 4 KiB.
LambdaError parse_lambda_error(std::string_view header_type, std::string_view payload);

/// The same of the trailers of a streamed response; the body is base64 there.
LambdaError parse_lambda_trailers(std::string_view type, std::string_view body_base64);

/// The content type of a streamed response that starts with status and headers.
bool has_lambda_prelude(std::string_view content_type);

/// The start of such a response: {"statusCode":200,"headers":{...}}, eight NULs, then the body.
/// Without a statusCode the status is 200; the content type is application/octet-stream unless
/// said.
class LambdaPrelude {
  public:
    /// Takes bytes until the prelude is whole and moves `bytes` past what it took. Fails when it is
    /// no JSON object of that kind, or longer than 16 KiB.
    Result<void> take(std::string_view& bytes);

    bool done() const { return done_; }
    std::uint16_t status() const { return status_; }
    const std::string& content_type() const { return content_type_; }

  private:
    Result<void> read(std::string_view text);

    std::string text_;
    bool done_ = false;
    std::uint16_t status_ = 200;
    std::string content_type_ = "application/octet-stream";
};

}  // namespace bide::wire
