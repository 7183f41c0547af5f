#include "apps/aws_side.hpp"

#include "service/batch_handler.hpp"
#include "service/contract.hpp"

#include <spdlog/spdlog.h>

#include <utility>

namespace bide {
namespace {

/// At once, of a worker: those for its jobs, and one for dead letters.
constexpr std::size_t kPollsPerQueue = 9;

/// Dead letters cost a few calls each, and are few.
constexpr std::uint32_t kDeadLettersAtOnce = 10;

}  // namespace

engines::aws::ServicesOptions services_options(const cli::Config& config) {
    engines::aws::ServicesOptions options;
    options.aws.environment = clients::process_environment();
    options.aws.profile = config.aws.profile;
    options.aws.region = config.aws.region;
    options.incoming_bucket = config.aws.incoming_bucket;
    options.outgoing_bucket = config.aws.outgoing_bucket;
    options.redis_url = config.aws.redis;
    options.redis_ca = config.aws.redis_ca;
    options.redis_iam = config.aws.redis_iam;
    options.redis_serverless = config.aws.redis_serverless;
    // A poll has its connection to itself: however many queues, others are not to wait for one.
    options.connections_max += kPollsPerQueue * (config.queues.size() + 1);
    options.log = [](const std::string& text) { spdlog::warn(text); };
    return options;
}

Result<engines::aws::QueueOptions> queue_options(
    const cli::QueueConfig& queue, engines::aws::Services& services
) {
    engines::aws::QueueOptions options;
    options.name = queue.name;
    options.rules = queue.rules;
    BIDE_TRY(options.url, services.queue_url(queue.sqs));
    BIDE_TRY(options.dead_letter_url, services.queue_url(queue.dead_letters));
    return options;
}

Result<engines::aws::FrontOptions> front_options(
    const cli::Config& config, engines::aws::Services& services
) {
    engines::aws::FrontOptions options;
    for (const auto& queue : config.queues) {
        BIDE_TRY(auto made, queue_options(queue, services));
        options.queues.push_back(std::move(made));
    }
    BIDE_TRY(auto batches, batch_queue_options(config, services));
    options.queues.push_back(std::move(batches));
    options.limits.waiters_max = config.server.waiters_max;
    options.tenancy = config.tenancy;
    options.inline_bytes_max = config.aws.inline_max;
    return options;
}

Result<engines::aws::WorkerOptions> worker_options(
    const cli::Config& config, Workshop& shop, engines::aws::Services& services
) {
    engines::aws::WorkerOptions options;
    options.limits.lease = config.aws.lease;
    for (const auto& queue : config.queues) {
        BIDE_TRY(auto made, queue_options(queue, services));
        BIDE_TRY(const Workshop::Made handler, shop.make(queue));
        made.handler = handler.handler;
        made.rules.concurrency = handler.concurrency;
        options.queues.push_back(std::move(made));
    }
    return options;
}

Result<engines::aws::WorkerOptions> dead_letter_options(
    const cli::Config& config, engines::aws::Services& services
) {
    engines::aws::WorkerOptions options;
    options.role = core::Consumer::Role::dead_letters;
    options.limits.lease = config.aws.lease;
    for (const auto& queue : config.queues) {
        BIDE_TRY(auto made, queue_options(queue, services));
        made.rules.concurrency = kDeadLettersAtOnce;
        options.queues.push_back(std::move(made));
    }
    return options;
}

Result<engines::aws::QueueOptions> batch_queue_options(
    const cli::Config& config, engines::aws::Services& services
) {
    engines::aws::QueueOptions options;
    options.name = service::kBatchQueue;
    options.rules = service::batch_queue_rules();
    BIDE_TRY(options.url, services.queue_url(config.aws.batches));
    return options;
}

}  // namespace bide
