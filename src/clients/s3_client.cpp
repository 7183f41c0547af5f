#include "clients/s3_client.hpp"

#include "clients/nap.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/stop_post.hpp"
#include "wire/aws_error.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <deque>
#include <unistd.h>
#include <utility>

namespace bide::clients {
namespace {

using runtime::HttpResponse;
using runtime::Task;
using runtime::Timer;
using Kind = AwsFailure::Kind;

constexpr std::uint16_t kNotFound = 404;
constexpr std::uint16_t kConflict = 409;
constexpr std::uint16_t kPreconditionFailed = 412;

/// S3's own limit on the parts of an object.
constexpr std::uint64_t kPartsMax = 10'000;

/// The largest object of S3: 5 TiB. Bodies go to the spool.
constexpr std::uint64_t kObjectMax = 5ULL << 40;

/// Of a try that carries a body of unknown size; that it moves is the HttpClient's to watch.
constexpr Duration kBodyTime = std::chrono::hours(1);

/// Half a minute, and as long as a body takes at a megabyte a second.
Duration time_for(std::uint64_t bytes) {
    return std::chrono::seconds(30 + static_cast<std::int64_t>(bytes >> 20));
}

wire::ObjectFacts facts_of(const HttpResponse& response) {
    std::vector<wire::Field> fields;
    for (std::size_t i = 0; i < response.fields.size(); ++i)
        fields.push_back({response.fields.name(i), response.fields.value(i)});
    return wire::read_s3_headers(fields);
}

AwsFailure malformed(const HttpResponse& response, std::string detail) {
    return {Kind::malformed, response.status, {}, std::move(detail), true};
}

AwsFailure refused(const HttpResponse& response) {
    wire::AwsError error = wire::read_aws_error({}, response.body.bytes);
    const bool transient = wire::class_of(error.code) == wire::AwsErrorClass::transient;
    AwsFailure failure{
        transient ? Kind::unavailable : Kind::refused,
        response.status,
        std::move(error.code),
        {},
        transient};
    failure.detail = "s3: answered " + std::to_string(response.status) + ' ' + failure.code + ": " +
                     error.message;
    return failure;
}

/// Nothing where the bucket itself is missing: that is no answer about an object.
bool says_no_object(const HttpResponse& response) {
    return response.status == kNotFound &&
           wire::read_aws_error({}, response.body.bytes).code != "NoSuchBucket";
}

AwsRequest request_of(const std::string& bucket, const char* method, std::string_view key) {
    AwsRequest request;
    request.service = "s3";
    request.method = method;
    request.bucket = bucket;
    request.path.append(key);
    return request;
}

/// So many bytes of a body from `offset` on; empty when they cannot be read. Blocks on a disk.
std::string read_piece(const Body& body, std::uint64_t offset, std::size_t size) {
    if (!body.file) return body.bytes.substr(offset, size);
    auto file = runtime::open_for_reading(body.file->path());
    if (file.has_error()) return {};
    std::string piece(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::pread(
            file.value().get(), piece.data() + have, size - have, static_cast<off_t>(offset + have)
        );
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return {};
        have += static_cast<std::size_t>(got);
    }
    return piece;
}

/// Who waits for others' uploads to end.
struct Waiter {
    explicit Waiter(const runtime::Executor& executor) : timer(executor) {}
    void shut_down() {
        stopped = true;
        timer.cancel();
    }
    Timer timer;
    bool stopped = false;
    bool granted = false;
};

/// How a conditional put ended, as far as one try tells.
enum class Put : std::uint8_t { made, was_there, conflict };

/// An upload in parts on its way.
struct Upload {
    std::string id;
    std::vector<std::string> etags;
};

}  // namespace

struct S3Client::Shared {
    Task<AwsOutcome<S3Made>> put(S3Put what);
    Task<AwsOutcome<Put>> put_whole(const S3Put* what);
    Task<AwsOutcome<Put>> put_in_parts(const S3Put* what);
    Task<AwsOutcome<std::string>> begin_upload(const S3Put* what);
    Task<std::optional<AwsFailure>> send_parts(const S3Put* what, Upload* upload);
    Task<AwsOutcome<Put>> complete(const S3Put* what, const Upload* upload);
    Task<void> abort(const S3Put* what, const Upload* upload);
    Task<AwsOutcome<Put>> look_for(const S3Put* what);
    Task<bool> enter(std::stop_token stop);
    void leave();
    Task<AwsOutcome<std::optional<S3Object>>> read(AwsRequest request);
    Duration backoff(int attempt);

    runtime::Executor executor;
    AwsClient& aws;
    runtime::BlockingPool& pool;
    runtime::Spool& spool;
    Rng rng;
    const std::string bucket;
    const S3Options options;
    S3Counters counters{};
    unsigned uploads = 0;
    std::deque<std::shared_ptr<Waiter>> waiting{};
};

/// Exponential, with full jitter.
Duration S3Client::Shared::backoff(int attempt) {
    Duration most = options.backoff_base;
    for (int i = 1; i < attempt && most < options.backoff_max; ++i) most *= 2;
    most = std::min(most, options.backoff_max);
    return Duration(
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(most.count()) + 1))
    );
}

Task<AwsOutcome<S3Made>> S3Client::Shared::put(S3Put what) {
    const bool in_parts = what.body && what.body->size() > options.whole_max;
    if (in_parts) {
        const bool entered = co_await enter(what.stop);
        if (!entered) co_return AwsFailure{Kind::stopped, 0, {}, "s3: stopped", false};
    }
    AwsOutcome<Put> outcome = Put::conflict;
    for (int attempt = 1; attempt <= options.conflicts_max; ++attempt) {
        if (attempt > 1) co_await nap(executor, backoff(attempt), what.stop);
        if (in_parts)
            outcome = co_await put_in_parts(&what);
        else
            outcome = co_await put_whole(&what);
        if (outcome.has_error() || outcome.value() != Put::conflict) break;
    }
    if (in_parts) leave();
    if (outcome.has_error()) co_return std::move(outcome).error();
    if (outcome.value() == Put::conflict) {
        co_return AwsFailure{
            Kind::unavailable,
            kConflict,
            "ConditionalRequestConflict",
            "s3: others keep putting " + what.key,
            false};
    }
    co_return outcome.value() == Put::made ? S3Made::made : S3Made::was_there;
}

Task<AwsOutcome<Put>> S3Client::Shared::put_whole(const S3Put* what) {
    AwsRequest request = request_of(bucket, "PUT", what->key);
    request.headers = wire::s3_headers(what->facts);
    request.body = what->body;
    request.stop = what->stop;
    request.time_max = time_for(what->body ? what->body->size() : 0);
    if (what->if_absent) {
        request.headers.emplace_back("if-none-match", "*");
        request.final_statuses = {kConflict, kPreconditionFailed};
    }
    ++counters.puts;
    auto result = co_await aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    if (result.value().status == kPreconditionFailed) co_return Put::was_there;
    co_return result.value().status == kConflict ? Put::conflict : Put::made;
}

Task<AwsOutcome<Put>> S3Client::Shared::put_in_parts(const S3Put* what) {
    Upload upload;
    auto begun = co_await begin_upload(what);
    if (begun.has_error()) co_return std::move(begun).error();
    upload.id = std::move(begun).value();
    if (auto failure = co_await send_parts(what, &upload)) {
        co_await abort(what, &upload);
        co_return std::move(*failure);
    }
    auto outcome = co_await complete(what, &upload);
    if (outcome.has_error() || outcome.value() != Put::made) co_await abort(what, &upload);
    co_return outcome;
}

Task<AwsOutcome<std::string>> S3Client::Shared::begin_upload(const S3Put* what) {
    AwsRequest request = request_of(bucket, "POST", what->key);
    request.query = {{"uploads", ""}};
    request.headers = wire::s3_headers(what->facts);
    request.stop = what->stop;
    ++counters.puts;
    auto result = co_await aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    auto id = wire::read_s3_upload_id(result.value().body.bytes);
    if (id.has_error()) co_return malformed(result.value(), id.error().detail);
    co_return std::move(id).value();
}

Task<std::optional<AwsFailure>> S3Client::Shared::send_parts(const S3Put* what, Upload* upload) {
    const std::uint64_t all = what->body->size();
    const std::uint64_t part = std::max(options.part_bytes, (all + kPartsMax - 1) / kPartsMax);
    for (std::uint64_t at = 0; at < all; at += part) {
        const auto size = static_cast<std::size_t>(std::min(part, all - at));
        const auto read = [body = what->body, at, size] { return read_piece(*body, at, size); };
        auto piece = std::make_shared<Body>();
        piece->bytes = co_await runtime::on_pool(pool, read);
        if (piece->bytes.size() != size)
            co_return AwsFailure{Kind::storage, 0, {}, "s3: cannot read a body", false};
        AwsRequest request = request_of(bucket, "PUT", what->key);
        request.query = {
            {"partNumber", std::to_string(upload->etags.size() + 1)}, {"uploadId", upload->id}};
        request.body = std::move(piece);
        request.stop = what->stop;
        request.time_max = time_for(size);
        ++counters.puts;
        auto result = co_await aws.send(std::move(request));
        if (result.has_error()) co_return std::move(result).error();
        upload->etags.emplace_back(result.value().fields["etag"]);
    }
    co_return std::nullopt;
}

Task<AwsOutcome<Put>> S3Client::Shared::complete(const S3Put* what, const Upload* upload) {
    AwsRequest request = request_of(bucket, "POST", what->key);
    request.query = {{"uploadId", upload->id}};
    request.headers = {{"content-type", "application/xml"}};
    request.body = std::make_shared<const Body>(Body{wire::s3_complete(upload->etags), nullptr});
    request.stop = what->stop;
    // Putting the parts together takes S3 minutes at times.
    request.time_max = std::chrono::minutes(10);
    request.final_statuses = {kNotFound};
    if (what->if_absent) {
        request.headers.emplace_back("if-none-match", "*");
        request.final_statuses = {kNotFound, kConflict, kPreconditionFailed};
    }
    ++counters.puts;
    auto result = co_await aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    const HttpResponse& response = result.value();
    if (response.status == kPreconditionFailed) co_return Put::was_there;
    if (response.status == kConflict) co_return Put::conflict;
    if (wire::says_s3_completed(response.body.bytes)) co_return Put::made;
    // There is no such upload (any more): completed by a try whose answer was lost, or cleaned
    // away.
    if (says_no_object(response)) co_return co_await look_for(what);
    co_return refused(response);
}

/// After an upload went, whoever completed it.
Task<AwsOutcome<Put>> S3Client::Shared::look_for(const S3Put* what) {
    AwsRequest request = request_of(bucket, "HEAD", what->key);
    request.stop = what->stop;
    request.final_statuses = {kNotFound};
    ++counters.heads;
    auto result = co_await aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    if (result.value().status == kNotFound) co_return Put::conflict;
    const bool same = result.value().fields["content-length"] == std::to_string(what->body->size());
    if (what->if_absent) co_return Put::was_there;
    co_return same ? Put::made : Put::conflict;
}

/// What fails here is cleaned up by the bucket's lifecycle rule.
Task<void> S3Client::Shared::abort(const S3Put* what, const Upload* upload) {
    AwsRequest request = request_of(bucket, "DELETE", what->key);
    request.query = {{"uploadId", upload->id}};
    request.final_statuses = {kNotFound};
    ++counters.deletes;
    (void)(co_await aws.send(std::move(request))).has_error();
}

/// A place among the uploads; false: the stop came first.
Task<bool> S3Client::Shared::enter(std::stop_token stop) {
    if (uploads < options.uploads_max) {
        ++uploads;
        co_return true;
    }
    auto waiter = std::make_shared<Waiter>(executor);
    const std::stop_callback<runtime::StopPost<Waiter>> on_stop(
        stop, runtime::StopPost<Waiter>{executor, waiter}
    );
    waiter->timer.expires_at(Timer::time_point::max());
    waiting.push_back(waiter);
    while (!waiter->granted && !waiter->stopped) co_await waiter->timer.async_wait(runtime::kTuple);
    std::erase(waiting, waiter);
    co_return waiter->granted;
}

void S3Client::Shared::leave() {
    while (!waiting.empty()) {
        const auto next = std::move(waiting.front());
        waiting.pop_front();
        if (next->stopped) continue;
        next->granted = true;
        next->timer.cancel();
        return;
    }
    --uploads;
}

Task<AwsOutcome<std::optional<S3Object>>> S3Client::Shared::read(AwsRequest request) {
    request.final_statuses = {kNotFound};
    auto result = co_await aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    HttpResponse& response = result.value();
    if (says_no_object(response)) co_return std::optional<S3Object>();
    if (response.status == kNotFound) co_return refused(response);
    S3Object object;
    object.facts = facts_of(response);
    const std::string_view length = response.fields["content-length"];
    std::from_chars(length.data(), length.data() + length.size(), object.size);
    object.body = std::move(response.body);
    co_return std::optional(std::move(object));
}

S3Client::S3Client(
    runtime::Executor executor,
    AwsClient& aws,
    runtime::BlockingPool& pool,
    runtime::Spool& spool,
    Rng rng,
    std::string bucket,
    S3Options options
)
    : shared_(new Shared{std::move(executor), aws, pool, spool, rng, std::move(bucket), options}) {}

S3Client::~S3Client() = default;

Task<AwsOutcome<S3Made>> S3Client::put(S3Put what) {
    return shared_->put(std::move(what));
}

Task<AwsOutcome<std::optional<S3Object>>> S3Client::get(
    const std::string& key, std::stop_token stop
) {
    AwsRequest request = request_of(shared_->bucket, "GET", key);
    request.stop = std::move(stop);
    request.spool = &shared_->spool;
    request.response_bytes_max = kObjectMax;
    request.time_max = kBodyTime;
    ++shared_->counters.gets;
    return shared_->read(std::move(request));
}

Task<AwsOutcome<std::optional<S3Object>>> S3Client::head(
    const std::string& key, std::stop_token stop
) {
    AwsRequest request = request_of(shared_->bucket, "HEAD", key);
    request.stop = std::move(stop);
    ++shared_->counters.heads;
    return shared_->read(std::move(request));
}

Task<AwsOutcome<void>> S3Client::remove(std::string key, std::stop_token stop) {
    AwsRequest request = request_of(shared_->bucket, "DELETE", key);
    request.stop = std::move(stop);
    ++shared_->counters.deletes;
    auto result = co_await shared_->aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    co_return success();
}

Task<AwsOutcome<S3Page>> S3Client::list(
    std::string prefix, std::string start_after, std::uint32_t count_max, std::stop_token stop
) {
    AwsRequest request = request_of(shared_->bucket, "GET", "");
    request.query = wire::s3_list_query(prefix, start_after, count_max);
    request.stop = std::move(stop);
    ++shared_->counters.lists;
    auto result = co_await shared_->aws.send(std::move(request));
    if (result.has_error()) co_return std::move(result).error();
    auto page = wire::read_s3_listing(result.value().body.bytes);
    if (page.has_error()) co_return malformed(result.value(), page.error().detail);
    co_return std::move(page).value();
}

const S3Counters& S3Client::counters() const {
    return shared_->counters;
}

const std::string& S3Client::bucket() const {
    return shared_->bucket;
}

}  // namespace bide::clients
