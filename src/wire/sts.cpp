#include "wire/sts.hpp"

#include "wire/job_options.hpp"

#include <pugixml.hpp>

namespace bide::wire {
namespace {

NameValues members_of(const AssumeRole& role, std::string_view action) {
    NameValues members{
        {"Action", std::string(action)},
        {"Version", "2011-06-15"},
        {"RoleArn", role.role_arn},
        {"RoleSessionName", role.session_name},
        {"DurationSeconds", std::to_string(role.duration_s)}};
    if (!role.external_id.empty()) members.emplace_back("ExternalId", role.external_id);
    return members;
}

Error bad(const char* what) {
    return {Code::bad_request, Retry::never, std::string("the answer of STS ") + what};
}

}  // namespace

std::string assume_role_form(const AssumeRole& role) {
    return aws_query(members_of(role, "AssumeRole"));
}

std::string assume_role_form(const AssumeRole& role, std::string_view web_identity_token) {
    NameValues members = members_of(role, "AssumeRoleWithWebIdentity");
    members.emplace_back("WebIdentityToken", web_identity_token);
    return aws_query(members);
}

std::string caller_identity_form() {
    return aws_query({{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}});
}

Result<std::string> read_sts_identity(std::string_view xml) {
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return bad("is not XML");
    std::string arn =
        document.document_element().child("GetCallerIdentityResult").child_value("Arn");
    if (arn.empty()) return bad("names nobody");
    return arn;
}

Result<AwsCredentials> read_sts_credentials(std::string_view xml) {
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return bad("is not XML");
    // <AssumeRoleResponse><AssumeRoleResult><Credentials>, whatever the action's name is.
    pugi::xml_node found;
    for (const auto& result : document.document_element().children()) {
        if (const auto child = result.child("Credentials")) found = child;
    }
    if (!found) return bad("has no credentials");
    AwsCredentials credentials;
    credentials.key_id = found.child_value("AccessKeyId");
    credentials.secret = found.child_value("SecretAccessKey");
    credentials.session_token = found.child_value("SessionToken");
    if (credentials.key_id.empty() || credentials.secret.empty()) return bad("lacks a key");
    const auto expires = parse_rfc3339(found.child_value("Expiration"));
    if (!expires) return bad("has no time of expiry");
    credentials.expires = *expires;
    return credentials;
}

}  // namespace bide::wire
