// What functions and their runtimes send, and the event that any body becomes.
#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/lambda_event.hpp"
#include "wire/lambda_result.hpp"
#include "wire/lambda_runtime.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>

#include <string>
#include <vector>

namespace bide::wire {
namespace {

namespace json = boost::json;

void check_result(std::string_view input) {
    const LambdaResult result = parse_lambda_response(std::string(input), "text/x-said");
    CHECK(result.failed == !result.detail.empty());
    CHECK(result.status == 0 || is_result_status(result.status));
    CHECK(result.content_type.empty() || is_content_type(result.content_type));
    CHECK(result.body.size() <= input.size());
    if (result.failed) CHECK(result.body.empty());
}

void check_batch(std::string_view input) {
    const std::vector<JobId> ids{
        parse_job_id("019aaf1e-5c00-7123-8abc-000000000001").value(),
        parse_job_id("019aaf1e-5c00-7123-8abc-000000000002").value()};
    const auto results = parse_lambda_batch_response(input, ids);
    CHECK(results.size() == ids.size());
    for (const LambdaResult& result : results) {
        CHECK(result.failed == !result.detail.empty());
        CHECK(result.status == 0 || is_result_status(result.status));
        CHECK(result.content_type.empty() || is_content_type(result.content_type));
        if (result.failed) CHECK(result.body.empty());
    }
}

void check_error(std::string_view input) {
    for (const LambdaError& error :
         {parse_lambda_error(input, input),
          parse_lambda_error("Type", input),
          parse_lambda_trailers(input, input)}) {
        CHECK(!error.detail().empty());
        CHECK(is_utf8(error.detail()));
    }
    const json::value refusal = json::parse(lambda_refusal(input, input));
    CHECK(refusal.as_object().size() == 2);
}

void check_call(std::string_view input) {
    const LambdaCall call = parse_lambda_call("POST", input);
    const bool has_id =
        call.kind == LambdaCall::Kind::response || call.kind == LambdaCall::Kind::error;
    CHECK(has_id == !call.id.empty());
    CHECK(call.id.find('/') == std::string_view::npos);
}

/// In pieces or whole, the prelude says the same and leaves the same.
void check_prelude(std::string_view input) {
    const std::size_t step = 1 + fuzz::take_byte(input) % 32;
    LambdaPrelude whole;
    std::string_view rest = input;
    const bool good = whole.take(rest).has_value();
    CHECK(input.ends_with(rest));
    LambdaPrelude pieces;
    std::string left;
    bool still_good = true;
    for (std::size_t at = 0; at < input.size() && still_good; at += step) {
        std::string_view piece = input.substr(at, step);
        if (!pieces.done()) still_good = pieces.take(piece).has_value();
        left += piece;
    }
    CHECK(good == still_good);
    CHECK(!good || (left == rest && pieces.done() == whole.done()));
    CHECK(whole.status() == pieces.status());
    CHECK(whole.content_type() == pieces.content_type());
    CHECK(is_result_status(whole.status()) && is_content_type(whole.content_type()));
}

void check_event(std::string_view input) {
    LambdaMessage message;
    message.queue = "speak";
    message.region = "us-east-1";
    message.content_type = input.substr(0, input.size() / 2);
    message.traceparent = input.substr(input.size() / 2);
    message.body = input;
    std::string text;
    append_lambda_record(text, message);
    CHECK(is_utf8(text));
    const json::value parsed = json::parse(text);
    const json::object& record = parsed.as_object();
    const std::string_view body = record.at("body").as_string();
    if (is_utf8(input))
        CHECK(body == input);
    else
        CHECK(decode_base64(body) == input);
    CHECK(record.at("messageAttributes").as_object().contains("BodyEncoding") == !is_utf8(input));
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_result(input);
    bide::wire::check_batch(input);
    bide::wire::check_error(input);
    bide::wire::check_call(input);
    bide::wire::check_event(input);
    bide::wire::check_prelude(input);
    return 0;
}
