#pragma once

#include "support/http.hpp"

#include <boost/json/object.hpp>

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace bide::test {

/// One Server-Sent Event.
struct Event {
    std::string name;  ///< empty for a block of comments
    std::string id;
    std::string data;
    std::string retry;
    std::string comment;

    boost::json::object json() const;
    std::string member(std::string_view name_of_member) const;
};

/// An answer that comes in pieces: first its head, then blocks of text ended by `separator`. With
/// BIDE_EVENTS_COLLECTED the server is one that sends them all at once, when there are no more.
class Stream {
  public:
    Stream(const Address& server, const Request& request, std::string separator);
    Stream(Connection connection, std::string separator);

    const Response& head() const { return head_; }
    Connection& connection() { return connection_; }
    /// The next block without its separator; empty at the end. What is behind the last separator
    /// is an error.
    std::optional<std::string> next();

  private:
    Connection connection_;
    std::string separator_;
    Response head_;
    std::string buffer_;
    bool collected_ = false;  ///< all of it is in the buffer
};

class EventStream {
  public:
    EventStream(const Address& server, Request request);

    const Response& head() const { return stream_.head(); }
    Connection& connection() { return stream_.connection(); }
    /// The next event with a name, comments and retry skipped (and counted); empty at the end.
    std::optional<Event> next();
    /// All that are left.
    std::vector<Event> rest();
    std::size_t heartbeats() const { return heartbeats_; }
    const std::string& retry() const { return retry_; }

  private:
    Stream stream_;
    std::size_t heartbeats_ = 0;
    std::string retry_;
};

/// The lines of a batch's answer.
class LineStream {
  public:
    /// To which the request has been sent.
    explicit LineStream(Connection connection) : stream_(std::move(connection), "\n") {}
    LineStream(const Address& server, const Request& request) : stream_(server, request, "\n") {}

    const Response& head() const { return stream_.head(); }
    Connection& connection() { return stream_.connection(); }
    std::optional<boost::json::object> next();
    std::vector<boost::json::object> rest();

  private:
    Stream stream_;
};

}  // namespace bide::test
