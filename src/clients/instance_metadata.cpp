// The instance metadata service of EC2, version 2: a token first, and then with it the rest.
#include "clients/credential_sources.hpp"
#include "wire/credentials_json.hpp"
#include "wire/message.hpp"
#include "wire/text.hpp"

#include <utility>

namespace bide::clients {
namespace {

using runtime::Task;

constexpr std::string_view kRoles = "/latest/meta-data/iam/security-credentials/";

Error trouble(std::string what) {
    return {Code::unauthenticated, Retry::never, std::move(what)};
}

/// Empty: it may not be asked.
std::string address_of(const SourceContext& context) {
    if (wire::equal_fold(context.variable("AWS_EC2_METADATA_DISABLED"), "true")) return {};
    std::string url = context.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (url.empty()) url = context.sources.imds_url;
    while (url.ends_with('/')) url.pop_back();
    return url;
}

/// The header line with the session's token. An error: there is no such service here.
Task<Result<std::string>> open_session(const SourceContext& context, std::string address) {
    LocalRequest request;
    request.method = "PUT";
    request.url = address + "/latest/api/token";
    request.header_lines = "X-aws-ec2-metadata-token-ttl-seconds: 21600\r\n";
    BIDE_CO_TRY(const auto answer, co_await ask_locally(context, std::move(request)));
    const std::string token(wire::trim(answer.body.bytes));
    if (answer.status != 200 || token.empty() || wire::has_control(token)) {
        co_return trouble(
            address + " answered " + std::to_string(answer.status) + " to the request for a token"
        );
    }
    co_return "X-aws-ec2-metadata-token: " + token + "\r\n";
}

/// What is at a path; empty where there is nothing.
Task<Result<std::string>> look_up(
    const SourceContext& context, std::string url, std::string token_line
) {
    LocalRequest request;
    request.url = std::move(url);
    request.header_lines = std::move(token_line);
    request.attempts_max = 3;
    const std::string where = request.url;
    BIDE_CO_TRY(auto answer, co_await ask_locally(context, std::move(request)));
    if (answer.status == 404) co_return std::string();
    if (answer.status != 200)
        co_return trouble(where + " answered " + std::to_string(answer.status));
    co_return std::move(answer.body.bytes);
}

}  // namespace

Task<Offer> from_instance(const SourceContext& context) {
    const std::string address = address_of(context);
    if (address.empty()) co_return Offer::absent("AWS_EC2_METADATA_DISABLED is set");
    const auto token_line = co_await open_session(context, address);
    if (!token_line) co_return Offer::absent(token_line.error().detail);
    const std::string roles = address + std::string(kRoles);
    const auto listed = co_await look_up(context, roles, token_line.value());
    if (!listed) co_return Offer::failed(listed.error().detail);
    std::string_view names = listed.value();
    const std::string role(wire::trim(wire::cut_at(names, '\n')));
    if (role.empty()) co_return Offer::absent("the instance has no role");
    const auto text = co_await look_up(context, roles + role, token_line.value());
    if (!text) co_return Offer::failed(text.error().detail);
    auto credentials = wire::read_endpoint_credentials(text.value());
    if (!credentials)
        co_return Offer::failed("the answer of " + address + " " + credentials.error().detail);
    co_return Offer::found(std::move(credentials.value()));
}

Task<Result<std::string>> region_of_instance(const SourceContext& context) {
    const std::string address = address_of(context);
    if (address.empty()) co_return trouble("AWS_EC2_METADATA_DISABLED is set");
    BIDE_CO_TRY(const auto token_line, co_await open_session(context, address));
    BIDE_CO_TRY(
        const auto region,
        co_await look_up(context, address + "/latest/meta-data/placement/region", token_line)
    );
    co_return std::string(wire::trim(region));
}

}  // namespace bide::clients
