#include "base/time.hpp"

#include <array>
#include <cstdio>
#include <ctime>

namespace bide {
namespace {

using std::chrono::duration_cast;

}  // namespace

std::string to_rfc3339(Time time) {
    const auto ms = duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 40> text{};
    const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    const int tail = std::snprintf(
        text.data() + length, text.size() - length, ".%03dZ", static_cast<int>(ms % 1000)
    );
    return {text.data(), length + static_cast<std::size_t>(tail)};
}

std::string to_string(Duration span) {
    struct Unit {
        const char* name;
        std::int64_t us;
    };
    constexpr std::array<Unit, 5> kUnits{
        {{"d", 86'400'000'000},
         {"h", 3'600'000'000},
         {"m", 60'000'000},
         {"s", 1'000'000},
         {"ms", 1000}}};
    for (const auto& unit : kUnits) {
        if (span.count() >= unit.us && span.count() % unit.us == 0)
            return std::to_string(span.count() / unit.us) + unit.name;
    }
    return std::to_string(span.count()) + "us";
}

SystemClock::SystemClock()
    : anchor_(std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())),
      steady_anchor_(std::chrono::steady_clock::now()) {}

Time SystemClock::now() const {
    return anchor_ + duration_cast<Duration>(std::chrono::steady_clock::now() - steady_anchor_);
}

}  // namespace bide
