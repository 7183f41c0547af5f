#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/prefer.hpp"

#include <string>

namespace bide::wire {
namespace {

std::string_view name_of(AtLimit at_limit) {
    switch (at_limit) {
        case AtLimit::accepted: return "accepted";
        case AtLimit::redirect: return "redirect";
        case AtLimit::timeout: return "timeout";
    }
    UNREACHABLE("at-limit");
}

std::string write(const Preferences& preferences) {
    std::string text;
    if (preferences.wait_s) text += "wait=" + std::to_string(*preferences.wait_s) + ", ";
    if (preferences.respond_async) text += "respond-async, ";
    if (preferences.at_limit) text += "at-limit=" + std::string(name_of(*preferences.at_limit));
    return text;
}

void check_same(const Preferences& a, const Preferences& b) {
    CHECK(a.wait_s == b.wait_s);
    CHECK(a.respond_async == b.respond_async);
    CHECK(a.at_limit == b.at_limit);
}

void check(std::string_view text) {
    const auto parsed = parse_prefer(text);
    // What stands in front decides; the rest is read as before, errors included.
    const auto prefixed = parse_prefer("wait=5, x=\"a,\\\"b\"; c, " + std::string(text));
    CHECK(parsed.has_error() == prefixed.has_error());
    if (parsed.has_error()) {
        CHECK(parsed.error().code == Code::bad_request);
        CHECK(!parsed.error().detail.empty());
        CHECK(parsed.error().detail == prefixed.error().detail);
        return;
    }
    Preferences preferences = parsed.value();
    CHECK(preferences.wait_s.value_or(0) >= 0);
    const auto again = parse_prefer(write(preferences));
    CHECK(again.has_value());
    check_same(again.value(), preferences);
    preferences.wait_s = 5;
    check_same(prefixed.value(), preferences);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
