#pragma once

#include "clients/aws_client.hpp"
#include "runtime/http_client_fixture.hpp"
#include "wire/message.hpp"

#include <deque>
#include <map>

namespace bide::clients {

/// A request as a server sees it.
struct Seen {
    std::string method;
    std::string target;
    std::string head;  ///< all of it
    std::string body;

    std::string field(std::string_view name) const {
        std::size_t at = 0;
        while ((at = head.find("\r\n", at)) != std::string::npos) {
            at += 2;
            const std::size_t end = head.find("\r\n", at);
            const std::string line = head.substr(at, end - at);
            const std::size_t colon = line.find(':');
            if (colon != std::string::npos && wire::equal_fold(line.substr(0, colon), name))
                return line.substr(line.find_first_not_of(' ', colon + 1));
        }
        return {};
    }
};

/// Answers that tests name instead of writing them out.
inline const std::string kCut = "cut";    ///< ends the connection in place of an answer
inline const std::string kHang = "hang";  ///< never answers

inline std::string answer(
    int status, std::string_view body = "", std::string_view header_lines = ""
) {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(header_lines) +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

inline std::string json_error(int status, const std::string& code) {
    return answer(status, R"({"__type":"com.amazonaws.sqs#)" + code + R"(","message":"so it is"})");
}

/// A service on loopback that answers each request as `reply` says and remembers it.
class FakeService {
  public:
    using Reply = std::function<std::string(const Seen& seen, int number)>;

    /// Number 1 is the first request.
    explicit FakeService(Reply reply)
        : reply_(std::move(reply)),
          peer_([this](runtime::Conversation& with, int) { talk(with); }) {}
    /// These, one after the other; the last one for ever.
    explicit FakeService(std::vector<std::string> answers)
        : FakeService([answers](const Seen&, int number) {
              const auto at = std::min(static_cast<std::size_t>(number), answers.size());
              return answers[at - 1];
          }) {}

    std::string url(const std::string& path = "") const { return peer_.url(path); }
    std::vector<Seen> seen() const {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    int count() const { return static_cast<int>(seen().size()); }

  private:
    void talk(runtime::Conversation& with) {
        for (;;) {
            Seen seen;
            seen.head = with.read_head();
            if (seen.head.empty()) return;
            seen.method = seen.head.substr(0, seen.head.find(' '));
            const std::size_t at = seen.method.size() + 1;
            seen.target = seen.head.substr(at, seen.head.find(' ', at) - at);
            if (const std::string length = seen.field("Content-Length"); !length.empty())
                seen.body = with.read(std::stoul(length));
            const std::string text = reply_to(seen);
            if (text == kCut) return;
            if (text == kHang) {
                with.ends();
                return;
            }
            if (!with.send(text)) return;
        }
    }

    /// One request at a time; those that have not been begun are not seen yet.
    std::string reply_to(const Seen& seen) {
        const std::lock_guard one_at_a_time(reply_mutex_);
        int number = 0;
        {
            const std::lock_guard lock(mutex_);
            seen_.push_back(seen);
            number = static_cast<int>(seen_.size());
        }
        return reply_(seen, number);
    }

    const Reply reply_;
    std::mutex reply_mutex_;
    mutable std::mutex mutex_;  ///< of seen_
    std::vector<Seen> seen_;
    runtime::Peer peer_;  // the last: it ends before what its scripts use
};

/// Whose time is what the test says.
class SetClock final : public Clock {
  public:
    explicit SetClock(Time time) : time_(time) {}
    Time now() const override { return time_.load(); }
    void set(Time time) { time_ = time; }
    void advance(Duration span) { time_ = time_.load() + span; }

  private:
    std::atomic<Time> time_;
};

/// 2026-03-04 05:06:07 UTC.
inline constexpr Time kTestTime{
    std::chrono::sys_days(std::chrono::March / 4 / 2026) + std::chrono::hours(5) +
    std::chrono::minutes(6) + std::chrono::seconds(7)};

/// Runs coroutines on the client's thread and waits for them.
class ClientsTest : public runtime::HttpClientTest {
  protected:
    template <class T>
    T run(runtime::Task<T> task) {
        return begin(std::move(task)).get();
    }
    template <class T>
    std::future<T> begin(runtime::Task<T> task) {
        std::promise<T> promise;
        auto future = promise.get_future();
        runtime::net::co_spawn(
            context_,
            keep(std::move(task), std::move(promise)),
            [](const std::exception_ptr& failure) { EXPECT_FALSE(failure); }
        );
        return future;
    }

    SetClock time_{kTestTime};

  private:
    template <class T>
    static runtime::Task<void> keep(runtime::Task<T> task, std::promise<T> promise) {
        promise.set_value(co_await std::move(task));
    }
};

}  // namespace bide::clients
