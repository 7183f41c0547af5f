#include "wire/elasticache.hpp"

#include <algorithm>

namespace bide::wire {
namespace {

constexpr std::int64_t kLifetime_s = 900;

}  // namespace

std::string elasticache_token(
    const ElastiCacheUser& user,
    const AwsCredentials& credentials,
    const std::string& region,
    Time now
) {
    SignedRequest request;
    request.host = user.cache;
    // Names of caches are told apart without their case, and signed in lower case.
    std::transform(request.host.begin(), request.host.end(), request.host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    request.query = {{"Action", "connect"}, {"User", user.user}};
    if (user.serverless) request.query.emplace_back("ResourceType", "ServerlessCache");
    const std::string host = request.host;
    return host +
           presign(std::move(request), credentials, {region, "elasticache", now}, kLifetime_s);
}

}  // namespace bide::wire
