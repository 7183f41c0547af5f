#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/exec_report.hpp"
#include "wire/message.hpp"

#include <algorithm>
#include <string>

namespace bide::wire {
namespace {

void check_sendable(const ExecReport& report) {
    CHECK(report.status == 0 || is_result_status(report.status));
    if (report.content_type.empty()) return;
    CHECK(is_content_type(report.content_type));
    HeaderLines headers;
    headers.add("Content-Type", report.content_type);
    CHECK(headers.lines() == "Content-Type: " + report.content_type + "\r\n");
}

void check_line(std::string_view line, ExecReport& report) {
    ExecReport alone;
    take_report_line(line, alone);
    check_sendable(alone);

    // What the line says replaces what was said before; what it does not say stays.
    const ExecReport before = report;
    take_report_line(line, report);
    CHECK(report.status == (alone.status == 0 ? before.status : alone.status));
    CHECK(
        report.content_type ==
        (alone.content_type.empty() ? before.content_type : alone.content_type)
    );
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::ExecReport report;
    bide::wire::check_line(input, report);
    while (!input.empty()) {
        const std::string_view line = input.substr(0, input.find('\n'));
        bide::wire::check_line(line, report);
        input.remove_prefix(std::min(line.size() + 1, input.size()));
    }
    return 0;
}
