#pragma once

#include "cli/config.hpp"
#include <bide/worker.hpp>

#include <map>
#include <string>

namespace bide {

/// The native handlers of a program, by name.
struct Natives {
    std::map<std::string, Worker::Function> blocking;
    std::map<std::string, Worker::AsyncFunction> async;
};

/// Puts the embedded engine, the handlers and the HTTP front together and serves until a signal;
/// the exit status. The calling thread must be the only one.
int serve(const cli::Config& config, const Natives& natives);

/// The HTTP front of jobs that are done elsewhere, likewise.
int front(const cli::Config& config);

/// Does what is in SQS, likewise.
int work(const cli::Config& config, const Natives& natives);

/// A Lambda function: the front or one of the workers, as its handler setting says. Likewise.
int function(const Natives& natives);

/// Looks whether front() and work() could do their work, and says so; the exit status.
int examine(const cli::Config& config);

}  // namespace bide
