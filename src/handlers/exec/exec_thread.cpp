#include "handlers/exec/exec_thread.hpp"

#include <boost/asio/post.hpp>

#include <csignal>
#include <pthread.h>

namespace bide::exec {
namespace {

// What a pipe holds by default, so that one read empties it.
constexpr std::size_t kScratchBytes = 64U << 10;

void receive_child_exits() {
    struct sigaction action {};
    if (::sigaction(SIGCHLD, nullptr, &action) != 0) return;
    const bool ignored = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
    if (ignored || (action.sa_flags & SA_NOCLDWAIT) != 0) std::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

ExecThread::ExecThread() : work_(context_.get_executor()), scratch_(kScratchBytes) {}

// Without memory for a message there is no orderly end anyway.
ExecThread::~ExecThread() {  // NOLINT(bugprone-exception-escape)
    stop();
    join();
}

void ExecThread::start() {
    if (thread_.joinable()) return;
    receive_child_exits();
    // Signals are for the threads that want them; and a write to a dead child must not kill us.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread(&ExecThread::run, this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ExecThread::run() {
    ::pthread_setname_np(::pthread_self(), "bide-exec");
    context_.run();
}

void ExecThread::stop() {
    runtime::net::post(context_, [this] { shut_down(); });
}

void ExecThread::shut_down() {
    stopping_ = true;
    work_.reset();
    for (auto at = members_.begin(); at != members_.end();) {
        Member& member = *at++;  // it may unlink itself
        member.shut_down();
    }
}

void ExecThread::join() {
    if (thread_.joinable()) thread_.join();
    // What was posted after the last look of the thread: refuse it too.
    context_.restart();
    context_.run();
}

void ExecThread::add(Member& member) {
    members_.push_back(member);
}

}  // namespace bide::exec
