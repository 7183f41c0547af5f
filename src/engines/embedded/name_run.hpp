#pragma once

#include "base/id.hpp"
#include "base/result.hpp"
#include "engines/embedded/name_filter.hpp"
#include "runtime/descriptor.hpp"
#include "runtime/spool.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bide::engines::embedded {

/// A caller's id and the row that has its job.
struct Name {
    JobId id;
    std::int64_t sequence = 0;

    auto operator<=>(const Name&) const = default;
};

/// Many names in one file that is written once, in the order of ids, and its filter in memory:
/// random ids cost an index that is kept in order a page each, and this one nothing but its
/// bytes. Layout, all numbers little-endian: "bidename", count (8), filter size (8), CRC-32 of the
/// filter (8), filter, names of 24 bytes each. Immutable; any thread.
class NameRun {
  public:
    /// Writes and syncs; `names` are sorted. The file is the caller's to register or to remove.
    static Result<std::string> write(runtime::Spool& spool, const std::vector<Name>& names);
    static Result<std::shared_ptr<const NameRun>> open(const std::string& path);

    bool may_have(const JobId& id) const { return filter_.may_have(id); }
    /// Reads the file.
    Result<std::optional<std::int64_t>> find(const JobId& id) const;

  private:
    NameRun(runtime::Descriptor file, NameFilter filter, std::uint64_t count, std::uint64_t offset)
        : file_(std::move(file)), filter_(std::move(filter)), count_(count), offset_(offset) {}

    Result<Name> at(std::uint64_t index) const;

    runtime::Descriptor file_;
    NameFilter filter_;
    std::uint64_t count_;
    std::uint64_t offset_;  ///< of the first name
};

}  // namespace bide::engines::embedded
