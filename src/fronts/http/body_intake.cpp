#include "fronts/http/body_intake.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace bide::fronts::http {

using runtime::BodyWriter;

BodyIntake::BodyIntake(Shard& shard, std::size_t memory)
    : all_(shard.body_memory()),
      memory_(memory > kUncounted ? all_.take(memory) : BodyMemory::Share()),
      provided_(std::max(memory, kUncounted)),
      writer_(
          shard.parts().spool,
          shard.parts().contract.rules().body_bytes_max,
          memory_ || memory <= kUncounted ? BodyWriter::Place::memory_first
                                          : BodyWriter::Place::disk
      ) {}

void BodyIntake::provide(std::size_t size) {
    if (size <= provided_ || writer_.needs_disk(0)) return;
    const std::size_t wanted = std::max(size, 2 * provided_);
    BodyMemory::Share more = all_.take(wanted);
    if (!more) return writer_.go_to_disk();
    memory_ = std::move(more);
    provided_ = wanted;
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
