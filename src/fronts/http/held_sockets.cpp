#include "fronts/http/held_sockets.hpp"

#include "fronts/http/shard.hpp"

#include <sys/epoll.h>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;

namespace {

/// Told of in one turn of the loop, so that others get theirs.
constexpr int kTurnMax = 64;

epoll_event event_of(Session& session) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
    event.data.ptr = &session;
    return event;
}

}  // namespace

HeldSockets::HeldSockets(net::io_context& io, std::function<void(Session&)> stirred)
    : stirred_(std::move(stirred)), events_(io.get_executor()) {
    runtime::Descriptor events(::epoll_create1(EPOLL_CLOEXEC));
    if (!events) return;  // nothing is held then
    error_code error;
    events_.assign(events.get(), error);
    if (error) return;
    static_cast<void>(events.release());
    wait();
}

bool HeldSockets::hold(Session& session) {
    if (!events_.is_open()) return false;
    epoll_event event = event_of(session);
    const int number = session.socket.native_handle();
    if (::epoll_ctl(events_.native_handle(), EPOLL_CTL_ADD, number, &event) != 0) return false;
    error_code error;
    session.held = runtime::Descriptor(session.socket.release(error));
    if (!error) return true;
    ::epoll_ctl(events_.native_handle(), EPOLL_CTL_DEL, number, nullptr);
    return false;
}

void HeldSockets::watch(Session& session) {
    epoll_event event = event_of(session);
    ::epoll_ctl(events_.native_handle(), EPOLL_CTL_MOD, session.held.get(), &event);
}

void HeldSockets::give_back(Session& session, const runtime::tcp& protocol) {
    ::epoll_ctl(events_.native_handle(), EPOLL_CTL_DEL, session.held.get(), nullptr);
    error_code error;
    session.socket.assign(protocol, session.held.get(), error);
    if (error) return session.held.reset();
    static_cast<void>(session.held.release());
}

void HeldSockets::close() {
    error_code ignored;
    events_.close(ignored);
}

void HeldSockets::wait() {
    events_.async_wait(net::posix::descriptor_base::wait_read, [this](const error_code& error) {
        if (!error) look();
    });
}

/// One at a time: what is done about one could end another.
void HeldSockets::look() {
    epoll_event event{};
    for (int i = 0; i < kTurnMax; ++i) {
        if (::epoll_wait(events_.native_handle(), &event, 1, 0) != 1) break;
        stirred_(*static_cast<Session*>(event.data.ptr));
    }
    wait();
}

}  // namespace bide::fronts::http
