#pragma once

#include "crash/promises.hpp"

#include <cstddef>
#include <thread>
#include <vector>

namespace bide::torture {

/// Threads that post jobs, ask for results and cancel, all at random, until the server is gone.
/// What they are told goes into `promises`, which must outlive them.
class Clients {
  public:
    Clients(const test::Address& server, std::size_t count, std::uint64_t seed, Promises& promises);
    /// Waits until each has noticed that the server is gone.
    ~Clients() = default;

  private:
    std::vector<std::jthread> threads_;
};

/// Asks about many jobs on one connection, many questions under way at once.
class Inquiry {
  public:
    Inquiry(const test::Address& server, Promises& promises)
        : connection_(server), promises_(promises) {}

    /// The results of all, waiting for none.
    void results(const std::vector<std::string>& ids);
    /// The status of all.
    void states(const std::vector<std::string>& ids);
    /// Sends keyed requests once more, without waiting.
    void repeat(const std::vector<Keyed>& requests);
    /// The jobs of keys that have been answered.
    void look_up(const std::vector<Keyed>& requests);
    /// The result of one, waiting for it.
    void wait(const std::string& id);
    void cancel(const std::string& id);

  private:
    test::Connection connection_;
    Promises& promises_;
};

}  // namespace bide::torture
