#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/http2_guard.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace bide::wire {
namespace {

struct Seen {
    std::string handed_on;
    Http2Guard::Fault fault = Http2Guard::Fault::none;
};

Seen see(std::string_view bytes, std::size_t at_once) {
    Seen seen;
    Http2Guard guard;
    guard.closed(1);
    guard.closed(5);
    const Time now{std::chrono::seconds(1000)};
    while (!bytes.empty()) {
        std::string_view some = bytes.substr(0, at_once);
        bytes.remove_prefix(some.size());
        while (!some.empty()) {
            const std::size_t before = some.size();
            const auto piece = guard.next(some, now);
            CHECK(some.size() < before);
            if (piece.fault != Http2Guard::Fault::none) {
                seen.fault = piece.fault;
                return seen;
            }
            seen.handed_on += piece.bytes;
        }
    }
    return seen;
}

/// However the bytes come, they are judged alike, and none is lost or changed.
void check(std::string_view bytes) {
    const Seen whole = see(bytes, bytes.size());
    CHECK(bytes.starts_with(whole.handed_on));
    for (const std::size_t at_once : {std::size_t{1}, std::size_t{11}}) {
        const Seen pieces = see(bytes, at_once);
        CHECK(pieces.fault == whole.fault);
        CHECK(bytes.starts_with(pieces.handed_on));
    }
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
