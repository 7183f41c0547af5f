#include "base/check.hpp"
#include "base/id.hpp"
#include "fuzz.hpp"

#include <algorithm>
#include <string>

namespace bide {
namespace {

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return lowered;
}

void check_id(const JobId& id) {
    const auto again = parse_job_id(to_string(id));
    CHECK(again.has_value());
    CHECK(again.value() == id);
    CHECK(id.sequence() >= 0);
    CHECK(id.made_at().time_since_epoch().count() >= 0);
}

/// The 16 bytes of an id: whatever they are, it is one; those made here are of version 7.
void check_bytes(std::string_view bytes) {
    JobId id;
    if (bytes.size() < id.bytes.size()) return;
    std::copy_n(bytes.begin(), id.bytes.size(), id.bytes.begin());
    check_id(id);
    id.bytes[6] = static_cast<std::uint8_t>(0x70 | (id.bytes[6] & 0x0f));
    id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
    check_id(id);
    // Of a time that IdMaker uses, the order of ids is that of the times they were made at.
    const bool in_range = id.bytes[0] == 1 && id.bytes[1] >= 0x70;
    if (in_range) CHECK(id.sequence() >= sequence_at(id.made_at()));
    if (in_range) CHECK(id.sequence() < sequence_at(id.made_at() + std::chrono::milliseconds(1)));
}

void check_text(std::string_view text) {
    const auto parsed = parse_job_id(text);
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        return;
    }
    CHECK(to_string(parsed.value()) == lower(text));
    check_id(parsed.value());
}

}  // namespace
}  // namespace bide

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::check_text(bide::fuzz::text_of(data, size));
    bide::check_bytes(bide::fuzz::text_of(data, size));
    return 0;
}
