#pragma once

#include "base/time.hpp"
#include "wire/sigv4.hpp"

#include <string>

namespace bide::wire {

/// A user of an ElastiCache that lets users in by IAM.
struct ElastiCacheUser {
    std::string cache;        ///< of the replication group or the serverless cache, not its address
    bool serverless = false;  ///< which of the two
    std::string user;         ///< its id, which has to be its name too
};

/// The password for AUTH: a presigned request to connect, without its scheme. Good for 15 minutes,
/// and for one region's cache; a connection made with it lasts 12 hours unless AUTH comes again.
/// (ElastiCache user guide, "Authenticating with IAM"; not tried against live AWS.)
std::string elasticache_token(
    const ElastiCacheUser& user,
    const AwsCredentials& credentials,
    const std::string& region,
    Time now
);

}  // namespace bide::wire
