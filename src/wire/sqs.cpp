#include "wire/sqs.hpp"

#include "wire/json_members.hpp"
#include "wire/json_text.hpp"
#include "wire/line_body.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

using Texts = std::map<std::string, std::string, std::less<>>;

Error malformed(std::string_view what) {
    return {Code::bad_request, Retry::never, "SQS answered " + std::string(what)};
}

void append_text(std::string& out, std::string_view name, std::string_view text) {
    out.append("\"").append(name).append("\":");
    append_json_string(out, text);
}

void append_number(std::string& out, std::string_view name, std::uint32_t number) {
    out.append("\"").append(name).append("\":").append(std::to_string(number));
}

/// `write(out, entry)` appends what an entry has beside its id.
template <class Entry, class Write>
std::string batch(
    std::string_view queue_url,
    std::span<const Entry> entries,
    std::size_t bytes,
    const Write& write
) {
    std::string out;
    out.reserve(bytes + bytes / 8 + 128 * entries.size() + queue_url.size() + 64);
    out += '{';
    append_text(out, "QueueUrl", queue_url);
    out += R"(,"Entries":[)";
    for (std::size_t place = 0; place < entries.size(); ++place) {
        if (place > 0) out += ',';
        out += R"({"Id":")" + std::to_string(place) + R"(",)";
        write(out, entries[place]);
        out += '}';
    }
    out += "]}";
    return out;
}

Result<json::object> read_object(std::string_view answer) {
    json::error_code failed;
    json::value document = json::parse(answer, failed);
    if (failed) return malformed("what is not JSON: " + failed.message());
    if (!document.is_object()) return malformed("what is not a JSON object");
    return std::move(document.get_object());
}

/// The members of an object of texts; others are passed over.
void take_texts(const json::object& members, std::string_view name, Texts& to) {
    const json::value* value = find_member(members, name);
    const json::object* texts = value ? value->if_object() : nullptr;
    if (!texts) return;
    for (const auto& [key, member] : *texts) {
        if (const json::string* text = member.if_string())
            to.emplace(std::string(key), std::string(*text));
    }
}

/// An empty one when there is none.
Result<std::span<const json::value>> take_list(const json::object& members, std::string_view name) {
    const json::value* value = find_member(members, name);
    if (!value) return std::span<const json::value>();
    const json::array* list = value->if_array();
    if (!list) return malformed("a \"" + std::string(name) + "\" that is no list");
    return std::span<const json::value>(list->data(), list->size());
}

Result<std::size_t> take_place(const json::object& entry, std::size_t entries) {
    std::string id;
    BIDE_TRY(take_text(entry, "Id", id));
    const auto place = static_cast<std::size_t>(id.size() == 1 ? id[0] - '0' : -1);
    if (place >= entries) return malformed("about an entry that was not in the batch");
    return place;
}

template <class Number>
Number number_in(const Texts& texts, std::string_view name, Number otherwise) {
    const auto found = texts.find(name);
    if (found == texts.end()) return otherwise;
    const char* const last = found->second.data() + found->second.size();
    Number number = 0;
    const auto [end, failed] = std::from_chars(found->second.data(), last, number);
    return failed == std::errc() && end == last ? number : otherwise;
}

/// Those of the type String or Number; binary ones are passed over.
void take_attributes(const json::object& members, const SqsNames& names, Texts& to) {
    const json::value* value = find_member(members, names.attributes);
    const json::object* attributes = value ? value->if_object() : nullptr;
    if (!attributes) return;
    for (const auto& [name, member] : *attributes) {
        const json::object* attribute = member.if_object();
        const json::value* text = attribute ? find_member(*attribute, names.text) : nullptr;
        if (text && text->is_string())
            to.emplace(std::string(name), std::string(text->get_string()));
    }
}

}  // namespace

Result<SqsMessage> read_sqs_message(const json::value& value, const SqsNames& names) {
    const json::object* members = value.if_object();
    if (!members) return malformed("a message that is no object");
    SqsMessage message;
    BIDE_TRY(take_text(*members, names.id, message.id));
    BIDE_TRY(take_text(*members, names.receipt_handle, message.receipt_handle));
    BIDE_TRY(take_text(*members, names.body, message.body));
    if (message.id.empty() || message.receipt_handle.empty())
        return malformed("a message without its id or its receipt handle");
    Texts facts;
    take_texts(*members, names.facts, facts);
    message.receive_count = number_in<std::uint32_t>(facts, "ApproximateReceiveCount", 1);
    // Milliseconds; what cannot be a time is none.
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max() / 1000;
    const auto sent = number_in<std::int64_t>(facts, "SentTimestamp", 0);
    if (sent > 0 && sent < kMax) message.sent = Time(std::chrono::milliseconds(sent));
    message.message_group = std::move(facts["MessageGroupId"]);
    take_attributes(*members, names, message.attributes);
    return message;
}

std::string sqs_send_batch(std::string_view queue_url, std::span<const SqsSendEntry> entries) {
    std::size_t bytes = 0;
    for (const auto& entry : entries) bytes += entry.body.size();
    return batch(queue_url, entries, bytes, [](std::string& out, const SqsSendEntry& entry) {
        append_text(out, "MessageBody", entry.body);
        if (entry.delay_s > 0) {
            out += ',';
            append_number(out, "DelaySeconds", entry.delay_s);
        }
        if (!entry.message_group.empty()) {
            out += ',';
            append_text(out, "MessageGroupId", entry.message_group);
        }
    });
}

std::string sqs_delete_batch(std::string_view queue_url, std::span<const SqsHandleEntry> entries) {
    return batch(queue_url, entries, 0, [](std::string& out, const SqsHandleEntry& entry) {
        append_text(out, "ReceiptHandle", entry.receipt_handle);
    });
}

std::string sqs_visibility_batch(
    std::string_view queue_url, std::span<const SqsHandleEntry> entries
) {
    return batch(queue_url, entries, 0, [](std::string& out, const SqsHandleEntry& entry) {
        append_text(out, "ReceiptHandle", entry.receipt_handle);
        out += ',';
        append_number(out, "VisibilityTimeout", entry.visibility_s);
    });
}

Result<std::vector<std::optional<SqsEntryFailure>>> read_sqs_batch(
    std::string_view answer, std::size_t entries
) {
    BIDE_TRY(const auto members, read_object(answer));
    std::vector<std::optional<SqsEntryFailure>> outcomes(entries);
    std::vector<bool> told(entries);
    BIDE_TRY(const auto done, take_list(members, "Successful"));
    for (const json::value& value : done) {
        if (!value.is_object()) return malformed("an entry that is no object");
        BIDE_TRY(const std::size_t place, take_place(value.get_object(), entries));
        told[place] = true;
    }
    BIDE_TRY(const auto failed, take_list(members, "Failed"));
    for (const json::value& value : failed) {
        if (!value.is_object()) return malformed("an entry that is no object");
        const json::object& entry = value.get_object();
        BIDE_TRY(const std::size_t place, take_place(entry, entries));
        SqsEntryFailure failure;
        BIDE_TRY(take_text(entry, "Code", failure.code));
        BIDE_TRY(take_text(entry, "Message", failure.message));
        BIDE_TRY(take_flag(entry, "SenderFault", failure.sender_fault));
        outcomes[place] = std::move(failure);
        told[place] = true;
    }
    for (const bool one : told) {
        if (!one) return malformed("nothing about an entry of the batch");
    }
    return outcomes;
}

std::string sqs_receive(std::string_view queue_url, const SqsReceiveLimits& limits) {
    std::string out = "{";
    append_text(out, "QueueUrl", queue_url);
    out += ',';
    append_number(out, "MaxNumberOfMessages", limits.count_max);
    out += ',';
    append_number(out, "WaitTimeSeconds", limits.wait_s);
    out += ',';
    append_number(out, "VisibilityTimeout", limits.visibility_s);
    // Under their old name, AttributeNames, older servers know them, too.
    out += R"(,"MessageSystemAttributeNames":["All"],"AttributeNames":["All"],)"
           R"("MessageAttributeNames":["All"]})";
    return out;
}

Result<std::vector<SqsMessage>> read_sqs_messages(std::string_view answer) {
    BIDE_TRY(const auto members, read_object(answer));
    BIDE_TRY(const auto list, take_list(members, "Messages"));
    std::vector<SqsMessage> messages;
    messages.reserve(list.size());
    for (const json::value& value : list) {
        BIDE_TRY(auto message, read_sqs_message(value, {}));
        messages.push_back(std::move(message));
    }
    return messages;
}

std::string sqs_queue_attributes(std::string_view queue_url) {
    std::string out = "{";
    append_text(out, "QueueUrl", queue_url);
    out += R"(,"AttributeNames":["All"]})";
    return out;
}

Result<Texts> read_sqs_attributes(std::string_view answer) {
    BIDE_TRY(const auto members, read_object(answer));
    Texts attributes;
    take_texts(members, "Attributes", attributes);
    return attributes;
}

Result<SqsRedrivePolicy> read_sqs_redrive_policy(std::string_view text) {
    BIDE_TRY(const auto members, read_object(text));
    SqsRedrivePolicy policy;
    BIDE_TRY(take_text(members, "deadLetterTargetArn", policy.target_arn));
    const json::value* count = find_member(members, "maxReceiveCount");
    if (count && count->is_int64() && count->get_int64() > 0) {
        policy.receives_max = static_cast<std::uint32_t>(
            std::min<std::int64_t>(count->get_int64(), std::numeric_limits<std::uint32_t>::max())
        );
    }
    // As a text, too, as some tools write it.
    Texts texts;
    if (count && count->is_string())
        texts.emplace("maxReceiveCount", std::string(count->get_string()));
    policy.receives_max = number_in(texts, "maxReceiveCount", policy.receives_max);
    if (policy.target_arn.empty() || policy.receives_max == 0)
        return malformed("a redrive policy without a target or a count");
    return policy;
}

std::string sqs_empty_batch(std::string_view queue_url) {
    std::string out = "{";
    append_text(out, "QueueUrl", queue_url);
    out += R"(,"Entries":[]})";
    return out;
}

std::string sqs_queue_url(std::string_view name) {
    std::string out = "{";
    append_text(out, "QueueName", name);
    out += '}';
    return out;
}

Result<std::string> read_sqs_queue_url(std::string_view answer) {
    BIDE_TRY(const auto members, read_object(answer));
    std::string url;
    BIDE_TRY(take_text(members, "QueueUrl", url));
    if (url.empty()) return malformed("without the queue's URL");
    return url;
}

}  // namespace bide::wire
