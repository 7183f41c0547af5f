#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/json_value.hpp"
#include "wire/notice.hpp"

namespace bide::wire {
namespace {

void check_outcome(const core::Outcome& a, const core::Outcome& b) {
    CHECK(a.state == b.state);
    CHECK(a.kind == b.kind);
    CHECK(a.status == b.status);
    CHECK(a.content_type == b.content_type);
    CHECK(a.body.bytes == b.body.bytes);
    CHECK(a.detail == b.detail);
    CHECK(a.attempts == b.attempts);
    CHECK(a.tenant == b.tenant);
    CHECK(a.created == b.created);
    CHECK(a.started == b.started);
    CHECK(a.finished == b.finished);
}

void check_news(const Notice::News& a, const Notice::News& b) {
    CHECK(a.what == b.what);
    CHECK(a.attempt == b.attempt);
    CHECK(a.attempts_max == b.attempts_max);
    CHECK(a.started == b.started);
    CHECK(a.not_before == b.not_before);
    CHECK(a.progress == b.progress);
    CHECK(a.progress.empty() || is_json_value(a.progress));
}

/// What is understood is written again and understood the same.
void check_decode(std::string_view input) {
    const auto decoded = decode_notice(input);
    if (decoded.has_error()) {
        CHECK(decoded.error().code == Code::bad_request);
        CHECK(!decoded.error().detail.empty());
        return;
    }
    const Notice& notice = decoded.value();
    CHECK((notice.kind == Notice::Kind::result) == (notice.outcome != nullptr));
    if (notice.outcome) CHECK(core::is_final(notice.outcome->state));
    const auto again = decode_notice(encode_notice(notice));
    CHECK(again.has_value());
    CHECK(again.value().kind == notice.kind);
    CHECK(again.value().id == notice.id);
    CHECK(again.value().queue == notice.queue);
    if (notice.outcome) check_outcome(*again.value().outcome, *notice.outcome);
    check_news(again.value().news, notice.news);
}

/// Any body passes, and any texts do no harm.
void check_encode(std::string_view input) {
    auto outcome = std::make_shared<core::Outcome>();
    outcome->state = core::JobState::succeeded;
    outcome->content_type = input.substr(0, input.size() / 2);
    outcome->detail = input.substr(input.size() / 2);
    outcome->body.bytes = input;
    Notice notice;
    notice.kind = Notice::Kind::result;
    notice.queue = input;
    notice.outcome = outcome;
    const auto decoded = decode_notice(encode_notice(notice));
    CHECK(decoded.has_value());
    CHECK(decoded.value().outcome->body.bytes == input);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_decode(input);
    bide::wire::check_encode(input);
    return 0;
}
