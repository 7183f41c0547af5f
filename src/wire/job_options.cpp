#include "wire/job_options.hpp"

#include "wire/message.hpp"
#include "wire/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace bide::wire {
namespace {

constexpr std::size_t kKeyMax = 255;
constexpr std::size_t kTenantMax = 64;
/// Of a deadline: longer than anybody waits, shorter than what sums of times can hold.
constexpr double kDeadlineMax_s = 3.2e9;

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

bool is_printable(char c) {
    return c >= ' ' && c <= '~';
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_name_char(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-';
}

/// Digits, and decimals if there is a point: no sign, no exponent.
std::optional<double> parse_seconds(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    if (whole.empty() || text.size() > 32 || !std::ranges::all_of(whole, is_digit))
        return std::nullopt;
    if (point != std::string_view::npos) {
        const std::string_view decimals = text.substr(point + 1);
        if (decimals.empty() || !std::ranges::all_of(decimals, is_digit)) return std::nullopt;
    }
    double seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    return seconds;
}

Duration to_duration(double seconds) {
    return Duration(static_cast<std::int64_t>(std::round(seconds * 1e6)));
}

/// Takes `count` digits off the front.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
    if (text.size() < count || !std::ranges::all_of(text.substr(0, count), is_digit))
        return std::nullopt;
    int number = 0;
    std::from_chars(text.data(), text.data() + count, number);
    text.remove_prefix(count);
    return number;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

std::optional<std::chrono::sys_days> take_date(std::string_view& text) {
    const auto year = take_digits(text, 4);
    if (!year || !take(text, "-")) return std::nullopt;
    const auto month = take_digits(text, 2);
    if (!month || !take(text, "-")) return std::nullopt;
    const auto day = take_digits(text, 2);
    if (!day || *year < 1970) return std::nullopt;
    const std::chrono::year_month_day date{
        std::chrono::year(*year),
        std::chrono::month(static_cast<unsigned>(*month)),
        std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

std::optional<Duration> take_time_of_day(std::string_view& text) {
    const auto hour = take_digits(text, 2);
    if (!hour || *hour > 23 || !take(text, ":")) return std::nullopt;
    const auto minute = take_digits(text, 2);
    if (!minute || *minute > 59 || !take(text, ":")) return std::nullopt;
    const auto second = take_digits(text, 2);
    if (!second || *second > 60) return std::nullopt;  // 60: a leap second
    std::int64_t us = 0;
    if (take(text, ".")) {
        const auto end = std::ranges::find_if_not(text, is_digit);
        const auto digits = static_cast<std::size_t>(end - text.begin());
        if (digits == 0) return std::nullopt;
        for (std::size_t i = 0; i < 6; ++i) us = us * 10 + (i < digits ? text[i] - '0' : 0);
        text.remove_prefix(digits);
    }
    return std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           std::chrono::seconds(*second) + Duration(us);
}

std::optional<Duration> take_offset(std::string_view& text) {
    if (take(text, "Zz")) return Duration(0);
    const bool west = text.starts_with('-');
    if (!take(text, "+-")) return std::nullopt;
    const auto hours = take_digits(text, 2);
    if (!hours || *hours > 23 || !take(text, ":")) return std::nullopt;
    const auto minutes = take_digits(text, 2);
    if (!minutes || *minutes > 59) return std::nullopt;
    const Duration offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    return west ? -offset : offset;
}

}  // namespace

Result<std::string> parse_idempotency_key(std::string_view value) {
    value = trim(value);
    std::string key;
    if (!value.starts_with('"')) {
        key = value;
    } else {
        key.reserve(value.size());
        std::size_t at = 1;
        for (; at < value.size() && value[at] != '"'; ++at) {
            if (value[at] == '\\') {
                ++at;
                if (at == value.size() || (value[at] != '"' && value[at] != '\\'))
                    return bad("Idempotency-Key: a backslash stands before \" or \\ only");
            }
            key += value[at];
        }
        if (at + 1 != value.size()) return bad("Idempotency-Key: the string does not end");
    }
    if (key.empty() || key.size() > kKeyMax || !std::ranges::all_of(key, is_printable))
        return bad("Idempotency-Key takes 1 to 255 printable ASCII characters");
    return key;
}

std::optional<std::string_view> parse_bearer(std::string_view value) {
    value = trim(value);
    const std::size_t space = value.find(' ');
    if (space == std::string_view::npos || !equal_fold(value.substr(0, space), "bearer"))
        return std::nullopt;
    const std::string_view token = trim(value.substr(space));
    const auto fits = [](char c) { return is_printable(c) && c != ' '; };
    if (token.empty() || !std::ranges::all_of(token, fits)) return std::nullopt;
    return token;
}

Result<Duration> parse_delay(std::string_view value) {
    const auto seconds = parse_seconds(trim(value));
    if (!seconds || to_duration(std::min(*seconds, kDeadlineMax_s)) > kDelayMax)
        return bad("Bide-Delay takes seconds, as in \"90\" or \"0.5\", up to 30 days");
    return to_duration(*seconds);
}

Result<std::variant<Duration, Time>> parse_deadline(std::string_view value) {
    using Deadline = std::variant<Duration, Time>;
    value = trim(value);
    const auto seconds = parse_seconds(value);
    if (seconds && *seconds <= kDeadlineMax_s) return Deadline(to_duration(*seconds));
    if (const auto time = parse_rfc3339(value)) return Deadline(*time);
    return bad("Bide-Deadline takes seconds from now, or a time like 2026-11-23T06:44:29Z");
}

Result<std::uint8_t> parse_priority(std::string_view value) {
    value = trim(value);
    if (value.size() != 1 || !is_digit(value.front()))
        return bad("Bide-Priority takes 0 to 9, 9 first");
    return static_cast<std::uint8_t>(value.front() - '0');
}

Result<core::OnLeave> parse_on_disconnect(std::string_view value) {
    value = trim(value);
    if (value == "continue") return core::OnLeave::go_on;
    if (value == "cancel") return core::OnLeave::cancel;
    if (value == "cancel-if-queued") return core::OnLeave::cancel_if_queued;
    return bad("Bide-On-Disconnect is continue, cancel or cancel-if-queued");
}

Result<std::string> parse_tenant(std::string_view value) {
    value = trim(value);
    if (value.empty() || value.size() > kTenantMax || !std::ranges::all_of(value, is_name_char))
        return bad("Bide-Tenant takes 1 to 64 letters, digits, '.', '_' and '-'");
    return std::string(value);
}

std::optional<Time> parse_rfc3339(std::string_view text) {
    const auto date = take_date(text);
    if (!date || !take(text, "Tt ")) return std::nullopt;
    const auto time_of_day = take_time_of_day(text);
    if (!time_of_day) return std::nullopt;
    const auto offset = take_offset(text);
    if (!offset || !text.empty()) return std::nullopt;
    // Offsets and leap seconds could lead out of the years that can be written down.
    constexpr std::chrono::sys_days kEnd = std::chrono::year(10000) / 1 / 1;
    const Time time = Time(*date) + *time_of_day - *offset;
    if (time < Time{} || time >= kEnd) return std::nullopt;
    return time;
}

}  // namespace bide::wire
