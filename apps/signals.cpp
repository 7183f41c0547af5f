#include "apps/signals.hpp"

#include <initializer_list>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace bide {
namespace {

sigset_t awaited() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
    return set;
}

}  // namespace

Signals::Signals() {
    const sigset_t set = awaited();
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

const char* Signals::wait() {
    const sigset_t set = awaited();
    int received = 0;
    if (sigwait(&set, &received) != 0) return nullptr;
    switch (received) {
        case SIGTERM:
            return "SIGTERM";
        case SIGINT:
            return "SIGINT";
        case SIGHUP:
            return "SIGHUP";
        default:
            return nullptr;
    }
}

void Signals::wake() {
    kill(getpid(), SIGUSR1);
}

}  // namespace bide
