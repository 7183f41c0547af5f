#include "wire/lambda_http.hpp"

#include "wire/base64.hpp"
#include "wire/json_members.hpp"
#include "wire/json_text.hpp"
#include "wire/line_body.hpp"
#include "wire/query.hpp"
#include "wire/request_head.hpp"
#include "wire/text.hpp"
#include "wire/utf8.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>

namespace bide::wire {
namespace {

namespace json = boost::json;

/// Lambda hands out 6 MB of event at most.
constexpr std::size_t kEventMax = (6 << 20) + 1024;
/// Lambda takes 6 MiB, and 100 bytes more.
constexpr std::size_t kAnswerMax = 6 << 20;
constexpr std::size_t kLoadBalancerAnswerMax = 1'000'000;
constexpr std::size_t kPreludeMax = 16 * 1024 - 8;

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

/// Null when it is not there, is null or is no object.
const json::object* object_in(const json::object& members, std::string_view name) {
    const json::value* value = find_member(members, name);
    return value == nullptr ? nullptr : value->if_object();
}

/// Empty when it is not there or is no text.
std::string_view text_in(const json::object* members, std::string_view name) {
    const json::value* value = members == nullptr ? nullptr : find_member(*members, name);
    const json::string* text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string_view() : std::string_view(*text);
}

bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [kMarks](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

/// `each(name, value)` for a map of texts ("x": "1") or, with lists, of lists ("x": ["1", "2"]).
template <class Each>
Result<void> for_each_text(const json::object& map, std::string_view what, const Each& each) {
    const auto wrong = [what] { return bad('"' + std::string(what) + "\" is no map of texts"); };
    for (const auto& [name, value] : map) {
        if (const json::string* text = value.if_string()) {
            each(name, *text);
            continue;
        }
        if (value.is_null()) continue;
        const json::array* list = value.if_array();
        if (list == nullptr) return wrong();
        for (const auto& member : *list) {
            const json::string* text = member.if_string();
            if (text == nullptr) return wrong();
            each(name, *text);
        }
    }
    return success();
}

/// The map of lists where there is one, else that of texts; null: neither.
const json::object* either(
    const json::object& event, std::string_view lists, std::string_view texts
) {
    const json::object* found = object_in(event, lists);
    return found != nullptr ? found : object_in(event, texts);
}

void add_field(LambdaRequest& request, std::string_view name, std::string_view value) {
    value = trim(value);
    const auto is_wrong = [](char c) { return c != '\t' && has_control({&c, 1}); };
    if (!is_token(name) || std::ranges::any_of(value, is_wrong)) {
        request.refusal = bad("a header field has a character that none may have");
    } else if (request.fields.size() == kFieldsMax) {
        request.refusal = Error{
            Code::headers_too_large,
            Retry::never,
            "more than " + std::to_string(kFieldsMax) + " header fields"};
    } else {
        request.fields.emplace_back(name, value);
    }
}

Result<void> take_fields(const json::object& event, LambdaRequest& request) {
    const json::object* fields = either(event, "multiValueHeaders", "headers");
    if (fields == nullptr) return success();
    return for_each_text(*fields, "headers", [&](std::string_view name, std::string_view value) {
        add_field(request, name, value);
    });
}

Result<void> take_body(const json::object& event, LambdaRequest& request) {
    bool encoded = false;
    BIDE_TRY(take_text(event, "body", request.body));
    BIDE_TRY(take_flag(event, "isBase64Encoded", encoded));
    if (!encoded) return success();
    auto decoded = decode_base64(request.body);
    if (!decoded) return bad("\"body\" is not base64");
    request.body = std::move(*decoded);
    return success();
}

/// What an entry decoded may have what no target has, and `not_here`.
void append_encoded(std::string& target, std::string_view text, std::string_view not_here) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > ' ' && byte < 0x7f && not_here.find(c) == std::string_view::npos) {
            target += c;
            continue;
        }
        target += '%';
        target += kHex[byte >> 4];
        target += kHex[byte & 15];
    }
}

/// A path, or what OPTIONS may have in its place.
bool is_target(std::string_view path) {
    return path.starts_with('/') || path == "*";
}

void append_path(std::string& target, std::string_view path) {
    append_encoded(target, path, "?#");
}

enum class Encoded : std::uint8_t { no, yes };

Result<void> append_query(const json::object& event, Encoded encoded, std::string& target) {
    const json::object* query =
        either(event, "multiValueQueryStringParameters", "queryStringParameters");
    if (query == nullptr) return success();
    char separator = '?';
    const auto append = [encoded, &target](std::string_view text) {
        if (encoded == Encoded::yes)
            append_encoded(target, text, "#");
        else
            target += percent_encode(text);
    };
    return for_each_text(*query, "queryStringParameters", [&](auto name, auto value) {
        target += separator;
        append(name);
        target += '=';
        append(value);
        separator = '&';
    });
}

void cut_suffix(std::string_view& whole, std::string_view end) {
    if (whole.ends_with(end)) whole.remove_suffix(end.size());
}

/// The stage is in requestContext.path and not in path; the base path of a domain of one's own is
/// in both. What the resource takes as {proxy+} is what is asked for.
Result<void> take_rest_path(const json::object& event, LambdaRequest& request) {
    const json::object* context = object_in(event, "requestContext");
    std::string_view path = text_in(&event, "path");
    std::string_view whole = text_in(context, "path");
    if (!is_target(path)) return bad("\"path\" does not begin with a slash");
    const std::string_view resource = text_in(&event, "resource");
    std::string proxy = "/";
    proxy += text_in(object_in(event, "pathParameters"), "proxy");
    if (resource == "/") {
        path = "/";
    } else if (resource == "/{proxy+}" && path.ends_with(proxy)) {
        path.remove_prefix(path.size() - proxy.size());
    }
    if (path == "/") {
        cut_suffix(whole, "/");
        request.prefix = whole;
    } else if (whole.ends_with(path)) {
        cut_suffix(whole, path);
        request.prefix = whole;
    }
    append_path(request.target, path);
    return append_query(event, Encoded::no, request.target);
}

Result<void> read_rest(const json::object& event, LambdaRequest& request) {
    request.entry = LambdaEntry::rest_api;
    request.method = text_in(&event, "httpMethod");
    return take_rest_path(event, request);
}

/// Load balancers leave queries encoded.
Result<void> read_load_balancer(const json::object& event, LambdaRequest& request) {
    request.entry = LambdaEntry::load_balancer;
    request.many_values = object_in(event, "multiValueHeaders") != nullptr;
    request.method = text_in(&event, "httpMethod");
    const std::string_view path = text_in(&event, "path");
    if (!is_target(path)) return bad("\"path\" does not begin with a slash");
    append_path(request.target, path);
    return append_query(event, Encoded::yes, request.target);
}

Result<void> read_format_2(const json::object& event, LambdaRequest& request) {
    const json::object* context = object_in(event, "requestContext");
    const json::object* http = object_in(*context, "http");
    const std::string_view domain = text_in(context, "domainName");
    request.entry = domain.find(".lambda-url.") != std::string_view::npos
                        ? LambdaEntry::function_url
                        : LambdaEntry::http_api;
    request.method = text_in(http, "method");
    std::string_view path = text_in(&event, "rawPath");
    if (!is_target(path)) return bad("\"rawPath\" does not begin with a slash");
    const std::string_view stage = text_in(context, "stage");
    const std::string before = '/' + std::string(stage);
    const bool staged = !stage.empty() && stage != "$default" && path.starts_with(before) &&
                        (path.size() == before.size() || path[before.size()] == '/');
    if (staged && request.entry == LambdaEntry::http_api) {
        path.remove_prefix(before.size());
        if (domain.find(".execute-api.") != std::string_view::npos) request.prefix = before;
    }
    append_path(request.target, path.empty() ? "/" : path);
    const std::string_view query = text_in(&event, "rawQueryString");
    if (!query.empty()) append_encoded(request.target += '?', query, "#");
    const json::value* cookies = find_member(event, "cookies");
    const json::array* list = cookies == nullptr ? nullptr : cookies->if_array();
    std::string joined;
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const json::string* cookie = (*list)[i].if_string();
        if (cookie == nullptr) return bad("\"cookies\" is no list of texts");
        joined.append(joined.empty() ? "" : "; ").append(*cookie);
    }
    if (!joined.empty()) add_field(request, "cookie", joined);
    return success();
}

// --- answers -----------------------------------------------------------------------------------

/// For the statusDescription of load balancers.
std::string_view reason_of(std::uint16_t status) {
    struct Row {
        std::uint16_t status;
        std::string_view reason;
    };
    constexpr std::array kRows{
        Row{200, "OK"},
        Row{201, "Created"},
        Row{202, "Accepted"},
        Row{204, "No Content"},
        Row{206, "Partial Content"},
        Row{303, "See Other"},
        Row{304, "Not Modified"},
        Row{400, "Bad Request"},
        Row{401, "Unauthorized"},
        Row{403, "Forbidden"},
        Row{404, "Not Found"},
        Row{405, "Method Not Allowed"},
        Row{406, "Not Acceptable"},
        Row{409, "Conflict"},
        Row{410, "Gone"},
        Row{413, "Content Too Large"},
        Row{414, "URI Too Long"},
        Row{415, "Unsupported Media Type"},
        Row{416, "Range Not Satisfiable"},
        Row{422, "Unprocessable Content"},
        Row{429, "Too Many Requests"},
        Row{431, "Request Header Fields Too Large"},
        Row{500, "Internal Server Error"},
        Row{501, "Not Implemented"},
        Row{502, "Bad Gateway"},
        Row{503, "Service Unavailable"},
        Row{504, "Gateway Timeout"}};
    for (const auto& row : kRows) {
        if (row.status == status) return row.reason;
    }
    return status < 400 ? "OK" : "Error";
}

struct Line {
    std::string_view name;
    std::vector<std::string> values;
};

/// A page of this server's, where the client finds it.
std::string behind(const std::string& prefix, std::string_view name, std::string_view value) {
    if (equal_fold(name, "location") || equal_fold(name, "content-location")) {
        if (value.starts_with('/')) return prefix + std::string(value);
    } else if (equal_fold(name, "link") && value.starts_with("</")) {
        return '<' + prefix + std::string(value.substr(1));
    }
    return std::string(value);
}

std::vector<Line> lines_of(const LambdaRequest& to, const Reply& reply) {
    std::vector<Line> lines;
    std::string_view rest = reply.headers.lines();
    while (!rest.empty()) {
        std::string_view value = cut_at(rest, '\n');
        if (value.ends_with('\r')) value.remove_suffix(1);
        const std::string_view name = cut_at(value, ':');
        const auto same = [name](const Line& line) { return equal_fold(line.name, name); };
        auto line = std::ranges::find_if(lines, same);
        if (line == lines.end()) line = lines.insert(line, Line{name, {}});
        line->values.push_back(behind(to.prefix, name, trim(value)));
    }
    return lines;
}

void append_name(std::string& out, std::string_view name) {
    if (out.back() != '{') out += ',';
    append_json_bytes(out, name);
    out += ':';
}

/// As texts; fields that are there more than once as one, which all but Set-Cookie may be.
void append_joined(std::string& out, const std::vector<Line>& lines) {
    append_name(out, "headers");
    out += '{';
    for (const auto& line : lines) {
        std::string joined;
        for (const auto& value : line.values)
            joined.append(joined.empty() ? "" : ", ").append(value);
        append_name(out, line.name);
        append_json_bytes(out, joined);
    }
    out += '}';
}

void append_lists(std::string& out, const std::vector<Line>& lines) {
    append_name(out, "multiValueHeaders");
    out += '{';
    for (const auto& line : lines) {
        append_name(out, line.name);
        char separator = '[';
        for (const auto& value : line.values) {
            out += separator;
            append_json_bytes(out, value);
            separator = ',';
        }
        out += ']';
    }
    out += '}';
}

void append_head(std::string& out, const LambdaRequest& to, const Reply& reply) {
    append_name(out, "statusCode");
    out += std::to_string(reply.status);
    if (to.entry == LambdaEntry::load_balancer) {
        append_name(out, "statusDescription");
        std::string description = std::to_string(reply.status);
        description.append(" ").append(reason_of(reply.status));
        append_json_string(out, description);
    }
    const std::vector<Line> lines = lines_of(to, reply);
    if (to.many_values)
        append_lists(out, lines);
    else
        append_joined(out, lines);
}

}  // namespace

std::vector<Field> LambdaRequest::views() const {
    std::vector<Field> views;
    views.reserve(fields.size());
    for (const auto& [name, value] : fields) views.push_back({name, value});
    return views;
}

Result<LambdaRequest> read_lambda_request(std::string_view event) {
    if (event.size() > kEventMax) return bad("the event is larger than Lambda's are");
    json::error_code failed;
    const json::value document = json::parse(event, failed);
    if (failed) return bad("the event is not JSON: " + failed.message());
    const json::object* members = document.if_object();
    if (members == nullptr) return bad("the event is no JSON object");
    const json::object* context = object_in(*members, "requestContext");
    if (context == nullptr) return bad("the event has no \"requestContext\": it is none of HTTP");
    LambdaRequest request;
    BIDE_TRY(take_fields(*members, request));
    BIDE_TRY(take_body(*members, request));
    if (object_in(*context, "elb") != nullptr) {
        BIDE_TRY(read_load_balancer(*members, request));
    } else if (object_in(*context, "http") != nullptr) {
        BIDE_TRY(read_format_2(*members, request));
    } else {
        BIDE_TRY(read_rest(*members, request));
    }
    if (!is_token(request.method)) return bad("the event has no method");
    return request;
}

std::size_t lambda_answer_max(LambdaEntry entry) {
    return entry == LambdaEntry::load_balancer ? kLoadBalancerAnswerMax : kAnswerMax;
}

std::string write_lambda_answer(
    const LambdaRequest& to, const Reply& reply, std::string_view body
) {
    const bool text = is_utf8(body);
    std::string out = "{";
    out.reserve(body.size() + body.size() / 2 + 1024);
    append_head(out, to, reply);
    append_name(out, "isBase64Encoded");
    out += text ? "false" : "true";
    append_name(out, "body");
    if (text) {
        append_json_string(out, body);
    } else {
        out += '"';
        append_base64(out, body);
        out += '"';
    }
    out += '}';
    return out;
}

Result<std::string> write_lambda_prelude(const LambdaRequest& to, const Reply& reply) {
    std::string out = "{";
    append_name(out, "statusCode");
    out += std::to_string(reply.status);
    append_joined(out, lines_of(to, reply));
    out += '}';
    if (out.size() > kPreludeMax) {
        return Error{
            Code::internal,
            Retry::unsafe,
            "status and headers of the answer are larger than Lambda lets a streamed one's be"};
    }
    return out;
}

}  // namespace bide::wire
