// The events that SQS's event source gives to a function.
#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/lambda_sqs.hpp"

#include <boost/json/parse.hpp>

namespace bide::wire {
namespace {

void check_all(std::string_view input) {
    const auto records = read_sqs_event(input);
    if (!records) {
        CHECK(!records.error().detail.empty());
        return;
    }
    std::vector<std::string> ids;
    for (const auto& record : records.value()) {
        CHECK(!record.message.id.empty());
        CHECK(!record.message.receipt_handle.empty());
        CHECK(queue_name_of(record.queue_arn).size() <= record.queue_arn.size());
        ids.push_back(record.message.id);
    }
    const auto answer = boost::json::parse(sqs_batch_failures(ids)).as_object();
    const auto& failures = answer.at("batchItemFailures").as_array();
    CHECK(failures.size() == ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i)
        CHECK(failures[i].at("itemIdentifier").as_string() == ids[i]);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check_all(bide::fuzz::text_of(data, size));
    return 0;
}
