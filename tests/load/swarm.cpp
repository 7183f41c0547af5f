#include "load/swarm.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bide::load {
namespace {

std::size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "\r\nContent-Length: ";
    for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
         at = head.find("\r\n", at + 2)) {
        if (head.size() - at < kName.size()) break;
        if (::strncasecmp(head.data() + at, kName.data(), kName.size()) == 0)
            return std::strtoull(head.data() + at + kName.size(), nullptr, 10);
    }
    return 0;
}

}  // namespace

Swarm::Swarm(const test::Address& server) : server_(server), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (poll_ < 0) throw std::runtime_error("epoll_create1");
}

Swarm::~Swarm() {
    for (const auto& [connection, pipe] : open_) ::close(connection);
    ::close(poll_);
}

int Swarm::open() {
    const int connection = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection < 0) throw std::runtime_error("no more descriptors");
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_port = htons(server_.port);
    ::inet_pton(AF_INET, server_.host.c_str(), &peer.sin_addr);
    if (::connect(connection, reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
        ::close(connection);
        throw std::runtime_error("cannot connect");
    }
    const int on = 1;
    ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(connection, F_SETFL, O_NONBLOCK);
    open_.emplace(connection, Pipe{});
    watch(connection, EPOLL_CTL_ADD, false);
    return connection;
}

void Swarm::watch(int connection, int operation, bool writing) {
    epoll_event event{};
    event.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.fd = connection;
    ::epoll_ctl(poll_, operation, connection, &event);
}

void Swarm::send(int connection, std::string_view bytes) {
    Pipe& pipe = open_.at(connection);
    if (pipe.out.empty()) {
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
        if (bytes.empty()) return;
        // A broken connection is noticed when it is read.
        if (sent < 0 && errno != EAGAIN) return;
        watch(connection, EPOLL_CTL_MOD, true);
    }
    pipe.out += bytes;
}

void Swarm::flush(int connection) {
    Pipe& pipe = open_.at(connection);
    const ssize_t sent = ::send(connection, pipe.out.data(), pipe.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) pipe.out.clear();
    if (sent > 0) pipe.out.erase(0, static_cast<std::size_t>(sent));
    if (pipe.out.empty()) watch(connection, EPOLL_CTL_MOD, false);
}

void Swarm::close(int connection) {
    if (open_.erase(connection) > 0) ::close(connection);
}

void Swarm::end(int connection) {
    close(connection);
    if (on_end) on_end(connection);
}

void Swarm::read(int connection) {
    std::array<char, 65536> piece{};
    const ssize_t got = ::recv(connection, piece.data(), piece.size(), 0);
    const Instant at = now();
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return end(connection);
    open_.at(connection).in.append(piece.data(), static_cast<std::size_t>(got));
    deliver(connection, at);
}

void Swarm::deliver(int connection, Instant at) {
    for (;;) {
        // The calls may close the connection.
        const auto place = open_.find(connection);
        if (place == open_.end()) return;
        const std::string& in = place->second.in;
        const std::size_t head_end = in.find("\r\n\r\n");
        if (head_end == std::string::npos || in.size() < 12) return;
        const std::string_view head = std::string_view(in).substr(0, head_end);
        const std::size_t size = head_end + 4 + content_length(head);
        if (in.size() < size) return;
        const std::string whole = in.substr(0, size);
        place->second.in.erase(0, size);
        Answer answer;
        answer.connection = connection;
        answer.status = std::atoi(whole.c_str() + 9);
        answer.head = std::string_view(whole).substr(0, head_end);
        answer.body = std::string_view(whole).substr(head_end + 4);
        answer.at = at;
        if (on_answer) on_answer(answer);
    }
}

void Swarm::poll(std::chrono::milliseconds patience) {
    std::array<epoll_event, 512> events{};
    const int count = ::epoll_wait(
        poll_, events.data(), static_cast<int>(events.size()), static_cast<int>(patience.count())
    );
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const int connection = event.data.fd;
        if ((event.events & EPOLLOUT) != 0 && open_.contains(connection)) flush(connection);
        if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) == 0) continue;
        if (open_.contains(connection)) read(connection);
    }
}

}  // namespace bide::load
