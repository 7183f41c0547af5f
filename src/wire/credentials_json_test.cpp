#include "wire/credentials_json.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

template <class T>
std::string error_of(const Result<T>& result) {
    return result.has_error() ? result.error().detail : "none";
}

TEST(CredentialsJson, OfEndpoints) {
    const auto read = read_endpoint_credentials(
        R"({"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"k","SecretAccessKey":"s",)"
        R"("Token":"t","Expiration":"2026-03-04T05:06:07Z"})"
    );
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read.value().key_id, "k");
    EXPECT_EQ(read.value().secret, "s");
    EXPECT_EQ(read.value().session_token, "t");
    EXPECT_EQ(to_rfc3339(read.value().expires), "2026-03-04T05:06:07.000Z");
    EXPECT_EQ(error_of(read_endpoint_credentials(R"({"Code":"Failed"})")), "says Failed");
    EXPECT_EQ(error_of(read_endpoint_credentials("[]")), "is not an object of JSON");
    EXPECT_EQ(error_of(read_endpoint_credentials("{}")), "has no AccessKeyId");
    EXPECT_EQ(
        error_of(read_endpoint_credentials(R"({"AccessKeyId":1})")),
        "\"AccessKeyId\" is not a string"
    );
    EXPECT_EQ(
        error_of(read_endpoint_credentials(
            R"({"AccessKeyId":"k","SecretAccessKey":"s","Expiration":"soon"})"
        )),
        "has an Expiration that is no time of RFC 3339"
    );
}

TEST(CredentialsJson, OfProcesses) {
    const auto read = read_process_credentials(
        R"({"Version":1,"AccessKeyId":"k","SecretAccessKey":"s","SessionToken":"t"})"
    );
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read.value().session_token, "t");
    EXPECT_EQ(read.value().expires, kNever);
    EXPECT_EQ(error_of(read_process_credentials(R"({"Version":2})")), "has another Version than 1");
    EXPECT_EQ(error_of(read_process_credentials(R"({"Version":1})")), "has no AccessKeyId");
}

TEST(CredentialsJson, OfSso) {
    const auto read = read_sso_credentials(
        R"({"roleCredentials":{"accessKeyId":"k","secretAccessKey":"s","sessionToken":"t",)"
        R"("expiration":1772600767000}})"
    );
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read.value().key_id, "k");
    EXPECT_EQ(to_rfc3339(read.value().expires), "2026-03-04T05:06:07.000Z");
    EXPECT_EQ(error_of(read_sso_credentials("{}")), "has no roleCredentials");
    EXPECT_TRUE(
        read_sso_credentials(R"({"roleCredentials":{"accessKeyId":"k","secretAccessKey":"s",)"
                             R"("expiration":9223372036854775807}})")
            .has_error()
    );

    const auto token = read_sso_token(
        R"({"accessToken":"a","expiresAt":"2026-03-04T05:06:07Z","region":"eu-west-1"})"
    );
    ASSERT_TRUE(token.has_value());
    EXPECT_EQ(token.value().token, "a");
    EXPECT_EQ(to_rfc3339(token.value().expires), "2026-03-04T05:06:07.000Z");
    EXPECT_EQ(error_of(read_sso_token("{}")), "has no accessToken");
}

}  // namespace
}  // namespace bide::wire
