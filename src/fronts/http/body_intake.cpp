#include "fronts/http/body_intake.hpp"

#include <algorithm>
#include <string>

namespace bide::fronts::http {

using runtime::BodyWriter;

BodyIntake::BodyIntake(Shard& shard, std::size_t memory)
    : memory_(shard.body_memory().take(memory)),
      writer_(
          shard.parts().spool,
          shard.parts().contract.rules().body_bytes_max,
          memory_ ? BodyWriter::Place::memory_first : BodyWriter::Place::disk
      ) {}

Time body_deadline(const Options& options, Time began, Time now, std::uint64_t received) {
    const auto earned = std::chrono::microseconds(
        received * 1'000'000 / std::max<std::uint64_t>(options.body_pace_min, 1)
    );
    const Duration pause = options.body_pause_max;
    return std::min(now + pause, began + pause + earned);
}

Error body_too_large(std::uint64_t most) {
    return {
        Code::too_large,
        Retry::never,
        "the body is larger than the limit of " + std::to_string(most) + " bytes"};
}

Error body_too_late() {
    return {Code::request_timeout, Retry::safe, "the request did not come in time"};
}

}  // namespace bide::fronts::http
