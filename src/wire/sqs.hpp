#pragma once

#include "base/result.hpp"
#include "base/time.hpp"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// SQS in its JSON protocol (AWS JSON 1.0): bodies of requests, and what the answers say. Every
/// request is a POST with `x-amz-target: AmazonSQS.` and the action's name.
namespace bide::wire {

constexpr std::string_view kSqsContentType = "application/x-amz-json-1.0";

/// Of one call: entries, and the bytes of their messages together.
constexpr std::size_t kSqsEntriesMax = 10;
constexpr std::size_t kSqsBytesMax = 1U << 20;

struct SqsSendEntry {
    std::string_view body;
    std::uint32_t delay_s = 0;
    std::string_view message_group;  ///< empty: none
};

struct SqsHandleEntry {
    std::string_view receipt_handle;
    std::uint32_t visibility_s = 0;  ///< of a change of visibility
};

// The entries of a batch are named by their places, "0" to "9".
std::string sqs_send_batch(std::string_view queue_url, std::span<const SqsSendEntry> entries);
std::string sqs_delete_batch(std::string_view queue_url, std::span<const SqsHandleEntry> entries);
std::string sqs_visibility_batch(
    std::string_view queue_url, std::span<const SqsHandleEntry> entries
);

/// Why an entry of a batch failed.
struct SqsEntryFailure {
    std::string code;
    std::string message;
    bool sender_fault = false;  ///< it will fail again
};

/// By place; empty: it was done. Fails when the answer does not speak of every entry.
Result<std::vector<std::optional<SqsEntryFailure>>> read_sqs_batch(
    std::string_view answer, std::size_t entries
);

struct SqsReceiveLimits {
    std::uint32_t count_max = 10;  ///< 1 to 10
    std::uint32_t wait_s = 20;     ///< long poll, up to 20
    std::uint32_t visibility_s = 30;
};
std::string sqs_receive(std::string_view queue_url, const SqsReceiveLimits& limits);

struct SqsMessage {
    std::string id;  ///< the queue's own name for it, a UUID
    std::string receipt_handle;
    std::string body;
    std::uint32_t receive_count = 1;
    Time sent{};
    std::string message_group;
    std::map<std::string, std::string, std::less<>> attributes;  ///< texts that a producer added
};
Result<std::vector<SqsMessage>> read_sqs_messages(std::string_view answer);

/// What the members of a message are called.
struct SqsNames {
    std::string_view id = "MessageId";
    std::string_view receipt_handle = "ReceiptHandle";
    std::string_view body = "Body";
    std::string_view facts = "Attributes";
    std::string_view attributes = "MessageAttributes";
    std::string_view text = "StringValue";
};
Result<SqsMessage> read_sqs_message(const boost::json::value& value, const SqsNames& names);

std::string sqs_queue_attributes(std::string_view queue_url);
Result<std::map<std::string, std::string, std::less<>>> read_sqs_attributes(std::string_view answer
);

std::string sqs_queue_url(std::string_view name);
Result<std::string> read_sqs_queue_url(std::string_view answer);

/// A queue's attribute RedrivePolicy.
struct SqsRedrivePolicy {
    std::string target_arn;          ///< of the dead-letter queue
    std::uint32_t receives_max = 0;  ///< a message that was given out so often goes there
};
Result<SqsRedrivePolicy> read_sqs_redrive_policy(std::string_view text);

/// A batch that asks for nothing: what may not be asked for at all is refused for that reason.
std::string sqs_empty_batch(std::string_view queue_url);

}  // namespace bide::wire
