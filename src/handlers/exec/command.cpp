#include "handlers/exec/command.hpp"

#include "handlers/exec/child.hpp"

#include <algorithm>
#include <sysexits.h>
#include <unistd.h>

namespace bide::exec {
namespace {

bool is_fact(std::string_view name) {
    return name.starts_with("BIDE_") || name == "TRACEPARENT";
}

bool is_allowed(std::string_view name, const std::vector<std::string>& allowed) {
    return std::any_of(allowed.begin(), allowed.end(), [name](std::string_view pattern) {
        if (!pattern.ends_with('*')) return name == pattern;
        pattern.remove_suffix(1);
        return name.starts_with(pattern);
    });
}

std::map<std::string, std::string> make_environment(const Options& options) {
    std::map<std::string, std::string> variables;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view name = text.substr(0, equals);
        if (is_allowed(name, options.environment)) variables.emplace(name, text.substr(equals + 1));
    }
    for (const auto& [name, value] : options.environment_extra)
        variables.insert_or_assign(name, value);
    // A fact of another job, or of a bide around this one, would be a lie here.
    std::erase_if(variables, [](const auto& variable) { return is_fact(variable.first); });
    return variables;
}

}  // namespace

Command::Command(Options options) : options_(std::move(options)) {
    options_.processes = std::max(options_.processes, 1U);
    options_.in_flight = std::max(options_.in_flight, 1U);
    for (const auto& [name, value] : make_environment(options_)) {
        std::string variable = name;
        variable += '=';
        variable += value;
        environment_.push_back(std::move(variable));
    }
    environment_.push_back("BIDE_QUEUE=" + options_.queue_name);
}

runtime::ProcessSpec Command::spec() const {
    return {
        options_.argv,
        environment_,
        options_.working_directory,
        {},
        {options_.memory_bytes_max, options_.cpu_seconds_max, options_.files_max}};
}

void Command::add_facts(std::vector<std::string>& environment, const ports::Attempt& attempt) {
    environment.push_back("BIDE_JOB_ID=" + to_string(attempt.input->id));
    environment.push_back("BIDE_ATTEMPT=" + std::to_string(attempt.number));
    environment.push_back("BIDE_ATTEMPTS_MAX=" + std::to_string(attempt.attempts_max));
    environment.push_back("BIDE_CONTENT_TYPE=" + attempt.input->content_type);
    if (const std::int64_t seconds = deadline_seconds(attempt.deadline); seconds != 0)
        environment.push_back("BIDE_DEADLINE=" + std::to_string(seconds));
    if (!attempt.input->traceparent.empty())
        environment.push_back("TRACEPARENT=" + attempt.input->traceparent);
}

core::AttemptResult failure(Verdict verdict, core::FailureKind kind, std::string detail) {
    core::AttemptResult result;
    result.verdict = verdict;
    result.kind = kind;
    result.detail = std::move(detail);
    return result;
}

core::AttemptResult stopped_before_start() {
    return failure(Verdict::retry, core::FailureKind::lost, "stopped before it was started");
}

core::AttemptResult exit_failure(const runtime::ProcessExit& exit, const Tail& log) {
    return failure(
        exit.signal == 0 && exit.code == EX_DATAERR ? Verdict::fail : Verdict::retry,
        exit.signal == 0 ? core::FailureKind::handler : core::FailureKind::lost,
        describe("the handler ended: " + to_string(exit), log)
    );
}

core::AttemptResult output_too_large(const Options& options) {
    return failure(
        Verdict::fail,
        core::FailureKind::handler,
        "the result is larger than the limit of " + std::to_string(options.output_bytes_max) +
            " bytes"
    );
}

core::AttemptResult cannot_start(const Error& error) {
    const Verdict verdict = error.retry == Retry::never ? Verdict::fail : Verdict::retry;
    return failure(verdict, core::FailureKind::handler, error.detail);
}

std::int64_t deadline_seconds(Time deadline) {
    if (deadline == kNever) return 0;
    return std::chrono::floor<std::chrono::seconds>(deadline.time_since_epoch()).count();
}

}  // namespace bide::exec
