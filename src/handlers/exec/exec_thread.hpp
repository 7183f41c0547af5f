#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/intrusive/list.hpp>

#include <span>
#include <thread>
#include <vector>

namespace bide::exec {

/// Something on the ExecThread that must end before the thread does. Unlinks itself.
class Member : public boost::intrusive::list_base_hook<
                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    /// Ends its children politely. On the ExecThread; may be called again.
    virtual void shut_down() = 0;

  protected:
    ~Member() = default;
};

/// The one thread that starts and watches the children of all exec handlers. It lives as long as
/// the server because children are killed with the thread that made them (PR_SET_PDEATHSIG), and
/// it is one because it only moves bytes: what blocks goes to the BlockingPool.
class ExecThread {
  public:
    ExecThread();
    /// Stops and joins.
    ~ExecThread();  // NOLINT(bugprone-exception-escape)
    ExecThread(const ExecThread&) = delete;
    ExecThread& operator=(const ExecThread&) = delete;

    /// Also takes SIGCHLD off "ignored", where a parent may have left it: children's exit statuses
    /// would be lost.
    void start();

    /// Ends every child, SIGTERM first; attempts started from now on end as lost. Any thread.
    void stop();

    /// Waits until all children are gone and their attempts ended; call stop() first.
    void join();

    runtime::Executor executor() { return context_.get_executor(); }

    // The rest is for this folder, on the thread itself.
    void add(Member& member);
    bool stopping() const { return stopping_; }
    /// One buffer for all reads: valid until the next suspension.
    std::span<char> scratch() { return scratch_; }

  private:
    void shut_down();
    void run();

    runtime::net::io_context context_{1};
    runtime::net::executor_work_guard<runtime::Executor> work_;
    std::vector<char> scratch_;
    boost::intrusive::list<Member, boost::intrusive::constant_time_size<false>> members_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace bide::exec
