#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

/// The C++ library of bide: write a function, and this is a server that runs it for every job.
///
///     #include <bide/worker.hpp>
///
///     #include <algorithm>
///     #include <cctype>
///
///     int main(int argc, char** argv) {
///         bide::Worker worker;
///         worker.handle("shout", [](const bide::Job& job) {
///             std::string text = job.body;
///             std::ranges::transform(text, text.begin(), ::toupper);
///             return bide::Reply::ok(std::move(text), "text/plain");
///         });
///         return worker.serve(argc, argv);  // the flags and the file of `bide serve`
///     }
///
///     ./shout --native shout      then:      curl -d hello http://127.0.0.1:8080/
///
/// Needs nothing but the standard library to include.
namespace bide {

/// Says how far an attempt is, to callers who follow it and on the job's page. Any thread.
class ProgressReporter {
  public:
    using Report = void (*)(const ProgressReporter&, std::string_view json);

    /// `json`: one JSON value of up to 1 KiB without newlines, like 0.5 or {"pages":3}; others are
    /// dropped. After the attempt's end it does nothing.
    void operator()(std::string_view json) const {
        if (report != nullptr) report(*this, json);
    }

    // The server's.
    Report report = nullptr;
    void* sink = nullptr;
    std::array<unsigned char, 16> job{};
    unsigned attempt = 0;
};

/// One attempt at a job, as a handler sees it.
struct Job {
    std::string id;  ///< 36 characters; the same in every attempt
    std::string queue;
    std::string content_type;  ///< as posted; may be empty
    std::string body;          ///< as posted; empty when body_file is set
    std::string body_file;     ///< path of a body larger than the server's inline_max (256 KiB)
    std::string traceparent;   ///< W3C trace context, as received; may be empty
    unsigned attempt = 1;      ///< from 1 on
    unsigned attempts_max = 1;
    std::chrono::system_clock::time_point deadline;  ///< when the attempt's time is over
    /// Requested when the attempt's time is over, the job was cancelled or the server stops: end
    /// soon, the result no longer counts.
    std::stop_token stop;
    ProgressReporter progress;

    /// The body, read from body_file when it is there. Throws std::runtime_error when it cannot.
    std::string whole_body() const;
};

/// What a handler returns: a result, or how it failed.
struct Reply {
    enum class Kind { ok, fail, retry };

    Kind kind = Kind::ok;
    std::string body;
    std::string content_type;
    int status = 200;    ///< of the HTTP answer, 200 to 599
    std::string detail;  ///< of a failure: what is wrong, for a person
    std::chrono::milliseconds retry_after{0};

    static Reply ok(
        std::string body, std::string content_type = "application/octet-stream", int status = 200
    );
    /// Will not go better another time: the job fails for good.
    static Reply fail(std::string detail);
    /// May go better another time: tried again as the queue's policy says, not before `after`,
    /// which counts as a day when it is longer.
    static Reply retry(
        std::string detail, std::chrono::milliseconds after = std::chrono::milliseconds(0)
    );
};

/// Ends one attempt of an asynchronous handler. Call it once, from any thread; the last copy
/// dropped uncalled means "lost, may be retried".
using Finish = std::function<void(Reply)>;

/// Native handlers by name, and the server around them.
class Worker {
  public:
    /// Runs on a thread of its own pool, as many at once as the queue's concurrency: it may
    /// block. An exception means retry, with what() as the detail.
    using Function = std::function<Reply(const Job&)>;
    /// Runs on a thread of the server and must not block; it calls `finish` now or later. For
    /// work that waits (timers, sockets) and for work of microseconds.
    using AsyncFunction = std::function<void(std::shared_ptr<const Job>, Finish)>;

    Worker();
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// A name is given once; a queue asks for it with `native = "name"` or --native.
    void handle(std::string name, Function function);
    void handle_async(std::string name, AsyncFunction function);

    /// Serves until SIGTERM or SIGINT, which drain; returns the exit status for main().
    int serve(int argc, char** argv);
    /// The same as a worker of jobs that `bide front` processes have put into SQS.
    int work(int argc, char** argv);
    /// The same as a Lambda function: for a process that Lambda has started, with
    /// AWS_LAMBDA_RUNTIME_API in its environment. The function's handler setting says which part it
    /// is: "front", "worker" or "dead-letter". The configuration is the text in BIDE_TOML, or the
    /// file that BIDE_CONFIG names, or bide.toml in the function's package.
    int function();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace bide
