#include "engines/embedded/name_run.hpp"

#include <boost/crc.hpp>
#include <boost/endian/conversion.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <limits>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace bide::engines::embedded {
namespace {

constexpr std::string_view kMagic = "bidenam2";
constexpr std::string_view kMagic1 = "bidename";
constexpr std::size_t kHeadSize = 32;
constexpr std::size_t kNameSize = 24;
/// In a block, the last one of a file excepted: to find a name 3 KiB are read and checked, in some
/// 20 us.
constexpr std::size_t kBlockNames = 128;
constexpr std::size_t kBlockBytes = kBlockNames * kNameSize;
constexpr std::size_t kEntrySize = 24;  ///< of the table of blocks
/// What is handed to the disk at a time.
constexpr std::size_t kPieceBytes = 64 * kBlockBytes;

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

JobId id_at(const char* bytes) {
    JobId id;
    std::copy_n(bytes, id.bytes.size(), id.bytes.begin());
    return id;
}

void append_id(std::string& to, const JobId& id) {
    to.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

std::uint64_t blocks_of(std::uint64_t names) {
    return (names + kBlockNames - 1) / kBlockNames;
}

/// Fewer bytes than asked for: the file ends there.
Result<std::string> read_at(int file, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto at = static_cast<off_t>(offset + have);
        const ssize_t got = ::pread(file, bytes.data() + have, size - have, at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return runtime::disk_error("cannot read names", errno);
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return bytes;
}

Name name_at(const char* bytes) {
    const JobId id = id_at(bytes);
    return {id, static_cast<std::int64_t>(number_at(bytes + id.bytes.size()))};
}

void append_name(std::string& to, const Name& name) {
    append_id(to, name.id);
    append_number(to, static_cast<std::uint64_t>(name.sequence));
}

using TakeName = std::function<Result<void>(const Name&)>;
/// Hands out all names in their order, as often as it is called.
using EachName = std::function<Result<void>(const TakeName&)>;

/// All that comes before the names.
Result<std::string> head_of(std::uint64_t count, const EachName& each) {
    NameFilter filter(count);
    std::string table;
    std::string block;
    const auto end_block = [&table, &block] {
        append_id(table, id_at(block.data()));
        append_number(table, crc_of(block));
        block.clear();
    };
    BIDE_TRY(each([&](const Name& name) {
        filter.add(name.id);
        append_name(block, name);
        if (block.size() == kBlockBytes) end_block();
        return success();
    }));
    if (!block.empty()) end_block();
    std::string counts;
    append_number(counts, count);
    append_number(counts, filter.bytes().size());
    std::string tables(filter.bytes());
    tables += table;
    std::string head(kMagic);
    head += counts;
    append_number(head, crc_of(counts + tables));
    return head + tables;
}

Result<std::string> write_names(runtime::Spool& spool, std::uint64_t count, const EachName& each) {
    runtime::BodyWriter writer(spool, std::numeric_limits<std::uint64_t>::max());
    BIDE_TRY(std::string piece, head_of(count, each));
    BIDE_TRY(each([&](const Name& name) -> Result<void> {
        append_name(piece, name);
        if (piece.size() < kPieceBytes) return success();
        BIDE_TRY(writer.append(piece));
        piece.clear();
        return success();
    }));
    BIDE_TRY(writer.append(piece));
    BIDE_TRY(const Body body, writer.finish());
    static_cast<runtime::SpooledFile&>(*body.file).keep();
    return body.file->path();
}

}  // namespace

Result<std::string> NameRun::write(runtime::Spool& spool, const std::vector<Name>& names) {
    return write_names(spool, names.size(), [&names](const TakeName& take) -> Result<void> {
        for (const auto& name : names) {
            BIDE_TRY(take(name));
        }
        return success();
    });
}

/// Where a walk over the names of a run is.
class NameRun::Cursor {
  public:
    explicit Cursor(const NameRun& run) : run_(&run) {}

    /// False: there is none any more.
    Result<bool> next() {
        at_ += kNameSize;
        if (at_ >= bytes_.size()) {
            if (block_ == run_->blocks_.size()) return false;
            BIDE_TRY(bytes_, run_->bytes_of(block_++));
            at_ = 0;
        }
        name_ = name_at(bytes_.data() + at_);
        return true;
    }
    const Name& name() const { return name_; }

  private:
    const NameRun* run_;
    std::size_t block_ = 0;  ///< the next one
    std::string bytes_;
    std::size_t at_ = 0;
    Name name_;
};

Result<std::string> NameRun::merge(runtime::Spool& spool, const Some& runs) {
    std::uint64_t count = 0;
    for (const auto& run : runs) count += run->size();
    return write_names(spool, count, [&runs](const TakeName& take) -> Result<void> {
        std::vector<Cursor> heap;  // the least name is first
        const auto later = [](const Cursor& a, const Cursor& b) { return a.name() > b.name(); };
        for (const auto& run : runs) {
            Cursor cursor(*run);
            BIDE_TRY(const bool any, cursor.next());
            if (any) heap.push_back(std::move(cursor));
        }
        std::make_heap(heap.begin(), heap.end(), later);
        while (!heap.empty()) {
            std::pop_heap(heap.begin(), heap.end(), later);
            BIDE_TRY(take(heap.back().name()));
            BIDE_TRY(const bool more, heap.back().next());
            if (more)
                std::push_heap(heap.begin(), heap.end(), later);
            else
                heap.pop_back();
        }
        return success();
    });
}

NameRun::NameRun(std::string path, runtime::Descriptor file)
    : name_(path.substr(path.rfind('/') + 1)), file_(std::move(file)) {}

/// Without the path: this is told to clients, too.
Error NameRun::damaged(std::string_view what) const {
    return {
        Code::store_failed,
        Retry::never,
        "the file of names " + name_ + " is damaged: " + std::string(what)};
}

Result<std::shared_ptr<const NameRun>> NameRun::open(const std::string& path) {
    BIDE_TRY(runtime::Descriptor file, runtime::open_for_reading(path));
    auto run = std::shared_ptr<NameRun>(new NameRun(path, std::move(file)));
    BIDE_TRY(run->read_head());
    return std::shared_ptr<const NameRun>(std::move(run));
}

Result<void> NameRun::read_head() {
    struct stat facts {};
    if (::fstat(file_.get(), &facts) != 0) return runtime::disk_error("cannot read names", errno);
    const auto size = static_cast<std::uint64_t>(facts.st_size);
    BIDE_TRY(const std::string head, read_at(file_.get(), 0, kHeadSize));
    if (head.size() < kHeadSize) return damaged("it is too short");
    const std::string_view magic = std::string_view(head).substr(0, kMagic.size());
    if (magic != kMagic && magic != kMagic1) return damaged("it does not say what it is");
    const bool has_table = magic == kMagic;
    count_ = number_at(head.data() + 8);
    const std::uint64_t filter_size = number_at(head.data() + 16);
    if (count_ >= size || filter_size >= size) return damaged("it has another size than it says");
    const std::uint64_t table_size = has_table ? blocks_of(count_) * kEntrySize : 0;
    offset_ = kHeadSize + filter_size + table_size;
    if (offset_ + count_ * kNameSize != size) return damaged("it has another size than it says");
    BIDE_TRY(const std::string tables, read_at(file_.get(), kHeadSize, filter_size + table_size));
    const std::string checked = has_table ? head.substr(8, 16) + tables : tables;
    if (crc_of(checked) != number_at(head.data() + 24)) return damaged("its filter or its table");
    filter_ = NameFilter::from_bytes(std::string_view(tables).substr(0, filter_size));
    if (!has_table) return make_table();
    const std::string_view table = std::string_view(tables).substr(filter_size);
    for (std::size_t at = 0; at < table.size(); at += kEntrySize) {
        const char* const entry = table.data() + at;
        blocks_.push_back({id_at(entry), number_at(entry + 16)});
    }
    return success();
}

/// What was damaged before is noticed only where it spoils the order.
Result<void> NameRun::make_table() {
    BIDE_TRY(const std::string names, read_at(file_.get(), offset_, count_ * kNameSize));
    if (names.size() != count_ * kNameSize) return damaged("it is too short");
    for (std::size_t at = 0; at < names.size(); at += kNameSize) {
        if (at > 0 && id_at(names.data() + at) < id_at(names.data() + at - kNameSize))
            return damaged("its names are out of order");
        if (at % kBlockBytes != 0) continue;
        const std::string_view block = std::string_view(names).substr(at, kBlockBytes);
        blocks_.push_back({id_at(block.data()), crc_of(block)});
    }
    return success();
}

Result<std::string> NameRun::bytes_of(std::size_t block) const {
    const std::uint64_t begin = block * kBlockBytes;
    const std::uint64_t size = std::min<std::uint64_t>(kBlockBytes, count_ * kNameSize - begin);
    BIDE_TRY(std::string bytes, read_at(file_.get(), offset_ + begin, size));
    if (bytes.size() != size || crc_of(bytes) != blocks_[block].check)
        return damaged("block " + std::to_string(block) + " is not what was written");
    return bytes;
}

/// The last of the names with this id: the youngest.
Result<std::optional<std::int64_t>> NameRun::find(const JobId& id) const {
    const auto next = std::upper_bound(
        blocks_.begin(),
        blocks_.end(),
        id,
        [](const JobId& wanted, const Block& block) { return wanted < block.first; }
    );
    std::optional<std::int64_t> found;
    if (next == blocks_.begin()) return found;
    BIDE_TRY(
        const std::string bytes, bytes_of(static_cast<std::size_t>(next - blocks_.begin()) - 1)
    );
    for (std::size_t at = 0; at < bytes.size(); at += kNameSize) {
        const Name name = name_at(bytes.data() + at);
        if (name.id == id) found = name.sequence;
    }
    return found;
}

}  // namespace bide::engines::embedded
