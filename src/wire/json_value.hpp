#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace bide::wire {

/// A member's value as it was written, numbers and spaces and all, in an object that has been
/// parsed before (to `value`); the last one when the name is there twice, as the parser has it.
std::string written_member(
    std::string_view object, std::string_view name, const boost::json::value& value
);

/// Whether `text` is one JSON value on one line, as progress has to be.
bool is_json_value(std::string_view text);

}  // namespace bide::wire
