#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/envelope.hpp"
#include "wire/message.hpp"
#include "wire/utf8.hpp"

namespace bide::wire {
namespace {

/// XML 1.0, as SQS wants it.
bool is_xml(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r')
            return false;
    }
    return is_utf8(text) && text.find("\xef\xbf\xbe") == text.npos &&
           text.find("\xef\xbf\xbf") == text.npos;
}

void check_same(const Envelope& a, const Envelope& b) {
    CHECK(a.queue == b.queue);
    CHECK(a.job.id == b.job.id);
    CHECK(a.job.created == b.job.created);
    CHECK(a.job.content_type == b.job.content_type);
    CHECK(a.job.traceparent == b.job.traceparent);
    CHECK(a.job.tenant == b.job.tenant);
    CHECK(a.job.priority == b.job.priority);
    CHECK(a.job.fingerprint == b.job.fingerprint);
    CHECK(a.job.body.bytes == b.job.body.bytes);
    CHECK(a.not_before == b.not_before);
    CHECK(a.start_by == b.start_by);
    CHECK(a.reply == b.reply);
    CHECK(a.promised == b.promised);
    CHECK(a.claimed_bytes == b.claimed_bytes);
}

/// What is understood is written again and understood the same.
void check_decode(std::string_view input) {
    const auto decoded = decode_envelope(input);
    if (decoded.has_error()) {
        CHECK(decoded.error().code == Code::bad_request);
        CHECK(!decoded.error().detail.empty());
        return;
    }
    if (!decoded.value()) return;
    const Envelope& envelope = *decoded.value();
    CHECK(!envelope.queue.empty());
    CHECK(!has_control(envelope.job.content_type));
    CHECK(envelope.job.priority < core::kPriorities);
    const auto encoded = encode_envelope(envelope);
    CHECK(encoded.has_value());
    CHECK(is_xml(encoded.value()));
    const auto again = decode_envelope(encoded.value());
    CHECK(again.has_value());
    CHECK(again.value().has_value());
    check_same(*again.value(), envelope);
}

/// Any body passes, and any texts do no harm.
void check_encode(std::string_view input) {
    Envelope envelope;
    envelope.queue = "speak";
    envelope.job.content_type = input.substr(0, input.size() / 2);
    envelope.job.tenant = input.substr(input.size() / 2);
    envelope.job.body.bytes = input;
    const auto encoded = encode_envelope(envelope);
    CHECK(encoded.has_value());
    CHECK(is_xml(encoded.value()));
    const auto decoded = decode_envelope(encoded.value());
    CHECK(decoded.has_value());
    CHECK(decoded.value().has_value());
    CHECK(decoded.value()->job.body.bytes == input);
    CHECK(decoded.value()->queue == "speak");
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_decode(input);
    bide::wire::check_encode(input);
    return 0;
}
