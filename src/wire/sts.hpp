#pragma once

#include "base/result.hpp"
#include "wire/sigv4.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::wire {

/// A role to be taken on for a while.
struct AssumeRole {
    std::string role_arn;
    std::string session_name;  ///< shows in the account's logs
    std::string external_id;   ///< empty: none
    std::int64_t duration_s = 3600;
};

/// The body of AssumeRole, application/x-www-form-urlencoded; to be signed.
std::string assume_role_form(const AssumeRole& role);

/// The body of AssumeRoleWithWebIdentity; not signed, the token says who asks.
std::string assume_role_form(const AssumeRole& role, std::string_view web_identity_token);

/// The body of GetCallerIdentity; to be signed.
std::string caller_identity_form();
/// The ARN in its answer.
Result<std::string> read_sts_identity(std::string_view xml);

/// The credentials of either answer.
Result<AwsCredentials> read_sts_credentials(std::string_view xml);

}  // namespace bide::wire
