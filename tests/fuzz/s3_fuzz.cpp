#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/s3.hpp"
#include "wire/text.hpp"

namespace bide::wire {
namespace {

void check_answers(std::string_view input) {
    if (const auto page = read_s3_listing(input)) {
        for (const std::string& key : page.value().keys) CHECK(!key.empty());
        CHECK(!page.value().more || !page.value().keys.empty());
    }
    if (const auto id = read_s3_upload_id(input)) CHECK(!id.value().empty());
    (void)says_s3_completed(input);
    (void)read_s3_lifecycle(input).has_value();
    (void)read_s3_public_access_block(input).has_value();
}

/// The fields of an answer, "name: value" a line.
void check_headers(std::string_view input) {
    std::vector<Field> fields;
    while (!input.empty()) {
        std::string_view line = cut_at(input, '\n');
        const std::string_view name = cut_at(line, ':');
        fields.push_back({name, trim(line)});
    }
    const ObjectFacts facts = read_s3_headers(fields);
    std::vector<Field> again;
    const NameValues written = s3_headers(facts);
    for (const auto& [name, value] : written) again.push_back({name, value});
    CHECK(read_s3_headers(again).metadata == facts.metadata);
    CHECK(read_s3_headers(again).content_type == facts.content_type);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_answers(input);
    bide::wire::check_headers(input);
    return 0;
}
