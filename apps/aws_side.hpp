#pragma once

#include "apps/workshop.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "engines/aws/options.hpp"
#include "engines/aws/services.hpp"

#include <memory>

namespace bide {

/// What the configuration says about AWS.
engines::aws::ServicesOptions services_options(const cli::Config& config);

/// The queue as an engine of AWS wants it, with the URLs of its SQS queues looked up where the
/// configuration has names. Blocks.
Result<engines::aws::QueueOptions> queue_options(
    const cli::QueueConfig& queue, engines::aws::Services& services
);

/// Of a front: all queues, and behind them that of batches.
Result<engines::aws::FrontOptions> front_options(
    const cli::Config& config, engines::aws::Services& services
);

/// All of them, as a worker does them: with their handlers.
Result<engines::aws::WorkerOptions> worker_options(
    const cli::Config& config, Workshop& shop, engines::aws::Services& services
);

/// As the consumer of their dead letters does: without.
Result<engines::aws::WorkerOptions> dead_letter_options(
    const cli::Config& config, engines::aws::Services& services
);

/// Likewise the queue of batches. Without one in the configuration its URL is empty.
Result<engines::aws::QueueOptions> batch_queue_options(
    const cli::Config& config, engines::aws::Services& services
);

}  // namespace bide
