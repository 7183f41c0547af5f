#include "base/check.hpp"
#include "fuzz.hpp"
#include "runtime/http_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace bide::runtime {
namespace {

namespace bhttp = boost::beast::http;

constexpr std::uint32_t kHeadMax = 4096;
constexpr std::uint64_t kBodyMax = 16384;

struct Seen {
    bool done = false;
    bool refused = false;
    std::uint16_t status = 0;
    std::string body;
};

/// As the client does it: what the parser leaves is offered again with what comes next.
Seen parse(std::string_view input, std::size_t piece) {
    HttpResponseParser parser(kHeadMax, kBodyMax);
    Seen seen;
    std::string buffer;
    while (!input.empty() && !parser.is_done()) {
        const std::size_t size = std::min(piece, input.size());
        buffer += input.substr(0, size);
        input.remove_prefix(size);
        boost::beast::error_code error;
        while (!buffer.empty() && !parser.is_done() && !error)
            buffer.erase(0, parser.put(boost::asio::buffer(buffer), error));
        CHECK(parser.body.size() <= kBodyMax);
        if (error && error != bhttp::error::need_more) {
            seen.refused = true;
            break;
        }
    }
    seen.done = parser.is_done();
    seen.status = parser.status;
    seen.body = parser.body;
    return seen;
}

void check(std::string_view input) {
    const std::size_t piece = 1 + fuzz::take_byte(input) % 64;
    const Seen whole = parse(input, input.size() + 1);
    const Seen pieces = parse(input, piece);
    if (!whole.done || !pieces.done) return;
    // Where it ends and what it says does not depend on how it arrives.
    CHECK(whole.status == pieces.status);
    CHECK(whole.body == pieces.body);
    CHECK(whole.status >= 100);
    CHECK(whole.status <= 599);
}

}  // namespace
}  // namespace bide::runtime

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::runtime::check(bide::fuzz::text_of(data, size));
    return 0;
}
