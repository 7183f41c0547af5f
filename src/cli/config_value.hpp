#pragma once

#include "base/result.hpp"
#include "base/time.hpp"
#include "wire/prefer.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

namespace bide::cli {

/// One value of the file, and the ways it can be read. Errors say what it must be; which key it is
/// of, and in which line, is the caller's to add.
struct Value {
    const toml::node& node;
    std::filesystem::path directory;  ///< of the file
    std::string file;                 ///< what errors call it

    /// "FILE:LINE"
    std::string place() const;

    Result<std::string> text() const;
    Result<Duration> duration() const;
    /// More than none.
    Result<Duration> span() const;
    Result<std::uint64_t> bytes() const;
    /// Of all but empty bodies.
    Result<std::uint64_t> output_max() const;
    Result<std::uint64_t> header_max() const;
    Result<std::uint64_t> inline_max() const;
    Result<std::vector<std::string>> texts() const;
    Result<std::vector<std::string>> origins() const;
    /// ["Name: value", ...] or a table {Name = "value", ...}
    Result<std::vector<std::string>> headers() const;
    /// Relative to the file.
    Result<std::string> path() const;
    Result<bool> flag() const;
    Result<wire::AtLimit> at_limit() const;
    Result<std::string> log_level() const;
    Result<double> rate() const;
    Result<double> weight() const;
    Result<std::array<std::uint8_t, 32>> hash() const;
    Result<std::vector<std::string>> scopes() const;
    /// Words, or a text to be split into them; a program that is a relative path is relative to the
    /// file.
    Result<std::vector<std::string>> command() const;

    template <class T>
    Result<T> number(T least) const {
        const auto* value = node.as_integer();
        const auto most = static_cast<std::int64_t>(std::min<std::uint64_t>(
            std::numeric_limits<T>::max(), std::numeric_limits<std::int64_t>::max()
        ));
        if (value == nullptr || value->get() < static_cast<std::int64_t>(least) ||
            value->get() > most)
            return bad("must be a whole number of at least " + std::to_string(least));
        return static_cast<T>(value->get());
    }
    template <class T>
    Result<T> number(T least, T most) const {
        BIDE_TRY(const T value, number(least));
        if (value <= most) return value;
        return bad("must be at most " + std::to_string(most));
    }

    static Error bad(std::string detail) {
        return {Code::bad_request, Retry::never, std::move(detail)};
    }
};

}  // namespace bide::cli
