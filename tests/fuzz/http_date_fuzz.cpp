#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/http_date.hpp"

namespace bide::wire {
namespace {

constexpr Time kNow{std::chrono::seconds(1'795'420'800)};

void check(std::string_view text) {
    const auto date = parse_http_date(text, kNow);
    const auto after = parse_retry_after(text, kNow);
    if (!after) {
        CHECK(!date);
        return;
    }
    CHECK(*after >= Duration(0));
    CHECK(*after <= std::chrono::hours(24));
    if (!date) return;
    // A date says the same whenever it is read, as far as it is ahead.
    CHECK((*after == Duration(0)) == (*date <= kNow));
    CHECK(!to_rfc3339(*date).empty());
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
