#include "runtime/work_thread.hpp"

#include "runtime/turn.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <pthread.h>

namespace bide::runtime {

WorkThread::WorkThread(const char* name) : name_(name), work_(context_.get_executor()) {
    // Asio's reactor now, not with the first timer: then there may be no descriptors left for it.
    [[maybe_unused]] const Timer first(context_.get_executor());
}

// Without memory for a message there is no orderly end anyway.
WorkThread::~WorkThread() {  // NOLINT(bugprone-exception-escape)
    stop();
    join();
}

void WorkThread::start() {
    if (thread_.joinable()) return;
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread(&WorkThread::run, this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void WorkThread::run() {
    ::pthread_setname_np(::pthread_self(), name_);
    run_in_turns(context_);
}

void WorkThread::stop() {
    net::post(context_, [this] { shut_down(); });
}

void WorkThread::shut_down() {
    stopping_ = true;
    work_.reset();
    for (auto at = members_.begin(); at != members_.end();) {
        Member& member = *at++;  // it may unlink itself
        member.shut_down();
    }
}

void WorkThread::join() {
    if (thread_.joinable()) thread_.join();
    // What was posted after the last look of the thread: refuse it too.
    context_.restart();
    context_.run();
}

}  // namespace bide::runtime
