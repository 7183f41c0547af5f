#pragma once

#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bide::wire {

/// Turns %XX into bytes; empty when a '%' has no two hex digits after it.
std::optional<std::string> percent_decode(std::string_view text);

/// Letters, digits, '-', '.', '_' and '~' as they are, everything else as %XX.
std::string percent_encode(std::string_view text);

/// The query of a request target: names and values, decoded as forms are ('+' is a space).
class Query {
  public:
    static constexpr std::size_t kMembersMax = 32;

    /// `text` is what comes after the '?'.
    static Result<Query> parse(std::string_view text);

    /// The first value of this name, or null.
    const std::string* find(std::string_view name) const;
    /// A name that is not among `known`, or null.
    const std::string* unknown(std::initializer_list<std::string_view> known) const;

  private:
    std::vector<std::pair<std::string, std::string>> members_;
};

}  // namespace bide::wire
