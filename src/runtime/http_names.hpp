#pragma once

#include "runtime/http_client.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace bide::runtime {

class HttpExchange;

/// A host's addresses on their way; kept by those who wait, and by HttpNames until it is done.
struct HttpLookup {
    HttpAddresses found;  ///< empty until done
    bool done = false;
    std::vector<std::weak_ptr<HttpExchange>> waiting;
};

/// Looks up the names of hosts, for all clients of an io_context, which owns it. The system's
/// look-up blocks its thread until name servers answer or are given up, which takes longer than
/// anybody waits, and Asio has one thread for it: a dead name would hold up everybody's. So here
/// are a few threads, and a name is with one of them at most, whoever asks for it meanwhile.
/// On the io_context's thread.
class HttpNames final : public net::execution_context::service {
  public:
    static net::execution_context::id id;

    explicit HttpNames(net::io_context& context);
    static HttpNames& of(const Executor& executor);

    /// Wakes the exchange when it is done. An exchange that gives up before need not say so.
    std::shared_ptr<const HttpLookup> look_up(
        const std::shared_ptr<HttpExchange>& exchange, const HttpResolve& resolve
    );

  private:
    /// Waits for what is under way: the system's look-up cannot be broken off.
    void shutdown() override;
    void done(const std::string& host, HttpAddresses found);

    const Executor executor_;
    net::thread_pool threads_;
    std::unordered_map<std::string, std::shared_ptr<HttpLookup>> under_way_;
};

}  // namespace bide::runtime
