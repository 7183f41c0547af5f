#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/http2_head.hpp"

#include <string_view>

namespace bide::wire {
namespace {

constexpr std::size_t kSizeMax = 4096;

void check_head(const ParsedHead& head) {
    CHECK(!head.method.empty());
    CHECK(!head.target.empty());
    CHECK(head.target.size() <= kTargetMax);
    CHECK(head.framing != Framing::chunked);
    int hosts = 0;
    int lengths = 0;
    for (const auto& field : head.fields) {
        CHECK(!field.name.empty());
        for (const char c : field.name) CHECK(c != ':' && c != '\r' && c != '\n' && c != ' ');
        for (const char c : field.value) {
            const auto byte = static_cast<unsigned char>(c);
            CHECK(byte == '\t' || (byte >= 0x20 && byte != 0x7f));
        }
        hosts += equal_fold(field.name, "host") ? 1 : 0;
        lengths += equal_fold(field.name, "content-length") ? 1 : 0;
    }
    CHECK(hosts == 1);
    CHECK(lengths == (head.framing == Framing::length ? 1 : 0));
}

/// The input is a list of fields: the size of a name, the name, the size of a value, the value.
void check(std::string_view input) {
    const auto take = [&input] {
        const std::size_t size = fuzz::take_byte(input);
        const std::string_view text = input.substr(0, size);
        input.remove_prefix(text.size());
        return text;
    };
    Http2Head head(kSizeMax);
    std::size_t regular = 0;
    while (!input.empty()) {
        const std::string_view name = take();
        const std::string_view value = take();
        head.add(name, value);
        regular += name.starts_with(':') || equal_fold(name, "host") ? 0 : 1;
    }
    const auto parsed = head.parse();
    if (parsed.has_error()) return;
    check_head(parsed.value());
    // No field is lost, and none is made of another.
    CHECK(parsed.value().fields.size() == regular + 1);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
