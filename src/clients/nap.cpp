#include "clients/nap.hpp"

#include "runtime/stop_post.hpp"

#include <memory>

namespace bide::clients {
namespace {

struct Nap {
    explicit Nap(const runtime::Executor& executor) : timer(executor) {}
    void shut_down() { timer.cancel(); }
    runtime::Timer timer;
};

}  // namespace

runtime::Task<void> nap(runtime::Executor executor, Duration span, std::stop_token stop) {
    auto nap = std::make_shared<Nap>(executor);
    nap->timer.expires_after(span);
    const std::stop_callback<runtime::StopPost<Nap>> on_stop(
        stop, runtime::StopPost<Nap>{executor, nap}
    );
    co_await nap->timer.async_wait(runtime::kTuple);
}

}  // namespace bide::clients
