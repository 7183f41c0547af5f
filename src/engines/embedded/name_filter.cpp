#include "engines/embedded/name_filter.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bide::engines::embedded {
namespace {

constexpr std::size_t kBitsPerId = 16;

/// Stored on disk through the filter's bits: never change it. (splitmix64's finisher over both
/// halves.)
std::uint64_t hash_of(const JobId& id) {
    std::uint64_t high = 0;
    std::uint64_t low = 0;
    std::memcpy(&high, id.bytes.data(), 8);
    std::memcpy(&low, id.bytes.data() + 8, 8);
    std::uint64_t mixed = high ^ std::rotl(low, 32) * 0x9e3779b97f4a7c15;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
    return mixed ^ mixed >> 31;
}

/// Which bit of each of a block's words: six bits of the hash for each.
std::uint64_t bit_of(std::uint64_t hash, std::size_t word) {
    return std::uint64_t{1} << ((hash >> (6 * word)) & 63);
}

}  // namespace

NameFilter::NameFilter(std::size_t ids_max)
    : blocks_(std::max<std::size_t>(1, ids_max * kBitsPerId / 512)) {}

NameFilter NameFilter::from_bytes(std::string_view bytes) {
    NameFilter filter;
    filter.blocks_.resize(bytes.size() / sizeof(Block));
    std::memcpy(filter.blocks_.data(), bytes.data(), filter.blocks_.size() * sizeof(Block));
    return filter;
}

void NameFilter::add(const JobId& id) {
    const std::uint64_t hash = hash_of(id);
    Block& block = blocks_[(hash >> 48) * blocks_.size() >> 16];
    for (std::size_t word = 0; word < block.size(); ++word) block[word] |= bit_of(hash, word);
}

bool NameFilter::may_have(const JobId& id) const {
    if (blocks_.empty()) return true;
    const std::uint64_t hash = hash_of(id);
    const Block& block = blocks_[(hash >> 48) * blocks_.size() >> 16];
    for (std::size_t word = 0; word < block.size(); ++word) {
        if ((block[word] & bit_of(hash, word)) == 0) return false;
    }
    return true;
}

std::string_view NameFilter::bytes() const {
    return {reinterpret_cast<const char*>(blocks_.data()), blocks_.size() * sizeof(Block)};
}

}  // namespace bide::engines::embedded
