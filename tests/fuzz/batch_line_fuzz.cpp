#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/batch_line.hpp"
#include "wire/exec_report.hpp"
#include "wire/job_options.hpp"

#include <boost/json/parse.hpp>

#include <string>

namespace bide::wire {
namespace {

void check(std::string_view text) {
    const BatchLine line = parse_batch_line(text);
    // It is put into an answer as it is.
    CHECK(line.ref.size() <= 256);
    if (!line.ref.empty()) {
        boost::json::error_code failed;
        const auto ref = boost::json::parse(line.ref, failed);
        CHECK(!failed);
        CHECK(!ref.is_structured());
        CHECK(line.ref.find('\n') == std::string::npos);
    }
    if (line.item.has_error()) {
        CHECK(line.item.error().code == Code::bad_request);
        CHECK(!line.item.error().detail.empty());
        return;
    }
    const BatchItem& item = line.item.value();
    CHECK(item.priority < core::kPriorities);
    CHECK(item.delay >= Duration(0));
    CHECK(item.delay <= kDelayMax);
    CHECK(item.content_type.empty() || is_content_type(item.content_type));
    // A body is never longer than what it was written as.
    CHECK(item.body.size() <= text.size());
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
