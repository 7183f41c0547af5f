#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace bide::runtime {

/// Where a request goes: an http or https URL, taken apart once.
struct HttpUrl {
    bool tls = false;
    std::string host;  ///< a name or an address, without brackets
    std::uint16_t port = 0;
    std::string authority;  ///< as in the Host field: the port only when it is not the usual one
    std::string target;     ///< path and query, never empty
    std::string origin;     ///< "https://host:port"; one pool of connections each
};

/// Refuses what is not absolute, other schemes, user information and fragments, saying so.
Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace bide::runtime
