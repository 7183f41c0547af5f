#pragma once

#include "base/result.hpp"
#include "wire/sigv4.hpp"

#include <string>
#include <string_view>

namespace bide::wire {

/// Credentials as container endpoints and the instance metadata service hand them out:
/// {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}. Those whose "Code" is there and not
/// "Success" are an error with that code.
Result<AwsCredentials> read_endpoint_credentials(std::string_view json);

/// As a credential_process prints them: {"Version": 1, "AccessKeyId", "SecretAccessKey",
/// "SessionToken", "Expiration"}; the last two may be absent.
Result<AwsCredentials> read_process_credentials(std::string_view json);

/// As SSO's GetRoleCredentials answers: {"roleCredentials": {"accessKeyId", "secretAccessKey",
/// "sessionToken", "expiration" (milliseconds)}}.
Result<AwsCredentials> read_sso_credentials(std::string_view json);

/// A token in the cache that `aws sso login` keeps.
struct SsoToken {
    std::string token;
    Time expires;
};
Result<SsoToken> read_sso_token(std::string_view json);

}  // namespace bide::wire
