#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/pool_line.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <string>

namespace bide::wire {
namespace {

namespace json = boost::json;

constexpr std::string_view kId = "019aaf1e-5c00-7123-8abc-0123456789ab";

json::object read(std::string_view line) {
    json::parse_options options;
    options.max_depth = 128;
    return json::parse(line, {}, options).as_object();
}

/// body_json is a piece of the line, or its value written anew when its name is not spelled out.
void check_body_json(std::string_view line, const json::value& value, const PoolAnswer& answer) {
    CHECK(answer.content_type == "application/json" || is_content_type(answer.content_type));
    CHECK(!answer.body.empty());
    if (line.find(answer.body) == std::string_view::npos)
        CHECK(answer.body == json::serialize(value));
    json::error_code failed;
    json::parse_options options;
    options.max_depth = 128;
    const json::value written = json::parse(answer.body, failed, {}, options);
    CHECK(!failed);
    if (line.find(answer.body) != std::string_view::npos) CHECK(written == value);
}

void check_answer(std::string_view line) {
    const auto parsed = parse_pool_answer(line);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    const PoolAnswer& answer = parsed.value();
    const json::object members = read(line);
    const auto id = parse_job_id(members.at("id").as_string());
    CHECK(id.has_value());
    CHECK(answer.id == id.value());
    CHECK(answer.status == 0 || is_result_status(answer.status));
    CHECK(answer.content_type.empty() || is_content_type(answer.content_type));
    const auto is_said = [&](std::string_view name) {
        const json::value* value = members.if_contains(name);
        return value != nullptr && !value->is_null();
    };
    CHECK(answer.error.has_value() == is_said("error"));
    CHECK(is_said("retry") || answer.retry);
    if (const json::value* value = members.if_contains("body_json"))
        check_body_json(line, *value, answer);
    else if (is_said("body"))
        CHECK(answer.body == members.at("body").as_string());
    else if (is_said("body_base64"))
        CHECK(answer.body == decode_base64(members.at("body_base64").as_string()));
    else
        CHECK(answer.body.empty());
}

/// Any body and any header value go to the process in one line.
void check_request(std::string_view input) {
    PoolRequest request;
    request.id = parse_job_id(kId).value();
    request.queue = "speak";
    request.content_type = input.substr(0, input.size() / 2);
    request.traceparent = input.substr(input.size() / 2);
    request.body = input;
    std::string line;
    append_pool_request(line, request);
    CHECK(line.find('\n') == line.size() - 1);
    const json::object members = read(line);
    CHECK(members.at("id").as_string() == kId);
    CHECK(members.contains("traceparent") == !request.traceparent.empty());
    const std::string_view type = members.at("content_type").as_string();
    CHECK(
        type ==
        (is_utf8(request.content_type) ? request.content_type : to_printable(request.content_type))
    );
    if (is_utf8(input))
        CHECK(members.at("body").as_string() == input);
    else
        CHECK(decode_base64(members.at("body_base64").as_string()) == input);
}

/// A body that the process sends back comes back the same, in whichever form.
void check_echo(std::string_view input) {
    json::object reply{{"id", kId}, {"status", 201}};
    if (is_utf8(input)) {
        reply["body"] = input;
    } else {
        std::string encoded;
        append_base64(encoded, input);
        reply["body_base64"] = encoded;
    }
    const auto answer = parse_pool_answer(json::serialize(reply));
    CHECK(answer.has_value());
    CHECK(answer.value().body == input);
    CHECK(answer.value().status == 201);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_answer(input);
    bide::wire::check_request(input);
    bide::wire::check_echo(input);
    return 0;
}
