#pragma once

#include "base/rng.hpp"
#include "core/effect.hpp"
#include "core/job.hpp"
#include "options.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace bide::sim_aws {

/// Names one life of a process; never used twice.
using Life = std::uint32_t;

/// What a message says.
struct Envelope {
    std::shared_ptr<const core::JobInput> input;
    bool by_reference = false;  ///< the body is in the store
    Life reply = 0;             ///< whose channel waits for the result
    bool promised = false;
    Time not_before{};
    Time start_by = kNever;
};

/// SQS, as far as it must be survived: messages come in any order, twice, and again after they were
/// removed; who received one holds it for a lease, and after too many receipts it goes to the
/// dead-letter queue. A message that was sent is not lost.
class Sqs {
  public:
    enum class Line : std::uint8_t { main, dead };
    struct Message {
        std::uint64_t number = 0;
        Envelope envelope;
        Time visible_at{};
        std::uint32_t receives = 0;
        std::uint64_t handle = 0;  ///< of the last receipt
    };

    Sqs(const Options& options, Rng& rng);

    void send(const Envelope& envelope, Time visible_at);
    std::vector<Message> receive(
        core::QueueIndex queue, Line line, std::size_t count_max, Time now, Duration lease
    );
    void remove(std::uint64_t handle, Time now);
    /// False when the handle is of an earlier receipt, or the message is gone.
    bool hide(std::uint64_t handle, Time until);

    /// When a message can be had; kNever: there is none.
    Time next_visible(core::QueueIndex queue, Line line) const;
    bool empty() const;
    void heal() { healed_ = true; }

  private:
    using Messages = std::map<std::uint64_t, Message>;
    struct Queue {
        Messages main;
        Messages dead;
    };
    Messages& line_of(core::QueueIndex queue, Line line);

    const Options& options_;
    Rng& rng_;
    bool healed_ = false;
    std::uint64_t next_number_ = 1;
    std::vector<Queue> queues_;
};

struct ClaimObject {
    core::JobFacts facts;
    core::Fingerprint fingerprint{};
    std::shared_ptr<const core::JobInput> input;  ///< null: it is known to be in the queue
    Time start_by = kNever;
};

struct ResultObject {
    std::shared_ptr<const core::Outcome> outcome;
    core::Fingerprint fingerprint{};
    Time at{};
};

/// S3: what was written is read by everybody from then on, and a conditional PUT makes an object
/// once.
struct S3 {
    std::map<JobId, ClaimObject> claims;
    std::map<JobId, ResultObject> results;
    /// Large bodies, each once. They are put there before it is known whose the id is, so that by
    /// the id alone one request would get the body of another.
    std::map<std::pair<JobId, core::Fingerprint>, std::shared_ptr<const core::JobInput>> inputs;
    std::set<JobId> failed;  ///< kept for a redrive

    static std::pair<JobId, core::Fingerprint> input_key(const core::JobInput& input) {
        return {input.id, input.fingerprint};
    }
    const ResultObject* result(const JobId& job) const {
        const auto found = results.find(job);
        return found == results.end() ? nullptr : &found->second;
    }
    const ClaimObject* claim(const JobId& job) const {
        const auto found = claims.find(job);
        return found == claims.end() ? nullptr : &found->second;
    }
};

/// Marks; any of them may be forgotten at any time.
struct Marks {
    std::map<JobId, core::Fingerprint> sent;
    std::set<JobId> cancelled;
    std::set<JobId> running;

    void flush() { *this = {}; }
};

struct Services {
    Services(const Options& options, Rng& rng) : sqs(options, rng) {}
    Sqs sqs;
    S3 s3;
    Marks marks;
};

}  // namespace bide::sim_aws
