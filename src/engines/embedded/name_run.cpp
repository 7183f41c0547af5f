#include "engines/embedded/name_run.hpp"

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace bide::engines::embedded {
namespace {

constexpr std::string_view kMagic = "bidename";
constexpr std::size_t kHeadSize = 32;
constexpr std::size_t kNameSize = 24;

void append_number(std::string& to, std::uint64_t value) {
    std::array<unsigned char, 8> bytes{};
    boost::endian::store_little_u64(bytes.data(), value);
    to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::uint64_t number_at(const char* bytes) {
    return boost::endian::load_little_u64(reinterpret_cast<const unsigned char*>(bytes));
}

std::uint64_t crc_of(std::string_view bytes) {
    boost::crc_32_type crc;
    crc.process_bytes(bytes.data(), bytes.size());
    return crc.checksum();
}

Error damaged(std::string_view what) {
    return {Code::store_failed, Retry::never, "a file of names is damaged: " + std::string(what)};
}

Result<void> read_exactly(int file, char* to, std::size_t size, std::uint64_t offset) {
    while (size > 0) {
        const ssize_t got = ::pread(file, to, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return runtime::disk_error("cannot read names", errno);
        if (got == 0) return damaged("it is too short");
        to += got;
        size -= static_cast<std::size_t>(got);
        offset += static_cast<std::uint64_t>(got);
    }
    return success();
}

}  // namespace

Result<std::string> NameRun::write(runtime::Spool& spool, const std::vector<Name>& names) {
    NameFilter filter(names.size());
    for (const auto& name : names) filter.add(name.id);
    std::string bytes(kMagic);
    append_number(bytes, names.size());
    append_number(bytes, filter.bytes().size());
    append_number(bytes, crc_of(filter.bytes()));
    bytes += filter.bytes();
    for (const auto& name : names) {
        bytes.append(reinterpret_cast<const char*>(name.id.bytes.data()), name.id.bytes.size());
        append_number(bytes, static_cast<std::uint64_t>(name.sequence));
    }
    runtime::BodyWriter writer(spool, std::numeric_limits<std::uint64_t>::max());
    BIDE_TRY(writer.append(bytes));
    BIDE_TRY(const Body body, writer.finish());
    static_cast<runtime::SpooledFile&>(*body.file).keep();
    return body.file->path();
}

Result<std::shared_ptr<const NameRun>> NameRun::open(const std::string& path) {
    BIDE_TRY(runtime::Descriptor file, runtime::open_for_reading(path));
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) return runtime::disk_error("cannot read " + path, errno);
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    std::array<char, kHeadSize> head{};
    BIDE_TRY(read_exactly(file.get(), head.data(), head.size(), 0));
    const std::uint64_t count = number_at(head.data() + 8);
    const std::uint64_t filter_size = number_at(head.data() + 16);
    const bool fits =
        count < size && filter_size < size && kHeadSize + filter_size + count * kNameSize == size;
    if (std::string_view(head.data(), 8) != kMagic || !fits) return damaged(path);
    std::string filter(filter_size, '\0');
    BIDE_TRY(read_exactly(file.get(), filter.data(), filter.size(), kHeadSize));
    if (crc_of(filter) != number_at(head.data() + 24)) return damaged(path);
    return std::shared_ptr<const NameRun>(
        new NameRun(std::move(file), NameFilter::from_bytes(filter), count, kHeadSize + filter_size)
    );
}

Result<Name> NameRun::at(std::uint64_t index) const {
    std::array<char, kNameSize> bytes{};
    BIDE_TRY(read_exactly(file_.get(), bytes.data(), bytes.size(), offset_ + index * kNameSize));
    Name name;
    std::copy_n(bytes.begin(), name.id.bytes.size(), name.id.bytes.begin());
    name.sequence = static_cast<std::int64_t>(number_at(bytes.data() + name.id.bytes.size()));
    return name;
}

/// The last of the names with this id: the youngest.
Result<std::optional<std::int64_t>> NameRun::find(const JobId& id) const {
    std::uint64_t begin = 0;
    std::uint64_t end = count_;
    std::optional<std::int64_t> found;
    while (begin < end) {
        const std::uint64_t middle = begin + (end - begin) / 2;
        BIDE_TRY(const Name name, at(middle));
        if (name.id == id) found = name.sequence;
        if (name.id <= id)
            begin = middle + 1;
        else
            end = middle;
    }
    return found;
}

}  // namespace bide::engines::embedded
