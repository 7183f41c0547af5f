#include "clients/credentials.hpp"

#include "clients/credential_sources.hpp"
#include "wire/message.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <unistd.h>
#include <utility>

namespace bide::clients {
namespace {

using runtime::Task;

/// Before their end credentials are renewed; AWS has new ones ready by then.
constexpr Duration kRenewAhead = std::chrono::minutes(5);

/// A source that has nothing newer is not asked again before this.
constexpr Duration kRenewPause = std::chrono::minutes(1);

/// Newer ones than this are not given up for a service's refusal, which they may be too new for.
constexpr Duration kRejectAfter = std::chrono::seconds(5);

/// A failure counts for all who ask within this, so that each of many calls does not make its own.
constexpr Duration kFailurePause = std::chrono::seconds(1);

bool same(const wire::AwsCredentials& a, const wire::AwsCredentials& b) {
    return a.key_id == b.key_id && a.secret == b.secret && a.session_token == b.session_token &&
           a.expires == b.expires;
}

/// What the calls of a chain share; they keep it.
class ChainState {
  public:
    explicit ChainState(SourceContext context) : context_(std::move(context)) {
        context_.closing = closing_.get_token();
    }

    Task<Result<CredentialsPtr>> get(std::shared_ptr<ChainState> keep);
    void reject(const CredentialsPtr& rejected);
    void close() { closing_.request_stop(); }
    std::string_view source() const { return source_; }

  private:
    bool is_usable() const;
    Task<Result<wire::AwsCredentials>> find();
    Task<void> renew();
    Task<void> wait_for_renewal();
    void take(Result<wire::AwsCredentials> found);

    std::stop_source closing_;
    SourceContext context_;
    CredentialsPtr current_;
    bool rejected_ = false;
    Time taken_at_{};
    Time renew_at_{};
    std::string_view source_ = "nowhere";
    std::optional<Error> failure_;
    Time failed_at_{};
    bool renewing_ = false;
    std::optional<runtime::Timer> renewed_;  ///< cancelled to wake those who wait
};

class Chain final : public CredentialsProvider {
  public:
    explicit Chain(SourceContext context)
        : state_(std::make_shared<ChainState>(std::move(context))) {}
    ~Chain() override { state_->close(); }

    Task<Result<CredentialsPtr>> get() override { return state_->get(state_); }
    void reject(CredentialsPtr rejected) override { state_->reject(rejected); }
    std::string_view source() const override { return state_->source(); }

  private:
    std::shared_ptr<ChainState> state_;
};

/// By our clock, which may be wrong: what was just given counts in any case.
bool ChainState::is_usable() const {
    const Time now = context_.clock.now();
    return current_ && !rejected_ && (now < current_->expires || now < taken_at_ + kRenewPause);
}

Task<Result<CredentialsPtr>> ChainState::get([[maybe_unused]] std::shared_ptr<ChainState> keep) {
    if (is_usable() && (renewing_ || context_.clock.now() < renew_at_)) co_return current_;
    if (renewing_) {
        co_await wait_for_renewal();
    } else if (!failure_ || context_.clock.now() >= failed_at_ + kFailurePause) {
        co_await renew();
    }
    if (is_usable()) co_return current_;
    // Somebody may have rejected meanwhile what came.
    if (!failure_)
        co_return Error{Code::unauthenticated, Retry::never, "AWS credentials were rejected"};
    co_return *failure_;
}

void ChainState::reject(const CredentialsPtr& rejected) {
    if (rejected == current_ && context_.clock.now() >= taken_at_ + kRejectAfter) rejected_ = true;
}

Task<void> ChainState::wait_for_renewal() {
    if (!renewed_) {
        renewed_.emplace(co_await runtime::net::this_coro::executor);
        renewed_->expires_at(runtime::Timer::time_point::max());
    }
    while (renewing_) co_await renewed_->async_wait(runtime::kTuple);
}

Task<void> ChainState::renew() {
    // However it ends, nobody waits for it any longer.
    struct Ending {
        ChainState& chain;
        ~Ending() {
            chain.renewing_ = false;
            if (chain.renewed_) chain.renewed_->cancel();
        }
    };
    renewing_ = true;
    const Ending ending{*this};
    take(co_await find());
}

void ChainState::take(Result<wire::AwsCredentials> found) {
    const Time now = context_.clock.now();
    if (!found) {
        failure_ = std::move(found.error());
        failed_at_ = now;
        renew_at_ = now + kRenewPause;
        return;
    }
    failure_.reset();
    // The same object for the same credentials: who rejected it sees that there are no others.
    if (!current_ || !same(*current_, found.value()))
        current_ = std::make_shared<const wire::AwsCredentials>(std::move(found.value()));
    rejected_ = false;
    taken_at_ = now;
    const Time expires = current_->expires;
    renew_at_ = expires == kNever ? kNever : std::max(now + kRenewPause, expires - kRenewAhead);
}

Task<Result<wire::AwsCredentials>> ChainState::find() {
    std::string tried;
    struct Source {
        const char* name;
        Task<Offer> (*ask)(const SourceContext& context);
    };
    static constexpr auto kEnvironment = [](const SourceContext& context) -> Task<Offer> {
        co_return from_environment(context);
    };
    static constexpr std::array<Source, 5> kSources{{
        {"environment", kEnvironment},
        {"web identity", from_web_identity},
        {"shared files", from_shared_files},
        {"container", from_container},
        {"instance metadata", from_instance},
    }};
    for (const Source& source : kSources) {
        // A profile that the configuration names is what it wants, and nothing else.
        if (!context_.sources.profile.empty() && source.ask != from_shared_files) continue;
        Offer offer = co_await source.ask(context_);
        if (offer.kind == Offer::Kind::found) {
            source_ = source.name;
            co_return std::move(offer.credentials);
        }
        tried += (tried.empty() ? "" : "; ") + std::string(source.name) + ": " + offer.why;
        if (offer.kind == Offer::Kind::failed) break;
    }
    co_return Error{Code::unauthenticated, Retry::never, "no AWS credentials: " + tried};
}

/// The name of a service in variables and profiles, and as it signs.
struct ServiceName {
    std::string_view variable;
    std::string_view profile;
    std::string_view signing;
};
constexpr std::array<ServiceName, 4> kServices{{
    {"AWS_ENDPOINT_URL_SQS", "sqs.endpoint_url", "sqs"},
    {"AWS_ENDPOINT_URL_S3", "s3.endpoint_url", "s3"},
    {"AWS_ENDPOINT_URL_STS", "sts.endpoint_url", "sts"},
    {"AWS_ENDPOINT_URL_SSO", "sso.endpoint_url", "portal.sso"},
}};

void find_endpoints(
    const SourceContext& context, const wire::AwsProfiles& profiles, AwsPlace& place
) {
    if (wire::equal_fold(context.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true")) return;
    const auto* profile = profiles.profile(profile_name(context));
    const auto* services = profiles.services(wire::AwsProfiles::value(profile, "services"));
    const std::string of_all = context.variable("AWS_ENDPOINT_URL");
    for (const auto& service : kServices) {
        std::string url = context.variable(service.variable);
        // The environment's word for all goes before a profile's word for one.
        if (url.empty()) url = of_all;
        if (url.empty()) url = wire::AwsProfiles::value(services, service.profile);
        if (!url.empty()) place.endpoints.emplace(service.signing, std::move(url));
    }
    std::string url = of_all.empty() ? wire::AwsProfiles::value(profile, "endpoint_url") : of_all;
    if (!url.empty()) place.endpoints.emplace("", std::move(url));
}

}  // namespace

Environment process_environment() {
    Environment found;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos)
            found.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return found;
}

Task<Result<AwsPlace>> find_aws_place(
    runtime::HttpClient& http, runtime::BlockingPool& pool, const Clock& clock, AwsSources sources
) {
    const SourceContext context{http, pool, clock, std::move(sources), {}, {}};
    BIDE_CO_TRY(const auto profiles, co_await load_profiles(context));
    AwsPlace place;
    find_endpoints(context, *profiles, place);
    place.region = context.sources.region;
    for (const char* variable : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
        if (place.region.empty()) place.region = context.variable(variable);
    }
    if (place.region.empty()) {
        const auto* profile = profiles->profile(profile_name(context));
        place.region = wire::AwsProfiles::value(profile, "region");
    }
    if (!place.region.empty()) co_return place;
    const auto region = co_await region_of_instance(context);
    if (!region || region.value().empty()) {
        co_return Error{
            Code::bad_request,
            Retry::never,
            "no AWS region: AWS_REGION is not set, the profile has none, and instance metadata: " +
                (region ? "there is none" : region.error().detail)};
    }
    place.region = region.value();
    co_return place;
}

std::unique_ptr<CredentialsProvider> make_credentials_chain(
    runtime::HttpClient& http,
    runtime::BlockingPool& pool,
    const Clock& clock,
    AwsSources sources,
    AwsPlace place
) {
    return std::make_unique<Chain>(SourceContext{
        http, pool, clock, std::move(sources), std::move(place)});
}

}  // namespace bide::clients
