#include "handlers/lambda/lambda.hpp"

#include "base/environment.hpp"
#include "handlers/exec/pool.hpp"
#include "handlers/lambda/lambda_worker.hpp"

#include <filesystem>
#include <utility>

namespace bide::lambda {
namespace {

// Where the server's environment says nothing. Functions want some number for their memory.
constexpr const char* kRegion = "us-east-1";
constexpr std::uint64_t kMemoryMiB = 1024;

std::string region() {
    for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"}) {
        if (std::string value = environment(name); !value.empty()) return value;
    }
    return kRegion;
}

std::string task_root(const std::string& working_directory) {
    std::error_code ignored;
    auto path =
        std::filesystem::absolute(working_directory.empty() ? "." : working_directory, ignored);
    return path.lexically_normal().string();
}

/// What the real service sets, as far as it means something here.
void add_function_environment(Options& options, const std::string& where) {
    exec::Options& command = options.command;
    auto& variables = command.environment_extra;
    const std::uint64_t memory = command.memory_bytes_max >> 20;
    variables["_HANDLER"] = options.handler;
    variables["LAMBDA_TASK_ROOT"] = task_root(command.working_directory);
    variables["AWS_REGION"] = where;
    variables["AWS_DEFAULT_REGION"] = where;
    variables["AWS_LAMBDA_FUNCTION_NAME"] = command.queue_name;
    variables["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
    variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] =
        std::to_string(memory == 0 ? kMemoryMiB : memory);
    variables["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
    variables["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + command.queue_name;
    variables["AWS_LAMBDA_LOG_STREAM_NAME"] = "bide";
}

}  // namespace

std::unique_ptr<ports::Handler> make_lambda_handler(
    exec::ExecThread& thread, runtime::Spool& spool, runtime::BlockingPool& pool, Options options
) {
    const std::string where = region();
    add_function_environment(options, where);
    auto shared = std::make_shared<Shared>(
        thread, spool, pool, exec::Command(std::move(options.command)), where, options.silence_max
    );
    const exec::Options& said = shared->command.options();
    exec::PoolPlan plan;
    plan.processes = said.processes;
    plan.batch = said.batch;
    plan.window = said.batch_window;
    auto start = [shared](std::shared_ptr<exec::Pool> owner) {
        return LambdaWorker::start(shared, std::move(owner));
    };
    return exec::make_handler_of(
        thread, std::make_shared<exec::Pool>(thread, spool, pool, plan, std::move(start))
    );
}

}  // namespace bide::lambda
