#pragma once

#include "support/files.hpp"
#include "support/http.hpp"
#include "support/process.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace bide::test {

/// The programs under test: those ctest names, or those beside the test program.
std::string bide_program();
std::string demo_program();

struct ServerOptions {
    std::string program = bide_program();
    std::string listen = "127.0.0.1:0";
    std::vector<std::string> flags;  ///< after `serve --listen ... --data DIR`
    std::string config;              ///< text of a TOML file to write and name, or empty
    std::string data;                ///< empty: a fresh directory below the server's own
    std::map<std::string, std::string> environment;
    std::uint64_t file_bytes_max = 0;  ///< as ProcessOptions'
    std::uint64_t open_files_max = 0;  ///< the same
};

/// A real server with a data directory of its own, restartable on the same data.
class Server {
  public:
    /// Returns when the server has said that it listens; throws with its stderr when it does not.
    explicit Server(ServerOptions options = {});

    const Address& address() const { return address_; }
    const std::string& data() const { return data_; }
    pid_t process_id() const { return process_->id(); }
    bool running() { return process_->running(); }

    void signal(int number) { process_->signal(number); }
    Exit wait() { return process_->wait(); }
    /// SIGTERM, and how it ended.
    Exit stop();
    /// SIGTERM twice: without waiting for the jobs that run.
    Exit stop_at_once();
    /// SIGKILL.
    void kill();
    /// Again on the same data with the same options, on another port.
    void start();
    /// All that it and its predecessors on this data wrote to stderr.
    std::string log() const;

    ServerOptions& options() { return options_; }
    TempDir& directory() { return directory_; }

  private:
    TempDir directory_;
    ServerOptions options_;
    std::string data_;
    std::unique_ptr<Process> process_;
    Address address_;
};

}  // namespace bide::test
