#include "handlers/exec/child.hpp"

#include "wire/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace bide::exec {

namespace {

// From the closing of its descriptors to its end a process needs microseconds, if the machine is
// not overloaded.
constexpr auto kExitTakes = std::chrono::milliseconds(100);

}  // namespace

using runtime::kTuple;
using runtime::Task;

PipeReader::PipeReader(ExecThread& thread, runtime::Descriptor end)
    : thread_(thread), end_(std::move(end)) {
    const int flags = ::fcntl(end_.get(), F_GETFL);
    ::fcntl(end_.get(), F_SETFL, flags | O_NONBLOCK);
}

Task<std::string_view> PipeReader::next() {
    while (is_open() && left_ > 0) {
        if (!finishing_) {
            if (!stream_) stream_.emplace(thread_.executor(), end_.release());
            co_await stream_->async_wait(Stream::wait_read, kTuple);
            // Readable, or woken by finish() or close(); what it was shows below.
            if (!is_open()) break;
        }
        const std::span<char> scratch = thread_.scratch();
        const ssize_t count = ::read(handle(), scratch.data(), std::min(scratch.size(), left_));
        if (count > 0) {
            if (finishing_) left_ -= static_cast<std::size_t>(count);
            co_return std::string_view(scratch.data(), static_cast<std::size_t>(count));
        }
        if (count < 0 && (errno == EINTR || (errno == EAGAIN && !finishing_))) continue;
        break;  // the end, or all that was there
    }
    close();
    co_return std::string_view{};
}

void PipeReader::finish() {
    if (!is_open() || finishing_) return;
    finishing_ = true;
    int available = 0;
    if (::ioctl(handle(), FIONREAD, &available) != 0) available = 0;
    left_ = static_cast<std::size_t>(available);
    if (stream_) stream_->cancel();
}

void PipeReader::close() {
    boost::system::error_code ignored;
    end_.reset();
    if (stream_) stream_->close(ignored);
}

void Tail::append(std::string_view bytes) {
    if (bytes.size() > size_max_) bytes.remove_prefix(bytes.size() - size_max_);
    if (bytes_.size() + bytes.size() > 2 * size_max_)
        bytes_.erase(0, bytes_.size() - std::min(bytes_.size(), size_max_));
    bytes_ += bytes;
}

std::string_view Tail::text() const {
    const std::string_view all = bytes_;
    return all.substr(all.size() - std::min(all.size(), size_max_));
}

Child::Child(ExecThread& thread, runtime::Process process, std::chrono::microseconds grace)
    : process_(std::move(process)),
      handle_(thread.executor(), process_.handle()),
      timer_(thread.executor()),
      grace_(grace) {}

Child::~Child() {
    // Asio must let go of the descriptor before its owner closes it.
    [[maybe_unused]] const int borrowed = handle_.release();
}

void Child::terminate() {
    if (exited_ || signalled_) return;
    signalled_ = true;
    process_.signal_group(SIGTERM);
    after(grace_, &Child::kill);
}

void Child::kill() {
    if (exited_) return;
    signalled_ = true;
    process_.signal_group(SIGKILL);
}

void Child::expect_exit() {
    if (!exited_ && !signalled_) after(kExitTakes, &Child::terminate);
}

void Child::after(std::chrono::microseconds span, void (Child::*act)()) {
    timer_.expires_after(span);
    timer_.async_wait([child = weak_from_this(), act](const boost::system::error_code& error) {
        const auto self = child.lock();
        if (!error && self) (self.get()->*act)();
    });
}

Task<runtime::ProcessExit> Child::exit_of(std::shared_ptr<Child> child) {
    // Asio may wake a waiter for an event of the descriptor that had its number before: ask the
    // process itself. An error means that it cannot be watched; reap() kills it then.
    for (;;) {
        const auto [error] = co_await child->handle_.async_wait(Stream::wait_read, kTuple);
        if (error || child->process_.has_exited()) break;
    }
    child->exited_ = true;
    child->timer_.cancel();
    co_return child->process_.reap();
}

std::string describe(std::string_view what, const Tail& log) {
    std::string detail(what);
    std::string words = wire::to_printable(log.text());
    while (words.ends_with('\n') || words.ends_with(' ')) words.pop_back();
    if (!words.empty()) detail += "; its last words:\n" + words;
    return detail;
}

}  // namespace bide::exec
