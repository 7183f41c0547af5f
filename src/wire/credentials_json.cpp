#include "wire/credentials_json.hpp"

#include "wire/job_options.hpp"
#include "wire/json_members.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <limits>

namespace bide::wire {
namespace {

namespace json = boost::json;

/// Past the year 9000 a time in milliseconds is nobody's expiry.
constexpr std::int64_t kMillisecondsMax = 221'845'392'000'000;

Error bad(std::string what) {
    return {Code::bad_request, Retry::never, std::move(what)};
}

Result<json::object> parse_object(std::string_view text) {
    json::error_code failed;
    json::value document = json::parse({text.data(), text.size()}, failed);
    if (failed) return bad("is not JSON: " + failed.message());
    if (!document.is_object()) return bad("is not an object of JSON");
    return std::move(document.get_object());
}

struct Names {
    std::string_view key_id;
    std::string_view secret;
    std::string_view token;
};
constexpr Names kEndpoint{"AccessKeyId", "SecretAccessKey", "Token"};
constexpr Names kProcess{"AccessKeyId", "SecretAccessKey", "SessionToken"};
constexpr Names kSso{"accessKeyId", "secretAccessKey", "sessionToken"};

Result<AwsCredentials> read_keys(const json::object& members, const Names& names) {
    AwsCredentials credentials;
    BIDE_TRY(take_text(members, names.key_id, credentials.key_id));
    BIDE_TRY(take_text(members, names.secret, credentials.secret));
    BIDE_TRY(take_text(members, names.token, credentials.session_token));
    if (credentials.key_id.empty()) return bad("has no " + std::string(names.key_id));
    if (credentials.secret.empty()) return bad("has no " + std::string(names.secret));
    return credentials;
}

Result<Time> read_expiry(const json::object& members, std::string_view name) {
    std::string text;
    BIDE_TRY(take_text(members, name, text));
    if (text.empty()) return kNever;
    const auto time = parse_rfc3339(text);
    if (!time) return bad("has an " + std::string(name) + " that is no time of RFC 3339");
    return *time;
}

}  // namespace

Result<AwsCredentials> read_endpoint_credentials(std::string_view text) {
    BIDE_TRY(const auto members, parse_object(text));
    std::string code;
    BIDE_TRY(take_text(members, "Code", code));
    if (!code.empty() && code != "Success") return bad("says " + code);
    BIDE_TRY(auto credentials, read_keys(members, kEndpoint));
    BIDE_TRY(credentials.expires, read_expiry(members, "Expiration"));
    return credentials;
}

Result<AwsCredentials> read_process_credentials(std::string_view text) {
    BIDE_TRY(const auto members, parse_object(text));
    std::int64_t version = 0;
    constexpr IntegerRange kAny{
        std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
    BIDE_TRY(take_integer(members, "Version", kAny, version));
    if (version != 1) return bad("has another Version than 1");
    BIDE_TRY(auto credentials, read_keys(members, kProcess));
    BIDE_TRY(credentials.expires, read_expiry(members, "Expiration"));
    return credentials;
}

Result<AwsCredentials> read_sso_credentials(std::string_view text) {
    BIDE_TRY(const auto members, parse_object(text));
    const json::value* found = members.if_contains("roleCredentials");
    const json::object* role = found == nullptr ? nullptr : found->if_object();
    if (role == nullptr) return bad("has no roleCredentials");
    BIDE_TRY(auto credentials, read_keys(*role, kSso));
    std::int64_t expiration = 0;
    BIDE_TRY(take_integer(*role, "expiration", {0, kMillisecondsMax}, expiration));
    if (expiration != 0) credentials.expires = Time(std::chrono::milliseconds(expiration));
    return credentials;
}

Result<SsoToken> read_sso_token(std::string_view text) {
    BIDE_TRY(const auto members, parse_object(text));
    SsoToken token;
    BIDE_TRY(take_text(members, "accessToken", token.token));
    if (token.token.empty()) return bad("has no accessToken");
    BIDE_TRY(token.expires, read_expiry(members, "expiresAt"));
    return token;
}

}  // namespace bide::wire
