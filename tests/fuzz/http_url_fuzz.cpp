#include "base/check.hpp"
#include "fuzz.hpp"
#include "runtime/http_url.hpp"

namespace bide::runtime {
namespace {

bool can_end_a_line(const std::string& text) {
    return text.find_first_of(std::string_view("\r\n \0", 4)) != std::string::npos;
}

void check(std::string_view text) {
    const auto parsed = parse_http_url(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    const HttpUrl& url = parsed.value();
    CHECK(!url.host.empty());
    CHECK(url.port != 0);
    // All of it is written into the head of a request.
    CHECK(!can_end_a_line(url.authority));
    CHECK(!can_end_a_line(url.target));
    CHECK(url.target.starts_with('/'));
    const auto again =
        parse_http_url((url.tls ? "https://" : "http://") + url.authority + url.target);
    CHECK(again.has_value());
    CHECK(again.value().origin == url.origin);
    CHECK(again.value().target == url.target);
}

}  // namespace
}  // namespace bide::runtime

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::runtime::check(bide::fuzz::text_of(data, size));
    return 0;
}
