#include "engines/aws/services.hpp"

#include "engines/aws/troubles.hpp"
#include "runtime/tls.hpp"
#include "wire/elasticache.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <utility>

namespace bide::engines::aws {
namespace {

/// Idle connections are kept shorter than the services keep them (S3 and SQS close after some
/// 20 s), so that few requests meet a closed one.
constexpr auto kIdle = std::chrono::seconds(15);

/// From a request to the head of its answer: a long poll takes 20 s.
constexpr auto kAnswer = std::chrono::seconds(40);

/// Of the cache, after the process was frozen: many times what a round trip takes.
constexpr auto kSignOfLife = std::chrono::milliseconds(500);

/// Between two pieces of a body.
constexpr auto kPause = std::chrono::seconds(30);

/// Runs `what` on the thread and waits for it.
template <class F>
auto run_on(const runtime::Executor& executor, F what) {
    std::promise<decltype(what())> promise;
    auto future = promise.get_future();
    runtime::net::post(executor, [&promise, &what] { promise.set_value(what()); });
    return future.get();
}

}  // namespace

Services::Services(
    ServicesOptions options,
    runtime::WorkThread& thread,
    runtime::BlockingPool& pool,
    runtime::Spool& spool,
    const Clock& clock
)
    : options_(std::move(options)), thread_(thread), pool_(pool), spool_(spool), clock_(clock) {}

Result<std::unique_ptr<Services>> Services::open(
    ServicesOptions options,
    runtime::WorkThread& thread,
    runtime::BlockingPool& pool,
    runtime::Spool& spool,
    const Clock& clock
) {
    auto services =
        std::unique_ptr<Services>(new Services(std::move(options), thread, pool, spool, clock));
    BIDE_TRY(services->prepare());
    return services;
}

Result<void> Services::prepare() {
    BIDE_TRY(tls_, runtime::make_tls_client_context({}));
    if (!options_.redis_url.empty()) {
        BIDE_TRY(redis_options_.address, clients::parse_redis_url(options_.redis_url));
        if (redis_options_.address.tls) {
            BIDE_TRY(redis_options_.tls, runtime::make_tls_client_context(options_.redis_ca));
        }
        if (!options_.redis_iam.empty()) {
            if (redis_options_.address.user.empty() || !redis_options_.address.tls) {
                return Error{
                    Code::bad_request,
                    Retry::never,
                    "redis_iam needs redis = \"rediss://USER@HOST:PORT\": a user, and TLS"};
            }
            redis_options_.password = [this] { return iam_token(); };
        }
        redis_options_.on_connection = [this](bool connected, const std::string& why) {
            if (!connected) log("cache: " + why);
        };
    }
    run_on(executor(), [this] {
        clients_ = std::make_unique<Clients>();
        runtime::HttpClientOptions http;
        http.connections_max = options_.connections_max;
        http.idle_max = kIdle;
        http.head_max = kAnswer;
        http.pause_max = kPause;
        http.tls = tls_;
        clients_->http =
            std::make_unique<runtime::HttpClient>(executor(), pool_, clock_, std::move(http));
        return true;
    });
    block_on(find_place());
    BIDE_TRY(place_, std::move(found_place_));
    run_on(executor(), [this] {
        make_clients();
        return true;
    });
    return success();
}

/// Asked at each connection to the cache.
runtime::Task<Result<std::string>> Services::iam_token() {
    BIDE_CO_TRY(const auto credentials, co_await clients_->credentials->get());
    const wire::ElastiCacheUser user{
        options_.redis_iam, options_.redis_serverless, redis_options_.address.user};
    co_return wire::elasticache_token(user, *credentials, place_.region, clock_.now());
}

runtime::Task<void> Services::find_place() {
    found_place_ = co_await clients::find_aws_place(*clients_->http, pool_, clock_, options_.aws);
}

void Services::make_clients() {
    clients_->credentials =
        clients::make_credentials_chain(*clients_->http, pool_, clock_, options_.aws, place_);
    clients::AwsOptions aws;
    aws.place = place_;
    clients_->aws = std::make_unique<clients::AwsClient>(
        executor(),
        *clients_->http,
        pool_,
        *clients_->credentials,
        clock_,
        Rng(os_random()),
        std::move(aws)
    );
    clients_->sqs =
        std::make_unique<clients::SqsClient>(executor(), *clients_->aws, clock_, Rng(os_random()));
    const auto bucket = [this](const std::string& name) {
        return std::make_unique<clients::S3Client>(
            executor(), *clients_->aws, pool_, spool_, Rng(os_random()), name
        );
    };
    clients_->incoming = bucket(options_.incoming_bucket);
    clients_->outgoing = bucket(options_.outgoing_bucket);
    clients_->store = std::make_unique<JobStore>(*clients_->incoming, *clients_->outgoing);
    if (!options_.redis_url.empty()) {
        clients::RedisOptions redis = redis_options_;
        redis.on_connection = [this](bool connected, const std::string& why) {
            redis_options_.on_connection(connected, why);
            if (connected && clients_->notices) clients_->notices->connected();
        };
        clients_->redis = std::make_unique<clients::RedisClient>(
            executor(), clock_, Rng(os_random()), std::move(redis)
        );
        clients_->notices = std::make_shared<Notices>(executor(), clock_, *clients_->redis);
    }
}

Result<std::string> Services::queue_url(const std::string& name_or_url) {
    const bool is_url = name_or_url.starts_with("https://") || name_or_url.starts_with("http://");
    if (name_or_url.empty() || is_url) return name_or_url;
    Result<std::string> found = Error{Code::internal, Retry::never, "out of memory"};
    block_on(find_queue(name_or_url, &found));
    return found;
}

void Services::block_on(runtime::Task<void> task) {
    std::promise<void> done;
    runtime::net::co_spawn(executor(), std::move(task), [&done](const std::exception_ptr&) {
        done.set_value();
    });
    const std::stop_callback on_stop(options_.give_up, [this] {
        runtime::net::post(executor(), [this] { end_calls(); });
    });
    done.get_future().wait();
}

runtime::Task<void> Services::find_queue(std::string name, Result<std::string>* found) {
    auto answer = co_await sqs().find_queue(name);
    if (answer.has_value())
        *found = std::move(answer.value());
    else
        *found = to_error(answer.error(), "SQS queue " + name);
}

void Services::end_calls() {
    if (clients_->notices) clients_->notices->close();
    if (clients_->redis) clients_->redis->close();
    clients_->http->close();
}

void Services::cut_off() {
    run_on(executor(), [this] {
        end_calls();
        return true;
    });
}

Services::~Services() {
    if (!clients_) return;  // prepare() failed
    cut_off();
    // What was under way has been told to end; it does so on the thread before this.
    run_on(executor(), [this] {
        clients_.reset();
        return true;
    });
}

std::vector<ports::EngineCounter> Services::counters() const {
    const clients::SqsCounters& sqs = clients_->sqs->counters();
    const clients::AwsCounters& aws = clients_->aws->counters();
    std::vector<ports::EngineCounter> all{
        {"bide_sqs_send_calls", "Calls of SQS that sent messages.", sqs.sends.load()},
        {"bide_sqs_receive_calls", "Calls of SQS that asked for messages.", sqs.receives.load()},
        {"bide_sqs_delete_calls", "Calls of SQS that removed messages.", sqs.deletes.load()},
        {"bide_sqs_visibility_calls", "Calls of SQS about leases.", sqs.visibilities.load()},
        {"bide_sqs_messages_sent", "Messages sent.", sqs.messages_sent.load()},
        {"bide_sqs_messages_received", "Messages received.", sqs.messages_received.load()},
        {"bide_sqs_messages_deleted", "Messages removed.", sqs.messages_deleted.load()},
    };
    std::uint64_t puts = 0;
    std::uint64_t gets = 0;
    for (const auto* bucket : {clients_->incoming.get(), clients_->outgoing.get()}) {
        puts += bucket->counters().puts.load();
        gets += bucket->counters().gets.load() + bucket->counters().heads.load();
    }
    all.push_back({"bide_s3_put_calls", "Objects, and parts of objects, put into S3.", puts});
    all.push_back({"bide_s3_get_calls", "Objects read from S3, or looked for.", gets});
    all.push_back({"bide_aws_requests", "Requests sent to AWS, retries included.", aws.tries.load()}
    );
    all.push_back({"bide_aws_throttled", "Answers that asked for fewer.", aws.throttled.load()});
    all.push_back({"bide_aws_failures", "Calls that failed after all retries.", aws.failed.load()});
    const Notices* notices = clients_->notices.get();
    all.push_back(
        {"bide_notices", "Notices published.", published_ + (notices ? notices->taken() : 0)}
    );
    all.push_back(
        {"bide_notices_dropped",
         "Notices of results that the cache did not take in time.",
         notices ? notices->dropped() : 0}
    );
    return all;
}

void Services::tell_cache(std::vector<std::string> args) {
    if (cache_works() && args.front() == "PUBLISH") ++published_;
    if (cache_works()) redis()->send(std::move(args), {});
}

void Services::publish(std::string channel, std::string text) {
    if (clients_->notices) clients_->notices->publish(std::move(channel), std::move(text));
}

runtime::Task<void> Services::published_by(Time until) {
    if (const auto notices = clients_->notices) co_await notices->taken_by(until);
}

bool Services::published(Duration patience) {
    return !clients_->notices || clients_->notices->wait(patience);
}

std::shared_ptr<clients::RedisSubscription> Services::subscribe(
    clients::RedisSubscriptionHooks hooks
) {
    if (redis() == nullptr) return nullptr;
    clients::RedisSubscriptionOptions options;
    options.redis = redis_options_;
    auto made = std::make_shared<clients::RedisSubscription>(
        executor(), clock_, Rng(os_random()), *redis(), std::move(options), std::move(hooks)
    );
    clients_->subscriptions.push_back(made);
    return made;
}

void Services::thawed() {
    clients_->http->close_idle();
    if (redis() == nullptr) return;
    redis()->doubt(kSignOfLife);
    for (const auto& weak : clients_->subscriptions) {
        if (const auto subscription = weak.lock()) subscription->doubt(kSignOfLife);
    }
}

}  // namespace bide::engines::aws
