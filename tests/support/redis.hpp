#pragma once

#include "support/files.hpp"
#include "support/process.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bide::test {

/// Whether there is a redis-server to start; tests skip when not.
bool has_redis();

/// A certificate authority, and a server's certificate of it for 127.0.0.1 alone.
struct TlsFiles {
    explicit TlsFiles(const TempDir& directory);

    std::string ca;
    std::string certificate;
    std::string key;
};

struct RedisServerOptions {
    std::vector<std::string> flags;  ///< one word each: "--requirepass", "secret"...
    const TlsFiles* tls = nullptr;   ///< it speaks nothing but TLS
};

/// A real redis-server on a loopback port, without files, restartable on the same port.
class RedisServer {
  public:
    /// Returns when the server has said that it is ready; throws with what it said when it is not.
    explicit RedisServer(RedisServerOptions options = {});

    std::uint16_t port() const { return port_; }
    /// redis://127.0.0.1:port, with TLS rediss://; `who` as in "user:password@".
    std::string url(const std::string& who = "") const;

    void signal(int number) { process_->signal(number); }
    /// SIGKILL.
    void kill();
    /// Again after kill().
    void start();

  private:
    bool try_start(std::string& said);

    TempDir directory_;
    RedisServerOptions options_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Process> process_;
};

}  // namespace bide::test
