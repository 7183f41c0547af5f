#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cstddef>
#include <type_traits>
#include <utility>

namespace bide::runtime {

/// A few threads for what blocks: files, the store's read side. I/O threads never do that
/// themselves. Tasks run in no promised order; join() waits for those posted.
class BlockingPool {
  public:
    explicit BlockingPool(std::size_t threads) : pool_(threads) {}

    template <class F>
    void post(F&& task) {
        net::post(pool_, std::forward<F>(task));
    }

    void join() { pool_.join(); }

  private:
    net::thread_pool pool_;
};

/// Runs `work` on the pool and resumes the caller on its own executor with what it returned, which
/// must not be void. `work` is moved to the pool's thread: it may not refer to anything that the
/// caller's cancellation could take away.
template <class F>
Task<std::invoke_result_t<F>> on_pool(BlockingPool& pool, F work) {
    using T = std::invoke_result_t<F>;
    co_return co_await net::async_initiate<const net::use_awaitable_t<Executor>, void(T)>(
        [&pool](auto handler, F task) {
            auto executor = net::get_associated_executor(handler);
            pool.post([handler = std::move(handler),
                       task = std::move(task),
                       guard = net::make_work_guard(executor)]() mutable {
                T result = task();
                net::post(
                    guard.get_executor(),
                    [handler = std::move(handler), result = std::move(result)]() mutable {
                        handler(std::move(result));
                    }
                );
            });
        },
        net::use_awaitable_t<Executor>{},
        std::move(work)
    );
}

}  // namespace bide::runtime
