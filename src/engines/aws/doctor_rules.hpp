#pragma once

#include "base/time.hpp"
#include "core/rules.hpp"
#include "wire/s3.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What `bide doctor` thinks of what it found: no I/O (doctor.hpp has that).
namespace bide::engines::aws {

struct Finding {
    enum class Grade : std::uint8_t {
        ok,
        skipped,  ///< could not be looked at, and need not be
        warn,     ///< works, but not as it should
        fail,     ///< jobs are lost, refused or never answered
    };
    Grade grade = Grade::ok;
    std::string about;  ///< "queue speak"
    std::string found;  ///< for a person
    std::string mend;   ///< what to do; empty: nothing
};
using Findings = std::vector<Finding>;

/// A queue's attributes, by the names that SQS has for them.
using QueueAttributes = std::map<std::string, std::string, std::less<>>;

/// What the configuration wants of a queue.
struct QueueNeeds {
    std::string name;
    bool dead_letters = false;  ///< somebody looks into its dead-letter queue
    bool batches = false;  ///< the queue of batches: fronts do its jobs, however long they take
    core::QueueRules rules;
    Duration lease{};
    Duration max_wait{};
    std::size_t inline_bytes_max = 0;
};

/// FIFO, visibility, retention, size, delay, and how often a message is given out.
Findings judge_queue(const QueueNeeds& needs, const QueueAttributes& queue);

/// Whether the configured dead-letter queue is the one that SQS fills, and keeps long enough.
Findings judge_dead_letters(
    const QueueNeeds& needs, const QueueAttributes& queue, const QueueAttributes& dead
);

/// `ahead`: what the services' clock is ahead of ours.
Finding judge_clock(Duration ahead);

/// Where a service is; `url`: as configured, or empty for its usual address.
Finding judge_address(std::string about, std::string_view url);

/// How long objects have to be there, in days.
struct ObjectNeeds {
    std::uint32_t results = 1;                   ///< the longest retention
    std::uint32_t messages = 4;                  ///< the longest that a queue keeps a message
    std::optional<std::uint32_t> result_days{};  ///< as long as they are kept, if that is known
};
/// The same, rounded up.
std::uint32_t whole_days(Duration span);
/// Days until objects with this prefix go; nothing when they stay.
std::optional<std::uint32_t> days_kept(
    std::string_view prefix, const std::vector<wire::S3LifecycleRule>& rules
);
/// `prefix`: "outgoing/", "incoming/", "claims/" or "failed/".
Finding judge_lifecycle(
    std::string about,
    std::string_view prefix,
    const ObjectNeeds& needs,
    const std::vector<wire::S3LifecycleRule>& rules
);

/// `memory`: the section of Redis's INFO.
Finding judge_eviction(std::string_view memory);

}  // namespace bide::engines::aws
