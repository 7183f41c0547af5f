#pragma once

#include "base/rng.hpp"
#include "clients/aws_client.hpp"

#include <atomic>
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
    std::uint32_t count_max = 10;  ///< 1 to 10
    std::uint32_t wait_s = 20;     ///< long poll, up to 20
    std::uint32_t visibility_s = 30;
    std::stop_token stop;
};

struct SqsMessage {
    std::string id;  ///< the queue's own name for it, a UUID
    std::string receipt_handle;
    std::string body;
    std::uint32_t receive_count = 1;
    Time sent{};
    std::string message_group;
    std::map<std::string, std::string, std::less<>> attributes;  ///< texts that a producer added
};

/// API calls since the start. Written by the client's thread, read by any.
struct SqsCounters {
    std::atomic<std::uint64_t> sends{0};  ///< SendMessage and SendMessageBatch
    std::atomic<std::uint64_t> receives{0};
    std::atomic<std::uint64_t> deletes{0};
    std::atomic<std::uint64_t> visibilities{0};
    std::atomic<std::uint64_t> others{0};
    // What they carried:
    std::atomic<std::uint64_t> messages_sent{0};
    std::atomic<std::uint64_t> messages_received{0};
    std::atomic<std::uint64_t> messages_deleted{0};
};

/// SQS over its JSON protocol. send(), remove() and change_visibility() share calls of up to ten:
/// while few calls of a kind are under way for a queue the next goes at once, so that an idle queue
/// has no delay; when several are, the next ones gather until one has come back. Each caller hears
/// of its own entry. Entries that failed by the service's fault are tried again a few times.
///
/// Threads and lifetimes as AwsClient's.
class SqsClient {
  public:
    SqsClient(runtime::Executor executor, AwsClient& aws, Rng rng);
    ~SqsClient();
    SqsClient(const SqsClient&) = delete;
    SqsClient& operator=(const SqsClient&) = delete;

    runtime::Task<AwsOutcome<void>> send(SqsSend what);
    /// A poll without messages is no failure.
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
    runtime::Task<AwsOutcome<std::string>> find_queue(std::string name);

    const SqsCounters& counters() const;

  private:
    struct Shared;
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::clients
