// What services and their helpers answer: credentials as XML and JSON, errors.
#include "base/check.hpp"
#include "fuzz.hpp"
#include "wire/aws_error.hpp"
#include "wire/credentials_json.hpp"
#include "wire/sts.hpp"

namespace bide::wire {
namespace {

void check(const Result<AwsCredentials>& read) {
    if (read.has_error()) {
        CHECK(!read.error().detail.empty());
        return;
    }
    CHECK(!read.value().key_id.empty());
    CHECK(!read.value().secret.empty());
    CHECK(read.value().expires > Time{});
}

void check_all(std::string_view text) {
    check(read_sts_credentials(text));
    check(read_endpoint_credentials(text));
    check(read_process_credentials(text));
    check(read_sso_credentials(text));
    const auto token = read_sso_token(text);
    if (token.has_value()) CHECK(!token.value().token.empty());
    const AwsError error = read_aws_error("Field;Sender", text);
    CHECK(!error.code.empty());
    CHECK(error.message.size() <= 1000);
}

}  // namespace
}  // namespace bide::wire

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    bide::wire::check_all(bide::fuzz::text_of(data, size));
    return 0;
}
