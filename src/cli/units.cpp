#include "cli/units.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

namespace bide::cli {
namespace {

Error bad(std::string detail) {
    return {Code::bad_request, Retry::never, std::move(detail)};
}

struct Unit {
    std::string_view name;
    double factor;
};

/// A non-negative number followed by one of `units`, to the nearest whole: the product of 1.001
/// and a million is a little less than 1001000.
std::optional<double> parse_quantity(std::string_view text, std::span<const Unit> units) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || !(number >= 0) || std::isinf(number)) return std::nullopt;
    const std::string_view name(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const auto& unit : units) {
        if (unit.name == name) return std::round(number * unit.factor);
    }
    return std::nullopt;
}

bool is_ip_address(std::string_view host) {
    in6_addr place{};
    // "fe80::1%eth0": a link's address, and the link.
    const std::string six(host.substr(0, host.find('%')));
    return ::inet_pton(AF_INET, std::string(host).c_str(), &place) == 1 ||
           ::inet_pton(AF_INET6, six.c_str(), &place) == 1;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
        }
    }
    return row.back();
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    constexpr std::array kUnits{
        Unit{"ms", 1e3}, Unit{"s", 1e6}, Unit{"m", 60e6}, Unit{"h", 3600e6}, Unit{"d", 86400e6}};
    const auto us = parse_quantity(text, kUnits);
    // A hundred years: below what int64 microseconds and sums of times can hold.
    if (!us || *us > 3.2e15)
        return bad(
            "\"" + std::string(text) + "\" is not a duration like 250ms, 1.5s, 2m, 24h or 7d"
        );
    return Duration(static_cast<std::int64_t>(*us));
}

Result<void> check_span(Duration span) {
    if (span > Duration(0)) return success();
    return bad("must be more than 0s");
}

Result<void> check_origin(std::string_view origin) {
    if (origin == "*" || origin == "null") return success();
    const auto colon = origin.find("://");
    const std::string_view scheme = origin.substr(0, colon);
    const std::string_view host = colon == std::string_view::npos ? "" : origin.substr(colon + 3);
    const bool plain = std::all_of(origin.begin(), origin.end(), [](char c) {
        return c > ' ' && c <= '~' && !(c >= 'A' && c <= 'Z');
    });
    const bool named =
        !scheme.empty() && !host.empty() && host.find_first_of("/?#@,") == std::string_view::npos;
    const bool usual = (scheme == "http" && host.ends_with(":80")) ||
                       (scheme == "https" && host.ends_with(":443"));
    if (plain && named && !usual) return success();
    return bad(
        "\"" + std::string(origin) +
        "\" is no origin as browsers send it: \"https://app.example\", in small letters, without a "
        "path or the usual port; \"*\" is all of them"
    );
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
    constexpr std::array kUnits{
        Unit{"", 1},
        Unit{"B", 1},
        Unit{"KiB", 1024.0},
        Unit{"MiB", 1048576.0},
        Unit{"GiB", 1073741824.0},
        Unit{"TiB", 1099511627776.0},
        Unit{"KB", 1e3},
        Unit{"MB", 1e6},
        Unit{"GB", 1e9},
        Unit{"TB", 1e12}};
    const auto bytes = parse_quantity(text, kUnits);
    if (!bytes || *bytes > 9e15)
        return bad("\"" + std::string(text) + "\" is not a size like 512, 16KiB, 10MB or 5GiB");
    return static_cast<std::uint64_t>(*bytes);
}

Result<Address> parse_address(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto failure = [&] {
        return bad(
            "\"" + std::string(text) +
            "\" is not an address like 127.0.0.1:8080 or [::1]:8080 (port 0: the system picks one)"
        );
    };
    if (colon == std::string_view::npos || colon == 0) return failure();
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        host = host.substr(1, host.size() - 2);
    if (host == "localhost") host = "127.0.0.1";
    if (!is_ip_address(host))
        return bad(
            "\"" + std::string(text) +
            "\" names no IP address to listen on: names are not looked up, take one like "
            "127.0.0.1, "
            "0.0.0.0 or [::1]"
        );
    Address address{std::string(host), 0};
    const auto [end, error] =
        std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
    if (error != std::errc() || end != port_text.data() + port_text.size()) return failure();
    return address;
}

bool is_loopback(std::string_view host) {
    return host == "::1" || host.starts_with("127.");
}

Result<std::vector<std::string>> split_words(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && quote != '\'') {
            if (++i == text.size()) return bad("the command ends with a backslash");
            word += text[i];
            in_word = true;
        } else if (quote != 0) {
            if (c == quote)
                quote = 0;
            else
                word += c;
        } else if (c == '\'' || c == '"') {
            quote = c;
            in_word = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (in_word) words.push_back(std::exchange(word, {}));
            in_word = false;
        } else {
            word += c;
            in_word = true;
        }
    }
    if (quote != 0) return bad(std::string("the command has an unclosed ") + quote);
    if (in_word) words.push_back(std::move(word));
    if (words.empty()) return bad("the command is empty");
    return words;
}

namespace {

bool is_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), fits);
}

Error cannot_name(std::string_view name, std::string_view what) {
    return bad(
        "\"" + std::string(name) + "\" cannot name " + std::string(what) +
        ": 1 to 64 letters, digits, '.', '_' or '-'"
    );
}

}  // namespace

Result<void> check_queue_name(std::string_view name) {
    if (!is_name(name)) return cannot_name(name, "a queue");
    return success();
}

Result<void> check_tenant_name(std::string_view name) {
    if (!is_name(name)) return cannot_name(name, "a tenant");
    return success();
}

Result<void> check_key_name(std::string_view name) {
    if (!is_name(name)) return cannot_name(name, "a key");
    return success();
}

Result<std::uint32_t> parse_count(std::string_view text, std::uint32_t most) {
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc() || end != text.data() + text.size() || count == 0)
        return bad("must be a whole number of at least 1");
    if (count > most) return bad("must be at most " + std::to_string(most));
    return count;
}

Result<void> check_log_level(std::string_view level) {
    for (const std::string_view known : {"debug", "info", "warn", "error"})
        if (level == known) return success();
    return bad("must be debug, info, warn or error");
}

Result<double> parse_rate(std::string_view text) {
    const auto slash = text.find('/');
    const std::string_view number = text.substr(0, slash);
    const std::string_view unit = slash == std::string_view::npos ? "" : text.substr(slash + 1);
    const double span = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
    if (span == 0 || error != std::errc() || end != number.data() + number.size() || count == 0)
        return bad("\"" + std::string(text) + "\" is no rate, like 100/s, 600/m or 5000/h");
    return count / span;
}

Result<std::array<std::uint8_t, 32>> parse_hash(std::string_view text) {
    constexpr std::string_view kPrefix = "sha256:";
    std::array<std::uint8_t, 32> hash{};
    const auto failure = [] {
        return bad("must be \"sha256:\" and 64 hexadecimal digits, as `bide key` prints it");
    };
    if (!text.starts_with(kPrefix) || text.size() != kPrefix.size() + 2 * hash.size())
        return failure();
    text.remove_prefix(kPrefix.size());
    for (std::size_t i = 0; i < hash.size(); ++i) {
        const char* digits = text.data() + 2 * i;
        if (std::from_chars(digits, digits + 2, hash[i], 16).ptr != digits + 2) return failure();
    }
    return hash;
}

std::string nearest(std::string_view name, const std::vector<std::string_view>& known) {
    std::string_view best;
    std::size_t best_distance = std::max<std::size_t>(2, name.size() / 3) + 1;
    for (const auto& candidate : known) {
        const std::size_t distance = edit_distance(name, candidate);
        if (distance < best_distance) {
            best = candidate;
            best_distance = distance;
        }
    }
    return std::string(best);
}

}  // namespace bide::cli
