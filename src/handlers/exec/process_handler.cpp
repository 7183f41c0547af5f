#include "handlers/exec/child.hpp"
#include "handlers/exec/command.hpp"
#include "handlers/exec/exec.hpp"
#include "runtime/stop_post.hpp"
#include "wire/exec_report.hpp"
#include "wire/line_buffer.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <exception>
#include <optional>
#include <utility>

namespace bide::exec {
namespace {

using core::AttemptResult;
using core::FailureKind;
using runtime::Descriptor;
using runtime::Pipe;
using runtime::Task;

// Descriptor 3: a line is a handful of members; a handler that reports its progress ten times a
// second for an hour stays under the total. Past either limit the rest is read and dropped.
constexpr std::size_t kReportLineBytesMax = 64U << 10;
constexpr std::size_t kReportBytesMax = 4U << 20;

/// A process that ends by then has its pipes read at its end only, which saves most of what a short
/// one costs here: a dozen system calls and two wake-ups. One that fills a pipe waits so long.
constexpr auto kMoment = std::chrono::milliseconds(3);

/// What all attempts of a handler share; kept by those under way.
struct Shared {
    ExecThreads& threads;
    runtime::Spool& spool;
    runtime::BlockingPool& pool;
    Command command;
};

/// One attempt and its process. Owned by the coroutines below, which run on its ExecThread.
class Run final : public Member, public std::enable_shared_from_this<Run> {
  public:
    Run(std::shared_ptr<const Shared> with, ports::Attempt what, ports::Completion how)
        : shared(std::move(with)),
          thread(shared->threads.next()),
          options(shared->command.options()),
          attempt(std::move(what)),
          done(std::move(how)),
          output(shared->spool, options.output_bytes_max),
          log(options.stderr_tail_bytes),
          moment(thread.executor()) {}

    /// Starts the process; or says why there is none.
    std::optional<AttemptResult> begin();
    void shut_down() override { child->terminate(); }

    const std::shared_ptr<const Shared> shared;
    ExecThread& thread;
    const Options& options;
    const ports::Attempt attempt;
    ports::Completion done;

    std::shared_ptr<Child> child;
    std::optional<PipeReader> output_pipe;
    std::optional<PipeReader> log_pipe;
    std::optional<PipeReader> report_pipe;
    runtime::BodyWriter output;
    std::optional<Error> output_error;
    Tail log;
    wire::ExecReport report;
    runtime::ProcessExit exit;
    Timer moment;  ///< over when it was kMoment, or with the process
    std::optional<std::stop_callback<runtime::StopPost<Run>>> on_stop;

  private:
    Result<void> spawn();
};

Result<Descriptor> open_input(const Body& body) {
    // Opening is the one thing done here that may touch a disk, and the name was made just now.
    if (body.file) return runtime::open_for_reading(body.file->path());
    return runtime::make_memory_file(body.bytes);
}

Result<void> Run::spawn() {
    BIDE_TRY(Descriptor input, open_input(attempt.input->body));
    BIDE_TRY(Pipe out, runtime::make_pipe());
    BIDE_TRY(Pipe err, runtime::make_pipe());
    BIDE_TRY(Pipe facts, runtime::make_pipe());
    runtime::ProcessSpec spec = shared->command.spec();
    Command::add_facts(spec.environment, attempt);
    spec.descriptors = {input.get(), out.write.get(), err.write.get(), facts.write.get()};
    BIDE_TRY(auto process, thread.spawn(spec));
    child = std::make_shared<Child>(thread, std::move(process), options.grace);
    output_pipe.emplace(thread, std::move(out.read));
    log_pipe.emplace(thread, std::move(err.read));
    report_pipe.emplace(thread, std::move(facts.read));
    return success();
}

std::optional<AttemptResult> Run::begin() {
    if (thread.stopping())
        return failure(Verdict::retry, FailureKind::lost, "the server stops; nothing was started");
    if (attempt.stop.stop_requested()) return stopped_before_start();
    if (auto spawned = spawn(); !spawned) {
        return cannot_start(spawned.error());
    }
    thread.add(*this);
    moment.expires_after(kMoment);
    on_stop.emplace(attempt.stop, runtime::StopPost<Run>{thread.executor(), weak_from_this()});
    return std::nullopt;
}

Task<void> collect_output(std::shared_ptr<Run> run) {
    co_await run->moment.async_wait(runtime::kTuple);
    for (;;) {
        const std::string_view bytes = co_await run->output_pipe->next();
        if (bytes.empty()) co_return;
        Result<void> appended = success();
        if (run->output.needs_disk(bytes.size())) {
            // Not the Run itself: its last reference must not end on the pool's thread.
            auto append = [writer = &run->output, chunk = std::string(bytes)] {
                return writer->append(chunk);
            };
            appended = co_await runtime::on_pool(run->shared->pool, std::move(append));
        } else {
            appended = run->output.append(bytes);
        }
        if (!appended) {
            run->output_error = appended.error();
            run->output_pipe->close();
            run->child->kill();
            co_return;
        }
    }
}

Task<void> collect_log(std::shared_ptr<Run> run) {
    co_await run->moment.async_wait(runtime::kTuple);
    for (;;) {
        const std::string_view bytes = co_await run->log_pipe->next();
        if (bytes.empty()) co_return;
        run->log.append(bytes);
    }
}

Task<void> collect_report(std::shared_ptr<Run> run) {
    wire::LineBuffer lines(kReportLineBytesMax);
    std::size_t taken = 0;
    co_await run->moment.async_wait(runtime::kTuple);
    for (;;) {
        const std::string_view bytes = co_await run->report_pipe->next();
        if (bytes.empty()) break;
        taken += bytes.size();
        if (taken > kReportBytesMax || lines.overflowed()) continue;
        lines.append(bytes);
        while (auto line = lines.next())
            run->attempt.progress(wire::take_report_line(*line, run->report));
    }
    // printf without a newline is a line too.
    if (!lines.overflowed()) wire::take_report_line(lines.rest(), run->report);
}

Task<void> watch(std::shared_ptr<Run> run) {
    run->exit = co_await Child::exit_of(run->child);
    // Now, not at their ends: something it left behind may hold the pipes open.
    run->output_pipe->finish();
    run->log_pipe->finish();
    run->report_pipe->finish();
    run->moment.cancel();
}

Task<AttemptResult> succeed(std::shared_ptr<Run> run) {
    Result<Body> body = Body{};
    if (run->output.needs_disk(0)) {
        auto finish = [writer = &run->output] { return writer->finish(); };
        body = co_await runtime::on_pool(run->shared->pool, std::move(finish));
    } else {
        body = run->output.finish();
    }
    if (!body) co_return failure(Verdict::retry, FailureKind::handler, body.error().detail);
    AttemptResult result;
    result.verdict = Verdict::success;
    result.kind = FailureKind::none;
    result.status = run->report.status;
    result.content_type =
        run->report.content_type.empty() ? run->options.content_type : run->report.content_type;
    result.body = std::move(body.value());
    co_return result;
}

AttemptResult fail(const Run& run) {
    if (run.output_error) {
        const bool too_large = run.output_error->code == Code::too_large;
        const std::string what = too_large
                                     ? "the handler wrote more than the limit of " +
                                           std::to_string(run.options.output_bytes_max) +
                                           " bytes to stdout and was killed"
                                     : "the result could not be kept: " + run.output_error->detail;
        return failure(
            too_large ? Verdict::fail : Verdict::retry,
            FailureKind::handler,
            describe(what, run.log)
        );
    }
    AttemptResult result = exit_failure(run.exit, run.log);
    // A status named before things went wrong may be one of success.
    if (run.report.status >= 400) result.status = run.report.status;
    return result;
}

Task<void> run_attempt(std::shared_ptr<Run> run) {
    using namespace runtime::net::experimental::awaitable_operators;
    // Not where the end of another attempt has brought this one: that end is not told yet.
    co_await runtime::net::post(
        run->thread.executor(), runtime::net::use_awaitable_t<runtime::Executor>{}
    );
    if (auto refused = run->begin()) {
        run->done(std::move(*refused));
        co_return;
    }
    co_await (collect_output(run) && collect_log(run) && collect_report(run) && watch(run));
    run->on_stop.reset();
    const bool succeeded = !run->output_error && run->exit.signal == 0 && run->exit.code == 0;
    AttemptResult result;
    if (succeeded) {
        result = co_await succeed(run);
    } else {
        result = fail(*run);
    }
    // With the Run go its descriptors and files: who is told may count on that.
    ports::Completion done = std::move(run->done);
    run.reset();
    done(std::move(result));
}

class ProcessHandler final : public ports::Handler {
  public:
    ProcessHandler(
        ExecThreads& threads, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
    )
        : shared_(std::make_shared<const Shared>(Shared{
              threads, spool, pool, Command(std::move(options))})) {}

    void start(ports::Attempt attempt, ports::Completion done) override {
        auto run = std::make_shared<Run>(shared_, std::move(attempt), std::move(done));
        // Out of memory, say: the Run goes, which kills its process and says "lost".
        const auto ignore = [](const std::exception_ptr&) {};
        const runtime::Executor executor = run->thread.executor();
        runtime::net::co_spawn(executor, run_attempt(std::move(run)), ignore);
    }

  private:
    const std::shared_ptr<const Shared> shared_;
};

}  // namespace

std::unique_ptr<ports::Handler> make_process_handler(
    ExecThreads& threads, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
) {
    return std::make_unique<ProcessHandler>(threads, spool, pool, std::move(options));
}

}  // namespace bide::exec
