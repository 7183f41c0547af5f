#include "wire/envelope.hpp"

#include "base/check.hpp"
#include "wire/base64.hpp"
#include "wire/fact_words.hpp"
#include "wire/json_members.hpp"
#include "wire/json_text.hpp"
#include "wire/line_body.hpp"
#include "wire/message.hpp"
#include "wire/utf8.hpp"

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <chrono>
#include <limits>

namespace bide::wire {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kStart = R"({"bide":)";

Error malformed(std::string what) {
    return {Code::bad_request, Retry::never, "an envelope whose " + std::move(what)};
}

// U+FFFE and U+FFFF are UTF-8, but no XML and so nothing that SQS takes.
constexpr std::string_view kNoncharacters = "\xef\xbf";
bool is_noncharacter(std::string_view text, std::size_t at) {
    return text[at + 2] == '\xbe' || text[at + 2] == '\xbf';
}

/// A JSON string of well-formed UTF-8 that is XML, too.
void append_text(std::string& out, std::string_view text) {
    const std::size_t begin = out.size();
    append_json_string(out, text);
    for (auto at = out.find(kNoncharacters, begin); at != out.npos;) {
        if (is_noncharacter(out, at))
            out.replace(at, 3, out[at + 2] == '\xbe' ? R"(\ufffe)" : R"(\uffff)");
        at = out.find(kNoncharacters, at + 3);
    }
}

/// The size of what append_text() appends.
std::size_t text_bytes(std::string_view text) {
    std::size_t bytes = text.size() + 2;
    for (const char c : text) {
        if (c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t')
            bytes += 1;
        else if (static_cast<unsigned char>(c) < ' ')
            bytes += 5;
    }
    for (auto at = text.find(kNoncharacters); at != text.npos;
         at = text.find(kNoncharacters, at + 3))
        bytes += is_noncharacter(text, at) ? 3 : 0;
    return bytes;
}

constexpr std::size_t base64_bytes(std::size_t size) {
    return (size + 2) / 3 * 4 + 2;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
    if (text.empty()) return;
    out.append(",\"").append(name).append("\":");
    if (is_utf8(text) && !has_control(text)) return append_text(out, text);
    std::string clean = to_printable(text);
    std::ranges::replace_if(
        clean, [](char c) { return c == '\n' || c == '\t'; }, ' '
    );
    append_text(out, clean);
}

void append_member(std::string& out, std::string_view name, std::int64_t number) {
    out.append(",\"").append(name).append("\":").append(std::to_string(number));
}

void append_body(std::string& out, std::string_view body) {
    const bool text = is_utf8(body) && text_bytes(body) <= base64_bytes(body.size());
    if (text) {
        out += R"(,"body":)";
        append_text(out, body);
        return;
    }
    out += R"(,"body64":")";
    append_base64(out, body);
    out += '"';
}

void append_times(std::string& out, const Envelope& envelope) {
    const auto count = [](auto time) { return time.time_since_epoch().count(); };
    append_member(out, "created", count(std::chrono::floor<milliseconds>(envelope.job.created)));
    if (envelope.not_before > Time())
        append_member(
            out, "not_before", count(std::chrono::ceil<milliseconds>(envelope.not_before))
        );
    if (envelope.start_by <= kTimeMax)
        append_member(out, "start_by", count(std::chrono::floor<milliseconds>(envelope.start_by)));
}

Result<void> take_time(const json::object& members, std::string_view name, Time& to) {
    constexpr IntegerRange kRange{
        0, std::chrono::floor<milliseconds>(kTimeMax).time_since_epoch().count()};
    std::int64_t ms = -1;
    BIDE_TRY(take_integer(members, name, kRange, ms));
    if (ms >= 0) to = Time(milliseconds(ms));
    return success();
}

/// A text that may go into header lines and environments.
Result<void> take_line(const json::object& members, std::string_view name, std::string& to) {
    BIDE_TRY(take_text(members, name, to));
    if (has_control(to)) return malformed("\"" + std::string(name) + "\" has control characters");
    return success();
}

Result<void> take_body(const json::object& members, Envelope& envelope) {
    const bool text = find_member(members, "body") != nullptr;
    const bool base64 = find_member(members, "body64") != nullptr;
    const bool claim = find_member(members, "body_bytes") != nullptr;
    if (text + base64 + claim > 1) return malformed("body is there more than once");
    if (base64) {
        std::string encoded;
        BIDE_TRY(take_text(members, "body64", encoded));
        auto bytes = decode_base64(encoded);
        if (!bytes) return malformed("\"body64\" is not base64");
        envelope.job.body.bytes = std::move(*bytes);
    }
    if (claim) {
        std::int64_t bytes = 0;
        BIDE_TRY(take_integer(
            members, "body_bytes", {0, std::numeric_limits<std::int64_t>::max()}, bytes
        ));
        std::string at;
        BIDE_TRY(take_text(members, "at", at));
        if (at != "s3") return malformed("body is at no place known here");
        envelope.claimed_bytes = static_cast<std::uint64_t>(bytes);
    }
    return take_text(members, "body", envelope.job.body.bytes);
}

Result<void> take_identity(const json::object& members, Envelope& envelope) {
    std::string text;
    BIDE_TRY(take_text(members, "id", text));
    auto id = parse_job_id(text);
    if (!id) return malformed("\"id\" is not a UUID");
    envelope.job.id = id.value();
    BIDE_TRY(take_line(members, "queue", envelope.queue));
    if (envelope.queue.empty()) return malformed("\"queue\" is not there");
    text.clear();
    BIDE_TRY(take_text(members, "fingerprint", text));
    if (text.empty()) return success();
    const auto fingerprint = parse_fingerprint(text);
    if (!fingerprint) return malformed("\"fingerprint\" is not 32 hexadecimal digits");
    envelope.job.fingerprint = *fingerprint;
    return success();
}

Result<Envelope> read_envelope(const json::object& members) {
    Envelope envelope;
    BIDE_TRY(take_identity(members, envelope));
    BIDE_TRY(take_line(members, "content_type", envelope.job.content_type));
    BIDE_TRY(take_line(members, "traceparent", envelope.job.traceparent));
    BIDE_TRY(take_line(members, "tenant", envelope.job.tenant));
    BIDE_TRY(take_line(members, "reply", envelope.reply));
    BIDE_TRY(take_flag(members, "promised", envelope.promised));
    BIDE_TRY(take_flag(members, "may_freeze", envelope.may_freeze));
    std::int64_t priority = core::kPriorityDefault;
    BIDE_TRY(take_integer(members, "priority", {0, core::kPriorities - 1}, priority));
    envelope.job.priority = static_cast<std::uint8_t>(priority);
    BIDE_TRY(take_time(members, "created", envelope.job.created));
    BIDE_TRY(take_time(members, "not_before", envelope.not_before));
    BIDE_TRY(take_time(members, "start_by", envelope.start_by));
    BIDE_TRY(take_body(members, envelope));
    return envelope;
}

}  // namespace

std::size_t inline_bytes(std::string_view body) {
    const std::size_t encoded = base64_bytes(body.size());
    return is_utf8(body) ? std::min(text_bytes(body), encoded) : encoded;
}

Result<std::string> encode_envelope(const Envelope& envelope) {
    const core::JobInput& job = envelope.job;
    CHECK(!envelope.queue.empty());
    CHECK(!job.body.file);
    std::string out;
    out.reserve(512 + inline_bytes(job.body.bytes));
    out.append(kStart).append(std::to_string(kVersion));
    append_member(out, "id", to_string(job.id));
    append_member(out, "queue", envelope.queue);
    append_times(out, envelope);
    append_member(out, "content_type", job.content_type);
    append_member(out, "tenant", job.tenant);
    append_member(out, "traceparent", job.traceparent);
    append_member(out, "reply", envelope.reply);
    if (job.fingerprint != core::Fingerprint{})
        append_member(out, "fingerprint", to_hex(job.fingerprint));
    if (job.priority != core::kPriorityDefault) append_member(out, "priority", job.priority);
    if (envelope.promised) out += R"(,"promised":true)";
    if (envelope.may_freeze) out += R"(,"may_freeze":true)";
    if (envelope.claimed_bytes) {
        append_member(out, "body_bytes", static_cast<std::int64_t>(*envelope.claimed_bytes));
        append_member(out, "at", "s3");
    } else if (!job.body.bytes.empty()) {
        append_body(out, job.body.bytes);
    }
    out += '}';
    if (out.size() > kEnvelopeBytesMax) {
        return Error{
            Code::too_large,
            Retry::never,
            "the job takes more than a message of SQS holds, " + std::to_string(kEnvelopeBytesMax) +
                " bytes"};
    }
    return out;
}

Result<std::optional<Envelope>> decode_envelope(std::string_view text) {
    if (text.find(R"("bide")") == text.npos) return std::optional<Envelope>();
    unsigned char memory[4096];
    json::monotonic_resource resource(memory, sizeof memory);
    json::error_code failed;
    const json::value document = json::parse(text, failed, &resource);
    // Cut short, it would be a job of its own.
    if (failed && text.starts_with(kStart)) return malformed("JSON is broken: " + failed.message());
    const json::object* members = failed ? nullptr : document.if_object();
    const json::value* version = members ? members->if_contains("bide") : nullptr;
    if (!version || !version->is_number()) return std::optional<Envelope>();
    const std::int64_t* number = version->if_int64();
    if (!number || *number != kVersion) return malformed("version is not known here");
    BIDE_TRY(auto envelope, read_envelope(*members));
    return std::optional(std::move(envelope));
}

}  // namespace bide::wire
