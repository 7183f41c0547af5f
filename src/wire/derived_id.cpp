#include "wire/derived_id.hpp"

#include "wire/sha256.hpp"

#include <algorithm>
#include <string>

namespace bide::wire {
namespace {

JobId id_of(const Digest& digest) {
    JobId id;
    std::copy_n(digest.begin(), id.bytes.size(), id.bytes.begin());
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0f) | 0x80);  // version 8
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3f) | 0x80);  // variant 2
    return id;
}

}  // namespace

JobId id_of_key(std::string_view tenant, std::string_view queue, std::string_view key) {
    Sha256 hash;
    hash.update_prefixed(tenant);
    hash.update_prefixed(queue);
    hash.update_prefixed(key);
    return id_of(hash.finish());
}

JobId id_of_item(const JobId& batch, std::uint64_t index) {
    Sha256 hash;
    hash.update_prefixed({reinterpret_cast<const char*>(batch.bytes.data()), batch.bytes.size()});
    hash.update_prefixed(std::to_string(index));
    return id_of(hash.finish());
}

}  // namespace bide::wire
