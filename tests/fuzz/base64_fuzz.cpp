#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/base64.hpp"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);

    std::string encoded = "before";
    bide::wire::append_base64(encoded, input);
    CHECK(encoded.starts_with("before"));
    encoded.erase(0, 6);
    CHECK(encoded.size() == (size + 2) / 3 * 4);
    CHECK(bide::wire::decode_base64(encoded) == input);

    // There is one text for any bytes, so what is taken is what would have been written.
    if (const auto bytes = bide::wire::decode_base64(input)) {
        std::string again;
        bide::wire::append_base64(again, *bytes);
        CHECK(again == input);
    }
    return 0;
}
