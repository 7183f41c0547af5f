#pragma once

#include "runtime/asio.hpp"
#include "runtime/descriptor.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <functional>

namespace bide::fronts::http {

namespace net = runtime::net;

struct Session;

/// The sockets of callers that wait without a coroutine. Asio keeps some 500 bytes for a socket
/// that it watches; here the kernel alone knows of it, through an epoll descriptor of its own, and
/// Asio watches that one. Of a shard, whose thread alone uses it.
class HeldSockets {
  public:
    /// `stirred` is called with a session whose client has sent something or gone; once, until
    /// watch() is called again.
    HeldSockets(net::io_context& io, std::function<void(Session&)> stirred);

    /// Takes the socket away from Asio; false when that cannot be, and then all is as it was.
    bool hold(Session& session);
    void watch(Session& session);
    /// Gives a held socket back to Asio. When that fails, it is closed.
    void give_back(Session& session, const runtime::tcp& protocol);
    /// At the shard's end.
    void close();

  private:
    void wait();
    void look();

    std::function<void(Session&)> stirred_;
    net::posix::basic_stream_descriptor<runtime::Executor> events_;
};

}  // namespace bide::fronts::http
