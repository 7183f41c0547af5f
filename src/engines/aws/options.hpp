#pragma once

#include "base/time.hpp"
#include "clients/credentials.hpp"
#include "core/consumer.hpp"
#include "core/rendezvous.hpp"
#include "ports/handler.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace bide::engines::aws {

/// Where everything is.
struct ServicesOptions {
    clients::AwsSources aws;
    std::string incoming_bucket;  ///< claims, large inputs, inputs of failed jobs
    std::string outgoing_bucket;  ///< results; may be the same
    std::string redis_url;        ///< empty: none, results are found by looking only
    std::string redis_iam;  ///< ElastiCache to be let into by IAM; empty: by the URL's password
    bool redis_serverless = false;     ///< of redis_iam
    std::string redis_ca;              ///< file of the only CAs to trust; empty: the system's
    std::size_t connections_max = 64;  ///< to each service
    std::stop_token give_up;           ///< ends what blocks: looking for region and queues
    /// What the operator should see. Any thread.
    std::function<void(const std::string&)> log;
};

struct QueueOptions {
    std::string name;
    std::string url;              ///< of the SQS queue; empty: nobody submits to it
    std::string dead_letter_url;  ///< of its dead-letter queue; empty: nobody looks there
    core::QueueRules rules;  ///< of a worker: how its jobs are run; of a front: depth, attempts
    ports::Handler* handler = nullptr;  ///< of a worker; must outlive the engine
};

/// As the state machines of fronts and workers want them.
inline std::vector<core::QueueRules> rules_of(const std::vector<QueueOptions>& queues) {
    std::vector<core::QueueRules> rules;
    for (const auto& queue : queues) rules.push_back(queue.rules);
    return rules;
}

struct FrontOptions {
    std::vector<QueueOptions> queues;
    core::RendezvousLimits limits;
    core::Tenancy tenancy;
    /// Of a body, as the message has it; larger ones go to the store (claim check).
    std::size_t inline_bytes_max = 192U << 10;
    /// Between two requests it may be frozen, and then passes no result on to another front that
    /// somebody asks: the workers are to tell everybody themselves.
    bool may_freeze = false;
};

struct WorkerOptions {
    enum class Source : std::uint8_t {
        polls,
        brought,  ///< by an event source of Lambda, which removes what was done
    };
    std::vector<QueueOptions> queues;
    Source source = Source::polls;
    core::ConsumerLimits limits;
    core::Consumer::Role role = core::Consumer::Role::work;
};

}  // namespace bide::engines::aws
