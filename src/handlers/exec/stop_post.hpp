#pragma once

#include "runtime/asio.hpp"

#include <boost/asio/post.hpp>

#include <memory>

namespace bide::exec {

/// What a stop_callback runs on whatever thread asks for the stop, under whatever lock: it only
/// tells the ExecThread to call T::shut_down(), if T is still there.
template <class T>
struct StopPost {
    runtime::Executor executor;
    std::weak_ptr<T> target;

    void operator()() const {
        runtime::net::post(executor, [target = target] {
            if (const auto living = target.lock()) living->shut_down();
        });
    }
};

}  // namespace bide::exec
