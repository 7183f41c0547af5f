#include "base/check.hpp"
#include "cli/units.hpp"
#include "fuzz.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = bide::fuzz::text_of(data, size);
    const auto parsed = bide::cli::parse_address(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == bide::Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return 0;
    }
    const auto& [host, port] = parsed.value();
    CHECK(!host.empty());
    CHECK(host != "localhost");
    const auto again = bide::cli::parse_address("[" + host + "]:" + std::to_string(port));
    CHECK(again.has_value());
    CHECK(again.value().host == host);
    CHECK(again.value().port == port);
    return 0;
}
