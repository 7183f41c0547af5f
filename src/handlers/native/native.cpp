#include "handlers/native/native.hpp"

#include "runtime/blocking_pool.hpp"
#include "wire/json_value.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace bide {

std::string Job::whole_body() const {
    if (body_file.empty()) return body;
    std::ifstream file(body_file, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file) throw std::runtime_error("cannot read " + body_file);
    return bytes;
}

Reply Reply::ok(std::string body, std::string content_type, int status) {
    Reply reply;
    reply.body = std::move(body);
    reply.content_type = std::move(content_type);
    reply.status = status;
    return reply;
}

Reply Reply::fail(std::string detail) {
    Reply reply;
    reply.kind = Kind::fail;
    reply.detail = std::move(detail);
    return reply;
}

Reply Reply::retry(std::string detail, std::chrono::milliseconds after) {
    Reply reply;
    reply.kind = Kind::retry;
    reply.detail = std::move(detail);
    reply.retry_after = after;
    return reply;
}

}  // namespace bide

namespace bide::native {
namespace {

void report_progress(const ProgressReporter& from, std::string_view json) {
    if (!wire::is_json_value(json)) return;
    auto* sink = static_cast<ports::AttemptSink*>(from.sink);
    ports::Progress(*sink, JobId{from.job}, from.attempt)(json);
}

Job to_job(const ports::Attempt& attempt, const std::string& queue_name) {
    const core::JobInput& input = *attempt.input;
    Job job;
    job.id = to_string(input.id);
    job.queue = queue_name;
    job.content_type = input.content_type;
    job.body = input.body.bytes;
    if (input.body.file) job.body_file = input.body.file->path();
    job.traceparent = input.traceparent;
    job.attempt = attempt.number;
    job.attempts_max = attempt.attempts_max;
    job.deadline = attempt.deadline;
    job.stop = attempt.stop;
    job.progress = {report_progress, attempt.progress.sink(), input.id.bytes, attempt.number};
    return job;
}

core::AttemptResult to_result(Reply&& reply) {
    using Verdict = core::AttemptResult::Verdict;
    core::AttemptResult result;
    switch (reply.kind) {
        case Reply::Kind::ok: result.verdict = Verdict::success; break;
        case Reply::Kind::fail: result.verdict = Verdict::fail; break;
        case Reply::Kind::retry: result.verdict = Verdict::retry; break;
    }
    if (result.verdict == Verdict::success)
        result.status = static_cast<std::uint16_t>(std::clamp(reply.status, 200, 599));
    result.content_type = std::move(reply.content_type);
    result.body.bytes = std::move(reply.body);
    result.detail = std::move(reply.detail);
    result.retry_after = reply.retry_after;
    return result;
}

constexpr const char* kThrewSomething = "the handler threw something that is no std::exception";

Reply run_guarded(const Worker::Function& function, const Job& job) {
    try {
        return function(job);
    } catch (const std::exception& failure) {
        return Reply::retry(std::string("the handler threw: ") + failure.what());
    } catch (...) {
        return Reply::retry(kThrewSomething);
    }
}

class BlockingHandler final : public ports::Handler {
  public:
    BlockingHandler(Worker::Function function, std::string queue_name, std::uint32_t threads)
        : function_(std::move(function)), queue_name_(std::move(queue_name)), threads_(threads) {}
    ~BlockingHandler() override { threads_.join(); }

    void start(ports::Attempt attempt, ports::Completion done) override {
        threads_.post([this, attempt = std::move(attempt), done = std::move(done)]() mutable {
            done(to_result(run_guarded(function_, to_job(attempt, queue_name_))));
        });
    }

  private:
    Worker::Function function_;
    std::string queue_name_;
    runtime::BlockingPool threads_;
};

class AsyncHandler final : public ports::Handler {
  public:
    AsyncHandler(Worker::AsyncFunction function, std::string queue_name)
        : function_(std::move(function)), queue_name_(std::move(queue_name)) {}

    void start(ports::Attempt attempt, ports::Completion done) override {
        auto job = std::make_shared<const Job>(to_job(attempt, queue_name_));
        auto shared = std::make_shared<Once>(std::move(done));
        try {
            function_(std::move(job), [shared](Reply reply) { shared->finish(std::move(reply)); });
        } catch (const std::exception& failure) {
            shared->finish(Reply::retry(std::string("the handler threw: ") + failure.what()));
        } catch (...) {
            shared->finish(Reply::retry(kThrewSomething));
        }
    }

  private:
    /// std::function wants copies; the Completion is one. The first call counts.
    struct Once {
        explicit Once(ports::Completion completion) : done(std::move(completion)) {}
        void finish(Reply&& reply) {
            if (!finished.test_and_set()) done(to_result(std::move(reply)));
        }
        std::atomic_flag finished;
        ports::Completion done;
    };

    Worker::AsyncFunction function_;
    std::string queue_name_;
};

}  // namespace

std::unique_ptr<ports::Handler> make_handler(
    Worker::Function function, std::string queue_name, std::uint32_t threads
) {
    return std::make_unique<BlockingHandler>(std::move(function), std::move(queue_name), threads);
}

std::unique_ptr<ports::Handler> make_async_handler(
    Worker::AsyncFunction function, std::string queue_name
) {
    return std::make_unique<AsyncHandler>(std::move(function), std::move(queue_name));
}

}  // namespace bide::native
