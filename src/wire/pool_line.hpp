#pragma once

#include "base/id.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bide::wire {

/// A job as one line for a process of an exec pool.
struct PoolRequest {
    JobId id;
    std::string_view queue;
    std::uint32_t attempt = 1;
    std::uint32_t attempts_max = 1;
    std::int64_t deadline_s = 0;  ///< Unix seconds; 0: none
    std::string_view content_type;
    std::string_view traceparent;  ///< empty: none
    std::string_view body;
    std::string_view body_file;  ///< path; not empty: instead of the body
};

/// Appends the JSON object and a newline. Members in this order: id, queue, attempt, attempts_max,
/// deadline, content_type, traceparent, then one of body (when the bytes are UTF-8), body_base64
/// and body_file.
void append_pool_request(std::string& out, const PoolRequest& request);

/// A process's answer to one job.
struct PoolAnswer {
    JobId id;
    std::uint16_t status = 0;  ///< 0: not said
    std::string content_type;  ///< empty: not said; application/json with body_json
    std::string body;
    std::optional<std::string> error;  ///< set: the job failed
    bool retry = true;                 ///< of an error: may it go better another time
    std::string progress;  ///< JSON; not empty: the line is no answer but says how far the job is
};

/// Reads {"id", "status"?, "content_type"?, "body" | "body_base64" | "body_json"?, "error"?,
/// "retry"?}, or {"id", "progress"} on the way; other members are ignored. body_json is passed on
/// as it is written. The error's detail says what is wrong with the line.
Result<PoolAnswer> parse_pool_answer(std::string_view line);

}  // namespace bide::wire
