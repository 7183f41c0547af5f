#pragma once

#include "base/id.hpp"
#include "base/time.hpp"
#include "core/job.hpp"
#include "ports/engine.hpp"
#include "service/access.hpp"
#include "wire/message.hpp"
#include "wire/prefer.hpp"
#include "wire/sha256.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bide::service {

class Batch;

/// Of the queue whose jobs are the batches (batch_handler.hpp). No user can have a queue with a '~'
/// in its name, and the contract shows it to nobody.
constexpr std::string_view kBatchQueue = "~batches";

struct QueueSide {
    std::string name;
    Duration retention = std::chrono::hours(24);  ///< of outcomes, from the end of the job
};

/// A page that is the same for everybody.
struct Document {
    std::string content_type;
    std::string text;
};

/// What the deployment says about its HTTP side.
struct ContractRules {
    std::vector<QueueSide> queues;  ///< by core::QueueIndex
    std::string default_queue;      ///< of POST /; empty: there is none
    Duration max_wait = std::chrono::minutes(15);
    std::optional<Duration> default_wait;  ///< of who said nothing; empty: max_wait
    wire::AtLimit at_limit = wire::AtLimit::timeout;
    Duration heartbeat = std::chrono::seconds(15);  ///< of event streams
    std::uint64_t body_bytes_max = 5ULL << 30;
    std::uint64_t batch_items_max = 100'000;
    /// Else POST /batches is refused before anything of it is read: the engine's queue of batches
    /// leads nowhere, and a batch is a job of that queue.
    bool takes_batches = true;
    AccessRules access;
    std::vector<std::string> cors_origins;                   ///< "*": all; empty: no CORS
    std::map<std::string, Document, std::less<>> documents;  ///< by path
};

/// What a request is to be understood against, and only the front knows.
struct Surroundings {
    Time now{};
    std::uint64_t connections = 0;  ///< for /metrics
    /// How long this request can be held open where rules().max_wait is longer: without a word, and
    /// as a stream of events.
    Duration silent_wait_max = Duration::max();
    Duration stream_wait_max = Duration::max();
};

/// How long the caller waits, and what it gets on the way and when that is over.
struct WaitPlan {
    Duration wait{};
    wire::AtLimit at_limit = wire::AtLimit::timeout;
    bool stream = false;  ///< the answer is text/event-stream
    core::OnLeave on_leave = core::OnLeave::go_on;
    std::string applied;  ///< for Preference-Applied; empty: the caller asked for nothing
    std::string last_event_id;

    bool operator==(const WaitPlan&) const = default;
};

/// What an answer still needs of its request once the wait has begun. Nearly all of a server's
/// waiting callers have the same, and can share one.
struct WaitTerms {
    Caller caller;
    WaitPlan wait;

    bool operator==(const WaitTerms&) const = default;
};

/// POST or PUT of a job: its body is to be read, then make_submit() makes the event of it.
struct SubmitPlan : WaitTerms {
    core::QueueIndex queue = 0;
    std::string content_type;
    std::string traceparent;
    std::uint8_t priority = core::kPriorityDefault;
    Duration delay{};
    std::optional<Duration> deadline_after;  ///< from the acceptance
    Time deadline_at = kNever;
    /// Chosen by the caller or derived from its key: then the body is to be fed to what
    /// Contract::fingerprint_maker() returns. Empty: the engine makes one.
    std::optional<JobId> id;
};

/// A question other than a submission, without who asks.
struct Ask {
    enum class What : std::uint8_t {
        status,
        result,
        cancel,
        redrive,
        batch_status,
        list,
        redrive_queue,
        set_paused,
    };
    What what = What::status;
    /// Cancel and redrive look at the job first: it may be another tenant's, or a batch. Then
    /// next_step() says whether to go on.
    bool look_first = false;
    JobId job;
    /// GET of a result: what it was asked for under. Null, for most: nothing.
    struct Conditions {
        std::string range;
        std::string if_range;
        std::string if_none_match;
    };
    std::unique_ptr<Conditions> conditions;
    // Of queues:
    core::QueueIndex queue = 0;
    std::optional<core::JobState> state;
    bool paused = false;
    std::uint32_t count_max = 0;
    std::int64_t cursor = 0;
};

/// A question that the engine answers. begin() begins it.
struct AskPlan : Ask, WaitTerms {};

/// Many jobs in one exchange; Contract::start_batch() makes the Batch that carries it out.
struct BatchPlan {
    enum class What : std::uint8_t { upload, results };
    What what = What::upload;
    Caller caller;
    std::optional<core::QueueIndex> queue;  ///< of items that name none
    /// Of the results; of an upload only when it comes from a key.
    std::optional<JobId> batch;
    std::string traceparent;
    Duration wait{};  ///< for each item, from its acceptance on
    bool respond_async = false;
    std::string applied;     ///< for Preference-Applied
    std::uint64_t from = 0;  ///< results: the first item wanted
};

/// What a request wants: an answer at once, or one that needs the engine.
using Plan = std::variant<wire::Reply, SubmitPlan, AskPlan, BatchPlan>;

/// The HTTP contract of bide between a transport and an engine: understands heads, and puts answers
/// into words. No I/O of its own. Thread-safe; the engine must outlive it. For one exchange:
///
///     plan = understand(head)
///     SubmitPlan: receive the body, feed it to fingerprint_maker(plan) if there is one,
///                 engine.submit(make_submit(...)); wait
///     AskPlan:    begin(engine, plan, ...); wait; while next_step(plan, answer) begin and wait
///                 again, with another waiter id
///     answer(plan, answer) is the reply
///
/// With plan.wait.stream the engine's first answer decides. opens_stream(): send stream_head() and
/// stream_opening(), and for this and every further answer event_text(), until Answer::last();
/// kHeartbeat when nothing was sent for rules().heartbeat. Of news that wait to be sent only the
/// latest is needed. Else answer() is the reply, as without a stream.
class Contract {
  public:
    Contract(ContractRules rules, const ports::Engine& engine);

    /// Never fails: what is not understood is answered with a problem document.
    Plan understand(const wire::RequestHead& head, const Surroundings& around) const;

    /// Empty when nobody will compare the submission with another.
    std::optional<wire::FingerprintMaker> fingerprint_maker(const SubmitPlan& plan) const;
    /// Takes content type and traceparent out of the plan. `id` is from Engine::make_id().
    core::event::Submit make_submit(
        SubmitPlan& plan,
        Body body,
        const core::Fingerprint& fingerprint,
        const ports::NewId& id,
        core::WaiterId waiter,
        Time now
    ) const;

    void begin(ports::Engine& engine, const AskPlan& plan, core::WaiterId waiter, Time now) const;
    /// Whether `answer` was to the first of two steps, and the second is to be begun.
    bool next_step(AskPlan& plan, const core::Answer& answer) const;

    /// The end of a wait begun for `plan`.
    wire::Reply answer(const WaitTerms& submitted, const core::Answer& answer, Time now) const;
    wire::Reply answer(const AskPlan& plan, const core::Answer& answer, Time now) const;
    /// Why the request goes no further (its body is too large, say).
    wire::Reply refuse(const Caller& caller, const Error& error) const;
    /// In place of a result that does not go through here: its address, and `why`.
    wire::Reply not_carried(const Caller& caller, const core::Answer& answer, std::string why)
        const;

    /// The head of an answer that is begun before there is one: 200, and JSON will come.
    wire::Reply begin_json(const Caller& caller) const;

    bool opens_stream(const Caller& caller, const core::Answer& first) const;
    /// The reply without its body.
    wire::Reply stream_head(const Caller& caller, const core::Answer& first) const;
    /// The id, before anything else.
    std::string stream_opening(const core::Answer& first) const;
    /// May be empty.
    std::string event_text(const WaitPlan& wait, const core::Answer& answer, Time now) const;
    static constexpr std::string_view kHeartbeat = ": heartbeat\n\n";

    std::unique_ptr<Batch> start_batch(ports::Engine& engine, const BatchPlan& plan, Time now)
        const;

    const ContractRules& rules() const { return rules_; }

  private:
    ContractRules rules_;
    const ports::Engine& engine_;
};

}  // namespace bide::service
