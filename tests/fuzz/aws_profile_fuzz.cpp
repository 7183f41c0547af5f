#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/aws_profile.hpp"

namespace bide::wire {
namespace {

void check(std::string_view text) {
    const auto config = AwsProfiles::parse({text, {}});
    const auto credentials = AwsProfiles::parse({{}, text});
    if (config.has_error()) {
        CHECK(config.error().code == Code::bad_request);
        CHECK(config.error().detail.starts_with("the config file: line "));
    }
    // The files differ in how sections are named, and in nothing else.
    CHECK(config.has_value() == credentials.has_value());

    // What stands in front does not change what follows, unless it is cut off by it.
    const std::string prefixed = "[profile first]\nkey = value # c\n[x]\n" + std::string(text);
    const auto both = AwsProfiles::parse({prefixed, {}});
    if (both.has_value() && prefixed.find("first", 15) == std::string::npos)
        CHECK(AwsProfiles::value(both.value().profile("first"), "key") == "value");
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check(bide::fuzz::text_of(data, size));
    return 0;
}
