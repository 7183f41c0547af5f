#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace bide {

/// A body too large for memory, as a synced file. Whoever holds the last reference decides by the
/// concrete type whether the file goes with it (runtime/spool.hpp). Immutable, any thread.
class BodyFile {
  public:
    BodyFile(std::string path, std::uint64_t size) : path_(std::move(path)), size_(size) {}
    virtual ~BodyFile() = default;
    BodyFile(const BodyFile&) = delete;
    BodyFile& operator=(const BodyFile&) = delete;

    const std::string& path() const { return path_; }
    std::uint64_t size() const { return size_; }
    /// Where it is open already: not to be closed, and the read position is everybody's. -1: not.
    virtual int descriptor() const { return -1; }

  private:
    std::string path_;
    std::uint64_t size_;
};

/// What a client posted or a handler returned: bytes in memory, or a file when larger than the
/// spool threshold (default 256 KiB). Exactly one of the two is in use.
struct Body {
    std::string bytes;
    std::shared_ptr<BodyFile> file;

    std::uint64_t size() const { return file ? file->size() : bytes.size(); }
};

}  // namespace bide
