#pragma once

#include "handlers/exec/exec_thread.hpp"
#include "runtime/asio.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/process.hpp"

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace bide::exec {

using Stream = runtime::net::posix::basic_stream_descriptor<runtime::Executor>;
using Timer = runtime::net::basic_waitable_timer<
    std::chrono::steady_clock,
    runtime::net::wait_traits<std::chrono::steady_clock>,
    runtime::Executor>;

/// Our end of a pipe that a child writes. One reader at a time, on the ExecThread. Known to the
/// reactor from the first wait on: a pipe that is read after finish() only never is.
class PipeReader {
  public:
    PipeReader(ExecThread& thread, runtime::Descriptor end);

    /// The next bytes, in the thread's scratch buffer: use them before suspending. Empty: the end.
    /// The reader must live until it returns.
    runtime::Task<std::string_view> next();

    /// The child has exited: hand out what is in the pipe by now, then end, even if somebody it
    /// left behind holds the other end open.
    void finish();

    /// Ends at once; what is unread is lost and the child's next write fails.
    void close();

  private:
    bool is_open() const { return end_ || (stream_ && stream_->is_open()); }
    int handle() { return end_ ? end_.get() : stream_->native_handle(); }

    ExecThread& thread_;
    runtime::Descriptor end_;  ///< until stream_ has it
    std::optional<Stream> stream_;
    std::size_t left_ = SIZE_MAX;  ///< bytes to hand out still
    bool finishing_ = false;
};

/// The last bytes of a stream.
class Tail {
  public:
    explicit Tail(std::size_t size_max) : size_max_(size_max) {}
    void append(std::string_view bytes);
    std::string_view text() const;

  private:
    std::size_t size_max_;
    std::string bytes_;  ///< up to twice size_max_, so that it is seldom moved
};

/// A running process with its end watched. On the ExecThread; the coroutine in exit_of() keeps it
/// alive until the process is gone.
class Child : public std::enable_shared_from_this<Child> {
  public:
    Child(ExecThread& thread, runtime::Process process, std::chrono::microseconds grace);
    ~Child();

    /// SIGTERM to the group, SIGKILL after the grace. Nothing more when said again or too late.
    void terminate();
    /// SIGKILL to the group.
    void kill();
    /// It closed a pipe: terminate(), unless that was its exit, which shows in a moment.
    void expect_exit();

    bool exited() const { return exited_; }
    /// Whether it was sent a signal by us before it exited.
    bool signalled() const { return signalled_; }

    /// Waits until the leader has exited, kills the rest of its group and leaves no zombie.
    static runtime::Task<runtime::ProcessExit> exit_of(std::shared_ptr<Child> child);

  private:
    void after(std::chrono::microseconds span, void (Child::*act)());

    runtime::Process process_;
    Stream handle_;  ///< borrowed from process_
    Timer timer_;
    std::chrono::microseconds grace_;
    bool signalled_ = false;
    bool exited_ = false;
};

/// "the handler ended: exit status 3" and its last words, for AttemptResult.detail.
std::string describe(std::string_view what, const Tail& log);

}  // namespace bide::exec
