#pragma once

#include "base/result.hpp"
#include "runtime/asio.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/http_client.hpp"
#include "wire/sigv4.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace bide::clients {

using CredentialsPtr = std::shared_ptr<const wire::AwsCredentials>;

/// Who we are for AWS. On one thread, like the clients that ask.
class CredentialsProvider {
  public:
    virtual ~CredentialsProvider() = default;

    /// What to sign with now. The error's detail says for a person what was tried.
    virtual runtime::Task<Result<CredentialsPtr>> get() = 0;

    /// A service said that these have expired, or are not valid (yet): get() asks anew, unless it
    /// has others by now.
    virtual void reject(CredentialsPtr rejected) = 0;

    /// Where get() has them from, for a person.
    virtual std::string_view source() const { return "the configuration"; }
};

/// Those named in a configuration, or in a test.
class FixedCredentials final : public CredentialsProvider {
  public:
    explicit FixedCredentials(wire::AwsCredentials credentials)
        : credentials_(std::make_shared<const wire::AwsCredentials>(std::move(credentials))) {}

    runtime::Task<Result<CredentialsPtr>> get() override { co_return credentials_; }
    void reject(CredentialsPtr) override {}

  private:
    CredentialsPtr credentials_;
};

using Environment = std::map<std::string, std::string, std::less<>>;

/// The process's environment. Call it at start: it is no use while others change it.
Environment process_environment();

/// Where credentials, region and endpoints are looked for.
struct AwsSources {
    Environment environment;
    std::string profile;  ///< empty: AWS_PROFILE, else "default"
    std::string region;   ///< empty: AWS_REGION, AWS_DEFAULT_REGION, profile, IMDS, in that order
    // The fixed addresses of the machine's own services; tests have others.
    std::string imds_url = "http://169.254.169.254";
    std::string container_url = "http://169.254.170.2";
};

/// Where the services are.
struct AwsPlace {
    std::string region;
    /// By signing name, "" for all others; of AWS_ENDPOINT_URL[_SQS|_S3|_STS] or the profile's
    /// endpoint_url. What is not here is at its usual address in the region.
    std::map<std::string, std::string, std::less<>> endpoints;
};

/// Looks region and endpoints up. `http`, `pool` and `clock` outlive the call.
runtime::Task<Result<AwsPlace>> find_aws_place(
    runtime::HttpClient& http, runtime::BlockingPool& pool, const Clock& clock, AwsSources sources
);

/// The chain that AWS's own tools have, in this order: environment, web identity, shared files with
/// profiles (keys, source_profile and role_arn, SSO, credential_process), container endpoint,
/// instance metadata (IMDSv2). The first that is configured has to serve: going on to the next
/// could mean to be somebody else. A profile that `sources` names is the only source.
///
/// Credentials near their end are renewed by one caller while others go on with the old ones, and
/// the old ones stay in use until their end when that fails. A failure names each source that was
/// tried and why it did not serve.
///
/// `http`, `pool` and `clock` outlive it. Calls that are under way when it goes fail.
std::unique_ptr<CredentialsProvider> make_credentials_chain(
    runtime::HttpClient& http,
    runtime::BlockingPool& pool,
    const Clock& clock,
    AwsSources sources,
    AwsPlace place
);

}  // namespace bide::clients
