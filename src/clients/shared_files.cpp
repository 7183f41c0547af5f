// The shared files of AWS's tools: profiles, and what they refer to.
#include "clients/credential_process.hpp"
#include "clients/credential_sources.hpp"
#include "wire/credentials_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <openssl/evp.h>
#include <utility>

namespace bide::clients {
namespace {

using runtime::Task;
using wire::AwsProfiles;
using ProfilesPtr = std::shared_ptr<const AwsProfiles>;

/// Profiles that refer to another one, one after the other.
constexpr int kDepthMax = 8;

std::string in_home(const SourceContext& context, std::string_view path) {
    return context.variable("HOME") + "/" + std::string(path);
}

/// The file that a variable names, or the usual one.
std::string path_of(const SourceContext& context, std::string_view variable, const char* usual) {
    const std::string named = context.variable(variable);
    if (named.empty()) return in_home(context, usual);
    return named.starts_with("~/") ? in_home(context, named.substr(2)) : named;
}

std::string sha1_hex(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    std::size_t size = 0;
    if (EVP_Q_digest(nullptr, "SHA1", nullptr, text.data(), text.size(), digest.data(), &size) != 1)
        return {};
    std::string hex;
    for (std::size_t i = 0; i < size; ++i) {
        hex += kDigits[digest[i] >> 4];
        hex += kDigits[digest[i] & 15];
    }
    return hex;
}

/// One profile under consideration.
struct Profile {
    ProfilesPtr profiles;
    std::string name;
    const wire::AwsSection* section;  ///< of `profiles`
    int depth = 0;

    std::string value(std::string_view of) const { return AwsProfiles::value(section, of); }
    Offer failed(const std::string& why) const {
        return Offer::failed("profile \"" + name + "\": " + why);
    }
};

Task<Offer> serve(const SourceContext& context, Profile profile);

bool has_keys(const Profile& profile) {
    return !profile.value("aws_access_key_id").empty();
}

Offer keys_of(const Profile& profile) {
    wire::AwsCredentials credentials;
    credentials.key_id = profile.value("aws_access_key_id");
    credentials.secret = profile.value("aws_secret_access_key");
    credentials.session_token = profile.value("aws_session_token");
    if (credentials.secret.empty()) return profile.failed("has no aws_secret_access_key");
    return Offer::found(std::move(credentials));
}

/// Who takes the role of a profile on.
Task<Offer> source_of(const SourceContext& context, Profile profile) {
    const std::string source = profile.value("credential_source");
    if (source == "Environment") co_return from_environment(context);
    if (source == "EcsContainer") co_return co_await from_container(context);
    if (source == "Ec2InstanceMetadata") co_return co_await from_instance(context);
    if (!source.empty()) co_return profile.failed("credential_source " + source + " is not known");
    const std::string name = profile.value("source_profile");
    if (name.empty()) co_return profile.failed("has role_arn, but no source_profile");
    // A profile that names itself has keys and a role.
    if (name == profile.name && has_keys(profile)) co_return keys_of(profile);
    if (profile.depth >= kDepthMax) co_return profile.failed("too many source_profiles in a row");
    const auto* section = profile.profiles->profile(name);
    if (section == nullptr) co_return profile.failed("source_profile " + name + " is not there");
    Profile next{profile.profiles, name, section, profile.depth + 1};
    co_return co_await serve(context, std::move(next));
}

Task<Offer> role_of(const SourceContext& context, Profile profile) {
    wire::AssumeRole role;
    role.role_arn = profile.value("role_arn");
    role.session_name = profile.value("role_session_name");
    if (role.session_name.empty()) role.session_name = "bide";
    role.external_id = profile.value("external_id");
    if (const std::string text = profile.value("duration_seconds"); !text.empty()) {
        const char* const last = text.data() + text.size();
        const auto [end, error] = std::from_chars(text.data(), last, role.duration_s);
        if (error != std::errc() || end != last || role.duration_s <= 0)
            co_return profile.failed("duration_seconds is not a number");
    }
    if (!profile.value("mfa_serial").empty())
        co_return profile.failed("has mfa_serial, and there is nobody to ask for a code");
    if (const std::string file = profile.value("web_identity_token_file"); !file.empty())
        co_return co_await take_role_by_token(context, std::move(role), file);
    Offer source = co_await source_of(context, profile);
    if (source.kind == Offer::Kind::absent)
        co_return profile.failed("who takes the role on: " + source.why);
    if (source.kind == Offer::Kind::failed) co_return source;
    co_return co_await take_role(context, std::move(role), std::move(source.credentials));
}

Task<Offer> process_of(const SourceContext& context, Profile profile) {
    if (context.closing.stop_requested()) co_return profile.failed("stopped");
    // Values, not references: it runs on another thread.
    const auto run = [command = profile.value("credential_process"),
                      environment = context.sources.environment,
                      clock = &context.clock] {
        return run_credential_process(command, environment, *clock);
    };
    const auto output = co_await runtime::on_pool(context.pool, run);
    if (!output) co_return profile.failed(output.error().detail);
    auto credentials = wire::read_process_credentials(output.value());
    if (!credentials) {
        co_return profile.failed("what credential_process prints " + credentials.error().detail);
    }
    co_return Offer::found(std::move(credentials.value()));
}

/// The values of a profile, or of the sso-session that it names.
struct Sso {
    std::string cache_key;
    std::string region;
    std::string account;
    std::string role;
};

Sso sso_of(const Profile& profile) {
    const std::string session = profile.value("sso_session");
    const auto* section =
        session.empty() ? profile.section : profile.profiles->sso_session(session);
    Sso sso;
    sso.cache_key = session.empty() ? profile.value("sso_start_url") : session;
    sso.region = AwsProfiles::value(section, "sso_region");
    sso.account = profile.value("sso_account_id");
    sso.role = profile.value("sso_role_name");
    return sso;
}

Task<Offer> sso_offer(const SourceContext& context, Profile profile) {
    const Sso sso = sso_of(profile);
    if (sso.region.empty() || sso.account.empty() || sso.role.empty()) {
        co_return profile.failed("SSO wants sso_region, sso_account_id and sso_role_name");
    }
    const std::string log_in = "; log in with: aws sso login --profile " + profile.name;
    const std::string path =
        in_home(context, ".aws/sso/cache/" + sha1_hex(sso.cache_key) + ".json");
    const auto file = co_await read_file(context, path);
    if (!file) co_return profile.failed(file.error().detail);
    if (!file.value()) co_return profile.failed(path + " is not there" + log_in);
    const auto token = wire::read_sso_token(*file.value());
    if (!token) co_return profile.failed(path + " " + token.error().detail + log_in);
    if (token.value().expires <= context.clock.now())
        co_return profile.failed("the token of SSO has expired" + log_in);

    AwsRequest request;
    request.service = "portal.sso";
    request.method = "GET";
    request.path = "/federation/credentials";
    request.query = {{"role_name", sso.role}, {"account_id", sso.account}};
    request.headers = {{"x-amz-sso_bearer_token", token.value().token}};
    AwsPlace place{sso.region, context.place.endpoints};
    wire::AwsCredentials nobody;
    auto answer =
        co_await call_aws(context, std::move(place), std::move(nobody), std::move(request));
    if (!answer) co_return profile.failed(answer.error().detail + log_in);
    auto credentials = wire::read_sso_credentials(answer.value().body.bytes);
    if (!credentials) co_return profile.failed("the answer of SSO " + credentials.error().detail);
    co_return Offer::found(std::move(credentials.value()));
}

Task<Offer> serve(const SourceContext& context, Profile profile) {
    if (!profile.value("role_arn").empty()) co_return co_await role_of(context, profile);
    if (has_keys(profile)) co_return keys_of(profile);
    if (!profile.value("sso_session").empty() || !profile.value("sso_start_url").empty())
        co_return co_await sso_offer(context, profile);
    if (!profile.value("credential_process").empty())
        co_return co_await process_of(context, profile);
    co_return Offer::absent("profile \"" + profile.name + "\" has no credentials");
}

}  // namespace

std::string profile_name(const SourceContext& context) {
    if (!context.sources.profile.empty()) return context.sources.profile;
    const std::string named = context.variable("AWS_PROFILE");
    return named.empty() ? "default" : named;
}

Task<Result<ProfilesPtr>> load_profiles(const SourceContext& context) {
    BIDE_CO_TRY(
        const auto config,
        co_await read_file(context, path_of(context, "AWS_CONFIG_FILE", ".aws/config"))
    );
    BIDE_CO_TRY(
        const auto credentials,
        co_await read_file(
            context, path_of(context, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials")
        )
    );
    BIDE_CO_TRY(auto profiles, AwsProfiles::parse({config.value_or(""), credentials.value_or("")}));
    co_return std::make_shared<const AwsProfiles>(std::move(profiles));
}

Task<Offer> from_shared_files(const SourceContext& context) {
    const auto profiles = co_await load_profiles(context);
    if (!profiles) co_return Offer::failed(profiles.error().detail);
    const std::string name = profile_name(context);
    const auto* section = profiles.value()->profile(name);
    if (section != nullptr) {
        Profile profile{profiles.value(), name, section, 0};
        co_return co_await serve(context, std::move(profile));
    }
    // Who names a profile wants that one.
    const bool named = !context.sources.profile.empty() || !context.variable("AWS_PROFILE").empty();
    const std::string why = "there is no profile \"" + name + "\"";
    co_return named ? Offer::failed(why) : Offer::absent(why);
}

}  // namespace bide::clients
