#include "clients/credential_sources.hpp"

#include "clients/limited_send.hpp"
#include "clients/nap.hpp"
#include "runtime/descriptor.hpp"
#include "wire/credentials_json.hpp"
#include "wire/message.hpp"
#include "wire/text.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace bide::clients {
namespace {

namespace net = runtime::net;
using runtime::Task;

constexpr std::size_t kFileMax = 1U << 20;
constexpr auto kPause = std::chrono::milliseconds(100);  ///< before a second try

Error trouble(std::string what) {
    return {Code::unauthenticated, Retry::never, std::move(what)};
}

Result<std::optional<std::string>> read_now(const std::string& path) {
    const runtime::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
    std::string text;
    std::array<char, 65536> piece{};
    for (;;) {
        const ssize_t got = file ? ::read(file.get(), piece.data(), piece.size()) : -1;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            return trouble("cannot read " + path + ": " + std::generic_category().message(errno));
        }
        if (got == 0) return text;
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > kFileMax) return trouble(path + " is larger than 1 MiB");
    }
}

/// White space around a token in a file is an editor's.
std::string trimmed(std::string_view text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
        text.remove_suffix(1);
    return std::string(wire::trim(text));
}

Task<Offer> read_role_answer(
    const SourceContext& context, wire::AwsCredentials with, std::string form
) {
    AwsRequest request;
    request.service = "sts";
    request.headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}};
    request.body = std::make_shared<const Body>(Body{std::move(form), nullptr});
    request.response_bytes_max = kFileMax;
    AwsPlace place = context.place;
    if (place.region.empty()) place.region = "us-east-1";
    auto answer = co_await call_aws(context, std::move(place), std::move(with), std::move(request));
    if (!answer) co_return Offer::failed(answer.error().detail);
    auto credentials = wire::read_sts_credentials(answer.value().body.bytes);
    if (!credentials) co_return Offer::failed(credentials.error().detail);
    co_return Offer::found(std::move(credentials.value()));
}

/// Where a token may go in the clear: to the machine itself, and to the agents of ECS and EKS.
bool may_have_token(const runtime::HttpUrl& url) {
    if (url.tls || url.host == "localhost") return true;
    boost::system::error_code error;
    const auto address = net::ip::make_address(url.host, error);
    if (error) return false;
    if (address.is_loopback()) return true;
    static const std::array<net::ip::address, 3> kAgents{
        net::ip::make_address("169.254.170.2"),
        net::ip::make_address("169.254.170.23"),
        net::ip::make_address("fd00:ec2::23")};
    return std::find(kAgents.begin(), kAgents.end(), address) != kAgents.end();
}

/// The Authorization for the container's endpoint; empty: none is wanted.
Task<Result<std::string>> container_token(const SourceContext& context) {
    const std::string path = context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    std::string token = context.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    if (!path.empty()) {
        BIDE_CO_TRY(const auto file, co_await read_file(context, path));
        if (!file) co_return trouble(path + " is not there");
        token = trimmed(*file);
    }
    if (wire::has_control(token)) co_return trouble("the authorization token is not one line");
    co_return token;
}

}  // namespace

std::string SourceContext::variable(std::string_view name) const {
    const auto found = sources.environment.find(name);
    return found == sources.environment.end() ? std::string() : found->second;
}

Task<Result<std::optional<std::string>>> read_file(const SourceContext& context, std::string path) {
    if (context.closing.stop_requested()) co_return trouble("stopped");
    // Named: what stands in the expression itself GCC 12 destroys twice (and so below).
    const auto read = [path] { return read_now(path); };
    co_return co_await runtime::on_pool(context.pool, read);
}

Task<AwsResult> call_aws(
    const SourceContext& context, AwsPlace place, wire::AwsCredentials with, AwsRequest request
) {
    const runtime::Executor executor = co_await net::this_coro::executor;
    FixedCredentials credentials(std::move(with));
    AwsOptions options;
    options.place = std::move(place);
    AwsClient aws(
        executor,
        context.http,
        context.pool,
        credentials,
        context.clock,
        Rng(os_random()),
        std::move(options)
    );
    request.time_max = std::chrono::seconds(10);
    request.stop = context.closing;
    co_return co_await aws.send(std::move(request));
}

Task<Result<runtime::HttpResponse>> ask_locally(
    const SourceContext& context, LocalRequest request
) {
    auto url = runtime::parse_http_url(request.url);
    if (!url) co_return trouble(url.error().detail);
    runtime::HttpRequest http;
    http.url = std::make_shared<const runtime::HttpUrl>(std::move(url.value()));
    http.method = request.method;
    http.header_lines = request.header_lines;
    if (request.method == "PUT") http.body = std::make_shared<const Body>();
    http.idempotent = true;
    http.stop = context.closing;
    http.response_bytes_max = kFileMax;
    for (int attempt = 1;; ++attempt) {
        if (context.closing.stop_requested()) co_return trouble("stopped");
        auto sent = co_await send_within(context.http, http, request.time_max);
        const bool last = attempt >= request.attempts_max;
        if (sent.result && (last || sent.result.value().status < 500))
            co_return std::move(sent.result.value());
        if (!sent.result && last) {
            co_return trouble(
                sent.expired ? http.url->origin + ": no answer in time" : sent.result.error().detail
            );
        }
        const runtime::Executor executor = co_await net::this_coro::executor;
        co_await nap(executor, kPause, context.closing);
    }
}

Offer from_environment(const SourceContext& context) {
    wire::AwsCredentials credentials;
    credentials.key_id = context.variable("AWS_ACCESS_KEY_ID");
    credentials.secret = context.variable("AWS_SECRET_ACCESS_KEY");
    credentials.session_token = context.variable("AWS_SESSION_TOKEN");
    if (credentials.key_id.empty()) return Offer::absent("AWS_ACCESS_KEY_ID is not set");
    if (credentials.secret.empty())
        return Offer::failed("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    return Offer::found(std::move(credentials));
}

Task<Offer> take_role(
    const SourceContext& context, wire::AssumeRole role, wire::AwsCredentials with
) {
    co_return co_await read_role_answer(context, std::move(with), wire::assume_role_form(role));
}

Task<Offer> take_role_by_token(
    const SourceContext& context, wire::AssumeRole role, std::string token_file
) {
    const auto token = co_await read_file(context, token_file);
    if (!token) co_return Offer::failed(token.error().detail);
    if (!token.value()) co_return Offer::failed(token_file + " is not there");
    wire::AwsCredentials nobody;
    std::string form = wire::assume_role_form(role, trimmed(*token.value()));
    co_return co_await read_role_answer(context, std::move(nobody), std::move(form));
}

Task<Offer> from_web_identity(const SourceContext& context) {
    std::string file = context.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (file.empty()) co_return Offer::absent("AWS_WEB_IDENTITY_TOKEN_FILE is not set");
    wire::AssumeRole role;
    role.role_arn = context.variable("AWS_ROLE_ARN");
    if (role.role_arn.empty())
        co_return Offer::failed("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    role.session_name = context.variable("AWS_ROLE_SESSION_NAME");
    if (role.session_name.empty()) role.session_name = "bide";
    co_return co_await take_role_by_token(context, std::move(role), std::move(file));
}

Task<Offer> from_container(const SourceContext& context) {
    const std::string relative = context.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    LocalRequest request;
    request.url = relative.empty() ? context.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                                   : context.sources.container_url + relative;
    if (request.url.empty())
        co_return Offer::absent("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
    const auto url = runtime::parse_http_url(request.url);
    if (!url) co_return Offer::failed(url.error().detail);
    if (!may_have_token(url.value())) {
        co_return Offer::failed(
            url.value().origin + " is neither https nor an address that credentials come from"
        );
    }
    const auto token = co_await container_token(context);
    if (!token) co_return Offer::failed(token.error().detail);
    if (!token.value().empty()) request.header_lines = "Authorization: " + token.value() + "\r\n";
    request.time_max = std::chrono::seconds(5);
    request.attempts_max = 3;
    const auto answer = co_await ask_locally(context, std::move(request));
    if (!answer) co_return Offer::failed(answer.error().detail);
    const std::string origin = url.value().origin;
    if (answer.value().status != 200)
        co_return Offer::failed(origin + " answered " + std::to_string(answer.value().status));
    auto credentials = wire::read_endpoint_credentials(answer.value().body.bytes);
    if (!credentials)
        co_return Offer::failed("the answer of " + origin + " " + credentials.error().detail);
    co_return Offer::found(std::move(credentials.value()));
}

}  // namespace bide::clients
