#pragma once

#include "base/result.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// Members of an object that a peer wrote. What is absent or null leaves `to` as it was; what has
/// another type or goes past a limit is an error that names the member.
Result<void> take_text(const boost::json::object& members, std::string_view name, std::string& to);
Result<void> take_flag(const boost::json::object& members, std::string_view name, bool& to);

struct IntegerRange {
    std::int64_t min;
    std::int64_t max;
};
Result<void> take_integer(
    const boost::json::object& members, std::string_view name, IntegerRange range, std::int64_t& to
);

}  // namespace bide::wire
