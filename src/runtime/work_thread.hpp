#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/intrusive/list.hpp>

#include <thread>

namespace bide::runtime {

/// Something on a WorkThread that must end before the thread does. Unlinks itself.
class Member : public boost::intrusive::list_base_hook<
                   boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  public:
    /// Ends what is under way, politely. On the thread; may be called again.
    virtual void shut_down() = 0;

  protected:
    ~Member() = default;
};

/// One thread with an io_context, for handlers whose work is to move bytes: what blocks goes to the
/// BlockingPool. It works in turns (turn.hpp).
class WorkThread {
  public:
    /// `name`: a literal of up to 15 characters, as debuggers show it.
    explicit WorkThread(const char* name);
    /// Stops and joins.
    ~WorkThread();  // NOLINT(bugprone-exception-escape)
    WorkThread(const WorkThread&) = delete;
    WorkThread& operator=(const WorkThread&) = delete;

    /// Signals are for the threads that want them: this one has all of them blocked.
    void start();

    /// Shuts every member down; stopping() from now on. Any thread.
    void stop();

    /// Waits until all members have ended; call stop() first.
    void join();

    Executor executor() { return context_.get_executor(); }

    // On the thread itself:
    void add(Member& member) { members_.push_back(member); }
    bool stopping() const { return stopping_; }

  private:
    void run();
    void shut_down();

    const char* name_;
    net::io_context context_{1};
    net::executor_work_guard<Executor> work_;
    boost::intrusive::list<Member, boost::intrusive::constant_time_size<false>> members_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace bide::runtime
