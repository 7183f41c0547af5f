#include "wire/sts.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

TEST(Sts, FormsNameTheRole) {
    const AssumeRole role{"arn:aws:iam::1:role/r", "me", "", 900};
    EXPECT_EQ(
        assume_role_form(role),
        "Action=AssumeRole&DurationSeconds=900&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr"
        "&RoleSessionName=me&Version=2011-06-15"
    );
    EXPECT_EQ(
        assume_role_form({"r", "me", "x y", 3600}),
        "Action=AssumeRole&DurationSeconds=3600&ExternalId=x%20y&RoleArn=r&RoleSessionName=me"
        "&Version=2011-06-15"
    );
    EXPECT_EQ(
        assume_role_form(role, "to.ken+="),
        "Action=AssumeRoleWithWebIdentity&DurationSeconds=900"
        "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me&Version=2011-06-15"
        "&WebIdentityToken=to.ken%2B%3D"
    );
}

std::string answer(std::string_view inside) {
    return "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
           "<AssumeRoleWithWebIdentityResult><Audience>a</Audience><Credentials>" +
           std::string(inside) +
           "</Credentials></AssumeRoleWithWebIdentityResult>"
           "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
           "</AssumeRoleWithWebIdentityResponse>";
}

TEST(Sts, ReadsCredentials) {
    const auto read = read_sts_credentials(
        answer("<SessionToken>t&amp;k</SessionToken><SecretAccessKey>s</SecretAccessKey>"
               "<Expiration>2026-03-04T05:06:07Z</Expiration><AccessKeyId>k</AccessKeyId>")
    );
    ASSERT_TRUE(read.has_value()) << read.error().detail;
    EXPECT_EQ(read.value().key_id, "k");
    EXPECT_EQ(read.value().secret, "s");
    EXPECT_EQ(read.value().session_token, "t&k");
    EXPECT_EQ(to_rfc3339(read.value().expires), "2026-03-04T05:06:07.000Z");
}

TEST(Sts, SaysWhatIsWrong) {
    const auto error_of = [](const std::string& xml) {
        const auto read = read_sts_credentials(xml);
        return read.has_error() ? read.error().detail : "none";
    };
    EXPECT_EQ(error_of(""), "the answer of STS is not XML");
    EXPECT_EQ(error_of("<a><b></a>"), "the answer of STS is not XML");
    EXPECT_EQ(error_of("<a/>"), "the answer of STS has no credentials");
    EXPECT_EQ(error_of(answer("<AccessKeyId>k</AccessKeyId>")), "the answer of STS lacks a key");
    EXPECT_EQ(
        error_of(answer("<AccessKeyId>k</AccessKeyId><SecretAccessKey>s</SecretAccessKey>")),
        "the answer of STS has no time of expiry"
    );
}

TEST(Sts, TellsWhoAsks) {
    EXPECT_EQ(caller_identity_form(), "Action=GetCallerIdentity&Version=2011-06-15");
    const auto arn = read_sts_identity(
        R"(<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">)"
        "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    ASSERT_TRUE(arn.has_value());
    EXPECT_EQ(arn.value(), "arn:aws:iam::123456789012:user/x");
    for (const char* answer : {"", "no XML", "<a/>", "<GetCallerIdentityResponse/>"})
        EXPECT_TRUE(read_sts_identity(answer).has_error()) << answer;
}

}  // namespace
}  // namespace bide::wire
