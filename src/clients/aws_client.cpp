#include "clients/aws_client.hpp"

#include "clients/aws_urls.hpp"
#include "clients/limited_send.hpp"
#include "clients/nap.hpp"
#include "runtime/descriptor.hpp"
#include "wire/aws_error.hpp"
#include "wire/http_date.hpp"
#include "wire/message.hpp"
#include "wire/sha256.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <unistd.h>
#include <utility>

namespace bide::clients {
namespace {

using runtime::HttpFailure;
using runtime::HttpResponse;
using runtime::Task;
using Kind = AwsFailure::Kind;

/// As AWS's SDKs have them ("standard" retry): a full bucket pays for 100 retries in a row, and
/// each success gives a little back.
constexpr int kTokensMax = 500;
constexpr int kRetryCost = 5;
constexpr int kTimeoutCost = 10;

/// Services allow 5 minutes (S3: 15) either way.
constexpr Duration kSkewAllowed = std::chrono::minutes(4);

/// What to do about an answer that is not what was asked for.
enum class Verdict : std::uint8_t {
    give_up,
    transient,
    throttled,
    timeout,
    set_clock,  ///< try again at once if our clock is to blame
    renew,      ///< and if there are other credentials
};

struct Judgement {
    Verdict verdict = Verdict::give_up;
    AwsFailure failure;
    Duration at_least{0};  ///< to wait before the next try
    std::string date;      ///< of the answer
};

Judgement judge(const HttpFailure& failure, bool timed_out) {
    using From = HttpFailure::Kind;
    Judgement judgement;
    AwsFailure& told = judgement.failure;
    told.detail = failure.detail;
    told.may_have_happened = failure.sent;
    switch (failure.kind) {
        case From::stopped:
            told.kind = Kind::stopped;
            if (!timed_out) break;
            told.detail += ": no answer in time";
            [[fallthrough]];
        case From::timeout:
            told.kind = Kind::timeout;
            judgement.verdict = Verdict::timeout;
            break;
        case From::unreachable:
        case From::tls:
        case From::broken:
        case From::overloaded:
            told.kind = Kind::unavailable;
            judgement.verdict = Verdict::transient;
            break;
        case From::malformed:
        case From::too_large: told.kind = Kind::malformed; break;
        case From::storage: told.kind = Kind::storage; break;
    }
    return judgement;
}

std::string describe(const wire::AwsError& error, const HttpResponse& response) {
    std::string detail = "answered " + std::to_string(response.status);
    if (!error.code.empty()) detail += " " + error.code;
    if (!error.message.empty()) detail += ": " + error.message;
    if (const auto region = response.fields["x-amz-bucket-region"];
        response.status / 100 == 3 && !region.empty())
        detail += "; the bucket is in the region " + std::string(region);
    return detail;
}

/// The class of an answer's code, or of its status where it has none.
Verdict verdict_of(const wire::AwsError& error, std::uint16_t status) {
    switch (wire::class_of(error.code)) {
        case wire::AwsErrorClass::throttled: return Verdict::throttled;
        case wire::AwsErrorClass::transient: return Verdict::transient;
        case wire::AwsErrorClass::skewed: return Verdict::set_clock;
        case wire::AwsErrorClass::expired:
        case wire::AwsErrorClass::credentials: return Verdict::renew;
        case wire::AwsErrorClass::other: break;
    }
    // To HEAD nothing is said but the status; S3's is 400 for an expired token.
    if (error.code.empty() && status == 400) return Verdict::renew;
    if (error.code.empty() && status == 403) return Verdict::set_clock;
    if (status == 429) return Verdict::throttled;
    // 501 and its like will be said again.
    return status == 500 || (status >= 502 && status <= 504) ? Verdict::transient
                                                             : Verdict::give_up;
}

Kind kind_of(const wire::AwsError& error, Verdict verdict, std::uint16_t status) {
    if (verdict == Verdict::throttled) return Kind::throttled;
    if (verdict == Verdict::transient || status >= 500) return Kind::unavailable;
    const bool said = !error.code.empty();
    return said && verdict != Verdict::give_up ? Kind::credentials : Kind::refused;
}

Judgement judge(const HttpResponse& response, Time now) {
    const wire::AwsError error =
        wire::read_aws_error(response.fields["x-amzn-query-error"], response.body.bytes);
    Judgement judgement;
    judgement.verdict = verdict_of(error, response.status);
    judgement.date = response.fields["date"];
    judgement.at_least =
        wire::parse_retry_after(response.fields["retry-after"], now).value_or(Duration(0));
    AwsFailure& told = judgement.failure;
    told.kind = kind_of(error, judgement.verdict, response.status);
    told.status = response.status;
    told.code = error.code;
    told.detail = describe(error, response);
    // Whoever throttles has not begun.
    told.may_have_happened = response.status >= 500 && judgement.verdict != Verdict::throttled;
    return judgement;
}

bool is_final(const AwsRequest& request, std::uint16_t status) {
    return status / 100 == 2 ||
           std::ranges::find(request.final_statuses, status) != request.final_statuses.end();
}

/// Of a file's bytes; empty when it cannot be read.
std::string hash_file(const std::string& path) {
    auto file = runtime::open_for_reading(path);
    if (!file) return {};
    std::vector<char> piece(256U << 10);
    wire::Sha256 hash;
    for (;;) {
        const ssize_t got = ::read(file.value().get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return {};
        if (got == 0) return wire::to_hex(hash.finish());
        hash.update({piece.data(), static_cast<std::size_t>(got)});
    }
}

/// A call on its way through its tries.
struct Call {
    AwsRequest request;
    std::shared_ptr<const runtime::HttpUrl> url;
    std::string payload_hash;
    CredentialsPtr credentials;
    int attempt = 1;
    int paid = 0;  ///< tokens for the last retry
    bool clock_set = false;
    bool renewed = false;
    bool may_have_happened = false;
};

/// The request of one try, signed.
runtime::HttpRequest compose(const Call& call, const std::string& region, Time now) {
    const AwsRequest& request = call.request;
    wire::SignedRequest to_sign;
    to_sign.method = request.method;
    to_sign.host = call.url->authority;
    to_sign.path = call.url->target.substr(0, call.url->target.find('?'));
    to_sign.query = request.query;
    to_sign.headers = request.headers;
    to_sign.payload_hash = call.payload_hash;
    if (!call.credentials->key_id.empty())
        wire::sign(to_sign, *call.credentials, {region, request.service, now, {}});
    wire::HeaderLines lines;
    for (const auto& [name, value] : to_sign.headers) lines.add(name, value);
    lines.add("user-agent", "bide");

    runtime::HttpRequest http;
    http.url = call.url;
    http.method = request.method;
    http.header_lines = lines.lines();
    http.body = request.body;
    // A body that is empty has its length said, too.
    if (!http.body && request.method != "GET" && request.method != "HEAD" &&
        request.method != "DELETE")
        http.body = std::make_shared<const Body>();
    http.idempotent = request.idempotent;
    http.stop = request.stop;
    http.spool = request.spool;
    http.response_bytes_max = request.response_bytes_max;
    return http;
}

}  // namespace

struct AwsClient::Shared {
    /// `keep` is this.
    Task<AwsResult> run(std::shared_ptr<Shared> keep, AwsRequest request);
    Task<std::optional<AwsFailure>> prepare(Call* call);
    /// Nothing: the answer is in `response`.
    Task<std::optional<Judgement>> attempt(Call* call, HttpResponse* response);
    Task<bool> may_try_again(Call* call, const Judgement* judgement);
    Task<bool> has_others(Call* call);
    Task<void> wait(Duration span, std::stop_token stop);
    /// Neither `http` nor `credentials` may be touched any more.
    bool is_over(const Call& call) const {
        return closing.stop_requested() || call.request.stop.stop_requested();
    }
    bool learn_offset(std::string_view date);
    bool pay(Call& call, Verdict verdict);
    Duration backoff(int attempt, Verdict verdict);

    runtime::Executor executor;
    runtime::HttpClient& http;
    runtime::BlockingPool& pool;
    CredentialsProvider& credentials;
    const Clock& clock;
    Rng rng;
    AwsOptions options;
    AwsUrls urls;
    AwsCounters counters{};
    int tokens = kTokensMax;
    Duration offset{0};          ///< of the service's clock to ours
    std::stop_source closing{};  ///< the client is gone
};

Task<std::optional<AwsFailure>> AwsClient::Shared::prepare(Call* call) {
    const AwsRequest& request = call->request;
    if (urls.region().empty())
        co_return AwsFailure{Kind::refused, 0, {}, "no region is configured", false};
    auto url = urls.find(
        request.service,
        request.bucket,
        wire::aws_path(request.path),
        wire::aws_query(request.query)
    );
    if (!url) co_return AwsFailure{Kind::refused, 0, {}, url.error().detail, false};
    call->url = std::move(url.value());
    if (!request.body) {
        call->payload_hash = wire::kEmptyPayload;
    } else if (!request.body->file) {
        call->payload_hash = wire::payload_hash(request.body->bytes);
    } else if (request.service == "s3" && call->url->tls) {
        call->payload_hash = wire::kUnsignedPayload;
    } else {
        const auto hash = [body = request.body] { return hash_file(body->file->path()); };
        call->payload_hash = co_await runtime::on_pool(pool, hash);
        if (call->payload_hash.empty())
            co_return AwsFailure{Kind::storage, 0, {}, "cannot read a body", false};
    }
    co_return std::nullopt;
}

Task<std::optional<Judgement>> AwsClient::Shared::attempt(Call* call, HttpResponse* response) {
    Judgement over;
    over.failure = {Kind::stopped, 0, {}, "stopped", false};
    if (is_over(*call)) co_return over;
    auto got = co_await credentials.get();
    if (is_over(*call)) co_return over;
    if (!got) {
        Judgement none;
        none.failure = {Kind::credentials, 0, {}, got.error().detail, false};
        co_return none;
    }
    call->credentials = std::move(got.value());
    ++counters.tries;
    auto sent = co_await send_within(
        http, compose(*call, urls.region(), clock.now() + offset), call->request.time_max
    );
    if (!sent.result) co_return judge(sent.result.error(), sent.expired);
    *response = std::move(sent.result.value());
    if (is_final(call->request, response->status)) co_return std::nullopt;
    co_return judge(*response, clock.now());
}

/// Whether the service's clock is so far from what we took it for that it may have said no for
/// that.
bool AwsClient::Shared::learn_offset(std::string_view date) {
    const Time now = clock.now();
    const auto theirs = wire::parse_http_date(date, now);
    if (!theirs) return false;
    const Duration seen = *theirs - now;
    if (seen - offset < kSkewAllowed && offset - seen < kSkewAllowed) return false;
    offset = seen;
    return true;
}

Task<bool> AwsClient::Shared::has_others(Call* call) {
    if (is_over(*call)) co_return false;
    credentials.reject(call->credentials);
    const auto got = co_await credentials.get();
    co_return got.has_value() && got.value() != call->credentials;
}

bool AwsClient::Shared::pay(Call& call, Verdict verdict) {
    const int cost = verdict == Verdict::timeout ? kTimeoutCost : kRetryCost;
    if (tokens < cost) return false;
    tokens -= cost;
    call.paid = cost;
    return true;
}

/// Exponential, with full jitter.
Duration AwsClient::Shared::backoff(int attempt, Verdict verdict) {
    Duration most = verdict == Verdict::throttled ? options.throttle_base : options.backoff_base;
    for (int i = 1; i < attempt && most < options.backoff_max; ++i) most *= 2;
    most = std::min(most, options.backoff_max);
    return Duration(
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count()) + 1))
    );
}

Task<bool> AwsClient::Shared::may_try_again(Call* call, const Judgement* judgement) {
    const Verdict verdict = judgement->verdict;
    if (verdict == Verdict::give_up) co_return false;
    if (verdict == Verdict::set_clock || verdict == Verdict::renew) {
        if (!call->clock_set && learn_offset(judgement->date)) {
            call->clock_set = true;
            co_return true;
        }
        if (verdict == Verdict::set_clock || std::exchange(call->renewed, true)) co_return false;
        co_return co_await has_others(call);
    }
    if (!call->request.idempotent && judgement->failure.may_have_happened) co_return false;
    if (call->attempt >= options.attempts_max || !pay(*call, verdict)) co_return false;
    const Duration asked = std::min(judgement->at_least, options.backoff_max);
    const Duration span = std::max(backoff(call->attempt, verdict), asked);
    ++call->attempt;
    co_await wait(span, call->request.stop);
    co_return true;
}

Task<void> AwsClient::Shared::wait(Duration span, std::stop_token stop) {
    std::stop_source either;
    const auto end = [either]() mutable { either.request_stop(); };
    const std::stop_callback on_stop(stop, end);
    const std::stop_callback on_close(closing.get_token(), end);
    co_await nap(executor, span, either.get_token());
}

Task<AwsResult> AwsClient::Shared::run(
    [[maybe_unused]] std::shared_ptr<Shared> keep, AwsRequest request
) {
    ++counters.calls;
    Call call;
    call.request = std::move(request);
    if (auto failure = co_await prepare(&call)) {
        ++counters.failed;
        co_return std::move(*failure);
    }
    for (;;) {
        HttpResponse response;
        auto judgement = co_await attempt(&call, &response);
        if (!judgement) {
            // What a retry cost is given back by its success.
            tokens = std::min(kTokensMax, tokens + std::max(1, call.paid));
            co_return response;
        }
        if (judgement->verdict == Verdict::throttled) ++counters.throttled;
        call.may_have_happened |= judgement->failure.may_have_happened;
        if (co_await may_try_again(&call, &*judgement)) continue;
        ++counters.failed;
        judgement->failure.detail =
            call.request.service + ": " + std::move(judgement->failure.detail);
        judgement->failure.may_have_happened = call.may_have_happened;
        co_return std::move(judgement->failure);
    }
}

AwsClient::AwsClient(
    runtime::Executor executor,
    runtime::HttpClient& http,
    runtime::BlockingPool& pool,
    CredentialsProvider& credentials,
    const Clock& clock,
    Rng rng,
    AwsOptions options
)
    : shared_(new Shared{
          executor, http, pool, credentials, clock, rng, options, AwsUrls(options.place)}) {}

AwsClient::~AwsClient() {
    shared_->closing.request_stop();
}

Task<AwsResult> AwsClient::send(AwsRequest request) {
    return shared_->run(shared_, std::move(request));
}

const AwsCounters& AwsClient::counters() const {
    return shared_->counters;
}

Duration AwsClient::clock_offset() const {
    return shared_->offset;
}

}  // namespace bide::clients
