#include "engines/embedded/outcome_facts.hpp"

#include "engines/embedded/store.hpp"

#include <boost/endian/conversion.hpp>

#include <limits>

namespace bide::engines::embedded {
namespace {

namespace endian = boost::endian;

constexpr std::size_t kFixedSize = 40;
constexpr std::uint8_t kKeyed = 1;
constexpr std::uint8_t kFile = 2;

std::int64_t us(Time time) {
    return time.time_since_epoch().count();
}

}  // namespace

void pack(const OutcomeFacts& facts, std::string& to) {
    const auto tenant = facts.tenant.substr(0, std::numeric_limits<std::uint8_t>::max());
    to.resize(kFixedSize);
    auto* bytes = reinterpret_cast<unsigned char*>(to.data());
    bytes[0] = static_cast<std::uint8_t>((facts.keyed ? kKeyed : 0) | (facts.file ? kFile : 0));
    bytes[1] = facts.priority;
    bytes[2] = static_cast<std::uint8_t>(facts.kind);
    bytes[3] = static_cast<std::uint8_t>(tenant.size());
    endian::store_little_u16(bytes + 4, facts.status);
    endian::store_little_u16(bytes + 6, 0);
    endian::store_little_u32(bytes + 8, facts.check);
    endian::store_little_u32(bytes + 12, static_cast<std::uint32_t>(facts.content_type.size()));
    endian::store_little_s64(bytes + 16, us(facts.created));
    endian::store_little_s64(bytes + 24, us(facts.started));
    endian::store_little_s64(bytes + 32, us(facts.expires));
    to.append(tenant).append(facts.content_type).append(facts.detail);
}

Result<OutcomeFacts> unpack_facts(std::string_view all) {
    if (all.size() < kFixedSize) return damaged("an outcome without its facts");
    const auto* bytes = reinterpret_cast<const unsigned char*>(all.data());
    const std::size_t tenant_size = bytes[3];
    const std::size_t type_size = endian::load_little_u32(bytes + 12);
    const bool known = bytes[2] <= static_cast<std::uint8_t>(core::FailureKind::rejected) &&
                       all.size() >= kFixedSize + tenant_size + type_size;
    if (!known) return damaged("an outcome's facts cannot be true");
    OutcomeFacts facts;
    facts.keyed = (bytes[0] & kKeyed) != 0;
    facts.file = (bytes[0] & kFile) != 0;
    facts.priority = static_cast<std::uint8_t>(bytes[1] % core::kPriorities);
    facts.kind = static_cast<core::FailureKind>(bytes[2]);
    facts.status = endian::load_little_u16(bytes + 4);
    facts.check = endian::load_little_u32(bytes + 8);
    facts.created = Time(Duration(endian::load_little_s64(bytes + 16)));
    facts.started = Time(Duration(endian::load_little_s64(bytes + 24)));
    facts.expires = Time(Duration(endian::load_little_s64(bytes + 32)));
    facts.tenant = all.substr(kFixedSize, tenant_size);
    facts.content_type = all.substr(kFixedSize + tenant_size, type_size);
    facts.detail = all.substr(kFixedSize + tenant_size + type_size);
    return facts;
}

}  // namespace bide::engines::embedded
