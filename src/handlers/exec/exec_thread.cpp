#include "handlers/exec/exec_thread.hpp"

#include "runtime/turn.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <csignal>
#include <pthread.h>

namespace bide::exec {
namespace {

// What a pipe holds by default, so that one read empties it.
constexpr std::size_t kScratchBytes = 64U << 10;

constexpr std::size_t kThreadsMax = 4;

void receive_child_exits() {
    struct sigaction action {};
    if (::sigaction(SIGCHLD, nullptr, &action) != 0) return;
    const bool ignored = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
    if (ignored || (action.sa_flags & SA_NOCLDWAIT) != 0) std::signal(SIGCHLD, SIG_DFL);
}

}  // namespace

ExecThread::ExecThread()
    : WorkThread("bide-exec"), scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)) {}

Result<runtime::Process> ExecThread::spawn(const runtime::ProcessSpec& spec) const {
    runtime::end_turn();
    return runtime::Process::spawn(spec, &low_);
}

std::span<char> ExecThread::scratch() {
    return {scratch_.get(), kScratchBytes};
}

void ExecThread::start() {
    receive_child_exits();
    low_.reserve();
    WorkThread::start();
    // A SIGCHLD that its thread blocks goes to another, which wakes for nothing at each exit.
    runtime::net::post(executor(), [] {
        sigset_t exits;
        ::sigemptyset(&exits);
        ::sigaddset(&exits, SIGCHLD);
        ::pthread_sigmask(SIG_UNBLOCK, &exits, nullptr);
    });
}

ExecThreads::ExecThreads(std::size_t processors) {
    const std::size_t count = std::clamp<std::size_t>(processors, 1, kThreadsMax);
    for (std::size_t i = 0; i < count; ++i) threads_.push_back(std::make_unique<ExecThread>());
}

// Without memory for a message there is no orderly end anyway.
ExecThreads::~ExecThreads() {  // NOLINT(bugprone-exception-escape)
    stop();
    join();
}

void ExecThreads::start() {
    for (auto& thread : threads_) thread->start();
}

void ExecThreads::stop() {
    for (auto& thread : threads_) thread->stop();
}

void ExecThreads::join() {
    // What one has ended last may have begun something on another that has been joined before.
    for (int pass = 0; pass < 2; ++pass)
        for (auto& thread : threads_) thread->join();
}

}  // namespace bide::exec
