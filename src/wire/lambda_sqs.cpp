#include "wire/lambda_sqs.hpp"

#include "wire/json_members.hpp"
#include "wire/json_text.hpp"
#include "wire/line_body.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <utility>

namespace bide::wire {
namespace {

namespace json = boost::json;

constexpr SqsNames kEventNames{
    "messageId", "receiptHandle", "body", "attributes", "messageAttributes", "stringValue"};

Error malformed(std::string_view what) {
    return {Code::bad_request, Retry::never, "the event " + std::string(what)};
}

Result<SqsRecord> read_record(const json::value& value) {
    const json::object* members = value.if_object();
    if (!members) return malformed("has a record that is no object");
    std::string source;
    BIDE_TRY(take_text(*members, "eventSource", source));
    if (source != "aws:sqs") return malformed("is not one of SQS");
    SqsRecord record;
    BIDE_TRY(take_text(*members, "eventSourceARN", record.queue_arn));
    BIDE_TRY(record.message, read_sqs_message(value, kEventNames));
    return record;
}

}  // namespace

Result<std::vector<SqsRecord>> read_sqs_event(std::string_view event) {
    json::error_code failed;
    const json::value document = json::parse(event, failed);
    if (failed) return malformed("is not JSON: " + failed.message());
    const json::object* members = document.if_object();
    const json::value* list = members ? find_member(*members, "Records") : nullptr;
    const json::array* values = list ? list->if_array() : nullptr;
    if (!values) return malformed("has no list of Records");
    if (values->size() > kSqsRecordsMax) return malformed("has too many Records");
    std::vector<SqsRecord> records;
    records.reserve(values->size());
    for (const json::value& value : *values) {
        BIDE_TRY(auto record, read_record(value));
        records.push_back(std::move(record));
    }
    return records;
}

std::string_view queue_name_of(std::string_view arn_or_url) {
    return arn_or_url.substr(arn_or_url.find_last_of(":/") + 1);
}

std::string sqs_batch_failures(std::span<const std::string> ids) {
    std::string out = R"({"batchItemFailures":[)";
    for (const std::string& id : ids) {
        if (out.back() == '}') out += ',';
        out += R"({"itemIdentifier":)";
        append_json_string(out, id);
        out += '}';
    }
    return out + "]}";
}

}  // namespace bide::wire
