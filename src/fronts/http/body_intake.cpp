#include "fronts/http/body_intake.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace bide::fronts::http {

using runtime::BodyWriter;

BodyIntake::BodyIntake(Shard& shard, std::size_t memory)
    : memory_for_all_(shard.body_memory()),
      descriptors_for_all_(shard.descriptors()),
      memory_(memory > kUncounted ? memory_for_all_.take(memory) : Budget::Share()),
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
    Budget::Share more = memory_for_all_.take(wanted);
    if (!more) return writer_.go_to_disk();
    memory_ = std::move(more);
    provided_ = wanted;
}

Result<void> BodyIntake::append(std::string_view bytes) {
    if (writer_.needs_disk(bytes.size()) && !descriptor_) {
        descriptor_ = descriptors_for_all_.take(1);
        if (!descriptor_)
            return Error{
                Code::overloaded,
                Retry::safe,
                "the server has as many files open as it may, and this body needs one",
                1};
    }
    return writer_.append(bytes);
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
