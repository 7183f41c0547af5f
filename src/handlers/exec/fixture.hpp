#pragma once

#include "handlers/exec/exec.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bide::exec {

/// Keeps how attempts ended, and lets a test wait for them.
class EndedAttempts final : public ports::AttemptSink {
  public:
    void attempt_ended(core::event::AttemptEnded&& ended) override {
        const std::lock_guard lock(mutex_);
        const JobId job = ended.job;
        ++count_;
        order_.push_back(job);
        results_.insert_or_assign(job, std::move(ended.result));
        changed_.notify_all();
    }

    void attempt_progressed(core::event::Progress&& progress) override {
        const std::lock_guard lock(mutex_);
        progress_.push_back(std::move(progress.json));
    }
    std::vector<std::string> progress() {
        const std::lock_guard lock(mutex_);
        return progress_;
    }

    /// False: they did not come in a minute.
    bool wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::minutes(1), [&] { return count_ >= count; });
    }

    core::AttemptResult take(JobId job) {
        std::unique_lock lock(mutex_);
        const bool there = changed_.wait_for(lock, std::chrono::minutes(1), [&] {
            return results_.contains(job);
        });
        if (!there) {
            ADD_FAILURE() << "an attempt did not end";
            return {};
        }
        return std::move(results_.extract(job).mapped());
    }

    std::size_t count() {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    std::vector<JobId> order() {
        const std::lock_guard lock(mutex_);
        return order_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<JobId, core::AttemptResult> results_;
    std::vector<JobId> order_;
    std::size_t count_ = 0;
    std::vector<std::string> progress_;
};

/// A place to run handlers in: a directory, a spool with a small threshold, two ExecThreads.
class ExecTest : public testing::Test {
  protected:
    static constexpr std::uint64_t kThreshold = 64U << 10;

    ExecTest() {
        std::string name = testing::TempDir() + "bide-exec-XXXXXX";
        directory_ = ::mkdtemp(name.data());
        spool_ = std::move(runtime::Spool::open(directory_ + "/bodies", kThreshold).value());
        threads_.start();
    }
    ~ExecTest() override {
        threads_.stop();
        threads_.join();
        blocking_.join();
        results_.clear();
        std::filesystem::remove_all(directory_);
    }

    std::string path(const std::string& name) const { return directory_ + "/" + name; }

    static Options shell(std::string script) {
        Options options;
        options.argv = {"sh", "-c", std::move(script)};
        options.queue_name = "testing";
        return options;
    }

    std::unique_ptr<ports::Handler> process(Options options) {
        return make_process_handler(threads_, *spool_, blocking_, std::move(options));
    }
    std::unique_ptr<ports::Handler> pool(Options options) {
        return make_pool_handler(threads_.first(), *spool_, blocking_, std::move(options));
    }
    std::unique_ptr<ports::Handler> batches(Options options) {
        return make_batch_handler(threads_.first(), *spool_, blocking_, std::move(options));
    }

    JobId start(ports::Handler& handler, Body body, std::stop_token stop = {}) {
        auto input = std::make_shared<core::JobInput>();
        input->id = ids_.make(clock_.now());
        input->content_type = "text/plain";
        input->traceparent = traceparent_;
        input->body = std::move(body);
        const JobId job = input->id;
        ports::Attempt attempt{
            std::move(input), 2, 3, deadline_, std::move(stop), ports::Progress(ended_, job, 2)};
        handler.start(std::move(attempt), ports::Completion(ended_, job, 0, 2));
        return job;
    }
    JobId start(ports::Handler& handler, std::string body = {}, std::stop_token stop = {}) {
        return start(handler, Body{std::move(body), nullptr}, std::move(stop));
    }

    core::AttemptResult run(ports::Handler& handler, std::string body = {}) {
        return ended_.take(start(handler, std::move(body)));
    }
    core::AttemptResult run(Options options, std::string body = {}) {
        return run(*process(std::move(options)), std::move(body));
    }
    core::AttemptResult run_shell(std::string script, std::string body = {}) {
        return run(shell(std::move(script)), std::move(body));
    }

    static std::string bytes_of(const Body& body) {
        if (!body.file) return body.bytes;
        std::ifstream file(body.file->path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    /// Makes a FIFO by which a script says that it got somewhere: echo > "$FIFO".
    std::string make_fifo(const std::string& name) const {
        std::string at = path(name);
        EXPECT_EQ(::mkfifo(at.c_str(), 0600), 0);
        return at;
    }
    /// Waits until a writer came, wrote its all and closed; returns what it wrote.
    static std::string read_fifo(const std::string& at) {
        std::ifstream fifo(at);
        return {std::istreambuf_iterator<char>(fifo), {}};
    }

    static std::size_t open_descriptors() {
        const std::filesystem::directory_iterator all("/proc/self/fd");
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    static constexpr Time kDeadline{std::chrono::seconds(1'800'000'000)};

    std::string directory_;
    std::string traceparent_;
    Time deadline_ = kDeadline;
    SystemClock clock_;
    IdMaker ids_{7, 0};
    EndedAttempts ended_;
    std::vector<core::AttemptResult> results_;
    std::unique_ptr<runtime::Spool> spool_;
    runtime::BlockingPool blocking_{1};
    ExecThreads threads_{2};
};

}  // namespace bide::exec
