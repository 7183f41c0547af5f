#include "runtime/spool.hpp"

#include "base/check.hpp"
#include "base/rng.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace bide::runtime {
namespace {

Result<void> write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return disk_error("cannot write a body", errno);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return success();
}

std::string random_name() {
    std::array<char, 33> name{};
    std::snprintf(
        name.data(),
        name.size(),
        "%016llx%016llx",
        static_cast<unsigned long long>(os_random()),
        static_cast<unsigned long long>(os_random())
    );
    return name.data();
}

}  // namespace

Error disk_error(std::string_view what, int error_number) {
    return {
        Code::store_failed,
        Retry::unsafe,
        std::string(what) + ": " + std::generic_category().message(error_number)};
}

Result<Descriptor> open_body(const BodyFile& body) {
    const auto name = [&body] {
        return "the file " + body.path().substr(body.path().rfind('/') + 1) + " of a body";
    };
    Descriptor file(::open(body.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT)
        return Error{Code::store_failed, Retry::never, name() + " is not there"};
    struct stat facts {};
    if (!file || ::fstat(file.get(), &facts) != 0)
        return disk_error("cannot open " + name(), errno);
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    if (size == body.size()) return file;
    return Error{
        Code::store_failed,
        Retry::never,
        name() + " has " + std::to_string(size) + " bytes, not " + std::to_string(body.size())};
}

Result<void> sync_path(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return disk_error("cannot open " + path, errno);
    const int failed = ::fsync(descriptor);
    const int reason = errno;
    ::close(descriptor);
    if (failed != 0) return disk_error("cannot sync " + path, reason);
    return success();
}

SpooledFile::~SpooledFile() {
    if (!kept_.load(std::memory_order_relaxed)) ::unlink(path().c_str());
}

Result<std::unique_ptr<Spool>> Spool::open(std::string directory, std::uint64_t threshold) {
    std::error_code error;
    const std::string temporary = directory + "/tmp";
    std::filesystem::create_directories(temporary, error);
    if (error) return disk_error("cannot create " + temporary, error.value());
    return std::unique_ptr<Spool>(new Spool(std::move(directory), threshold));
}

Result<void> Spool::remove_unfinished() {
    std::error_code error;
    const std::string temporary = directory_ + "/tmp";
    for (const auto& entry : std::filesystem::directory_iterator(temporary, error))
        std::filesystem::remove(entry.path(), error);
    if (error) return disk_error("cannot clear " + temporary, error.value());
    return success();
}

Result<std::shared_ptr<BodyFile>> Spool::set_aside(std::string_view bytes) const {
    const std::string path = directory_ + "/tmp/" + random_name();
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return disk_error("cannot create " + path, errno);
    // Removed also when it cannot be written.
    auto file = std::make_shared<SpooledFile>(path, bytes.size());
    const Result<void> written = write_all(descriptor, bytes);
    ::close(descriptor);
    if (written.has_error()) return written.error();
    return std::shared_ptr<BodyFile>(std::move(file));
}

BodyWriter::BodyWriter(Spool& spool, std::uint64_t size_max, Place place)
    : spool_(&spool),
      size_max_(size_max),
      memory_max_(place == Place::disk ? 0 : spool.threshold()) {}

BodyWriter::BodyWriter(BodyWriter&& other) noexcept
    : spool_(other.spool_),
      size_max_(other.size_max_),
      memory_max_(other.memory_max_),
      size_(other.size_),
      memory_(std::move(other.memory_)),
      temporary_path_(std::move(other.temporary_path_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {
    other.temporary_path_.clear();
}

BodyWriter::~BodyWriter() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

bool BodyWriter::needs_disk(std::size_t more) const {
    return descriptor_ >= 0 || size_ + more > memory_max_;
}

Result<void> BodyWriter::append(std::string_view bytes) {
    if (bytes.size() > size_max_ - size_) {
        return Error{
            Code::too_large,
            Retry::never,
            "the body is larger than the limit of " + std::to_string(size_max_) + " bytes"};
    }
    if (!needs_disk(bytes.size())) {
        memory_.append(bytes);
        size_ += bytes.size();
        return success();
    }
    if (descriptor_ < 0) {
        BIDE_TRY(open_file());
    }
    BIDE_TRY(write_all(descriptor_, bytes));
    size_ += bytes.size();
    return success();
}

Result<void> BodyWriter::open_file() {
    temporary_path_ = spool_->directory() + "/tmp/" + random_name();
    descriptor_ = ::open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor_ < 0) {
        const int reason = errno;
        const std::string path = std::exchange(temporary_path_, {});
        return disk_error("cannot create " + path, reason);
    }
    BIDE_TRY(write_all(descriptor_, memory_));
    memory_.clear();
    memory_.shrink_to_fit();
    return success();
}

Result<Body> BodyWriter::finish() {
    Body body;
    if (descriptor_ < 0) {
        body.bytes = std::move(memory_);
        size_ = 0;
        return body;
    }
    const int failed = ::fsync(descriptor_);
    const int reason = errno;
    ::close(std::exchange(descriptor_, -1));
    if (failed != 0) return disk_error("cannot sync a body", reason);

    const std::string name =
        spool_->directory() + temporary_path_.substr(temporary_path_.rfind('/'));
    if (std::rename(temporary_path_.c_str(), name.c_str()) != 0)
        return disk_error("cannot name a body", errno);
    temporary_path_.clear();
    body.file = std::make_shared<SpooledFile>(name, std::exchange(size_, 0));
    BIDE_TRY(sync_path(spool_->directory()));
    return body;
}

}  // namespace bide::runtime
