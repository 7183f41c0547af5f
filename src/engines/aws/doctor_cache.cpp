// What the doctor asks of the cache.
#include "clients/nap.hpp"
#include "engines/aws/doctor_parts.hpp"
#include "engines/aws/names.hpp"

#include <algorithm>
#include <utility>

namespace bide::engines::aws {
namespace {

using clients::RedisFailure;

constexpr Duration kConnectPatience = std::chrono::seconds(6);
constexpr Duration kPause = std::chrono::milliseconds(20);
constexpr Duration kNoticePatience = std::chrono::seconds(5);
constexpr int kRounds = 9;

const char* const kAllowed =
    "allow the user ~bide:* &bide:* +subscribe +unsubscribe +publish +get +set +mget +exists";

/// In milliseconds, with one place after the point.
std::string span_text(Duration span) {
    const auto tenths = (span.count() + 50) / 100;
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " ms";
}

}  // namespace

runtime::Task<void> Examination::cache() {
    const std::string& url = services_.options().redis_url;
    if (url.empty()) {
        tell(
            Grade::warn,
            "cache",
            "none is configured: results are found by looking into the store, up to 5 s late",
            "set redis in [aws]"
        );
        co_return;
    }
    tell_(judge_address("cache", url));
    const std::string why = co_await connect();
    if (!why.empty()) {
        const bool password = why.find("WRONGPASS") != std::string::npos ||
                              why.find("NOAUTH") != std::string::npos ||
                              why.find("invalid password") != std::string::npos;
        tell(
            Grade::fail,
            "cache",
            why,
            password ? "mend user and password in redis of [aws]"
                     : "see that this machine may reach it; redis in [aws] has its address"
        );
        co_return;
    }
    co_await keys();
    co_await channels();
    co_await eviction();
}

/// Why there is no connection; empty: there is one.
runtime::Task<std::string> Examination::connect() {
    const Time until = now() + kConnectPatience;
    for (;;) {
        std::vector<std::string> ping{"PING"};
        const auto answer = co_await services_.redis()->command(std::move(ping));
        if (answer.has_value()) co_return std::string();
        const RedisFailure& failure = answer.error();
        const bool yet =
            failure.kind == RedisFailure::Kind::unreachable && failure.detail.ends_with(" yet");
        // Whoever may not PING is connected all the same.
        if (failure.kind == RedisFailure::Kind::refused) co_return std::string();
        if (!yet || now() >= until) co_return failure.detail;
        co_await clients::nap(services_.executor(), kPause, {});
    }
}

runtime::Task<void> Examination::keys() {
    const std::string key = "bide:sent:" + name_;
    const std::vector<std::vector<std::string>> commands{
        {"SET", key, "1", "EX", "60"}, {"GET", key}, {"MGET", key, key}, {"EXISTS", key}};
    const Time before = now();
    for (const auto& command : commands) {
        std::vector<std::string> args = command;
        const auto answer = co_await services_.redis()->command(std::move(args));
        if (answer.has_value()) continue;
        tell(Grade::fail, "cache", command.front() + ": " + answer.error().detail, kAllowed);
        co_return;
    }
    const Duration each = (now() - before) / static_cast<std::int64_t>(commands.size());
    tell(Grade::ok, "cache", "takes and gives keys bide:*, in " + span_text(each) + " each");
}

/// Listens to a channel of its own and measures how long a notice takes.
runtime::Task<void> Examination::channels() {
    const std::string channel = reply_channel(name_);
    runtime::Timer bell(services_.executor());
    bool listening = false;
    int heard = 0;
    std::string why;
    clients::RedisSubscriptionHooks hooks;
    hooks.on_message = [&](std::string_view, std::string_view) { ++heard, bell.cancel(); };
    hooks.on_subscribed = [&](std::string_view which) {
        listening = listening || which == channel;
        bell.cancel();
    };
    clients::RedisSubscriptionOptions options;
    options.redis = services_.redis_options();
    options.redis.on_connection = [&](bool connected, const std::string& reason) {
        if (!connected) why = reason;
        bell.cancel();
    };
    clients::RedisSubscription subscription(
        services_.executor(),
        services_.clock(),
        Rng(os_random()),
        *services_.redis(),
        std::move(options),
        std::move(hooks)
    );
    subscription.subscribe(channel);
    const Time until = now() + kNoticePatience;
    while (!listening && why.empty() && now() < until) {
        bell.expires_after(until - now());
        co_await bell.async_wait(runtime::kTuple);
    }
    const std::vector<std::string> to_both{job_channel(JobId{}), channel};
    std::vector<Duration> spans;
    while (listening && why.empty() && static_cast<int>(spans.size()) < kRounds && now() < until) {
        const Time before = now();
        const int wanted = heard + 1;
        for (const std::string& to : to_both) {
            std::vector<std::string> publish{"PUBLISH", to, "doctor"};
            const auto answer = co_await services_.redis()->command(std::move(publish));
            if (answer.has_error()) why = "PUBLISH: " + answer.error().detail;
        }
        while (heard < wanted && why.empty() && now() < until) {
            bell.expires_after(until - now());
            co_await bell.async_wait(runtime::kTuple);
        }
        if (heard >= wanted) spans.push_back(now() - before);
    }
    subscription.close();
    if (spans.empty()) {
        tell(
            Grade::fail,
            "cache",
            "notices do not arrive: " + (why.empty() ? "nothing came in 5 s" : why),
            kAllowed
        );
        co_return;
    }
    std::ranges::sort(spans);
    tell(
        Grade::ok,
        "cache",
        "notices arrive on channels bide:*, in " + span_text(spans[spans.size() / 2])
    );
}

runtime::Task<void> Examination::eviction() {
    std::vector<std::string> info{"INFO", "memory"};
    const auto answer = co_await services_.redis()->command(std::move(info));
    if (answer.has_error()) {
        tell(
            Grade::skipped,
            "cache",
            "what it does when it is full cannot be read: " + answer.error().detail
        );
        co_return;
    }
    tell_all({judge_eviction(answer.value().text)}, "cache");
}

}  // namespace bide::engines::aws
