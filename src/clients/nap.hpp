#pragma once

#include "base/time.hpp"
#include "runtime/asio.hpp"

#include <stop_token>

namespace bide::clients {

/// Waits so long, or until the stop.
runtime::Task<void> nap(runtime::Executor executor, Duration span, std::stop_token stop);

}  // namespace bide::clients
