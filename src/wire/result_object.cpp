#include "wire/result_object.hpp"

#include "wire/base64.hpp"
#include "wire/exec_report.hpp"
#include "wire/fact_words.hpp"
#include "wire/message.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace bide::wire {
namespace {

constexpr std::string_view kVersion = "1";
constexpr std::string_view kUnknownType = "application/octet-stream";
// S3 counts names and values; whether with the prefix of the names, its pages do not say.
constexpr std::size_t kPrefix = std::string_view("x-amz-meta-").size();
// Content types beside Content-Type, tenants and queues: longer ones are none of ours.
constexpr std::size_t kTextMax = 255;

std::size_t size_of(const Metadata& metadata) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : metadata) bytes += kPrefix + name.size() + value.size();
    return bytes;
}

/// Whether it passes through a header field and a signature unchanged.
bool is_plain(std::string_view text) {
    const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
    return std::ranges::all_of(text, printable) && text.front() != ' ' && text.back() != ' ' &&
           text.find("  ") == text.npos;
}

/// Its beginning, and no part of a character of UTF-8 at the end.
std::string_view cut(std::string_view text, std::size_t size_max) {
    if (text.size() <= size_max) return text;
    for (std::size_t size = size_max; size + 4 > size_max; --size) {
        if ((static_cast<unsigned char>(text[size]) & 0xc0) != 0x80) return text.substr(0, size);
        if (size == 0) break;
    }
    return text.substr(0, size_max);
}

/// As `name`, or as `name`64 in base64 when it is not plain; so much of it as goes into `room`
/// bytes of metadata.
void put_text(Metadata& to, std::string_view name, std::string_view text, std::size_t room) {
    const std::size_t fixed = kPrefix + name.size() + 2;
    if (text.empty() || room <= fixed) return;
    room -= fixed;
    const std::string_view plain = cut(text, room);
    if (!plain.empty() && is_plain(plain)) {
        to.emplace_back(name, plain);
        return;
    }
    text = cut(text, room / 4 * 3);
    if (text.empty()) return;
    std::string encoded;
    append_base64(encoded, text);
    to.emplace_back(std::string(name) + "64", std::move(encoded));
}

void put_time(Metadata& to, std::string_view name, Time time) {
    if (time > Time() && time <= kTimeMax)
        to.emplace_back(name, std::to_string(time.time_since_epoch().count()));
}

void put_common(
    Metadata& to,
    const core::Fingerprint& fingerprint,
    std::string_view tenant,
    std::uint8_t priority
) {
    to.emplace_back("bide", kVersion);
    to.emplace_back("bide-priority", std::to_string(priority));
    if (fingerprint != core::Fingerprint{})
        to.emplace_back("bide-fingerprint", to_hex(fingerprint));
    put_text(to, "bide-tenant", tenant.substr(0, kTextMax), kMetadataBytesMax);
}

Error malformed(std::string_view name) {
    std::string detail = "an object whose metadata \"";
    detail.append(name).append("\" cannot be true");
    return {Code::store_failed, Retry::never, std::move(detail)};
}

const std::string* find(const Metadata& metadata, std::string_view name) {
    const auto found = std::ranges::find_if(metadata, [&](const auto& entry) {
        return equal_fold(entry.first, name);
    });
    return found == metadata.end() ? nullptr : &found->second;
}

template <class Integer>
Result<void> take_integer(
    const Metadata& from, std::string_view name, Integer min, Integer max, Integer& to
) {
    const std::string* text = find(from, name);
    if (!text) return success();
    Integer number = 0;
    const char* const last = text->data() + text->size();
    const auto [end, failed] = std::from_chars(text->data(), last, number);
    if (failed != std::errc() || end != last || number < min || number > max)
        return malformed(name);
    to = number;
    return success();
}

Result<void> take_time(const Metadata& from, std::string_view name, Time& to) {
    std::int64_t us = -1;
    BIDE_TRY(take_integer<std::int64_t>(from, name, 0, kTimeMax.time_since_epoch().count(), us));
    if (us >= 0) to = Time(Duration(us));
    return success();
}

Result<void> take_text(const Metadata& from, std::string_view name, std::string& to) {
    if (const std::string* plain = find(from, name)) {
        to = *plain;
        return success();
    }
    const std::string* encoded = find(from, std::string(name) + "64");
    if (!encoded) return success();
    auto text = decode_base64(*encoded);
    if (!text) return malformed(name);
    to = std::move(*text);
    return success();
}

struct Common {
    core::Fingerprint fingerprint{};
    std::string tenant;
    std::uint8_t priority = core::kPriorityDefault;
};

Result<Common> read_common(const Metadata& from) {
    const std::string* version = find(from, "bide");
    if (!version || *version != kVersion) return malformed("bide");
    Common common;
    if (const std::string* text = find(from, "bide-fingerprint")) {
        const auto fingerprint = parse_fingerprint(*text);
        if (!fingerprint) return malformed("bide-fingerprint");
        common.fingerprint = *fingerprint;
    }
    BIDE_TRY(take_text(from, "bide-tenant", common.tenant));
    constexpr std::uint8_t kLast = core::kPriorities - 1;
    BIDE_TRY(take_integer<std::uint8_t>(from, "bide-priority", 0, kLast, common.priority));
    return common;
}

Result<void> take_how(const Metadata& from, core::Outcome& outcome) {
    const std::string* state = find(from, "bide-state");
    const auto final = state ? parse_final_state(*state) : std::nullopt;
    if (!final) return malformed("bide-state");
    outcome.state = *final;
    if (const std::string* kind = find(from, "bide-kind")) {
        const auto known = parse_failure_kind(*kind);
        if (!known) return malformed("bide-kind");
        outcome.kind = *known;
    }
    return take_integer<std::uint16_t>(from, "bide-status", 200, 599, outcome.status);
}

}  // namespace

ObjectFacts describe_result(
    std::string_view queue,
    const core::Outcome& outcome,
    const core::Fingerprint& fingerprint,
    std::uint8_t priority
) {
    ObjectFacts facts;
    Metadata& to = facts.metadata;
    put_common(to, fingerprint, outcome.tenant, priority);
    put_text(to, "bide-queue", queue.substr(0, kTextMax), kMetadataBytesMax);
    to.emplace_back("bide-state", to_string(outcome.state));
    if (outcome.kind != core::FailureKind::none)
        to.emplace_back("bide-kind", to_string(outcome.kind));
    if (outcome.status != 0) to.emplace_back("bide-status", std::to_string(outcome.status));
    if (outcome.attempts != 0) to.emplace_back("bide-attempts", std::to_string(outcome.attempts));
    put_time(to, "bide-created", outcome.created);
    put_time(to, "bide-started", outcome.started);
    put_time(to, "bide-finished", outcome.finished);
    if (is_content_type(outcome.content_type) && is_plain(outcome.content_type)) {
        facts.content_type = outcome.content_type;
    } else {
        facts.content_type = kUnknownType;
        // Empty is a content type, too: of a result that nobody named one for.
        to.emplace_back("bide-typed", "beside");
        put_text(
            to,
            "bide-content-type",
            std::string_view(outcome.content_type).substr(0, kTextMax),
            kMetadataBytesMax
        );
    }
    put_text(to, "bide-detail", outcome.detail, kMetadataBytesMax - size_of(to));
    return facts;
}

Result<ResultObject> read_result(const ObjectFacts& facts) {
    const Metadata& from = facts.metadata;
    BIDE_TRY(auto common, read_common(from));
    ResultObject object;
    object.fingerprint = common.fingerprint;
    object.priority = common.priority;
    core::Outcome& outcome = object.outcome;
    outcome.tenant = std::move(common.tenant);
    BIDE_TRY(take_text(from, "bide-queue", object.queue));
    BIDE_TRY(take_how(from, outcome));
    constexpr auto kAttemptsMax = std::numeric_limits<std::uint32_t>::max();
    BIDE_TRY(take_integer<std::uint32_t>(from, "bide-attempts", 0, kAttemptsMax, outcome.attempts));
    BIDE_TRY(take_time(from, "bide-created", outcome.created));
    BIDE_TRY(take_time(from, "bide-started", outcome.started));
    BIDE_TRY(take_time(from, "bide-finished", outcome.finished));
    if (find(from, "bide-typed") == nullptr) outcome.content_type = facts.content_type;
    BIDE_TRY(take_text(from, "bide-content-type", outcome.content_type));
    BIDE_TRY(take_text(from, "bide-detail", outcome.detail));
    return object;
}

Metadata describe_claim(const Claim& claim) {
    Metadata to;
    put_common(to, claim.fingerprint, claim.tenant, claim.priority);
    put_text(to, "bide-queue", claim.queue.substr(0, kTextMax), kMetadataBytesMax);
    put_time(to, "bide-created", claim.created);
    put_time(to, "bide-not-before", claim.not_before);
    put_time(to, "bide-start-by", claim.start_by);
    return to;
}

Result<Claim> read_claim(const Metadata& metadata) {
    BIDE_TRY(auto common, read_common(metadata));
    Claim claim;
    claim.fingerprint = common.fingerprint;
    claim.tenant = std::move(common.tenant);
    claim.priority = common.priority;
    BIDE_TRY(take_text(metadata, "bide-queue", claim.queue));
    BIDE_TRY(take_time(metadata, "bide-created", claim.created));
    BIDE_TRY(take_time(metadata, "bide-not-before", claim.not_before));
    BIDE_TRY(take_time(metadata, "bide-start-by", claim.start_by));
    return claim;
}

}  // namespace bide::wire
