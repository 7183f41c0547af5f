#pragma once

#include "clients/aws_client.hpp"
#include "clients/credentials.hpp"
#include "wire/aws_profile.hpp"
#include "wire/sts.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// The single sources of the chain (credentials.hpp).
namespace bide::clients {

/// What sources work with. Outlives their calls.
struct SourceContext {
    runtime::HttpClient& http;
    runtime::BlockingPool& pool;
    const Clock& clock;
    AwsSources sources;
    AwsPlace place;
    /// From then on `http` and `pool` are not touched any more.
    std::stop_token closing{};

    /// A variable of the environment; empty when it is not set.
    std::string variable(std::string_view name) const;
};

/// What a source has to say.
struct Offer {
    enum class Kind : std::uint8_t {
        found,
        absent,  ///< not configured: the next source may serve
        failed,  ///< configured, but it does not serve; another one could be the wrong identity
    };
    Kind kind = Kind::absent;
    wire::AwsCredentials credentials;
    std::string why;  ///< for a person

    static Offer found(wire::AwsCredentials credentials) {
        return {Kind::found, std::move(credentials), {}};
    }
    static Offer absent(std::string why) { return {Kind::absent, {}, std::move(why)}; }
    static Offer failed(std::string why) { return {Kind::failed, {}, std::move(why)}; }
};

Offer from_environment(const SourceContext& context);
runtime::Task<Offer> from_web_identity(const SourceContext& context);
runtime::Task<Offer> from_shared_files(const SourceContext& context);
runtime::Task<Offer> from_container(const SourceContext& context);
runtime::Task<Offer> from_instance(const SourceContext& context);

/// The region of the machine, by its metadata service.
runtime::Task<Result<std::string>> region_of_instance(const SourceContext& context);

/// Takes a role on with the token in a file, which others keep fresh: it is read each time.
runtime::Task<Offer> take_role_by_token(
    const SourceContext& context, wire::AssumeRole role, std::string token_file
);
runtime::Task<Offer> take_role(
    const SourceContext& context, wire::AssumeRole role, wire::AwsCredentials with
);

/// The shared files, with no profile where there is no file.
runtime::Task<Result<std::shared_ptr<const wire::AwsProfiles>>> load_profiles(
    const SourceContext& context
);
/// The profile in use.
std::string profile_name(const SourceContext& context);

/// A file of up to 1 MiB; nothing when it is not there.
runtime::Task<Result<std::optional<std::string>>> read_file(
    const SourceContext& context, std::string path
);

/// A call of AWS by one of the sources; without a key id it is not signed.
runtime::Task<AwsResult> call_aws(
    const SourceContext& context, AwsPlace place, wire::AwsCredentials with, AwsRequest request
);

/// A request to a service of the machine itself.
struct LocalRequest {
    std::string method = "GET";
    std::string url;
    std::string header_lines;
    Duration time_max = std::chrono::seconds(1);
    int attempts_max = 2;
};
/// The last try's answer of any status. Tried again after failures and 5xx.
runtime::Task<Result<runtime::HttpResponse>> ask_locally(
    const SourceContext& context, LocalRequest request
);

}  // namespace bide::clients
