#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// What a handler said on descriptor 3, one JSON object a line: {"content_type":"audio/wav"} and
/// {"status":201} about its result, where the last word counts, and {"progress":...} on the way.
struct ExecReport {
    std::uint16_t status = 0;  ///< 0: not said
    std::string content_type;  ///< empty: not said
};

/// Takes one line. What is not understood is ignored: other members, wrong types, no JSON at all.
/// Returns the value of "progress" as JSON on one line, or nothing.
std::string take_report_line(std::string_view line, ExecReport& report);

/// Whether it can stand in a Content-Type header: type "/" rest, printable ASCII, up to 255 bytes.
bool is_content_type(std::string_view text);

/// Whether a handler may choose it for a result: a final status, 200 to 599.
constexpr bool is_result_status(std::int64_t status) {
    return status >= 200 && status <= 599;
}

}  // namespace bide::wire
