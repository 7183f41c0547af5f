#include "runtime/process.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace bide::runtime {
namespace {

bool exits(const Process& process) {
    pollfd entry{process.handle(), POLLIN, 0};
    return ::poll(&entry, 1, 60'000) == 1;
}

ProcessSpec sleeper() {
    ProcessSpec spec;
    spec.argv = {"sleep", "1000"};
    return spec;
}

TEST(Process, DiesWithTheThreadThatSpawnedIt) {
    std::optional<Process> process;
    std::thread([&process] { process.emplace(Process::spawn(sleeper()).value()); }).join();
    ASSERT_TRUE(exits(*process));
    EXPECT_TRUE(process->has_exited());
    EXPECT_EQ(process->reap().signal, SIGKILL);
}

TEST(Process, DestructorLeavesNoZombie) {
    {
        const auto process = Process::spawn(sleeper()).value().id();
        EXPECT_GT(process, 0);
    }
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
    EXPECT_EQ(errno, ECHILD);
}

TEST(Process, LeadsAGroupOfItsOwn) {
    const Process process = std::move(Process::spawn(sleeper()).value());
    EXPECT_EQ(::getpgid(process.id()), process.id());
    EXPECT_FALSE(process.has_exited());
}

TEST(Process, IsKilledAlsoWhenItHasLeftItsGroup) {
    Pipe pipe = std::move(make_pipe().value());
    ProcessSpec spec;
    spec.argv = {
        "python3",
        "-c",
        "import os, time; os.setpgid(0, os.getpgid(os.getppid())); os.write(1, b'x'); "
        "time.sleep(1000)"};
    spec.environment = {"PATH=/usr/local/bin:/usr/bin:/bin"};
    spec.descriptors = {pipe.read.get(), pipe.write.get(), 2};
    auto spawned = Process::spawn(spec);
    ASSERT_TRUE(spawned) << spawned.error().detail;
    Process process = std::move(spawned.value());
    char told = 0;
    ASSERT_EQ(::read(pipe.read.get(), &told, 1), 1);
    ASSERT_NE(::getpgid(process.id()), process.id());
    process.signal_group(SIGTERM);
    ASSERT_TRUE(exits(process));
    EXPECT_EQ(process.reap().signal, SIGTERM);
}

TEST(Process, DescriptorsMayOverlapTheirPlaces) {
    // The pipe's ends take 0 and 1 when the server has them closed.
    const Descriptor in(::fcntl(0, F_DUPFD_CLOEXEC, 20));
    const Descriptor out(::fcntl(1, F_DUPFD_CLOEXEC, 20));
    ::close(0);
    ::close(1);
    Pipe pipe = std::move(make_pipe().value());
    ProcessSpec spec;
    spec.argv = {"sh", "-c", "echo one; echo two >&2"};
    spec.descriptors = {pipe.read.get(), pipe.write.get(), pipe.write.get()};
    auto process = Process::spawn(spec);
    pipe.write.reset();
    std::string seen;
    char bytes[64];
    for (ssize_t count = 1; count > 0; seen.append(bytes, static_cast<std::size_t>(count)))
        count = ::read(pipe.read.get(), bytes, sizeof bytes);
    pipe.read.reset();
    ::dup2(in.get(), 0);
    ::dup2(out.get(), 1);
    ASSERT_TRUE(process) << process.error().detail;
    EXPECT_EQ(seen, "one\ntwo\n");
    EXPECT_EQ(process.value().reap().code, 0);
}

TEST(Process, ExitIsToldInWords) {
    EXPECT_EQ(to_string(ProcessExit{3, 0}), "exit status 3");
    EXPECT_EQ(to_string(ProcessExit{0, SIGKILL}), "killed by signal 9 (Killed)");
}

TEST(Process, ErrorSaysWhetherToTryAgain) {
    ProcessSpec spec;
    spec.argv = {"/no/such/program"};
    const auto gone = Process::spawn(spec);
    ASSERT_FALSE(gone);
    EXPECT_EQ(gone.error().retry, Retry::never);
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);

    // While somebody writes to a program it cannot be run, and a moment later it can.
    const std::string path = testing::TempDir() + "bide-busy-" + std::to_string(::getpid());
    const Descriptor writer(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
    spec.argv = {path};
    const auto busy = Process::spawn(spec);
    ::unlink(path.c_str());
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().retry, Retry::safe) << busy.error().detail;
}

/// What `ls` sees of its own descriptors, and the end of what it wrote: it comes only when nobody
/// here holds the other end of the pipe, in no place.
void expect_nothing_but_its_own(const LowDescriptors& low) {
    Descriptor in = open_for_reading("/dev/null").value();
    Pipe out = make_pipe().value();
    ProcessSpec spec;
    spec.argv = {"sh", "-c", "exec ls /proc/self/fd"};
    spec.descriptors = {in.get(), out.write.get(), out.write.get()};
    auto process = Process::spawn(spec, &low).value();
    out.write.reset();
    std::string said(256, '\0');
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(got))
        got = ::read(out.read.get(), said.data() + size, said.size() - size);
    EXPECT_EQ(said.substr(0, size), "0\n1\n2\n3\n");
    EXPECT_EQ(process.reap().code, 0);
}

TEST(Process, StartedFromLowDescriptorsHasItsOwnAndNoOther) {
    LowDescriptors low;
    low.reserve();
    ASSERT_TRUE(low.reserved());
    std::vector<Pipe> others;
    for (int i = 0; i < 100; ++i) others.push_back(make_pipe().value());
    for (int round = 0; round < 2; ++round) expect_nothing_but_its_own(low);
    ProcessSpec spec;
    spec.argv = {"/nowhere"};
    EXPECT_TRUE(Process::spawn(spec, &low).has_error());
}

TEST(Process, ThreadsThatStartThemAtOnceGiveEachItsOwnAndNoOther) {
    std::array<LowDescriptors, 3> places;
    for (auto& low : places) low.reserve();
    std::vector<std::thread> threads;
    for (const auto& low : places) {
        threads.emplace_back([&low] {
            for (int round = 0; round < 100; ++round) expect_nothing_but_its_own(low);
        });
    }
    for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace bide::runtime
