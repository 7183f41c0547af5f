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
#include <string_view>
#include <vector>

namespace bide::engines::embedded {

/// A caller's id and the row that has its job.
struct Name {
    JobId id;
    std::int64_t sequence = 0;

    auto operator<=>(const Name&) const = default;
};

/// Many names in one file that is written once, in the order of ids. In memory are its filter and
/// where its blocks begin, so that a name costs one read: random ids cost an index that is kept in
/// order a page each, and this one nothing but its bytes. docs/store.md has the layout.
/// A damaged byte is an error that says never, and not another answer. Immutable; any thread.
class NameRun {
  public:
    using Some = std::vector<std::shared_ptr<const NameRun>>;

    /// Writes and syncs; `names` are sorted. The file is the caller's to register or to remove.
    static Result<std::string> write(runtime::Spool& spool, const std::vector<Name>& names);
    /// The same with the names of all of these. Takes the memory of the new filter and little more.
    static Result<std::string> merge(runtime::Spool& spool, const Some& runs);
    static Result<std::shared_ptr<const NameRun>> open(const std::string& path);

    std::uint64_t size() const { return count_; }  ///< names
    bool may_have(const JobId& id) const { return filter_.may_have(id); }
    /// Reads the file.
    Result<std::optional<std::int64_t>> find(const JobId& id) const;

  private:
    class Cursor;
    struct Block {
        JobId first;
        std::uint64_t check = 0;  ///< CRC-32 of its bytes
    };
    NameRun(std::string path, runtime::Descriptor file);

    Result<void> read_head();
    /// Of a file of the first version, which has no table.
    Result<void> make_table();
    Result<std::string> bytes_of(std::size_t block) const;
    Error damaged(std::string_view what) const;

    std::string name_;  ///< the file's
    runtime::Descriptor file_;
    NameFilter filter_;
    std::uint64_t count_ = 0;
    std::uint64_t offset_ = 0;  ///< of the first name
    std::vector<Block> blocks_;
};

}  // namespace bide::engines::embedded
