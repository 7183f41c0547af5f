#pragma once

#include "base/id.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bide::engines::embedded {

/// Tells ids that are surely not in a set: a split block Bloom filter (Putze, Sanders, Singler
/// 2007), one cache line an id, 16 bits for each. About one id in a thousand that is not there is
/// taken for one that may be. Immutable once filled; any thread.
class NameFilter {
  public:
    /// Of no blocks: may have anything.
    NameFilter() = default;
    explicit NameFilter(std::size_t ids_max);
    /// From bytes(); empty blocks when the size cannot be.
    static NameFilter from_bytes(std::string_view bytes);

    void add(const JobId& id);
    bool may_have(const JobId& id) const;

    std::string_view bytes() const;

  private:
    using Block = std::array<std::uint64_t, 8>;

    std::vector<Block> blocks_;
};

}  // namespace bide::engines::embedded
