#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/request_head.hpp"

#include <algorithm>
#include <string_view>

namespace bide::wire {
namespace {

struct Found {
    bool failed = false;
    std::size_t begin = 0;
    std::size_t end = 0;  ///< 0: not complete
    bool operator==(const Found&) const = default;
};

Found find(std::string_view bytes, std::size_t piece) {
    HeadScanner scanner(4096);
    for (std::size_t size = 0; size < bytes.size();) {
        size = std::min(size + piece, bytes.size());
        const auto place = scanner.scan(bytes.substr(0, size));
        if (place.has_error()) return {true, 0, 0};
        if (place.value()) return {false, place.value()->begin, place.value()->end};
    }
    return {};
}

void check_head(const ParsedHead& head) {
    CHECK(head.fields.size() <= kFieldsMax);
    CHECK(!head.method.empty() && !head.target.empty() && head.target.size() <= kTargetMax);
    int lengths = 0;
    int codings = 0;
    for (const auto& field : head.fields) {
        CHECK(!field.name.empty());
        for (const char c : field.value) {
            const auto byte = static_cast<unsigned char>(c);
            CHECK(byte == '\t' || (byte >= 0x20 && byte != 0x7f));
        }
        lengths += equal_fold(field.name, "content-length") ? 1 : 0;
        codings += equal_fold(field.name, "transfer-encoding") ? 1 : 0;
    }
    CHECK(lengths + codings <= 1);
    CHECK((head.framing == Framing::length) == (lengths == 1));
    CHECK((head.framing == Framing::chunked) == (codings == 1));
}

void check(std::string_view bytes) {
    // However the bytes come, the head ends where it ends.
    const Found whole = find(bytes, bytes.size());
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
        const Found pieces = find(bytes, piece);
        CHECK(pieces == whole);
    }
    if (whole.end == 0) return;
    const auto head = parse_head(bytes.substr(whole.begin, whole.end - whole.begin));
    if (head.has_value()) check_head(head.value());
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
