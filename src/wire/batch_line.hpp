#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "core/job.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// One item of a batch.
struct BatchItem {
    std::string queue;  ///< empty: not said
    std::string content_type;
    std::string body;
    std::uint8_t priority = core::kPriorityDefault;
    Duration delay{};
};

struct BatchLine {
    std::string ref;  ///< also of an item that is refused
    Result<BatchItem> item;
};

/// Reads {"body": text | "body_base64" | "body_json": any, "content_type"?, "queue"?, "priority"?,
/// "delay"?, "ref"?}. Unknown members are refused: a mistyped "priorty" would go unnoticed.
BatchLine parse_batch_line(std::string_view line);

}  // namespace bide::wire
