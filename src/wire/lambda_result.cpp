#include "wire/lambda_result.hpp"

#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/json_value.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

constexpr std::string_view kJson = "application/json";
constexpr std::size_t kMessageBytesMax = 4096;
constexpr std::size_t kTypeBytesMax = 256;
constexpr std::size_t kPreludeBytesMax = 16U << 10;
constexpr std::string_view kPreludeEnd("\0\0\0\0\0\0\0\0", 8);
constexpr std::size_t kDepthMax = 128;

std::string_view view(const json::string& text) {
    return {text.data(), text.size()};
}

json::value parse(std::string_view text, json::error_code& failed) {
    json::parse_options options;
    options.max_depth = kDepthMax;
    return json::parse(text, failed, {}, options);
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

/// "application/json; charset=utf-8" -> "application/json"
std::string_view essence(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return type;
}

/// The header content-type in `headers` or, an array there, `multiValueHeaders`; empty: none.
std::string_view content_type_of(const json::object& answer) {
    for (const std::string_view where : {"headers", "multiValueHeaders"}) {
        const json::value* headers = answer.if_contains(where);
        const json::object* members = headers ? headers->if_object() : nullptr;
        if (!members) continue;
        for (const auto& [name, value] : *members) {
            if (!same_name({name.data(), name.size()}, "content-type")) continue;
            const json::value* said = &value;
            if (const json::array* list = value.if_array())
                said = list->empty() ? nullptr : &list->front();
            const json::string* text = said ? said->if_string() : nullptr;
            if (text && is_content_type(view(*text))) return view(*text);
        }
    }
    return {};
}

std::optional<std::uint16_t> status_of(const json::object& answer) {
    const json::value* status = answer.if_contains("statusCode");
    const std::int64_t* number = status ? status->if_int64() : nullptr;
    if (!number || !is_result_status(*number)) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

LambdaResult failure(std::string detail) {
    LambdaResult result;
    result.failed = true;
    result.detail = std::move(detail);
    return result;
}

LambdaResult of_batch(const json::value& failures) {
    if (failures.is_null()) return {};
    const json::array* list = failures.if_array();
    if (!list) return failure("the function's batchItemFailures is not an array");
    if (list->empty()) return {};
    return failure("the function named the message in batchItemFailures");
}

/// Nothing when it is no answer of that kind.
std::optional<LambdaResult> of_proxy(const json::object& answer) {
    const auto status = status_of(answer);
    if (!status) return std::nullopt;
    const json::value* body = answer.if_contains("body");
    if (body && !body->is_null() && !body->is_string()) return std::nullopt;
    LambdaResult result;
    result.status = *status;
    result.content_type = content_type_of(answer);
    if (result.content_type.empty()) result.content_type = kJson;
    if (!body || body->is_null()) return result;
    const std::string_view text = view(body->get_string());
    const json::value* flag = answer.if_contains("isBase64Encoded");
    if (!flag || !flag->is_bool() || !flag->get_bool()) {
        result.body = text;
        return result;
    }
    auto bytes = decode_base64(text);
    if (!bytes) return failure("the function's body is not the base64 that it is said to be");
    result.body = std::move(*bytes);
    return result;
}

}  // namespace

LambdaResult parse_lambda_response(std::string payload, std::string_view content_type) {
    if (payload.find_first_not_of(" \t\r\n") == std::string::npos) return {};
    json::error_code failed;
    const json::value document = parse(payload, failed);
    const bool is_json = !failed || failed == json::error::too_deep;
    if (!failed && document.is_null()) return {};
    if (const json::object* answer = document.if_object(); !failed && answer) {
        if (const json::value* failures = answer->if_contains("batchItemFailures"))
            return of_batch(*failures);
        if (auto result = of_proxy(*answer)) return std::move(*result);
    }
    LambdaResult result;
    const bool says_other =
        is_content_type(content_type) && !same_name(essence(content_type), kJson);
    if (is_json)
        result.content_type = kJson;
    else if (says_other)
        result.content_type = content_type;
    result.body = std::move(payload);
    return result;
}

namespace {

/// The entry's message in `ids`; past their end: none.
std::size_t named_by(const json::value& entry, const std::vector<JobId>& ids) {
    const json::object* members = entry.if_object();
    const json::value* name = members ? members->if_contains("itemIdentifier") : nullptr;
    const json::string* text = name ? name->if_string() : nullptr;
    const auto id = parse_job_id(text ? view(*text) : std::string_view());
    if (!id) return ids.size();
    return static_cast<std::size_t>(std::find(ids.begin(), ids.end(), id.value()) - ids.begin());
}

/// Marks those that `failures` names; false: it is not understood.
bool take_failures(
    const json::value& failures, const std::vector<JobId>& ids, std::vector<LambdaResult>& results
) {
    if (failures.is_null()) return true;
    const json::array* list = failures.if_array();
    if (!list) return false;
    for (const json::value& entry : *list) {
        const std::size_t at = named_by(entry, ids);
        if (at == ids.size()) return false;
        results[at] = failure("the function named the message in batchItemFailures");
    }
    return true;
}

/// Puts in place what `object`, parsed to `members`, says of those that have not failed; false: it
/// names a stranger.
bool take_results(
    std::string_view object,
    const json::object& members,
    const std::vector<JobId>& ids,
    std::vector<LambdaResult>& results
) {
    for (const auto& [name, value] : members) {
        const auto id = parse_job_id({name.data(), name.size()});
        const auto found = id ? std::find(ids.begin(), ids.end(), id.value()) : ids.end();
        if (found == ids.end()) return false;
        LambdaResult& result = results[static_cast<std::size_t>(found - ids.begin())];
        if (result.failed || value.is_null()) continue;
        const json::object* answer = value.if_object();
        auto proxy = answer ? of_proxy(*answer) : std::nullopt;
        if (proxy) {
            result = std::move(*proxy);
        } else {
            result.content_type = kJson;
            result.body = written_member(object, {name.data(), name.size()}, value);
        }
    }
    return true;
}

}  // namespace

std::vector<LambdaResult> parse_lambda_batch_response(
    std::string_view payload, const std::vector<JobId>& ids
) {
    std::vector<LambdaResult> results(ids.size());
    if (payload.find_first_not_of(" \t\r\n") == std::string_view::npos) return results;
    const auto all_failed = [&ids](const std::string& detail) {
        return std::vector<LambdaResult>(ids.size(), failure(detail));
    };
    json::error_code failed;
    const json::value document = parse(payload, failed);
    if (failed) return all_failed("the function's answer to a batch is not JSON");
    const json::object* answer = document.if_object();
    if (!answer) return results;
    const json::value* failures = answer->if_contains("batchItemFailures");
    if (failures && !take_failures(*failures, ids, results))
        return all_failed("the function's batchItemFailures does not name messages of the batch");
    const json::value* said = answer->if_contains("batchItemResults");
    if (!said || said->is_null()) return results;
    const json::object* members = said->if_object();
    const std::string written =
        members ? written_member(payload, "batchItemResults", *said) : std::string();
    if (!members || !take_results(written, *members, ids, results))
        return all_failed("the function's batchItemResults is not an object by message of the batch"
        );
    return results;
}

std::string LambdaError::detail() const {
    if (type.empty()) return message.empty() ? "the function failed without a word" : message;
    return message.empty() ? type : type + ": " + message;
}

LambdaError parse_lambda_error(std::string_view header_type, std::string_view payload) {
    LambdaError error;
    std::string_view type = header_type;
    std::string_view message = payload;
    json::error_code failed;
    const json::value document = parse(payload, failed);
    const json::object* members = failed ? nullptr : document.if_object();
    if (members) {
        const auto text = [members](std::string_view name) {
            const json::value* value = members->if_contains(name);
            return value ? value->if_string() : nullptr;
        };
        const json::string* said_type = text("errorType");
        const json::string* said_message = text("errorMessage");
        if (said_type && !said_type->empty()) type = view(*said_type);
        if (said_message) message = view(*said_message);
        if (said_type && !said_message) message = {};
    }
    error.type = to_printable(type.substr(0, kTypeBytesMax));
    error.message = to_printable(message.substr(0, kMessageBytesMax));
    return error;
}

LambdaError parse_lambda_trailers(std::string_view type, std::string_view body_base64) {
    const auto body = decode_base64(body_base64);
    return parse_lambda_error(type, body ? std::string_view(*body) : body_base64);
}

bool has_lambda_prelude(std::string_view content_type) {
    return same_name(essence(content_type), "application/vnd.awslambda.http-integration-response");
}

Result<void> LambdaPrelude::take(std::string_view& bytes) {
    const std::size_t before = text_.size();
    text_ += bytes.substr(0, kPreludeBytesMax + kPreludeEnd.size() - before);
    // The end may have begun in an earlier piece.
    const std::size_t from = before - std::min(before, kPreludeEnd.size() - 1);
    const std::size_t end = text_.find(kPreludeEnd, from);
    if (end == std::string::npos) {
        if (text_.size() == kPreludeBytesMax + kPreludeEnd.size()) {
            return Error{
                Code::bad_request,
                Retry::never,
                "the streamed response has no end of its status and headers in the first 16 KiB"};
        }
        bytes = {};
        return success();
    }
    bytes.remove_prefix(end + kPreludeEnd.size() - before);
    BIDE_TRY(read(std::string_view(text_).substr(0, end)));
    done_ = true;
    text_ = {};
    return success();
}

Result<void> LambdaPrelude::read(std::string_view text) {
    json::error_code failed;
    const json::value document = parse(text, failed);
    const json::object* answer = failed ? nullptr : document.if_object();
    if (!answer) {
        return Error{
            Code::bad_request,
            Retry::never,
            "the streamed response does not start with an object of status and headers"};
    }
    if (const auto status = status_of(*answer)) {
        status_ = *status;
    } else if (answer->contains("statusCode")) {
        return Error{
            Code::bad_request, Retry::never, "the statusCode is not an integer of 200 to 599"};
    }
    if (const std::string_view type = content_type_of(*answer); !type.empty()) content_type_ = type;
    return success();
}

}  // namespace bide::wire
