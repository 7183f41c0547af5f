#include "wire/pool_line.hpp"

#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/json_text.hpp"
#include "wire/json_value.hpp"
#include "wire/line_body.hpp"
#include "wire/utf8.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace bide::wire {
namespace {

namespace json = boost::json;

Error malformed(std::string what) {
    return {Code::bad_request, Retry::never, std::move(what)};
}

Result<void> take_body(std::string_view line, const json::object& members, PoolAnswer& answer) {
    BIDE_TRY(auto body, read_line_body(line, members));
    if (!body) return success();
    answer.body = std::move(body->bytes);
    answer.content_type = std::move(body->content_type);
    return success();
}

Result<void> take_facts(const json::object& members, PoolAnswer& answer) {
    if (const json::value* status = find_member(members, "status")) {
        const std::int64_t* number = status->if_int64();
        if (!number || !is_result_status(*number))
            return malformed("\"status\" is not an integer of 200 to 599");
        answer.status = static_cast<std::uint16_t>(*number);
    }
    if (const json::value* type = find_member(members, "content_type")) {
        const json::string* text = type->if_string();
        if (!text || !is_content_type(*text))
            return malformed("\"content_type\" is not a media type");
        answer.content_type.assign(text->data(), text->size());
    }
    if (const json::value* error = find_member(members, "error")) {
        const json::string* text = error->if_string();
        if (!text) return malformed("\"error\" is not a string");
        answer.error.emplace(text->data(), text->size());
    }
    if (const json::value* retry = find_member(members, "retry")) {
        const bool* flag = retry->if_bool();
        if (!flag) return malformed("\"retry\" is not true or false");
        answer.retry = *flag;
    }
    return success();
}

}  // namespace

void append_pool_request(std::string& out, const PoolRequest& request) {
    out += R"({"id":")";
    out += to_string(request.id);
    out += R"(","queue":)";
    append_json_string(out, request.queue);
    out += R"(,"attempt":)";
    out += std::to_string(request.attempt);
    out += R"(,"attempts_max":)";
    out += std::to_string(request.attempts_max);
    if (request.deadline_s != 0) {
        out += R"(,"deadline":)";
        out += std::to_string(request.deadline_s);
    }
    out += R"(,"content_type":)";
    append_json_bytes(out, request.content_type);
    if (!request.traceparent.empty()) {
        out += R"(,"traceparent":)";
        append_json_bytes(out, request.traceparent);
    }
    if (!request.body_file.empty()) {
        out += R"(,"body_file":)";
        append_json_string(out, request.body_file);
    } else if (is_utf8(request.body)) {
        out += R"(,"body":)";
        append_json_string(out, request.body);
    } else {
        out += R"(,"body_base64":")";
        append_base64(out, request.body);
        out += '"';
    }
    out += "}\n";
}

Result<PoolAnswer> parse_pool_answer(std::string_view line) {
    unsigned char memory[4096];
    json::monotonic_resource resource(memory, sizeof memory);
    json::error_code failed;
    json::parse_options options;
    options.max_depth = 128;
    const json::value document = json::parse(line, failed, &resource, options);
    if (failed) return malformed("not JSON: " + failed.message());
    const json::object* members = document.if_object();
    if (!members) return malformed("not a JSON object");

    PoolAnswer answer;
    const json::value* id = find_member(*members, "id");
    const json::string* id_text = id ? id->if_string() : nullptr;
    if (!id_text) return malformed("without the job's \"id\"");
    auto parsed = parse_job_id(*id_text);
    if (!parsed) return malformed("its \"id\" is not one of a job");
    answer.id = parsed.value();
    if (const json::value* progress = find_member(*members, "progress")) {
        answer.progress = written_member(line, "progress", *progress);
        return answer;
    }
    BIDE_TRY(take_body(line, *members, answer));
    BIDE_TRY(take_facts(*members, answer));
    return answer;
}

}  // namespace bide::wire
