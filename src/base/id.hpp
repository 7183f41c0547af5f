#pragma once

#include "base/result.hpp"
#include "base/time.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

namespace bide {

/// A job's id: any UUID when the caller chose it (RFC 9562). Those made here are of version 7 and
/// have the store's row number in them, so that rows are appended in the order of creation and an
/// id is found without an index. The rest is a seal over that number, so that an id that was never
/// made here is told from one that retention removed, and cannot be guessed:
///
///     bits 127-80  milliseconds since the Unix epoch      48 bits
///     bits  79-76  version, 7
///     bits  75-64  counter, upper part                     12 bits
///     bits  63-62  variant, 2
///     bits  61-51  counter, lower part                     11 bits
///     bits  50-0   seal                                    51 bits
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
void append(std::string& text, const JobId& id);

/// Takes the 36-character form of any UUID, either case.
Result<JobId> parse_job_id(std::string_view text);

/// Makes ids whose sequence() always grows, also across restarts when told the highest one used
/// before, and also when the clock goes back. Up to 8 million a millisecond. Not thread-safe.
class IdMaker {
  public:
    /// `secret` seals the ids; keep it with the store.
    IdMaker(std::uint64_t secret, std::int64_t highest_sequence)
        : secret_(secret), last_(highest_sequence) {}

    JobId make(Time now);

    /// Whether an IdMaker with this secret made it. Any thread.
    static bool made(const JobId& id, std::uint64_t secret);

    /// Never returns less than any id made so far.
    std::int64_t highest_sequence() const { return last_; }

  private:
    std::uint64_t secret_;
    std::int64_t last_;
};

/// Callers choose ids, and could choose many that fall into one bucket of a hash table if they knew
/// how these are hashed: a server sets this to a random number before it makes its first table.
inline std::uint64_t id_hash_seed = 0;

}  // namespace bide

template <>
struct std::hash<bide::JobId> {
    std::size_t operator()(const bide::JobId& id) const noexcept {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, id.bytes.data(), 8);
        std::memcpy(&low, id.bytes.data() + 8, 8);
        // The whole product of two odd-keyed halves, folded (as wyhash does).
        __extension__ using Wide = unsigned __int128;
        const Wide product = static_cast<Wide>(high ^ bide::id_hash_seed ^ 0x9e3779b97f4a7c15) *
                             (low ^ (bide::id_hash_seed * 3) ^ 0xe7037ed1a0b428db);
        return static_cast<std::size_t>(product >> 64) ^ static_cast<std::size_t>(product);
    }
};
