#include "wire/aws_profile.hpp"

#include <gtest/gtest.h>

namespace bide::wire {
namespace {

AwsProfiles read(std::string_view config, std::string_view credentials = "") {
    auto profiles = AwsProfiles::parse({config, credentials});
    EXPECT_TRUE(profiles.has_value()) << profiles.error().detail;
    return std::move(profiles.value());
}

std::string value(const AwsProfiles& profiles, std::string_view profile, std::string_view name) {
    return AwsProfiles::value(profiles.profile(profile), name);
}

TEST(AwsProfiles, TheTwoFilesNameProfilesDifferently) {
    const AwsProfiles profiles = read(
        "[default]\nregion = eu-west-1\n[profile work]\nregion=us-east-2\n[other]\nregion = x\n",
        "[default]\naws_access_key_id = A\n[work]\naws_access_key_id = B\n"
    );
    EXPECT_EQ(value(profiles, "default", "region"), "eu-west-1");
    EXPECT_EQ(value(profiles, "default", "aws_access_key_id"), "A");
    EXPECT_EQ(value(profiles, "work", "region"), "us-east-2");
    EXPECT_EQ(value(profiles, "work", "aws_access_key_id"), "B");
    EXPECT_EQ(profiles.profile("other"), nullptr);
    EXPECT_EQ(value(profiles, "none", "region"), "");
}

TEST(AwsProfiles, CredentialsGoBeforeTheConfig) {
    const AwsProfiles profiles = read("[profile p]\na=1\nb=2\n", "[p]\nb=3\n");
    EXPECT_EQ(value(profiles, "p", "a"), "1");
    EXPECT_EQ(value(profiles, "p", "b"), "3");
}

TEST(AwsProfiles, CommentsSpacesAndCase) {
    const AwsProfiles profiles = read(
        "\xEF\xBB\xBF# one\r\n; two\r\n\r\n"
        "[profile  \"my work\" ] # three\r\n"
        "Region\t=  eu # four\r\n"
        "a = x#y;z\r\n"
        "empty = ; five\r\n"
        "b = c = d\r\n"
    );
    EXPECT_EQ(value(profiles, "my work", "region"), "eu");
    EXPECT_EQ(value(profiles, "my work", "a"), "x#y;z");
    EXPECT_EQ(value(profiles, "my work", "empty"), "");
    EXPECT_EQ(value(profiles, "my work", "b"), "c = d");
}

TEST(AwsProfiles, NestedValuesHaveTheNameAbove) {
    const AwsProfiles profiles = read(
        "[services local]\n"
        "s3 =\n"
        "  endpoint_url = http://s3\n"
        "  # no\n"
        "sqs =\n"
        "\tendpoint_url = http://sqs\n"
        "[sso-session corp]\n"
        "sso_region = us-east-1\n"
    );
    EXPECT_EQ(AwsProfiles::value(profiles.services("local"), "s3.endpoint_url"), "http://s3");
    EXPECT_EQ(AwsProfiles::value(profiles.services("local"), "sqs.endpoint_url"), "http://sqs");
    EXPECT_EQ(AwsProfiles::value(profiles.sso_session("corp"), "sso_region"), "us-east-1");
}

TEST(AwsProfiles, WhatComesTwiceIsJoined) {
    const AwsProfiles profiles = read("[default]\na=1\nb=1\n[profile p]\n[default]\nb=2\n");
    EXPECT_EQ(value(profiles, "default", "a"), "1");
    EXPECT_EQ(value(profiles, "default", "b"), "2");
    EXPECT_NE(profiles.profile("p"), nullptr);
}

TEST(AwsProfiles, ErrorsNameTheLineAndNoValue) {
    const auto error_of = [](std::string_view config, std::string_view credentials = "") {
        const auto profiles = AwsProfiles::parse({config, credentials});
        return profiles.has_error() ? profiles.error().detail : "none";
    };
    EXPECT_EQ(
        error_of("[default]\nsecret\n"), "the config file: line 2 is not like \"name = value\""
    );
    EXPECT_EQ(
        error_of("", "a = secret\n"), "the credentials file: line 1 comes before the first section"
    );
    EXPECT_EQ(
        error_of("[default\n"),
        "the config file: line 1 opens a section with '[' and does not close it"
    );
    EXPECT_EQ(error_of("[ ]\n"), "the config file: line 1 opens a section without a name");
    EXPECT_EQ(
        error_of("[default]\n = x\n"),
        "the config file: line 2 is indented, but no value comes before it"
    );
    EXPECT_EQ(error_of("[default]\n= x\n"), "the config file: line 2 has no name before the '='");
}

}  // namespace
}  // namespace bide::wire
