#pragma once

#include "base/id.hpp"
#include "clients/s3_client.hpp"
#include "core/job.hpp"
#include "wire/envelope.hpp"
#include "wire/result_object.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace bide::engines::aws {

enum class Put : std::uint8_t { made, was_there };

struct StoredResult {
    std::shared_ptr<const core::Outcome> outcome;
    core::Fingerprint fingerprint{};
};

/// Claims, inputs and results as objects of S3: the truth about jobs that have ended (G3) and about
/// whose an id is (G4). Each object is written once, if it is not there. On the clients' thread;
/// both clients outlive it.
class JobStore {
  public:
    JobStore(clients::S3Client& incoming, clients::S3Client& outgoing)
        : incoming_(incoming), outgoing_(outgoing) {}

    template <class T>
    using Answer = runtime::Task<clients::AwsOutcome<T>>;

    /// What is told a waiter is the outcome in the store: with was_there, get it.
    Answer<Put> put_result(
        std::string queue,
        JobId job,
        std::shared_ptr<const core::Outcome> outcome,
        core::Fingerprint fingerprint,
        std::uint8_t priority
    );
    /// `index` becomes the outcome's queue.
    Answer<std::optional<StoredResult>> get_result(
        std::string queue, core::QueueIndex index, JobId job
    );

    /// `envelope`: what is to be sent, if it is not in the queue yet; may be empty.
    Answer<Put> put_claim(JobId job, wire::Claim claim, std::string envelope);
    /// Whatever claim is there: of a job that is in the queue by now and needs no envelope, or of
    /// one that is to run again.
    Answer<Put> replace_claim(JobId job, wire::Claim claim, std::string envelope);
    struct StoredClaim {
        wire::Claim claim;
        std::string envelope;
    };
    Answer<std::optional<StoredClaim>> get_claim(JobId job);

    /// A body too large for a message.
    Answer<Put> put_input(
        std::string queue, JobId job, std::shared_ptr<const core::JobInput> input
    );
    Answer<std::optional<Body>> get_input(
        std::string queue, JobId job, core::Fingerprint fingerprint
    );

    /// Of a failed job, its message.
    Answer<Put> keep_failed(std::string queue, JobId job, std::string envelope);
    Answer<std::optional<std::string>> get_failed(std::string queue, JobId job);
    struct FailedJobs {
        std::vector<JobId> jobs;
        bool more = false;
    };
    Answer<FailedJobs> list_failed(std::string queue, std::uint32_t count_max);
    /// It is to run again: result and message go.
    Answer<Put> forget_failure(std::string queue, JobId job);

  private:
    clients::S3Client& incoming_;
    clients::S3Client& outgoing_;
};

}  // namespace bide::engines::aws
