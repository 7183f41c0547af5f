#include "wire/json_members.hpp"

#include "wire/line_body.hpp"

#include <boost/json/value.hpp>

namespace bide::wire {
namespace {

namespace json = boost::json;

Error malformed(std::string_view name, std::string_view what) {
    std::string detail = "\"";
    detail.append(name).append("\" is not ").append(what);
    return {Code::bad_request, Retry::never, std::move(detail)};
}

}  // namespace

Result<void> take_text(const json::object& members, std::string_view name, std::string& to) {
    const json::value* value = find_member(members, name);
    if (!value) return success();
    const json::string* text = value->if_string();
    if (!text) return malformed(name, "a string");
    to.assign(text->data(), text->size());
    return success();
}

Result<void> take_flag(const json::object& members, std::string_view name, bool& to) {
    const json::value* value = find_member(members, name);
    if (!value) return success();
    const bool* flag = value->if_bool();
    if (!flag) return malformed(name, "true or false");
    to = *flag;
    return success();
}

Result<void> take_integer(
    const json::object& members, std::string_view name, IntegerRange range, std::int64_t& to
) {
    const json::value* value = find_member(members, name);
    if (!value) return success();
    const std::int64_t* number = value->if_int64();
    if (!number || *number < range.min || *number > range.max) {
        return malformed(
            name, "an integer of " + std::to_string(range.min) + " to " + std::to_string(range.max)
        );
    }
    to = *number;
    return success();
}

}  // namespace bide::wire
