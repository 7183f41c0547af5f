#pragma once

#include "apps/serve.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/config.hpp"
#include "handlers/exec/exec.hpp"
#include "ports/handler.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/spool.hpp"
#include "runtime/work_thread.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace bide {

std::uint32_t processors();

/// As many open files as the process may have; returns how many.
std::uint64_t raise_descriptor_limit();

/// How many of them are kept back from connections: for store, logs, and what the handlers need.
std::uint64_t descriptors_reserved(const cli::Config& config);

/// Where handlers are made, and what they share: the directory of large bodies, the threads that
/// run processes and requests, a pool for what blocks.
class Workshop {
  public:
    Workshop(const Natives& natives, const Clock& clock) : natives_(natives), clock_(clock) {}

    /// Opens the directory of bodies below `data`, and starts the threads.
    Result<void> open(const std::string& data, std::uint64_t inline_bytes_max);

    /// The same for a process whose bodies only pass through: a directory of its own, which goes
    /// with close(). Those of processes that are gone are removed.
    Result<void> open_passing(const cli::Config& config, const std::string& program);

    struct Made {
        ports::Handler* handler = nullptr;  ///< the workshop's
        std::uint32_t concurrency = 1;      ///< as configured, or what suits it
    };
    Result<Made> make(const cli::QueueConfig& queue);

    /// Ends threads and handlers. The engine has stopped.
    void close();

    runtime::Spool& spool() { return *spool_; }
    runtime::BlockingPool& pool() { return pool_; }

  private:
    const Natives& natives_;
    const Clock& clock_;
    std::unique_ptr<runtime::Spool> spool_;
    runtime::BlockingPool pool_{4};
    exec::ExecThreads exec_threads_{processors()};
    runtime::WorkThread http_thread_{"bide-http"};
    std::vector<std::unique_ptr<ports::Handler>> handlers_;
    std::string passing_;  ///< to be removed; empty: nothing
};

}  // namespace bide
