#include "handlers/http/http_thread.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>

namespace bide::http {

HttpThread::HttpThread() : work_(context_.get_executor()) {}

// Without memory for a message there is no orderly end anyway.
HttpThread::~HttpThread() {  // NOLINT(bugprone-exception-escape)
    stop();
    join();
}

void HttpThread::start() {
    if (!thread_.joinable()) thread_ = std::thread(&HttpThread::run, this);
}

void HttpThread::run() {
    ::pthread_setname_np(::pthread_self(), "bide-http");
    context_.run();
}

void HttpThread::stop() {
    runtime::net::post(context_, [this] { shut_down(); });
}

void HttpThread::shut_down() {
    stopping_ = true;
    work_.reset();
    for (auto at = members_.begin(); at != members_.end();) {
        Member& member = *at++;  // it may unlink itself
        member.shut_down();
    }
}

void HttpThread::join() {
    if (thread_.joinable()) thread_.join();
    // What was posted after the last look of the thread: refuse it too.
    context_.restart();
    context_.run();
}

}  // namespace bide::http
