#include "apps/signals.hpp"

#include "base/check.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <initializer_list>
#include <poll.h>
#include <string>
#include <thread>
#include <unistd.h>

namespace bide {
namespace {

/// A handler may do little more than write; which thread it runs on is then all the same, so no
/// thread needs to block the signals, whoever made it and when.
std::array<int, 2> post{-1, -1};

/// What wake() posts: no signal has this number.
constexpr unsigned char kWake = 0;

void put(unsigned char number) {
    const int before = errno;
    [[maybe_unused]] const ssize_t written = ::write(post[1], &number, 1);
    errno = before;
}

void on_signal(int number) {
    put(static_cast<unsigned char>(number));
}

}  // namespace

Signals::Signals() {
    CHECK(post[0] < 0);
    CHECK(::pipe2(post.data(), O_CLOEXEC) == 0);
    // A full pipe has enough to say: the handler must not wait for room in it.
    CHECK(::fcntl(post[1], F_SETFL, O_NONBLOCK) == 0);
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
        struct sigaction before {};
        ::sigaction(signal, &action, &before);
        // As nohup asked, or a shell for what runs in its background.
        if (before.sa_handler == SIG_IGN) ::sigaction(signal, &before, nullptr);
    }
    ::signal(SIGPIPE, SIG_IGN);
}

const char* Signals::wait() {
    unsigned char number = kWake;
    // poll, which a signal always ends: a read would be restarted by the kernel, and under TSan,
    // which puts a handler off until its thread comes back from a call, would never end.
    pollfd readable{post[0], POLLIN, 0};
    while (::poll(&readable, 1, -1) < 0 && errno == EINTR) continue;
    while (::read(post[0], &number, 1) < 0 && errno == EINTR) continue;
    switch (number) {
        case SIGTERM: return "SIGTERM";
        case SIGINT: return "SIGINT";
        case SIGHUP: return "SIGHUP";
        default: return nullptr;
    }
}

void Signals::wake() {
    put(kWake);
}

Result<void> Signals::watch(const std::function<Result<void>(std::stop_token)>& begin) {
    std::stop_source stop;
    const char* name = nullptr;
    std::thread watcher([&] {
        name = wait();
        if (name != nullptr) stop.request_stop();
    });
    Result<void> begun = begin(stop.get_token());
    wake();
    watcher.join();
    if (name == nullptr) return begun;
    return Error{Code::shutting_down, Retry::safe, std::string(name) + " came first"};
}

}  // namespace bide
