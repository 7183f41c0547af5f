#pragma once

#include "base/time.hpp"
#include "clients/redis_client.hpp"
#include "core/outbox.hpp"
#include "runtime/asio.hpp"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace bide::engines::aws {

/// Publishes notices of results, and keeps each until the cache has taken it: while there is no
/// connection yet or any more, and when a command failed.
///
/// All on the clients' thread, but for what says otherwise. What is under way when it goes leads to
/// nothing.
class Notices : public std::enable_shared_from_this<Notices> {
  public:
    /// `clock` and `redis` outlive it.
    Notices(const runtime::Executor& executor, const Clock& clock, clients::RedisClient& redis);

    void publish(std::string channel, std::string text);
    /// The client has a connection.
    void connected();
    void close();

    /// Waits until all that have been published so far are taken, or until then.
    runtime::Task<void> taken_by(Time until);
    /// Waits until all are taken. Any other thread. False: `patience` is over.
    bool wait(Duration patience);
    /// Any thread.
    std::uint64_t taken() const { return taken_; }
    std::uint64_t dropped() const { return dropped_; }

  private:
    void send();
    void settled(std::uint64_t number, bool taken);
    void count();

    const runtime::Executor executor_;
    const Clock& clock_;
    clients::RedisClient& redis_;
    core::Outbox<std::vector<std::string>> outbox_;
    runtime::Timer timer_;
    Time wake_ = kNever;
    std::set<runtime::Timer*> waiting_;  ///< cancelled when some are taken
    std::atomic<std::uint64_t> taken_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::size_t kept_ = 0;
};

}  // namespace bide::engines::aws
