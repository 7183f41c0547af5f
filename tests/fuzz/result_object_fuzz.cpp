#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/result_object.hpp"
#include "wire/text.hpp"

#include <algorithm>

namespace bide::wire {
namespace {

void check_metadata(const Metadata& metadata) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : metadata) {
        bytes += name.size() + value.size();
        CHECK(!value.empty());
        CHECK(value.front() != ' ');
        CHECK(value.back() != ' ');
        CHECK(std::ranges::all_of(value, [](char c) { return c >= ' ' && c <= '~'; }));
    }
    CHECK(bytes <= kMetadataBytesMax);
}

/// The metadata of an object, "name: value" a line; what is understood fits when written again.
void check_read(std::string_view input) {
    ObjectFacts facts;
    facts.content_type = cut_at(input, '\n');
    while (!input.empty()) {
        std::string_view line = cut_at(input, '\n');
        const std::string_view name = cut_at(line, ':');
        facts.metadata.emplace_back(name, trim(line));
    }
    if (const auto claim = read_claim(facts.metadata)) {
        CHECK(claim.value().priority < core::kPriorities);
        check_metadata(describe_claim(claim.value()));
    }
    const auto object = read_result(facts);
    if (object.has_error()) {
        CHECK(object.error().code == Code::store_failed);
        return;
    }
    const auto& [queue, outcome, fingerprint, priority] = object.value();
    CHECK(core::is_final(outcome.state));
    const ObjectFacts written = describe_result(queue, outcome, fingerprint, priority);
    check_metadata(written.metadata);
    const auto again = read_result(written);
    CHECK(again.has_value());
    CHECK(again.value().outcome.status == outcome.status);
    CHECK(again.value().outcome.finished == outcome.finished);
    CHECK(outcome.detail.starts_with(again.value().outcome.detail));
}

void check_describe(std::string_view input) {
    core::Outcome outcome;
    outcome.content_type = input.substr(0, input.size() / 3);
    outcome.tenant = input.substr(input.size() / 3);
    outcome.detail = input;
    const ObjectFacts facts = describe_result("speak", outcome, {}, 0);
    check_metadata(facts.metadata);
    const auto object = read_result(facts);
    CHECK(object.has_value());
    const std::string& detail = object.value().outcome.detail;
    CHECK(input.starts_with(detail));
    CHECK(detail.size() == input.size() || detail.size() > 300);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_read(input);
    bide::wire::check_describe(input);
    return 0;
}
