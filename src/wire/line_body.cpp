#include "wire/line_body.hpp"

#include "wire/base64.hpp"
#include "wire/json_value.hpp"

#include <boost/json/value.hpp>

#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

Error malformed(std::string what) {
    return {Code::bad_request, Retry::never, std::move(what)};
}

}  // namespace

const json::value* find_member(const json::object& members, std::string_view name) {
    const json::value* value = members.if_contains(name);
    return value && !value->is_null() ? value : nullptr;
}

Result<std::optional<LineBody>> read_line_body(std::string_view line, const json::object& members) {
    LineBody answer;
    int bodies = 0;
    if (const json::value* body = find_member(members, "body")) {
        const json::string* text = body->if_string();
        if (!text) return malformed("\"body\" is not a string; body_json takes any JSON");
        answer.bytes.assign(text->data(), text->size());
        ++bodies;
    }
    if (const json::value* body = find_member(members, "body_base64")) {
        const json::string* text = body->if_string();
        std::optional<std::string> bytes;
        if (text) bytes = decode_base64(*text);
        if (!bytes) return malformed("\"body_base64\" is not base64 with padding (RFC 4648)");
        answer.bytes = std::move(*bytes);
        ++bodies;
    }
    if (const json::value* body = members.if_contains("body_json")) {
        answer.bytes = written_member(line, "body_json", *body);
        answer.content_type = "application/json";
        ++bodies;
    }
    if (bodies > 1) return malformed("more than one of body, body_base64 and body_json");
    if (bodies == 0) return std::optional<LineBody>();
    return std::optional(std::move(answer));
}

}  // namespace bide::wire
