#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/chunked.hpp"

#include <string>
#include <string_view>

namespace bide::wire {
namespace {

constexpr std::uint64_t kMax = 1000;

struct Decoded {
    bool failed = false;
    bool done = false;
    std::string body;
    std::size_t consumed = 0;
};

Decoded decode(std::string_view bytes, std::size_t piece, std::size_t room_size) {
    ChunkedDecoder decoder(kMax);
    Decoded decoded;
    std::string room(room_size, '\0');
    while (!decoder.done() && decoded.consumed < bytes.size()) {
        const auto step = decoder.decode(bytes.substr(decoded.consumed, piece), room);
        if (step.has_error()) {
            decoded.failed = true;
            return decoded;
        }
        CHECK(step.value().consumed > 0);
        decoded.consumed += step.value().consumed;
        decoded.body.append(room, 0, step.value().produced);
    }
    decoded.done = decoder.done();
    return decoded;
}

void check(std::string_view bytes) {
    const Decoded whole = decode(bytes, bytes.size(), kMax);
    const Decoded pieces = decode(bytes, 1, 3);
    CHECK(whole.body.size() <= kMax);
    CHECK(whole.failed == pieces.failed && whole.done == pieces.done);
    if (whole.failed) return;
    CHECK(whole.body == pieces.body && whole.consumed == pieces.consumed);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
