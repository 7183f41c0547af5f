#include "load/measure.hpp"

#include "support/files.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <sstream>

namespace bide::load {

double Latencies::at(double share) const {
    if (all_.empty()) return 0;
    std::sort(all_.begin(), all_.end());
    const auto last = static_cast<double>(all_.size() - 1);
    return all_[static_cast<std::size_t>(share * last)];
}

std::string Latencies::text() const {
    char line[120];
    std::snprintf(
        line,
        sizeof line,
        "p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1)
    );
    return line;
}

std::uint64_t resident_kib(pid_t process) {
    std::istringstream status(test::read_file("/proc/" + std::to_string(process) + "/status"));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
    }
    return 0;
}

void say(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    std::vprintf(format, arguments);
    va_end(arguments);
    std::printf("\n");
    std::fflush(stdout);
}

void Verdict::must(bool holds, const std::string& what) {
    if (!holds) say("FAILED: %s", what.c_str());
    failed_ = failed_ || !holds;
}

void Verdict::should(bool holds, const std::string& what) {
    if (strict_) return must(holds, what);
    if (!holds) say("not held on this machine now: %s", what.c_str());
}

}  // namespace bide::load
