#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/job_options.hpp"

#include <string>

namespace bide::wire {
namespace {

void check(std::string_view text) {
    const auto key = parse_idempotency_key(text);
    if (key.has_error()) {
        CHECK(key.error().code == Code::bad_request);
        return;
    }
    CHECK(!key.value().empty());
    CHECK(key.value().size() <= 255);
    std::string quoted = "\"";
    for (const char c : key.value()) {
        CHECK(c >= ' ');
        CHECK(c <= '~');
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    quoted += '"';
    const auto again = parse_idempotency_key(quoted);
    CHECK(again.has_value());
    CHECK(again.value() == key.value());
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
