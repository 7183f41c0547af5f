// Both ends of gearmand, in its own protocol, without a library: clients that keep one foreground
// job each under way, and workers that answer each job with its own payload.
//
//     gearman_bench load PORT CONNECTIONS SECONDS    prints one JSON object
//     gearman_bench work PORT CONNECTIONS            until it is stopped
#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::string_view_literals;

enum : std::uint32_t {
    kCanDo = 1,
    kPreSleep = 4,
    kNoop = 6,
    kSubmit = 7,
    kCreated = 8,
    kGrab = 9,
    kNoJob = 10,
    kAssign = 11,
    kComplete = 13,
    kFail = 14,
};

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

std::string packet(std::uint32_t type, std::string_view data) {
    const std::uint32_t numbers[]{htonl(type), htonl(static_cast<std::uint32_t>(data.size()))};
    std::string text("\0REQ", 4);
    text.append(reinterpret_cast<const char*>(numbers), sizeof numbers);
    return text.append(data);
}

struct Connection {
    int socket = -1;
    std::string input;
    Clock::time_point sent;

    void send(const std::string& text) const {
        if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(text.size()))
            give_up("send");
    }

    /// Reads what is there and calls on(type, data) for each whole packet.
    template <class On>
    void receive(On on) {
        char bytes[16384];
        const ssize_t got = ::recv(socket, bytes, sizeof bytes, 0);
        if (got <= 0) give_up("recv");
        input.append(bytes, static_cast<std::size_t>(got));
        std::size_t at = 0;
        while (input.size() - at >= 12) {
            std::uint32_t numbers[2];
            std::memcpy(numbers, input.data() + at + 4, sizeof numbers);
            const std::size_t size = ntohl(numbers[1]);
            if (input.size() - at < 12 + size) break;
            on(ntohl(numbers[0]), std::string_view(input).substr(at + 12, size));
            at += 12 + size;
        }
        input.erase(0, at);
    }
};

std::vector<Connection> connect_all(std::uint16_t port, std::size_t count, int poll) {
    std::vector<Connection> all(count);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (auto& connection : all) {
        connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&address), sizeof address))
            give_up("connect");
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = &connection;
        if (::epoll_ctl(poll, EPOLL_CTL_ADD, connection.socket, &event)) give_up("epoll_ctl");
    }
    return all;
}

/// Calls on(connection) for each that can be read, until `end`.
template <class On>
void until(Clock::time_point end, int poll, On on) {
    std::vector<epoll_event> events(256);
    while (Clock::now() < end) {
        const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), 100);
        for (int i = 0; i < ready; ++i)
            on(*static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr));
    }
}

int load(std::uint16_t port, std::size_t count, double seconds) {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    auto all = connect_all(port, count, poll);
    const std::string submit = packet(kSubmit, "echo\0\0\"abcdefghijklmnopqr\""sv);
    std::vector<double> spans_ms;
    std::size_t failed = 0;
    const auto start = Clock::now();
    for (auto& connection : all) {
        connection.sent = Clock::now();
        connection.send(submit);
    }
    until(
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)),
        poll,
        [&](Connection& connection) {
            connection.receive([&](std::uint32_t type, std::string_view) {
                if (type == kCreated) return;
                const auto now = Clock::now();
                if (type != kComplete) ++failed;
                spans_ms.push_back(
                    std::chrono::duration<double, std::milli>(now - connection.sent).count()
                );
                connection.sent = now;
                connection.send(submit);
            });
        }
    );
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    std::sort(spans_ms.begin(), spans_ms.end());
    const auto at = [&](double share) {
        return spans_ms.empty() ? 0
                                : spans_ms[static_cast<std::size_t>(
                                      share * static_cast<double>(spans_ms.size() - 1)
                                  )];
    };
    std::printf(
        "{\"rate\": %.1f, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, \"errors\": %zu}\n",
        static_cast<double>(spans_ms.size()) / elapsed,
        at(0.5),
        at(0.99),
        at(0.999),
        failed
    );
    return 0;
}

int work(std::uint16_t port, std::size_t count) {
    const int poll = ::epoll_create1(EPOLL_CLOEXEC);
    auto all = connect_all(port, count, poll);
    const std::string can = packet(kCanDo, "echo"), grab = packet(kGrab, ""),
                      sleep = packet(kPreSleep, "");
    for (auto& connection : all) connection.send(can + grab);
    until(Clock::time_point::max(), poll, [&](Connection& connection) {
        connection.receive([&](std::uint32_t type, std::string_view data) {
            if (type == kNoJob) connection.send(sleep);
            if (type == kNoop) connection.send(grab);
            if (type != kAssign) return;
            const auto handle = data.find('\0');
            const auto payload = data.find('\0', handle + 1) + 1;
            std::string done(data.substr(0, handle + 1));
            connection.send(packet(kComplete, done.append(data.substr(payload))) + grab);
        });
    });
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view mode = argc > 3 ? argv[1] : "";
    if (mode != "work" && (mode != "load" || argc < 5)) {
        std::fprintf(stderr, "usage: gearman_bench load|work PORT CONNECTIONS [SECONDS]\n");
        return 2;
    }
    const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
    const auto count = static_cast<std::size_t>(std::atol(argv[3]));
    return mode == "load" ? load(port, count, std::atof(argv[4])) : work(port, count);
}
