#pragma once

#include "support/http.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bide::load {

using Instant = std::chrono::steady_clock::time_point;
using Seconds = std::chrono::duration<double>;

inline Instant now() {
    return std::chrono::steady_clock::now();
}
inline double ms_between(Instant start, Instant end) {
    return std::chrono::duration<double, std::milli>(end - start).count();
}

/// The answer to the oldest request on a connection. The views hold during the call.
struct Answer {
    int connection = -1;
    int status = 0;
    std::string_view head;
    std::string_view body;
    Instant at;

    bool has(std::string_view line_start) const {
        return head.find("\r\n" + std::string(line_start)) != std::string_view::npos;
    }
};

/// Very many connections in one thread. A connection is known by its descriptor. Answers must have
/// a Content-Length.
class Swarm {
  public:
    explicit Swarm(const test::Address& server);
    ~Swarm();
    Swarm(const Swarm&) = delete;
    Swarm& operator=(const Swarm&) = delete;

    std::function<void(const Answer&)> on_answer;
    /// The peer has ended a connection, which is gone when this is called.
    std::function<void(int)> on_end;

    int open();
    /// Keeps what the socket does not take.
    void send(int connection, std::string_view bytes);
    void close(int connection);
    bool holds(int connection) const { return open_.contains(connection); }
    std::size_t size() const { return open_.size(); }

    /// Waits for events, `patience` at most, and makes the calls for those that came.
    void poll(std::chrono::milliseconds patience);

  private:
    struct Pipe {
        std::string in;
        std::string out;
    };

    void read(int connection);
    void deliver(int connection, Instant at);
    void flush(int connection);
    void watch(int connection, int operation, bool writing);
    void end(int connection);

    test::Address server_;
    int poll_ = -1;
    std::unordered_map<int, Pipe> open_;
};

}  // namespace bide::load
