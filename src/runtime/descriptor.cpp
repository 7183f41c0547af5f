#include "runtime/descriptor.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <system_error>

namespace bide::runtime {
namespace {

// Linux 6.3; not in the distribution's headers yet.
constexpr unsigned kMemoryFileNoExec = 0x0008U;

Error system_error(const std::string& what, int error_number) {
    return {
        Code::internal, Retry::safe, what + ": " + std::generic_category().message(error_number)};
}

}  // namespace

Result<Pipe> make_pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot open a pipe", errno);
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

Result<Descriptor> make_memory_file(std::string_view bytes) {
    // Hardened kernels refuse files that could be executed; older ones do not know the flag.
    Descriptor file(::memfd_create("bide-body", MFD_CLOEXEC | kMemoryFileNoExec));
    if (!file && errno == EINVAL) file = Descriptor(::memfd_create("bide-body", MFD_CLOEXEC));
    if (!file) return system_error("cannot make a file in memory", errno);
    // Not write: the read position stays where it is.
    for (std::size_t at = 0; at < bytes.size();) {
        const ssize_t written =
            ::pwrite(file.get(), bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
        if (written < 0) {
            if (errno == EINTR) continue;
            return system_error("cannot write a file in memory", errno);
        }
        at += static_cast<std::size_t>(written);
    }
    return file;
}

Result<Descriptor> open_for_reading(const std::string& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return system_error("cannot open " + path, errno);
    return file;
}

}  // namespace bide::runtime
