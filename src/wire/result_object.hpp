#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/job.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::wire {

/// User-defined metadata of an object in S3: names in lower case, without "x-amz-meta-".
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// S3's limit on the names and values of an object's metadata together.
constexpr std::size_t kMetadataBytesMax = 2048;

/// Of an object, all but its body.
struct ObjectFacts {
    std::string content_type;
    Metadata metadata;
};

/// How a job ended, as an object of the store has it: the object's body is the result's, so that
/// any program can read it.
struct ResultObject {
    std::string queue;
    core::Outcome outcome;  ///< its `queue` stays behind; its body is the object's
    core::Fingerprint fingerprint{};
    std::uint8_t priority = core::kPriorityDefault;
};

/// The metadata never goes over kMetadataBytesMax: a long detail is cut, at the end.
ObjectFacts describe_result(
    std::string_view queue,
    const core::Outcome& outcome,
    const core::Fingerprint& fingerprint,
    std::uint8_t priority
);

/// Without the body. An error when the object is not one of ours, or of another version.
Result<ResultObject> read_result(const ObjectFacts& facts);

/// That a job of this id was accepted: an object without a body.
struct Claim {
    std::string queue;
    core::Fingerprint fingerprint{};
    std::string tenant;
    Time created{};
    Time not_before{};
    Time start_by = kNever;
    std::uint8_t priority = core::kPriorityDefault;
};

Metadata describe_claim(const Claim& claim);
Result<Claim> read_claim(const Metadata& metadata);

}  // namespace bide::wire
