#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/query.hpp"

#include <string>

namespace bide::wire {
namespace {

void check(std::string_view text) {
    const std::string encoded = percent_encode(text);
    CHECK(percent_decode(encoded) == text);
    const auto one = Query::parse("name=" + encoded);
    CHECK(one.has_value());
    CHECK(one.value().find("name") != nullptr);
    CHECK(*one.value().find("name") == text);

    const auto query = Query::parse(text);
    if (query.has_error()) {
        CHECK(query.error().code == Code::bad_request);
        return;
    }
    const auto prefixed = Query::parse("first=1&" + std::string(text));
    if (prefixed.has_value()) CHECK(*prefixed.value().find("first") == "1");
    if (const std::string* other = query.value().unknown({"state"}))
        CHECK(query.value().find(*other) != nullptr);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
