#pragma once

#include "base/body.hpp"
#include "base/result.hpp"
#include "runtime/descriptor.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace bide::runtime {

/// A body's file that goes away with its last reference, unless the store has taken it over.
class SpooledFile final : public BodyFile {
  public:
    SpooledFile(std::string path, std::uint64_t size) : BodyFile(std::move(path), size) {}
    ~SpooledFile() override;

    /// From here on the store removes the file, when it removes the row that names it. Any thread.
    void keep() { kept_.store(true, std::memory_order_relaxed); }

  private:
    std::atomic<bool> kept_{false};
};

/// A body's file that was opened when it was found: whole to the last reference, though retention
/// removes it meanwhile.
class OpenedFile final : public BodyFile {
  public:
    OpenedFile(std::string path, std::uint64_t size, Descriptor file)
        : BodyFile(std::move(path), size), file_(std::move(file)) {}
    int descriptor() const override { return file_.get(); }

  private:
    Descriptor file_;
};

/// A body that is not open already, for who sends it, from any offset; not for reading on from the
/// read position. Fails with store_failed, which says never when it is not there or of another
/// size. The detail names the file without its directory, which is nothing for clients.
Result<Descriptor> open_body(const BodyFile& body);

/// The directory of large bodies: <data>/bodies, with files being written in <data>/bodies/tmp.
/// A file gets its name only after it is synced, so a named file is whole. Thread-safe.
class Spool {
  public:
    /// Creates the directories.
    static Result<std::unique_ptr<Spool>> open(std::string directory, std::uint64_t threshold);

    /// Removes what a crash left half-written. Only for who alone uses the directory, before the
    /// first body.
    Result<void> remove_unfinished();

    /// A file for what memory has no room for at the moment: not synced, and gone with its last
    /// reference or the next start. Blocks on the disk.
    Result<std::shared_ptr<BodyFile>> set_aside(std::string_view bytes) const;

    const std::string& directory() const { return directory_; }
    /// Bodies up to this size stay in memory and in the database.
    std::uint64_t threshold() const { return threshold_; }

  private:
    Spool(std::string directory, std::uint64_t threshold)
        : directory_(std::move(directory)), threshold_(threshold) {}

    std::string directory_;
    std::uint64_t threshold_;
};

/// Collects a body of unknown length: in memory up to the spool's threshold, then in a file.
/// Not thread-safe. append() and finish() block on the disk when a file is at stake; call them
/// from a thread that may block when needs_disk() says so.
class BodyWriter {
  public:
    enum class Place : std::uint8_t {
        memory_first,  ///< up to the spool's threshold
        disk,          ///< from the first byte
    };
    BodyWriter(Spool& spool, std::uint64_t size_max, Place place = Place::memory_first);
    ~BodyWriter();
    BodyWriter(BodyWriter&& other) noexcept;
    BodyWriter& operator=(BodyWriter&&) = delete;

    /// From the next byte on.
    void go_to_disk() { memory_max_ = 0; }

    /// Whether appending `more` bytes, or finish() when 0, touches the disk.
    bool needs_disk(std::size_t more) const;

    /// Fails with too_large past size_max, with store_failed when the disk does.
    Result<void> append(std::string_view bytes);

    /// The whole body, synced if it is a file. The writer is empty afterwards.
    Result<Body> finish();

    std::uint64_t size() const { return size_; }

  private:
    Result<void> open_file();

    Spool* spool_;
    std::uint64_t size_max_;
    std::uint64_t memory_max_;
    std::uint64_t size_ = 0;
    std::string memory_;
    std::string temporary_path_;
    int descriptor_ = -1;
};

/// Makes a file's bytes, or a directory's entries, durable.
Result<void> sync_path(const std::string& path);

/// store_failed with "what: the reason errno names".
Error disk_error(std::string_view what, int error_number);

}  // namespace bide::runtime
