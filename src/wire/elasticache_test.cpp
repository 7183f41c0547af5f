#include "wire/elasticache.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bide::wire {
namespace {

const AwsCredentials kKeys{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {}};
const Time kNow{std::chrono::seconds(1'440'938'160)};  // 2015-08-30 12:36:00 UTC

bool has(const std::string& token, std::string_view part) {
    return token.find(part) != std::string::npos;
}

TEST(ElastiCacheToken, IsAPresignedRequestToConnectWithoutItsScheme) {
    const std::string token = elasticache_token({"Jobs", false, "bide"}, kKeys, "eu-west-1", kNow);
    EXPECT_TRUE(token.starts_with("jobs/?Action=connect&User=bide&")) << token;
    EXPECT_TRUE(has(token, "X-Amz-Expires=900"));
    EXPECT_TRUE(has(token, "AKIDEXAMPLE%2F20150830%2Feu-west-1%2Felasticache%2Faws4_request"));
    EXPECT_TRUE(has(token, "X-Amz-Signature="));
    EXPECT_FALSE(has(token, "ResourceType"));
}

TEST(ElastiCacheToken, SaysThatTheCacheIsServerless) {
    const std::string group = elasticache_token({"jobs", false, "bide"}, kKeys, "eu-west-1", kNow);
    const std::string token = elasticache_token({"jobs", true, "bide"}, kKeys, "eu-west-1", kNow);
    EXPECT_TRUE(has(token, "ResourceType=ServerlessCache")) << token;
    EXPECT_NE(group.substr(group.find("Signature=")), token.substr(token.find("Signature=")));
}

TEST(ElastiCacheToken, CarriesTheSessionOfTemporaryCredentials) {
    AwsCredentials keys = kKeys;
    keys.session_token = "of a session";
    const std::string token = elasticache_token({"jobs", true, "bide"}, keys, "eu-west-1", kNow);
    EXPECT_TRUE(has(token, "X-Amz-Security-Token=of%20a%20session")) << token;
}

}  // namespace
}  // namespace bide::wire
