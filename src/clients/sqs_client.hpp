#pragma once

#include "base/rng.hpp"
#include "clients/aws_client.hpp"
#include "wire/sqs.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace bide::clients {

struct SqsSend {
    std::string queue_url;
    std::string body;           ///< characters that XML allows only, up to 1 MiB
    std::uint32_t delay_s = 0;  ///< up to 900
    std::string message_group;  ///< tenant, for fair queues; empty: none
};

struct SqsReceive {
    std::string queue_url;
    wire::SqsReceiveLimits limits;
    std::stop_token stop;
};

using SqsMessage = wire::SqsMessage;

struct SqsOptions {
    /// How long an entry may wait for others, while a call of its kind is under way, and for twice
    /// as long after one that carried several.
    Duration send_linger = std::chrono::milliseconds(20);
    Duration handle_linger = std::chrono::milliseconds(40);  ///< of deletes and visibilities
    unsigned calls_max = 16;             ///< under way at once, of one kind, to one queue
    std::size_t waiting_max = 20'000;    ///< entries of one kind for one queue; more are refused
    std::size_t bytes_max = 128U << 20;  ///< of these
    int attempts_max = 4;                ///< of an entry that fails by the service's fault
    Duration backoff_base = std::chrono::milliseconds(50);
    Duration backoff_max = std::chrono::seconds(2);
};

/// API calls since the start. Written by the client's thread, read by any.
struct SqsCounters {
    std::atomic<std::uint64_t> sends{0};
    std::atomic<std::uint64_t> receives{0};
    std::atomic<std::uint64_t> deletes{0};
    std::atomic<std::uint64_t> visibilities{0};
    std::atomic<std::uint64_t> others{0};
    // What they carried:
    std::atomic<std::uint64_t> messages_sent{0};
    std::atomic<std::uint64_t> messages_received{0};
    std::atomic<std::uint64_t> messages_deleted{0};
};

/// SQS over its JSON protocol. send(), remove() and change_visibility() share calls of up to ten
/// entries and 1 MiB. On an idle queue an entry goes at once, so that it knows no delay. While
/// calls of the kind are under way for the queue, and shortly after one that carried several,
/// entries gather until they fill a call or one has waited for its linger: calls are what is paid
/// for. Each caller hears of its own entry. Entries that failed by the service's fault are tried
/// again some times; a call that is refused as a whole is tried again entry by entry, so that
/// nobody fails for another's fault.
///
/// Threads and lifetimes as AwsClient's. The coroutines end by themselves: they are not to be
/// cancelled.
class SqsClient {
  public:
    SqsClient(
        runtime::Executor executor,
        AwsClient& aws,
        const Clock& clock,
        Rng rng,
        SqsOptions options = {}
    );
    ~SqsClient();
    SqsClient(const SqsClient&) = delete;
    SqsClient& operator=(const SqsClient&) = delete;

    runtime::Task<AwsOutcome<void>> send(SqsSend what);
    /// A poll without messages is no failure. What a stopped one would have brought is received
    /// again when its visibility ends.
    runtime::Task<AwsOutcome<std::vector<SqsMessage>>> receive(SqsReceive what);
    runtime::Task<AwsOutcome<void>> remove(std::string queue_url, std::string receipt_handle);
    /// From now on; up to 12 h. Fails with code ReceiptHandleIsInvalid or MessageNotInflight when
    /// the lease is over.
    runtime::Task<AwsOutcome<void>> change_visibility(
        std::string queue_url, std::string receipt_handle, std::uint32_t visibility_s
    );
    /// All attributes of a queue, by name.
    runtime::Task<AwsOutcome<std::map<std::string, std::string, std::less<>>>> attributes(
        std::string queue_url
    );
    /// The URL of a queue of this account.
    runtime::Task<AwsOutcome<std::string>> find_queue(std::string name);

    const SqsCounters& counters() const;

  private:
    struct Shared;
    std::unique_ptr<Shared> shared_;
};

}  // namespace bide::clients
