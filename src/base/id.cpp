#include "base/id.hpp"

#include <algorithm>
#include <bit>

namespace bide {
namespace {

constexpr std::int64_t kEpochMs = 1'577'836'800'000;  // 2020-01-01T00:00:00Z
constexpr int kCounterBits = 23;
constexpr int kCounterLowBits = 11;

/// The two hex digits of every byte.
constexpr auto kHex = [] {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> pairs{};
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {kDigits[i >> 4], kDigits[i & 15]};
    return pairs;
}();

std::uint64_t high_half(const JobId& id) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) value = value << 8 | id.bytes[i];
    return value;
}

std::uint64_t low_half(const JobId& id) {
    std::uint64_t value = 0;
    for (std::size_t i = 8; i < 16; ++i) value = value << 8 | id.bytes[i];
    return value;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// SipHash-2-4 (Aumasson, Bernstein 2012) of one 64-bit word, the key being the secret and a
/// constant: short input, secret key, output nobody can foretell.
std::uint64_t seal(std::uint64_t secret, std::uint64_t word) {
    std::uint64_t v0 = 0x736f6d6570736575 ^ secret;
    std::uint64_t v1 = 0x646f72616e646f6d ^ 0x626964652d696473;
    std::uint64_t v2 = 0x6c7967656e657261 ^ secret;
    std::uint64_t v3 = 0x7465646279746573 ^ 0x626964652d696473;
    const auto rounds = [&](int count) {
        for (; count > 0; --count) {
            v0 += v1, v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0, v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1, v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2, v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    };
    for (const std::uint64_t block : {word, std::uint64_t{8} << 56}) {
        v3 ^= block;
        rounds(2);
        v0 ^= block;
    }
    v2 ^= 0xff;
    rounds(4);
    return v0 ^ v1 ^ v2 ^ v3;
}

bool is_dash_place(std::size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

Error not_an_id() {
    return {Code::bad_request, Retry::never, "a job id is a UUID in its 36-character form"};
}

JobId sealed_id(std::int64_t sequence, std::uint64_t secret) {
    const auto made_ms = static_cast<std::uint64_t>((sequence >> kCounterBits) + kEpochMs);
    const auto counter = static_cast<std::uint64_t>(sequence) & ((1ULL << kCounterBits) - 1);
    const std::uint64_t high = made_ms << 16 | 0x7000 | counter >> kCounterLowBits;
    const std::uint64_t low = 0x8000000000000000 |
                              (counter & ((1ULL << kCounterLowBits) - 1)) << 51 |
                              seal(secret, static_cast<std::uint64_t>(sequence)) >> 13;
    JobId id;
    for (std::size_t i = 0; i < 8; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
        id.bytes[i + 8] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
    }
    return id;
}

}  // namespace

std::int64_t JobId::sequence() const {
    const std::uint64_t high = high_half(*this);
    const std::uint64_t low = low_half(*this);
    const auto ms = static_cast<std::int64_t>(high >> 16) - kEpochMs;
    const std::uint64_t counter =
        (high & 0xfff) << kCounterLowBits | ((low >> 51) & ((1U << kCounterLowBits) - 1));
    // A foreign id may name any time: keep 40 bits, so that the value stays positive.
    const std::uint64_t bounded = static_cast<std::uint64_t>(ms) & ((1ULL << 40) - 1);
    return static_cast<std::int64_t>(bounded << kCounterBits | counter);
}

Time JobId::made_at() const {
    return Time(std::chrono::milliseconds(high_half(*this) >> 16));
}

std::string to_string(const JobId& id) {
    std::string text;
    append(text, id);
    return text;
}

void append(std::string& text, const JobId& id) {
    text.append(36, '-');
    char* const to = text.data() + text.size() - 36;
    const auto put = [&id, to](std::size_t byte, std::size_t at) {
        std::memcpy(to + at, kHex[id.bytes[byte]].data(), 2);
    };
    for (std::size_t i = 0; i < 4; ++i) put(i, 2 * i);
    for (std::size_t i = 4; i < 6; ++i) put(i, 2 * i + 1);
    for (std::size_t i = 6; i < 8; ++i) put(i, 2 * i + 2);
    for (std::size_t i = 8; i < 10; ++i) put(i, 2 * i + 3);
    for (std::size_t i = 10; i < 16; ++i) put(i, 2 * i + 4);
}

Result<JobId> parse_job_id(std::string_view text) {
    if (text.size() != 36) return not_an_id();
    JobId id;
    std::size_t byte = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (is_dash_place(i)) {
            if (text[i] != '-') return not_an_id();
            ++i;
            continue;
        }
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return not_an_id();
        id.bytes[byte++] = static_cast<std::uint8_t>(high << 4 | low);
        i += 2;
    }
    return id;
}

std::int64_t sequence_at(Time time) {
    using std::chrono::milliseconds;
    const auto ms = std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
    return std::max(ms - kEpochMs, std::int64_t{0}) << kCounterBits;
}

JobId IdMaker::make(Time now) {
    last_ = std::max(last_ + 1, sequence_at(now));
    return sealed_id(last_, secret_);
}

bool IdMaker::made(const JobId& id, std::uint64_t secret) {
    return sealed_id(id.sequence(), secret) == id;
}

}  // namespace bide
