#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/range.hpp"

#include <string>

namespace bide::wire {
namespace {

/// The first byte is the size of the body.
void check(std::string_view text) {
    const std::uint64_t size = fuzz::take_byte(text);
    const RangeWish wish = parse_range(text, size);
    if (wish.kind == RangeWish::Kind::part) {
        CHECK(wish.part.length > 0);
        CHECK(wish.part.offset < size);
        CHECK(wish.part.length <= size - wish.part.offset);
        // Written out, it is the same range.
        const std::string first = std::to_string(wish.part.offset);
        const std::string last = std::to_string(wish.part.offset + wish.part.length - 1);
        const RangeWish again = parse_range("bytes=" + first + "-" + last, size);
        CHECK(again.kind == RangeWish::Kind::part);
        CHECK(again.part.offset == wish.part.offset);
        CHECK(again.part.length == wish.part.length);
    }
    // A list that goes on after a whole tag names it.
    constexpr std::string_view kTag = "\"tag\"";
    CHECK(none_match_names(std::string(kTag) + "," + std::string(text), kTag));
    none_match_names(text, kTag);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
