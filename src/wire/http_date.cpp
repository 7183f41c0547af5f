#include "wire/http_date.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace bide::wire {
namespace {

constexpr Duration kRetryAfterMax = std::chrono::hours(24);

constexpr std::array<std::string_view, 12> kMonths{
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// What has not been read of a date yet. A step that does not fit makes it bad for good.
class Rest {
  public:
    explicit Rest(std::string_view text) : text_(text) {}

    int number(std::size_t digits) {
        int value = 0;
        if (text_.size() < digits) return fail();
        for (std::size_t i = 0; i < digits; ++i) {
            if (text_[i] < '0' || text_[i] > '9') return fail();
            value = value * 10 + (text_[i] - '0');
        }
        text_.remove_prefix(digits);
        return value;
    }
    /// "06", or " 6" as asctime writes it.
    int padded_day() {
        if (!text_.starts_with(' ')) return number(2);
        text_.remove_prefix(1);
        return number(1);
    }
    unsigned month() {
        const auto found = std::find(kMonths.begin(), kMonths.end(), text_.substr(0, 3));
        if (found == kMonths.end()) return static_cast<unsigned>(fail());
        text_.remove_prefix(3);
        return static_cast<unsigned>(found - kMonths.begin()) + 1;
    }
    void skip(std::string_view what) {
        if (text_.starts_with(what))
            text_.remove_prefix(what.size());
        else
            fail();
    }
    Duration time_of_day() {
        const int hour = number(2);
        skip(":");
        const int minute = number(2);
        skip(":");
        const int second = number(2);
        if (hour > 23 || minute > 59 || second > 60) fail();  // 60: a leap second
        return std::chrono::hours(hour) + std::chrono::minutes(minute) +
               std::chrono::seconds(second);
    }
    bool whole() const { return !bad_ && text_.empty(); }

  private:
    int fail() {
        bad_ = true;
        return 0;
    }

    std::string_view text_;
    bool bad_ = false;
};

std::optional<Time> put_together(int year, unsigned month, int day, Duration time_of_day) {
    const std::chrono::year_month_day date{
        std::chrono::year(year),
        std::chrono::month(month),
        std::chrono::day(static_cast<unsigned>(day))};
    if (!date.ok()) return std::nullopt;
    return Time(std::chrono::sys_days(date)) + time_of_day;
}

int year_of(Time time) {
    const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
    return static_cast<int>(date.year());
}

}  // namespace

std::optional<Time> parse_http_date(std::string_view text, Time now) {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) {  // asctime: "Sun Nov  6 08:49:37 1994"
        Rest rest(text.substr(std::min<std::size_t>(text.size(), 3)));
        rest.skip(" ");
        const unsigned month = rest.month();
        rest.skip(" ");
        const int day = rest.padded_day();
        rest.skip(" ");
        const Duration time = rest.time_of_day();
        rest.skip(" ");
        const int year = rest.number(4);
        return rest.whole() ? put_together(year, month, day, time) : std::nullopt;
    }
    Rest rest(text.substr(comma + 1));
    rest.skip(" ");
    const int day = rest.number(2);
    const bool old = comma > 3;  // "Sunday, 06-Nov-94 08:49:37 GMT"
    rest.skip(old ? "-" : " ");
    const unsigned month = rest.month();
    rest.skip(old ? "-" : " ");
    int year = rest.number(old ? 2 : 4);
    if (old) {
        const int this_year = year_of(now);
        year += this_year - this_year % 100;
        if (year > this_year + 50) year -= 100;
    }
    rest.skip(" ");
    const Duration time = rest.time_of_day();
    rest.skip(" GMT");
    return rest.whole() ? put_together(year, month, day, time) : std::nullopt;
}

std::optional<Duration> parse_retry_after(std::string_view text, Time now) {
    if (text.empty()) return std::nullopt;
    const bool number =
        std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number) {
        const auto date = parse_http_date(text, now);
        if (!date) return std::nullopt;
        return std::clamp<Duration>(*date - now, Duration(0), kRetryAfterMax);
    }
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(kRetryAfterMax);
    if (error != std::errc() || seconds > most.count()) return kRetryAfterMax;
    return std::chrono::seconds(seconds);
}

}  // namespace bide::wire
