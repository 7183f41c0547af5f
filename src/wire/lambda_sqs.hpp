#pragma once

#include "base/result.hpp"
#include "wire/sqs.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What Lambda's event source for SQS gives to a function, and wants back.
namespace bide::wire {

/// Of one event, as an event source can be set up.
constexpr std::size_t kSqsRecordsMax = 10'000;

struct SqsRecord {
    SqsMessage message;
    std::string queue_arn;
};

/// Fails when the event is not SQS's, or a record lacks what it is to be answered by. One message
/// may be there twice.
Result<std::vector<SqsRecord>> read_sqs_event(std::string_view event);

/// The last part of a queue's ARN, or of its URL.
std::string_view queue_name_of(std::string_view arn_or_url);

/// The answer: the messages that are to come again, by their ids. The others are removed.
std::string sqs_batch_failures(std::span<const std::string> ids);

}  // namespace bide::wire
