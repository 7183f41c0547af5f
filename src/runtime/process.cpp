#include "runtime/process.hpp"

#include "base/check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <poll.h>
#include <sched.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace bide::runtime {
namespace {

constexpr std::size_t kDescriptorsMax = 8;
/// They do not follow a child onto a stack of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr std::string_view kPathDefault = "/usr/local/bin:/usr/bin:/bin";

enum class Step : int { descriptors, group, parent, limits, directory, program };

/// What the child writes when it could not become the program.
struct Failure {
    Step step;
    int error_number;
};

/// All the child needs, made before it exists: it shares our memory and may not allocate.
struct Plan {
    std::vector<std::string> programs;  ///< paths to try, in the order of PATH
    std::vector<char*> argv;
    std::vector<char*> environment;
    const char* directory;
    std::array<int, kDescriptorsMax> descriptors;
    int descriptors_count;
    int report;
    int table_last;  ///< the child shares our table of descriptors, and needs it up to here; or -1
    pid_t parent;
    ProcessLimits limits;
};

[[noreturn]] void fail(int report, Step step, int error_number) {
    const Failure failure{step, error_number};
    // Less than PIPE_BUF into an empty pipe: whole or not at all.
    [[maybe_unused]] const ssize_t written = ::write(report, &failure, sizeof failure);
    ::_exit(127);
}

void reset_signals() {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Puts the descriptors at 0, 1, ... and the report's after them; closes the rest. Returns the
/// report's new number.
int place_descriptors(const Plan& plan) {
    if (plan.table_last >= 0) {
        // A table of its own from here on, a short one. A kernel before 5.9 copies all of it.
        const auto rest = static_cast<unsigned>(plan.table_last) + 1;
        if (::close_range(rest, ~0U, CLOSE_RANGE_UNSHARE) != 0 && ::unshare(CLONE_FILES) != 0)
            fail(plan.report, Step::descriptors, errno);
    }
    const int count = plan.descriptors_count;
    std::array<int, kDescriptorsMax> lifted{};
    int report = plan.report;
    if (report <= count) report = ::fcntl(report, F_DUPFD_CLOEXEC, count + 1);
    if (report < 0) fail(plan.report, Step::descriptors, errno);
    // First out of the way of each other, then into place.
    for (int i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(i);
        lifted[at] = plan.descriptors[at];
        if (lifted[at] <= count) lifted[at] = ::fcntl(lifted[at], F_DUPFD_CLOEXEC, count + 1);
        if (lifted[at] < 0) fail(report, Step::descriptors, errno);
    }
    for (int i = 0; i < count; ++i) {
        if (::dup2(lifted[static_cast<std::size_t>(i)], i) < 0)
            fail(report, Step::descriptors, errno);
    }
    if (::dup3(report, count, O_CLOEXEC) < 0) fail(report, Step::descriptors, errno);
    // A second lock: ours are close-on-exec anyway, so a kernel before 5.9 loses nothing.
    ::close_range(static_cast<unsigned>(count) + 1, ~0U, 0);
    return count;
}

bool set_limit(int resource, std::uint64_t soft, std::uint64_t hard) {
    rlimit limit{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit) != 0) return false;
    limit.rlim_max = std::min<rlim_t>(limit.rlim_max, hard);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, soft);
    return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &limit) == 0;
}

bool set_limits(const ProcessLimits& limits) {
    if (!set_limit(RLIMIT_CORE, 0, 0)) return false;
    if (limits.memory_bytes_max > 0 &&
        !set_limit(RLIMIT_AS, limits.memory_bytes_max, limits.memory_bytes_max))
        return false;
    // With soft == hard the kernel sends SIGKILL only, which says less.
    if (limits.cpu_seconds_max > 0 &&
        !set_limit(RLIMIT_CPU, limits.cpu_seconds_max, limits.cpu_seconds_max + 1))
        return false;
    return limits.files_max == 0 || set_limit(RLIMIT_NOFILE, limits.files_max, limits.files_max);
}

/// The child, between vfork and exec: async-signal-safe calls only, no allocation.
[[noreturn]] void become(const Plan& plan) {
    reset_signals();
    const int report = place_descriptors(plan);
    if (::setpgid(0, 0) != 0) fail(report, Step::group, errno);
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(report, Step::parent, errno);
    // The parent may have died before the line above took effect.
    if (::getppid() != plan.parent) fail(report, Step::parent, ESRCH);
    if (plan.directory != nullptr && ::chdir(plan.directory) != 0)
        fail(report, Step::directory, errno);
    if (!set_limits(plan.limits)) fail(report, Step::limits, errno);
    // As execvp: a place where it is not, or is not ours to run, is passed over.
    int reason = ENOENT;
    for (const std::string& program : plan.programs) {
        ::execve(program.c_str(), plan.argv.data(), plan.environment.data());
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            fail(report, Step::program, errno);
        if (errno == EACCES) reason = EACCES;
    }
    fail(report, Step::program, reason);
}

int run_child(void* plan) {
    become(*static_cast<const Plan*>(plan));
}

/// As vfork, but with the table of descriptors shared, which wants a stack besides.
pid_t start_sharing_child(Plan& plan) {
    constexpr std::size_t kStackBytes = 64U << 10;
    const auto stack =
        std::make_unique_for_overwrite<std::max_align_t[]>(kStackBytes / sizeof(std::max_align_t));
    void* const top = stack.get() + kStackBytes / sizeof(std::max_align_t);
    return ::clone(run_child, top, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &plan);
}

/// On its own, so that no variable of the caller can be clobbered by the function returning twice.
[[gnu::noinline]] pid_t start_child(const Plan& plan) {
    // vfork, not fork: its cost does not grow with the server's memory. posix_spawn can set neither
    // limits nor PDEATHSIG.
    const pid_t id = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (id == 0) become(plan);   // NOLINT(clang-analyzer-unix.Vfork): it does what a child may
    return id;
}

std::vector<std::string> programs_of(const ProcessSpec& spec) {
    const std::string& name = spec.argv.front();
    if (name.find('/') != std::string::npos) return {name};
    std::string_view path = kPathDefault;
    for (std::string_view entry : spec.environment) {
        if (entry.starts_with("PATH=")) path = entry.substr(5);
    }
    std::vector<std::string> programs;
    for (;;) {
        const std::size_t colon = path.find(':');
        std::string directory(path.substr(0, colon));
        // An empty entry means the current directory in a shell; a server does without.
        if (!directory.empty()) programs.push_back(std::move(directory) + "/" + name);
        if (colon == std::string_view::npos) return programs;
        path.remove_prefix(colon + 1);
    }
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    pointers.reserve(texts.size() + 1);
    // execve takes char* for history's sake and writes nothing.
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

bool passes_by_itself(int error_number) {
    return error_number == EAGAIN || error_number == ENOMEM || error_number == EMFILE ||
           error_number == ENFILE || error_number == ETXTBSY || error_number == EINTR ||
           error_number == EIO;
}

std::string mend_for(const Failure& failure, const std::string& name) {
    if (failure.step == Step::directory) return "; create it or change the working directory";
    if (failure.step != Step::program) return "";
    switch (failure.error_number) {
        case ENOENT:
            if (name.find('/') != std::string::npos)
                return "; check the path, and that the interpreter its first line names exists";
            return "; it is in no directory of PATH: install it or give the full path";
        case EACCES: return "; make it executable: chmod +x";
        case ENOEXEC:
            return "; it is not a program: a script needs a first line such as #!/bin/sh, for no "
                   "shell is used";
        case ETXTBSY: return "; somebody is writing to it";
        case E2BIG: return "; shorten the arguments or the environment";
        default: return "";
    }
}

Error explain(const Failure& failure, const ProcessSpec& spec) {
    std::string what;
    switch (failure.step) {
        case Step::descriptors: what = "cannot hand descriptors to the command"; break;
        case Step::group: what = "cannot make a process group"; break;
        case Step::parent: what = "cannot tie the command to the server"; break;
        case Step::limits: what = "cannot set the limits of the command"; break;
        case Step::directory: what = "cannot enter " + spec.working_directory; break;
        case Step::program: what = "cannot run " + spec.argv.front(); break;
    }
    return {
        Code::internal,
        passes_by_itself(failure.error_number) ? Retry::safe : Retry::never,
        what + ": " + std::generic_category().message(failure.error_number) +
            mend_for(failure, spec.argv.front())};
}

Error cannot_start(int error_number) {
    return {
        Code::internal,
        Retry::safe,
        "cannot start a process: " + std::generic_category().message(error_number)};
}

/// The header of glibc 2.36 declares pidfd_open with C++ linkage.
int open_handle(pid_t id) {
    return static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
}

/// Waits for the child's end and takes its status, so that no zombie stays.
ProcessExit wait_for(pid_t id) {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(id), &info, WEXITED) != 0) {
        // ECHILD: somebody set SIGCHLD to ignored and the kernel reaped it. Its status is lost.
        if (errno != EINTR) return {0, SIGKILL};
    }
    if (info.si_code == CLD_EXITED) return {info.si_status, 0};
    return {0, info.si_status};
}

/// 0: there is such a program, and it is ours to run.
int why_not_run(const ProcessSpec& spec) {
    namespace fs = std::filesystem;
    int reason = ENOENT;
    for (const std::string& program : programs_of(spec)) {
        const fs::path path = fs::path(spec.working_directory) / program;
        std::error_code error;
        if (::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path, error)) return 0;
        if (errno == EACCES) reason = EACCES;
    }
    return reason;
}

}  // namespace

Result<void> check_program(const ProcessSpec& spec) {
    const std::string& directory = spec.working_directory;
    std::error_code error;
    if (!directory.empty() && ::access(directory.c_str(), X_OK) != 0)
        return explain({Step::directory, errno}, spec);
    if (!directory.empty() && !std::filesystem::is_directory(directory, error))
        return explain({Step::directory, ENOTDIR}, spec);
    const int reason = why_not_run(spec);
    if (reason != 0) return explain({Step::program, reason}, spec);
    return success();
}

std::string to_string(const ProcessExit& exit) {
    if (exit.signal == 0) return "exit status " + std::to_string(exit.code);
    const char* name = ::sigdescr_np(exit.signal);
    return "killed by signal " + std::to_string(exit.signal) + " (" +
           (name != nullptr ? name : "unknown") + ")";
}

void LowDescriptors::reserve() {
    if (!places_.empty()) return;
    for (std::size_t i = 0; i < kCount; ++i) {
        Descriptor place(::open("/dev/null", O_RDWR | O_CLOEXEC));
        if (!place) return;
        last_ = std::max(last_, place.get());
        places_.push_back(std::move(place));
    }
}

int LowDescriptors::put(std::size_t place, int descriptor) const {
    return ::dup3(descriptor, places_[place].get(), O_CLOEXEC);
}

void LowDescriptors::clear(std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) put(i, places_.back().get());
}

Result<Process> Process::spawn(const ProcessSpec& spec, const LowDescriptors* low) {
    if (spec.argv.empty() || spec.argv.front().empty())
        return Error{Code::internal, Retry::never, "there is no command to run; configure one"};
    CHECK(spec.descriptors.size() <= kDescriptorsMax);
    if (kSanitized || (low != nullptr && !low->reserved())) low = nullptr;
    BIDE_TRY(Pipe report, make_pipe());
    Plan plan{
        programs_of(spec),
        pointers_to(spec.argv),
        pointers_to(spec.environment),
        spec.working_directory.empty() ? nullptr : spec.working_directory.c_str(),
        {},
        static_cast<int>(spec.descriptors.size()),
        report.write.get(),
        -1,
        ::getpid(),
        spec.limits};
    std::copy(spec.descriptors.begin(), spec.descriptors.end(), plan.descriptors.begin());
    if (low != nullptr) {
        for (std::size_t i = 0; i < spec.descriptors.size(); ++i)
            plan.descriptors[i] = low->put(i, spec.descriptors[i]);
        plan.report = low->put(spec.descriptors.size(), plan.report);
        plan.table_last = low->last();
    }

    // A signal handler of ours must not run in the child, on our memory. SIGCHLD is for us: while
    // it is blocked here, the exit of another child would wake some other thread to ignore it.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::sigdelset(&all, SIGCHLD);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t id = low != nullptr ? start_sharing_child(plan) : start_child(plan);
    const int reason = errno;
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    report.write.reset();
    if (low != nullptr) low->clear(spec.descriptors.size() + 1);
    if (id < 0) return cannot_start(reason);
    Failure failure{};
    ssize_t received = 0;
    do {
        received = ::read(report.read.get(), &failure, sizeof failure);
    } while (received < 0 && errno == EINTR);
    if (received != 0) {
        wait_for(id);
        return explain(failure, spec);
    }
    Process process(id, Descriptor(open_handle(id)));
    if (!process.handle_) return cannot_start(errno);
    return process;
}

Process::~Process() {
    if (id_ > 0) reap();
}

bool Process::has_exited() const {
    pollfd entry{handle_.get(), POLLIN, 0};
    return id_ == 0 || ::poll(&entry, 1, 0) > 0;
}

void Process::signal_group(int signal) const {
    if (id_ <= 0) return;
    ::kill(-id_, signal);
    // It may have left its group. Its number is its own until it is reaped.
    if (::getpgid(id_) != id_) ::kill(id_, signal);
}

ProcessExit Process::reap() {
    CHECK(id_ > 0);
    // Before the leader is taken: until then its number, and so the group's, is nobody else's.
    signal_group(SIGKILL);
    return wait_for(std::exchange(id_, 0));
}

}  // namespace bide::runtime
