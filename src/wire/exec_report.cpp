#include "wire/exec_report.hpp"

#include "wire/json_value.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>

namespace bide::wire {

namespace json = boost::json;

bool is_content_type(std::string_view text) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    return text.size() <= 255 && std::all_of(text.begin(), text.end(), printable) &&
           text.find('/') != std::string_view::npos && text.front() != '/' && text.front() != ' ' &&
           text.back() != ' ';
}

std::string take_report_line(std::string_view line, ExecReport& report) {
    unsigned char memory[2048];
    json::monotonic_resource resource(memory, sizeof memory);
    json::error_code error;
    const json::value document = json::parse(line, error, &resource);
    if (error || !document.is_object()) return {};
    const json::object& members = document.get_object();
    if (const json::value* type = members.if_contains("content_type")) {
        if (const json::string* text = type->if_string(); text && is_content_type(*text))
            report.content_type.assign(text->data(), text->size());
    }
    if (const json::value* status = members.if_contains("status")) {
        if (const std::int64_t* number = status->if_int64(); number && is_result_status(*number))
            report.status = static_cast<std::uint16_t>(*number);
    }
    const json::value* progress = members.if_contains("progress");
    return progress != nullptr ? written_member(line, "progress", *progress) : std::string();
}

}  // namespace bide::wire
