#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"
#include "wire/sha256.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bide::service {

/// What a key may do; one key may have several.
enum class Scope : std::uint8_t { submit = 1, read = 2, admin = 4 };

struct Scopes {
    std::uint8_t bits = 0;

    void add(Scope scope) { bits |= static_cast<std::uint8_t>(scope); }
    bool has(Scope scope) const { return (bits & static_cast<std::uint8_t>(scope)) != 0; }
    /// Whether one of `wanted` is there, or none is wanted.
    bool meet(Scopes wanted) const { return wanted.bits == 0 || (bits & wanted.bits) != 0; }
};

/// An API key as the server knows it: the hash of what the client sends.
struct ApiKey {
    std::string name;
    wire::Digest hash{};  ///< SHA-256 of the whole key text
    Scopes scopes;
    std::string tenant;  ///< its jobs are this tenant's, and it sees no others; empty: anybody's
};

struct AccessRules {
    std::vector<ApiKey> keys;
    /// Without a key anybody may submit and read, also where keys are configured.
    bool anonymous = false;
    /// The listener can be reached from this machine only. Without keys that is enough to submit
    /// and to read.
    bool loopback = true;
};

/// On whose behalf a request comes.
struct Caller {
    std::string tenant;       ///< of the jobs it submits
    bool sees_all = true;     ///< else it sees the jobs of `tenant` only
    std::string cors_origin;  ///< for Access-Control-Allow-Origin; empty: no such header

    bool operator==(const Caller&) const = default;
};

/// Who asks, and whether it may: 401 and 403 are errors of this.
Result<Caller> admit(const AccessRules& rules, const wire::RequestHead& head, Scopes wanted);

}  // namespace bide::service
