#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// A member that says something: null is as good as absent.
const boost::json::value* find_member(const boost::json::object& members, std::string_view name);

/// A body as lines of JSON have it, in one of three members.
struct LineBody {
    std::string bytes;
    std::string content_type;  ///< application/json with body_json, else empty
};

/// Reads body (text), body_base64 or body_json (passed on as it is written) of the object that is
/// all of `line`; empty when there is none of them.
Result<std::optional<LineBody>> read_line_body(
    std::string_view line, const boost::json::object& members
);

}  // namespace bide::wire
