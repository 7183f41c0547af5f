#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/post.hpp>

#include <memory>

namespace bide::runtime {

/// What a stop_callback runs on whatever thread asks for the stop, under whatever lock: it only
/// tells the executor to call T::shut_down(), if T is still there.
template <class T>
struct StopPost {
    Executor executor;
    std::weak_ptr<T> target;

    void operator()() const {
        net::post(executor, [target = target] {
            if (const auto living = target.lock()) living->shut_down();
        });
    }
};

}  // namespace bide::runtime
