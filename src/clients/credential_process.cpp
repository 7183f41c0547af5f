#include "clients/credential_process.hpp"

#include "runtime/descriptor.hpp"
#include "runtime/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <poll.h>

namespace bide::clients {
namespace {

constexpr Duration kTimeMax = std::chrono::minutes(1);
constexpr std::size_t kOutputMax = 256U << 10;

Error trouble(std::string what) {
    return {Code::unauthenticated, Retry::never, "credential_process " + std::move(what)};
}

/// False: the time is over before it can be read.
bool wait_for(int descriptor, Time deadline, const Clock& clock) {
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now()).count();
        pollfd waiting{descriptor, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
        if (ready > 0) return true;
        if (ready == 0 || errno != EINTR) return false;
    }
}

}  // namespace

Result<std::string> run_credential_process(
    const std::string& command, const Environment& environment, const Clock& clock
) {
    const runtime::Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    BIDE_TRY(auto pipe, runtime::make_pipe());
    runtime::ProcessSpec spec;
    spec.argv = {"/bin/sh", "-c", command};
    for (const auto& [name, value] : environment) spec.environment.push_back(name + "=" + value);
    spec.descriptors = {nothing.get(), pipe.write.get(), nothing.get()};
    // Its thread is one of the pool's, which live as long as the process.
    auto process = runtime::Process::spawn(spec);
    if (!process) return trouble("cannot be run: " + process.error().detail);
    pipe.write.reset();

    const Time deadline = clock.now() + kTimeMax;
    std::string output;
    std::array<char, 4096> piece{};
    for (;;) {
        if (!wait_for(pipe.read.get(), deadline, clock)) return trouble("takes too long");
        const ssize_t got = ::read(pipe.read.get(), piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        output.append(piece.data(), static_cast<std::size_t>(got));
        if (output.size() > kOutputMax) return trouble("prints too much");
    }
    if (!wait_for(process.value().handle(), deadline, clock)) return trouble("takes too long");
    const runtime::ProcessExit exit = process.value().reap();
    if (exit.code != 0 || exit.signal != 0)
        return trouble("ended with " + runtime::to_string(exit));
    return output;
}

}  // namespace bide::clients
