#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/resp.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::wire {
namespace {

constexpr std::size_t kMax = 2000;

struct Decoded {
    std::vector<RespValue> values;
    bool failed = false;
};

/// What it takes, and that it is well-formed.
std::size_t size_of(const RespValue& value, int depth) {
    CHECK(depth <= 9);
    using Kind = RespValue::Kind;
    CHECK(value.kind == Kind::array || value.items.empty());
    CHECK(value.kind == Kind::integer || value.integer == 0);
    std::size_t size = sizeof(RespValue) + value.text.size();
    for (const auto& item : value.items) size += size_of(item, depth + 1);
    return size;
}

Decoded decode(std::string_view bytes, std::size_t piece) {
    RespDecoder decoder(kMax);
    Decoded decoded;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        decoder.feed(bytes.substr(0, piece));
        for (;;) {
            auto next = decoder.next();
            decoded.failed = next.has_error();
            if (decoded.failed) return decoded;
            if (!next.value()) break;
            CHECK(size_of(*next.value(), 1) <= kMax);
            decoded.values.push_back(std::move(*next.value()));
        }
    }
    return decoded;
}

bool same(const RespValue& one, const RespValue& other) {
    if (one.kind != other.kind || one.integer != other.integer || one.text != other.text ||
        one.items.size() != other.items.size())
        return false;
    for (std::size_t i = 0; i < one.items.size(); ++i) {
        if (!same(one.items[i], other.items[i])) return false;
    }
    return true;
}

/// What is sent is read back as an array of the same strings.
void check_command(std::string_view input) {
    std::vector<std::string> args{""};
    for (const char c : input) {
        if (c == ' ')
            args.emplace_back();
        else
            args.back() += c;
    }
    std::string bytes;
    append_resp_command(bytes, args);
    RespDecoder decoder(bytes.size() + (args.size() + 1) * sizeof(RespValue));
    decoder.feed(bytes);
    const auto back = decoder.next();
    CHECK(back.has_value() && back.value());
    CHECK(back.value()->items.size() == args.size());
    for (std::size_t i = 0; i < args.size(); ++i) CHECK(back.value()->items[i].text == args[i]);
}

void check(std::string_view bytes) {
    const Decoded whole = decode(bytes, bytes.size());
    const Decoded pieces = decode(bytes, 1);
    // In pieces a value may be told to be too large before all of it is there.
    CHECK(whole.values.size() >= pieces.values.size());
    CHECK(pieces.failed || !whole.failed);
    for (std::size_t i = 0; i < pieces.values.size(); ++i)
        CHECK(same(whole.values[i], pieces.values[i]));
    check_command(bytes);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
