#pragma once

#include "base/body.hpp"
#include "base/result.hpp"
#include "fronts/http/shard.hpp"
#include "runtime/spool.hpp"
#include "wire/sha256.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace bide::fronts::http {

/// A piece of a large body on its way between client and disk.
constexpr std::size_t kBodyPiece = 256 * 1024;

/// So much of a body takes no more memory than what else there is for its request: it is not
/// counted.
constexpr std::size_t kUncounted = 1024;

/// A body on its way in, whatever brings it: in memory up to the spool's threshold and then in a
/// file; or in a file when bodies on their way in have too much memory already.
class BodyIntake {
  public:
    /// `memory` is what it may come to take up; kUncounted: that is seen as it comes.
    BodyIntake(Shard& shard, std::size_t memory);

    bool has_memory() const { return static_cast<bool>(memory_); }
    /// Before it gets more than it had: it is to have `size` bytes in all.
    void provide(std::size_t size);
    // As BodyWriter's. append() fails with overloaded when too many files are open already.
    bool needs_disk(std::size_t more) const { return writer_.needs_disk(more); }
    Result<void> append(std::string_view bytes);
    Result<Body> finish() { return writer_.finish(); }

  private:
    Budget& memory_for_all_;
    Budget& descriptors_for_all_;
    Budget::Share memory_;
    Budget::Share descriptor_;  ///< once it needs the disk
    std::size_t provided_;
    runtime::BodyWriter writer_;
};

/// When a body's next bytes are late. A pause may be as long as body_pause_max; and a body that has
/// come for that long must have had the least pace, so that a client cannot hold a connection and a
/// file by a byte now and then.
inline Time body_deadline(const Options& options, Time began, Time now, std::uint64_t received) {
    const auto earned = std::chrono::microseconds(
        received * 1'000'000 / std::max<std::uint64_t>(options.body_pace_min, 1)
    );
    const Duration pause = options.body_pause_max;
    return std::min(now + pause, began + pause + earned);
}

Error body_too_large(std::uint64_t most);
Error body_too_late();

}  // namespace bide::fronts::http
