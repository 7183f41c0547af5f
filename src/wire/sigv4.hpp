#pragma once

#include "base/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::wire {

using NameValues = std::vector<std::pair<std::string, std::string>>;

/// Who asks. The session token is empty for keys that do not expire.
struct AwsCredentials {
    std::string key_id;
    std::string secret;
    std::string session_token;
    Time expires = kNever;
};

enum class PathRule : std::uint8_t {
    by_service,  ///< as_sent for S3; for all others normalised and encoded once more
    as_sent,
};

/// What a signature is good for. `now` is the time as the service sees it; it refuses what is more
/// than some minutes off.
struct SigningScope {
    std::string region;
    std::string service;  ///< the signing name: "sqs", "s3", "sts", "elasticache"
    Time now;
    PathRule path_rule = PathRule::by_service;
};

/// In place of a payload's hash: its bytes are not signed. S3 takes it over https.
inline constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";

/// The hash of no payload.
inline constexpr std::string_view kEmptyPayload =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A request as the signature sees it.
struct SignedRequest {
    std::string method = "GET";
    std::string host;        ///< as in the Host field, with the port when it is there
    std::string path = "/";  ///< as on the wire: percent-encoded (aws_path)
    NameValues query;        ///< not encoded (aws_query)
    /// What is signed beside Host: every field whose change must be noticed. Names in any case.
    NameValues headers;
    std::string payload_hash{kEmptyPayload};  ///< hex SHA-256, or kUnsignedPayload
};

/// A path for the wire: percent-encoded but for the slashes.
std::string aws_path(std::string_view raw);

/// A query for the wire, without the '?': encoded, sorted as the signature wants it.
std::string aws_query(const NameValues& query);

/// Hex SHA-256, for payload_hash.
std::string payload_hash(std::string_view payload);

/// Signature Version 4 in header form: adds x-amz-date, x-amz-security-token (with a session
/// token), x-amz-content-sha256 (S3, unless it is there) and authorization to the headers.
void sign(SignedRequest& request, const AwsCredentials& credentials, const SigningScope& scope);

/// The query form: returns path and query with the signature, good for `lifetime_s` seconds. Only
/// Host and the request's headers are signed; who uses the URL sends these with it.
std::string presign(
    SignedRequest request,
    const AwsCredentials& credentials,
    const SigningScope& scope,
    std::int64_t lifetime_s
);

}  // namespace bide::wire
