// The first byte is the limit on a line, each next one the size of a piece; all of the input is
// the stream as well, so that any cut is tried.
#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/line_buffer.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace bide::wire {
namespace {

std::vector<std::string> lines_of(std::string_view stream) {
    std::vector<std::string> lines;
    for (std::size_t end = 0; (end = stream.find('\n')) != std::string_view::npos;) {
        lines.emplace_back(stream.substr(0, end));
        stream.remove_prefix(end + 1);
    }
    return lines;
}

void check(std::string_view input) {
    std::string_view sizes = input;
    const std::size_t line_bytes_max = fuzz::take_byte(sizes);
    LineBuffer buffer(line_bytes_max);
    std::vector<std::string> seen;
    std::size_t at = 0;
    while (at < input.size()) {
        const std::size_t size = fuzz::take_byte(sizes) % 32U + 1U;
        buffer.append(input.substr(at, size));
        at = std::min(at + size, input.size());
        // A reader may stop between two lines; those it left come with the next piece.
        const std::size_t few = size % 4 == 0 ? 1 : input.size();
        std::vector<std::string_view> now;
        while (now.size() < few) {
            const auto line = buffer.next();
            if (!line) break;
            now.push_back(*line);
        }
        seen.insert(seen.end(), now.begin(), now.end());  // all are valid until the next append()
        if (now.size() == few) continue;
        const std::string_view rest =
            input.substr(0, at).substr(input.substr(0, at).rfind('\n') + 1);
        CHECK(buffer.rest() == rest);
        CHECK(buffer.overflowed() == (rest.size() > line_bytes_max));
    }
    while (const auto line = buffer.next()) seen.emplace_back(*line);
    CHECK(seen == lines_of(input));
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
