#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/job_options.hpp"

#include <string>
#include <variant>

namespace bide::wire {
namespace {

void check_times(std::string_view text) {
    if (const auto delay = parse_delay(text); delay.has_value()) {
        CHECK(delay.value() >= Duration(0));
        CHECK(delay.value() <= kDelayMax);
        // What can be a delay can be a deadline, too.
        const auto deadline = parse_deadline(text);
        CHECK(deadline.has_value());
        CHECK(std::get<Duration>(deadline.value()) == delay.value());
    }
    if (const auto deadline = parse_deadline(text); deadline.has_value()) {
        if (const auto* after = std::get_if<Duration>(&deadline.value()))
            CHECK(after->count() >= 0);
    }
    const auto time = parse_rfc3339(text);
    if (!time) return;
    const auto again = parse_rfc3339(to_rfc3339(*time));
    CHECK(again.has_value());
    CHECK(*again <= *time);
    CHECK(*time - *again < std::chrono::milliseconds(1));
}

void check(std::string_view text) {
    check_times(text);
    if (const auto priority = parse_priority(text); priority.has_value())
        CHECK(priority.value() < core::kPriorities);
    if (const auto tenant = parse_tenant(text); tenant.has_value()) {
        CHECK(!tenant.value().empty());
        CHECK(tenant.value().size() <= 64);
        CHECK(tenant.value().find_first_of("\r\n\" /") == std::string::npos);
    }
    const auto wish = parse_on_disconnect(text);
    if (wish.has_error()) CHECK(!wish.error().detail.empty());
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
