// The disk's own limit: how many times a second 4 KiB appended to a file can be flushed, one after
// the other, by one thread. Prints one JSON object.
//
//     flushes DIRECTORY [SECONDS]
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

int main(int argc, char** argv) {
    using Clock = std::chrono::steady_clock;
    if (argc < 2) {
        std::fprintf(stderr, "usage: flushes DIRECTORY [SECONDS]\n");
        return 2;
    }
    const std::string path = std::string(argv[1]) + "/flushes.tmp";
    const double seconds = argc > 2 ? std::atof(argv[2]) : 2;
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0) {
        std::perror(path.c_str());
        return 1;
    }
    ::unlink(path.c_str());
    const std::array<char, 4096> page{};
    std::vector<double> spans_us;
    const auto start = Clock::now();
    while (std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
        const auto before = Clock::now();
        if (::write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
            ::fdatasync(file) != 0) {
            std::perror("flush");
            return 1;
        }
        spans_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - before).count()
        );
    }
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    std::sort(spans_us.begin(), spans_us.end());
    std::printf(
        "{\"flushes_per_s\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f}\n",
        static_cast<double>(spans_us.size()) / elapsed,
        spans_us[spans_us.size() / 2],
        spans_us[spans_us.size() * 99 / 100]
    );
}
