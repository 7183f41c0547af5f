#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/intrusive/list.hpp>

#include <thread>

namespace bide::http {

/// Something on the HttpThread that must end before the thread does. Unlinks itself.
class Member : public boost::intrusive::list_base_hook<
                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    /// Ends what is under way. On the HttpThread; may be called again.
    virtual void shut_down() = 0;

  protected:
    ~Member() = default;
};

/// The thread on which all http handlers talk to their targets. One is enough: it only moves bytes,
/// and what blocks goes to the BlockingPool.
class HttpThread {
  public:
    HttpThread();
    /// Stops and joins.
    ~HttpThread();  // NOLINT(bugprone-exception-escape)
    HttpThread(const HttpThread&) = delete;
    HttpThread& operator=(const HttpThread&) = delete;

    void start();

    /// Breaks off every request; attempts started from now on end as lost. Any thread.
    void stop();

    /// Waits until all attempts have ended; call stop() first.
    void join();

    runtime::Executor executor() { return context_.get_executor(); }

    // The rest is for this folder, on the thread itself.
    void add(Member& member) { members_.push_back(member); }
    bool stopping() const { return stopping_; }

  private:
    void shut_down();
    void run();

    runtime::net::io_context context_{1};
    runtime::net::executor_work_guard<runtime::Executor> work_;
    boost::intrusive::list<Member, boost::intrusive::constant_time_size<false>> members_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace bide::http
