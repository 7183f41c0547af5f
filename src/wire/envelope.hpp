#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/job.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// What SQS takes as one message, and in one call.
constexpr std::size_t kEnvelopeBytesMax = 1U << 20;

/// A job as the body of an SQS message has it. Queues have names here: their numbers are each
/// process's own.
struct Envelope {
    std::string queue;
    /// All but `sequence` and `queue`, which stay behind. `created` comes back to the millisecond;
    /// texts that are not UTF-8, and control characters in them, come back made printable. The body
    /// is in memory, or empty when `claimed_bytes` is set.
    core::JobInput job;
    Time not_before{};       ///< start no sooner; comes back to the millisecond, rounded up
    Time start_by = kNever;  ///< expire if not started by then; rounded down
    std::string reply;       ///< channel that waits for the result; empty: nobody
    bool promised = false;   ///< somebody holds the job's id, and may ask for it anywhere
    /// The front may be frozen when the result comes, and tell nobody who asks elsewhere.
    bool may_freeze = false;
    /// Set: the body is an object of so many bytes (a claim check), not in the message.
    std::optional<std::uint64_t> claimed_bytes;
};

/// The bytes that a body takes in an envelope, quoted or in base64, whichever is shorter.
std::size_t inline_bytes(std::string_view body);

/// A JSON object that starts with {"bide":1 and has only characters that SQS takes, whatever the
/// bytes of the job are. Fails with too_large past kEnvelopeBytesMax.
Result<std::string> encode_envelope(const Envelope& envelope);

/// Empty: the text is a foreign producer's, a job by itself. An error: it claims to be an envelope
/// (the member "bide" is a number) and is broken or of another version.
Result<std::optional<Envelope>> decode_envelope(std::string_view text);

}  // namespace bide::wire
