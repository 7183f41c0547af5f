#include "clients/limited_send.hpp"

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace bide::clients {
namespace {

/// The request's own stop, which follows the caller's.
struct Limit {
    explicit Limit(const runtime::Executor& executor) : timer(executor) {}
    runtime::Timer timer;
    std::stop_source source;
    bool expired = false;
};

}  // namespace

runtime::Task<LimitedResult> send_within(
    runtime::HttpClient& http, runtime::HttpRequest request, Duration time_max
) {
    auto limit = std::make_shared<Limit>(co_await runtime::net::this_coro::executor);
    const std::stop_callback follow(request.stop, [limit] { limit->source.request_stop(); });
    request.stop = limit->source.get_token();
    limit->timer.expires_after(time_max);
    limit->timer.async_wait([limit](const boost::system::error_code& error) {
        if (error) return;
        limit->expired = true;
        limit->source.request_stop();
    });
    auto result = co_await http.send(std::move(request));
    limit->timer.cancel();
    co_return LimitedResult{std::move(result), limit->expired};
}

}  // namespace bide::clients
