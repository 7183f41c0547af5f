#include "base/time.hpp"
#include "handlers/native/native.hpp"

#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bide::native {
namespace {

/// 24 days: longer is a mistake.
constexpr std::int64_t kSleepMaxMs = 1LL << 31;

std::optional<std::chrono::milliseconds> parse_span(std::string_view body) {
    while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.remove_suffix(1);
    std::int64_t ms = 0;
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), ms);
    const bool whole = error == std::errc() && end == body.data() + body.size();
    if (!whole || ms < 0 || ms > kSleepMaxMs) return std::nullopt;
    return std::chrono::milliseconds(ms);
}

/// Holds all that sleep, by the time they wake, and wakes them on one thread.
class Sleepers {
  public:
    Sleepers() : thread_(&Sleepers::run, this) {}

    ~Sleepers() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
            changed_.notify_one();
        }
        thread_.join();
    }

    void add(const Job& job, Duration span, Finish finish) {
        const Time wake_at = clock_.now() + span;
        // Before the lock: a stop that has been requested already is told at once.
        auto sleeper = std::make_unique<Sleeper>(job, std::move(finish), *this);
        const std::lock_guard lock(mutex_);
        stops_ = stops_ || sleeper->stop.stop_requested();
        const auto place = sleeping_.emplace(wake_at, std::move(sleeper));
        if (place == sleeping_.begin() || stops_) changed_.notify_one();
    }

  private:
    struct Tell {
        Sleepers& sleepers;
        void operator()() const { sleepers.look_for_stopped(); }
    };

    /// What is needed of a job: many may sleep at once.
    struct Sleeper {
        Sleeper(const Job& job, Finish then, Sleepers& all)
            : body(job.body), finish(std::move(then)), stop(job.stop), on_stop(stop, Tell{all}) {}
        std::string body;
        Finish finish;
        std::stop_token stop;
        std::stop_callback<Tell> on_stop;
    };
    using Map = std::multimap<Time, std::unique_ptr<Sleeper>>;

    /// Who was woken early has not done its work: after a restart it is to be done again.
    static Reply reply_of(Sleeper& sleeper) {
        if (sleeper.stop.stop_requested()) return Reply::retry("stopped before its time was over");
        return Reply::ok(std::move(sleeper.body), "text/plain");
    }

    void look_for_stopped() {
        const std::lock_guard lock(mutex_);
        stops_ = true;
        changed_.notify_one();
    }

    std::vector<std::unique_ptr<Sleeper>> take_ended(Time now) {
        std::vector<std::unique_ptr<Sleeper>> ended;
        const bool look_at_all = std::exchange(stops_, false);
        for (auto next = sleeping_.begin(); next != sleeping_.end();) {
            const bool due = next->first <= now;
            if (!due && !look_at_all) break;
            if (due || next->second->stop.stop_requested()) {
                ended.push_back(std::move(next->second));
                next = sleeping_.erase(next);
            } else {
                ++next;
            }
        }
        return ended;
    }

    void run() {
        std::unique_lock lock(mutex_);
        while (!ending_) {
            auto ended = take_ended(clock_.now());
            if (!ended.empty()) {
                lock.unlock();
                for (auto& sleeper : ended) sleeper->finish(reply_of(*sleeper));
                ended.clear();
                lock.lock();
            } else if (sleeping_.empty()) {
                changed_.wait(lock);
            } else {
                changed_.wait_for(lock, sleeping_.begin()->first - clock_.now());
            }
        }
    }

    SystemClock clock_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Map sleeping_;
    bool stops_ = false;  ///< somebody who sleeps should not any more
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace

Worker::AsyncFunction echo() {
    return [](const std::shared_ptr<const Job>& job, const Finish& finish) {
        if (!job->body_file.empty())
            return finish(Reply::fail("echo takes bodies that fit into memory (inline_max)"));
        finish(Reply::ok(job->body, job->content_type));
    };
}

Worker::AsyncFunction sleep() {
    auto sleepers = std::make_shared<Sleepers>();
    return [sleepers](const std::shared_ptr<const Job>& job, Finish finish) {
        const auto span = parse_span(job->body);
        if (!span) return finish(Reply::fail("the body must be a number of milliseconds, as 250"));
        sleepers->add(*job, *span, std::move(finish));
    };
}

}  // namespace bide::native
