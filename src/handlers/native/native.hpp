#pragma once

#include "ports/handler.hpp"
#include <bide/worker.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace bide::native {

/// Runs a blocking function on `threads` threads of its own. The destructor waits for those that
/// run: a function that ignores its stop token delays the end of the process.
std::unique_ptr<ports::Handler> make_handler(
    Worker::Function function, std::string queue_name, std::uint32_t threads
);

/// Calls an asynchronous function on the thread that starts the attempt.
std::unique_ptr<ports::Handler> make_async_handler(
    Worker::AsyncFunction function, std::string queue_name
);

/// Answers with the body as it came, and its content type. Asynchronous: answers inside start().
Worker::AsyncFunction echo();

/// Waits the milliseconds that the body names and answers with them; for trying and measuring.
/// One thread holds all that sleep.
Worker::AsyncFunction sleep();

}  // namespace bide::native
