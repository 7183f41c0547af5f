#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/job_options.hpp"

#include <string>

namespace bide::wire {
namespace {

void check(std::string_view text) {
    const auto token = parse_bearer(text);
    if (!token) return;
    CHECK(!token->empty());
    for (const char c : *token) {
        CHECK(c > ' ');
        CHECK(c <= '~');
    }
    const std::string again = "Bearer " + std::string(*token);
    CHECK(parse_bearer(again) == *token);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
