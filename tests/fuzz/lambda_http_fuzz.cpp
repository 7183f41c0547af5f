#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/lambda_http.hpp"

#include <boost/json/parse.hpp>

namespace bide::wire {
namespace {

/// Answers are JSON whatever was asked.
void check_answer(const LambdaRequest& request, std::string_view text) {
    Reply reply;
    reply.headers.add("Location", "/jobs/7");
    reply.headers.add("Content-Type", text);
    const auto answer = boost::json::parse(write_lambda_answer(request, reply, text));
    CHECK(answer.as_object().contains("body"));
    const auto prelude = write_lambda_prelude(request, reply);
    if (prelude.has_value()) CHECK(boost::json::parse(prelude.value()).is_object());
}

void check_request(std::string_view input) {
    const auto read = read_lambda_request(input);
    if (read.has_error()) {
        CHECK(read.error().code == Code::bad_request);
        CHECK(!read.error().detail.empty());
        return;
    }
    const LambdaRequest& request = read.value();
    CHECK(!request.method.empty());
    CHECK(request.target.starts_with('/') || request.target.starts_with('*'));
    CHECK(!has_control(request.target));
    CHECK(request.target.find_first_of(" #") == std::string::npos);
    CHECK(request.fields.size() <= 100);
    for (const auto& [name, value] : request.fields) {
        CHECK(!name.empty());
        CHECK(value.find_first_of("\r\n") == std::string::npos);
    }
    check_answer(request, input);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check_request(bide::fuzz::text_of(data, size));
    return 0;
}
