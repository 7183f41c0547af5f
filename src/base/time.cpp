#include "base/time.hpp"

#include <array>
#include <ctime>
#include <string_view>

namespace bide {
namespace {

using std::chrono::duration_cast;

void put_digits(char* to, std::size_t count, unsigned value) {
    for (; count > 0; value /= 10) to[--count] = static_cast<char>('0' + value % 10);
}

}  // namespace

std::string to_rfc3339(Time time) {
    std::string text;
    append_rfc3339(text, time);
    return text;
}

/// By hand: strftime and snprintf took a quarter of the instructions of an answer.
void append_rfc3339(std::string& text, Time time) {
    using std::chrono::days;
    constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
    const auto day = std::chrono::floor<days>(ms);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(ms - day);
    text += kForm;
    char* const to = text.data() + text.size() - kForm.size();
    put_digits(to, 4, static_cast<unsigned>(static_cast<int>(date.year())));
    put_digits(to + 5, 2, static_cast<unsigned>(date.month()));
    put_digits(to + 8, 2, static_cast<unsigned>(date.day()));
    put_digits(to + 11, 2, static_cast<unsigned>(clock.hours().count()));
    put_digits(to + 14, 2, static_cast<unsigned>(clock.minutes().count()));
    put_digits(to + 17, 2, static_cast<unsigned>(clock.seconds().count()));
    put_digits(to + 20, 3, static_cast<unsigned>(clock.subseconds().count()));
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

/// The same clock as steady_clock's, as of the kernel's last tick.
Time SystemClock::coarse_now() const {
    std::timespec read{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &read);
    const auto since_boot =
        std::chrono::seconds(read.tv_sec) + std::chrono::nanoseconds(read.tv_nsec);
    return anchor_ + duration_cast<Duration>(since_boot - steady_anchor_.time_since_epoch());
}

}  // namespace bide
