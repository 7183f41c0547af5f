#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/sqs.hpp"
#include "wire/utf8.hpp"

#include <boost/json/parse.hpp>

namespace bide::wire {
namespace {

void check_answers(std::string_view input) {
    for (const std::size_t entries : {std::size_t{1}, std::size_t{2}, kSqsEntriesMax}) {
        const auto outcomes = read_sqs_batch(input, entries);
        if (outcomes) CHECK(outcomes.value().size() == entries);
        if (outcomes.has_error()) CHECK(!outcomes.error().detail.empty());
    }
    if (const auto messages = read_sqs_messages(input)) {
        for (const SqsMessage& message : messages.value()) {
            CHECK(!message.id.empty());
            CHECK(!message.receipt_handle.empty());
            CHECK(is_utf8(message.body));
            CHECK(message.sent >= Time());
        }
    }
    if (const auto url = read_sqs_queue_url(input)) CHECK(!url.value().empty());
    (void)read_sqs_attributes(input).has_value();
    if (const auto policy = read_sqs_redrive_policy(input)) {
        CHECK(!policy.value().target_arn.empty());
        CHECK(policy.value().receives_max > 0);
    }
}

/// What was sent is what is received.
void check_requests(std::string_view input) {
    if (!is_utf8(input)) return;
    const std::vector<SqsSendEntry> entries{{input, 1, input}, {input, 0, {}}};
    const auto request = boost::json::parse(sqs_send_batch(input, entries));
    CHECK(request.at("QueueUrl").as_string() == input);
    CHECK(request.at("Entries").as_array().size() == 2);
    CHECK(request.at("Entries").as_array()[0].at("MessageBody").as_string() == input);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = bide::fuzz::text_of(data, size);
    bide::wire::check_answers(input);
    bide::wire::check_requests(input);
    return 0;
}
