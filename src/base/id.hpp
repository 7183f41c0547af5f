#pragma once

#include "base/result.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace bide {

/// A job's id: a UUID of version 7 (RFC 9562). The store's row number is a part of it, so that
/// rows are appended in the order of creation and an id is found without an index:
///
///     bits 127-80  milliseconds since the Unix epoch      48 bits
///     bits  79-76  version, 7
///     bits  75-64  counter, upper part                     12 bits
///     bits  63-62  variant, 2
///     bits  61-51  counter, lower part                     11 bits
///     bits  50-0   random                                  51 bits
struct JobId {
    std::array<std::uint8_t, 16> bytes{};

    auto operator<=>(const JobId&) const = default;

    /// Milliseconds since 2020 (40 bits) and the counter (23 bits): positive, and growing with
    /// each id an IdMaker makes. Not unique among ids made elsewhere.
    std::int64_t sequence() const;
    /// When it was made, to the millisecond.
    Time made_at() const;
};

/// Every id made at or after `time` has a sequence() of at least this.
std::int64_t sequence_at(Time time);

/// 36 characters, lower case.
std::string to_string(const JobId& id);

/// Takes the 36-character form, either case, of a version 7 UUID.
Result<JobId> parse_job_id(std::string_view text);

/// Makes ids whose sequence() always grows, also across restarts when told the highest one used
/// before, and also when the clock goes back. Up to 8 million a millisecond. Not thread-safe.
class IdMaker {
  public:
    IdMaker(std::uint64_t seed, std::int64_t highest_sequence)
        : rng_(seed), last_(highest_sequence) {}

    JobId make(Time now);

    /// Never returns less than any id made so far.
    std::int64_t highest_sequence() const { return last_; }

  private:
    Rng rng_;
    std::int64_t last_;
};

}  // namespace bide

template <>
struct std::hash<bide::JobId> {
    std::size_t operator()(const bide::JobId& id) const noexcept {
        // The counter and the random part differ from id to id; mix them with the time part.
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, id.bytes.data(), 8);
        std::memcpy(&low, id.bytes.data() + 8, 8);
        return static_cast<std::size_t>((high ^ low) * 0x9e3779b97f4a7c15);
    }
};
