#include "wire/batch_line.hpp"

#include "wire/exec_report.hpp"
#include "wire/job_options.hpp"
#include "wire/json_members.hpp"
#include "wire/json_value.hpp"
#include "wire/line_body.hpp"
#include "wire/utf8.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

/// A name, not a load: it comes back in a line of its own.
constexpr std::size_t kRefMax = 256;

constexpr std::array<std::string_view, 8> kMembers{
    "body", "body_base64", "body_json", "content_type", "queue", "priority", "delay", "ref"};

Error malformed(std::string what) {
    return {Code::bad_request, Retry::never, std::move(what)};
}

std::optional<double> number_of(const json::value& value) {
    json::error_code failed;
    const double number = value.to_number<double>(failed);
    if (failed || std::isnan(number)) return std::nullopt;
    return number;
}

Result<void> take_numbers(const json::object& members, BatchItem& item) {
    if (const json::value* priority = find_member(members, "priority")) {
        const std::int64_t* number = priority->if_int64();
        if (!number || *number < 0 || *number >= core::kPriorities)
            return malformed("\"priority\" is not an integer of 0 to 9");
        item.priority = static_cast<std::uint8_t>(*number);
    }
    if (const json::value* delay = find_member(members, "delay")) {
        const auto seconds = number_of(*delay);
        constexpr double kMax = static_cast<double>(kDelayMax.count()) / 1e6;
        if (!seconds || *seconds < 0 || *seconds > kMax)
            return malformed("\"delay\" is not a number of seconds, up to 30 days");
        item.delay = Duration(static_cast<std::int64_t>(std::round(*seconds * 1e6)));
    }
    return success();
}

Result<BatchItem> read_item(std::string_view line, const json::object& members) {
    for (const auto& member : members) {
        if (std::ranges::find(kMembers, std::string_view(member.key())) == kMembers.end())
            return malformed("unknown member \"" + to_printable(member.key()) + "\"");
    }
    BatchItem item;
    BIDE_TRY(auto body, read_line_body(line, members));
    if (!body) return malformed("without a body: one of body, body_base64 and body_json");
    item.body = std::move(body->bytes);
    item.content_type = std::move(body->content_type);
    BIDE_TRY(take_text(members, "content_type", item.content_type));
    if (!item.content_type.empty() && !is_content_type(item.content_type))
        return malformed("\"content_type\" is not a media type");
    BIDE_TRY(take_text(members, "queue", item.queue));
    BIDE_TRY(take_numbers(members, item));
    return item;
}

}  // namespace

BatchLine parse_batch_line(std::string_view line) {
    unsigned char memory[4096];
    json::monotonic_resource resource(memory, sizeof memory);
    json::error_code failed;
    json::parse_options options;
    options.max_depth = 128;
    const json::value document = json::parse(line, failed, &resource, options);
    if (failed) return {{}, malformed("not JSON: " + failed.message())};
    const json::object* members = document.if_object();
    if (!members) return {{}, malformed("not a JSON object")};

    std::string ref;
    if (const json::value* name = find_member(*members, "ref")) {
        if (name->is_object() || name->is_array())
            return {{}, malformed("\"ref\" is not a string or a number")};
        ref = written_member(line, "ref", *name);
        if (ref.size() > kRefMax) return {{}, malformed("\"ref\" is longer than 256 bytes")};
    }
    Result<BatchItem> item = read_item(line, *members);
    return {std::move(ref), std::move(item)};
}

}  // namespace bide::wire
