#include "support/process.hpp"

#include "support/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace bide::test {
namespace {

std::vector<std::string> make_environment(const ProcessOptions& options) {
    std::vector<std::string> all;
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const bool replaced =
            options.environment.contains(std::string(text.substr(0, text.find('='))));
        if (!replaced && !text.starts_with("BIDE_")) all.emplace_back(text);
    }
    for (const auto& [name, value] : options.environment) all.push_back(name + "=" + value);
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

/// In the child after fork: async-signal-safe calls only.
[[noreturn]] void become(
    const ProcessOptions& options, char** argv, char** environment, int output, int error
) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(output, STDOUT_FILENO);
    if (error >= 0) ::dup2(error, STDERR_FILENO);
    ::close_range(3, ~0U, 0);
    if (options.file_bytes_max > 0) {
        const rlimit limit{options.file_bytes_max, options.file_bytes_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        ::signal(SIGXFSZ, SIG_IGN);  // so that a write fails, as on a full disk
    }
    if (options.open_files_max > 0) {
        const rlimit limit{options.open_files_max, options.open_files_max};
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (options.without_root_override) {
        for (const int capability : {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER})
            ::prctl(PR_CAPBSET_DROP, capability);
    }
    ::execvpe(argv[0], argv, environment);
    ::_exit(127);
}

}  // namespace

Process::Process(const ProcessOptions& options) {
    std::vector<std::string> arguments = options.argv;
    std::vector<std::string> variables = make_environment(options);
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> environment = pointers(variables);
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    int error = -1;
    if (!options.error_path.empty())
        error = ::open(options.error_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    id_ = ::fork();
    if (id_ == 0)
        become(
            options,
            const_cast<char**>(argv.data()),
            const_cast<char**>(environment.data()),
            pipe[1],
            error
        );
    if (error >= 0) ::close(error);
    ::close(pipe[1]);
    output_ = pipe[0];
    if (id_ < 0) throw std::runtime_error("fork");
}

Process::~Process() {
    if (!reap()) {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }
    ::close(output_);
}

void Process::signal(int number) const {
    if (!exit_) ::kill(id_, number);
}

bool Process::reap() {
    if (exit_) return true;
    int status = 0;
    if (::waitpid(id_, &status, WNOHANG) != id_) return false;
    exit_ = WIFEXITED(status) ? Exit{WEXITSTATUS(status), 0} : Exit{-1, WTERMSIG(status)};
    return true;
}

bool Process::running() {
    return !reap();
}

Exit Process::wait(Milliseconds patience) {
    if (!eventually([this] { return reap(); }, patience))
        throw std::runtime_error("process " + std::to_string(id_) + " does not end");
    return *exit_;
}

bool Process::read_more(Milliseconds patience) {
    pollfd ready{output_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(patience.count())) <= 0) return false;
    std::array<char, 4096> piece{};
    const ssize_t got = ::read(output_, piece.data(), piece.size());
    if (got <= 0) return false;
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
}

std::optional<std::string> Process::read_line(Milliseconds patience) {
    while (buffer_.find('\n') == std::string::npos) {
        if (!read_more(patience)) return std::nullopt;
    }
    const std::size_t end = buffer_.find('\n');
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 1);
    return line;
}

std::string Process::read_rest() {
    while (read_more(kPatience)) continue;
    return std::exchange(buffer_, {});
}

Ran run(ProcessOptions options) {
    const TempDir directory;
    options.error_path = directory / "stderr";
    Process process(options);
    std::string output = process.read_rest();
    const Exit exit = process.wait();
    return {exit, std::move(output), read_file(options.error_path)};
}

}  // namespace bide::test
