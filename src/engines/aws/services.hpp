#pragma once

#include "base/result.hpp"
#include "clients/redis_client.hpp"
#include "clients/redis_subscription.hpp"
#include "clients/s3_client.hpp"
#include "clients/sqs_client.hpp"
#include "engines/aws/job_store.hpp"
#include "engines/aws/notices.hpp"
#include "engines/aws/options.hpp"
#include "ports/engine.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/spool.hpp"
#include "runtime/work_thread.hpp"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace bide::engines::aws {

/// The clients of all services that the engine uses, on one thread of their own. Fronts and workers
/// of one process share them.
class Services {
  public:
    /// Finds region and endpoints, and connects to the cache in the background. Blocks while it
    /// asks the machine's metadata. `thread` is started; it, `pool`, `spool` and `clock` outlive
    /// it.
    static Result<std::unique_ptr<Services>> open(
        ServicesOptions options,
        runtime::WorkThread& thread,
        runtime::BlockingPool& pool,
        runtime::Spool& spool,
        const Clock& clock
    );
    /// Fronts and workers have stopped.
    ~Services();
    /// Ends the calls that are under way; those that follow fail. Any thread.
    void cut_off();
    Services(const Services&) = delete;
    Services& operator=(const Services&) = delete;

    runtime::Executor executor() { return thread_.executor(); }
    const Clock& clock() const { return clock_; }
    const ServicesOptions& options() const { return options_; }
    const clients::AwsPlace& place() const { return place_; }

    /// Of a queue's name its URL; a URL and nothing come back as they are. Blocks; not on the
    /// thread.
    Result<std::string> queue_url(const std::string& name_or_url);

    // On the thread only:
    clients::SqsClient& sqs() { return *clients_->sqs; }
    JobStore& store() { return *clients_->store; }
    clients::S3Client& incoming() { return *clients_->incoming; }
    clients::S3Client& outgoing() { return *clients_->outgoing; }
    clients::AwsClient& aws() { return *clients_->aws; }
    clients::CredentialsProvider& credentials() { return *clients_->credentials; }
    /// Null when there is no cache in the configuration.
    clients::RedisClient* redis() { return clients_->redis.get(); }
    const clients::RedisOptions& redis_options() const { return redis_options_; }
    /// Whether a command would be sent.
    bool cache_works() { return redis() != nullptr && redis()->connected(); }
    /// Sends a command whose reply nobody needs; nowhere when the cache is down.
    void tell_cache(std::vector<std::string> args);
    /// Publishes that there is a result, as soon as the cache takes it.
    void publish(std::string channel, std::string text);
    /// Waits until the cache has taken all that was published before, or until then.
    runtime::Task<void> published_by(Time until);
    /// Waits until the cache has taken all that was published. Any other thread. False: `patience`
    /// is over.
    bool published(Duration patience);
    /// Null when there is no cache.
    std::shared_ptr<clients::RedisSubscription> subscribe(clients::RedisSubscriptionHooks hooks);
    /// The process was frozen, and its peers may have gone without a word: nothing that idles is
    /// used again, and what the cache was trusted with has to be proven anew.
    void thawed();

    /// Calls of the services since the start, for metrics. Any thread.
    std::vector<ports::EngineCounter> counters() const;

    void log(const std::string& text) const {
        if (options_.log) options_.log(text);
    }

  private:
    /// What lives on the thread, in the order of use.
    struct Clients {
        std::unique_ptr<runtime::HttpClient> http;
        std::unique_ptr<clients::CredentialsProvider> credentials;
        std::unique_ptr<clients::AwsClient> aws;
        std::unique_ptr<clients::SqsClient> sqs;
        std::unique_ptr<clients::S3Client> incoming;
        std::unique_ptr<clients::S3Client> outgoing;
        std::unique_ptr<JobStore> store;
        std::unique_ptr<clients::RedisClient> redis;
        std::vector<std::weak_ptr<clients::RedisSubscription>> subscriptions;
        std::shared_ptr<Notices> notices;  ///< null as redis
    };

    Services(
        ServicesOptions options,
        runtime::WorkThread& thread,
        runtime::BlockingPool& pool,
        runtime::Spool& spool,
        const Clock& clock
    );
    Result<void> prepare();
    /// A coroutine, run to its end unless it is given up.
    void block_on(runtime::Task<void> task);
    void end_calls();
    void make_clients();
    runtime::Task<Result<std::string>> iam_token();
    runtime::Task<void> find_place();
    runtime::Task<void> find_queue(std::string name, Result<std::string>* found);

    ServicesOptions options_;
    runtime::WorkThread& thread_;
    runtime::BlockingPool& pool_;
    runtime::Spool& spool_;
    const Clock& clock_;
    Result<clients::AwsPlace> found_place_ = Error{Code::internal, Retry::never, "out of memory"};
    clients::AwsPlace place_;
    std::shared_ptr<runtime::net::ssl::context> tls_;
    clients::RedisOptions redis_options_;
    std::unique_ptr<Clients> clients_;
    std::atomic<std::uint64_t> published_{0};
};

}  // namespace bide::engines::aws
