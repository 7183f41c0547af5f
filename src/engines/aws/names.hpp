#pragma once

#include "base/id.hpp"
#include "core/job.hpp"
#include "wire/fact_words.hpp"

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

/// What fronts and workers call things in the store and the cache. Part of the format between
/// processes of different versions: never change a name's meaning.
namespace bide::engines::aws {

inline std::string result_key(std::string_view queue, const JobId& job) {
    return "outgoing/" + std::string(queue) + '/' + to_string(job);
}
/// A body too large for a message. It is there before it is known whose the id is: by that alone,
/// one request could get the body of another (G4).
inline std::string input_key(
    std::string_view queue, const JobId& job, const core::Fingerprint& fingerprint
) {
    std::string key = "incoming/" + std::string(queue) + '/' + to_string(job);
    if (fingerprint != core::Fingerprint{}) key += '/' + wire::to_hex(fingerprint);
    return key;
}
/// By the id alone: it is one job's, whatever the queue (G4).
inline std::string claim_key(const JobId& job) {
    return "claims/" + to_string(job);
}
/// The envelope of a job whose last attempt failed, for a redrive.
inline std::string failed_prefix(std::string_view queue) {
    return "failed/" + std::string(queue) + '/';
}
inline std::string failed_key(std::string_view queue, const JobId& job) {
    return failed_prefix(queue) + to_string(job);
}

inline std::string reply_channel(std::string_view front) {
    return "bide:reply:" + std::string(front);
}
inline std::string job_channel(const JobId& job) {
    return "bide:job:" + to_string(job);
}
inline const std::string kCancelChannel = "bide:cancel";

/// That the job is in the queue, or was; the value is its fingerprint.
inline std::string sent_mark(const JobId& job) {
    return "bide:sent:" + to_string(job);
}
inline std::string cancelled_mark(const JobId& job) {
    return "bide:cancelled:" + to_string(job);
}
/// What its worker last said of a job whose id is known to others: a notice of news.
inline std::string news_mark(const JobId& job) {
    return "bide:news:" + to_string(job);
}

/// How long marks live: longer than a job may be in a queue is of no use, and SQS keeps a message
/// four days unless told otherwise. They are hints: without them the store is asked.
constexpr std::string_view kMarkSeconds = "345600";

/// A result up to this size is in its notice.
constexpr std::size_t kNoticeBodyMax = 16U << 10;

}  // namespace bide::engines::aws
