#pragma once

#include "base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <string>

namespace bide::runtime {

/// What TLS clients share: TLS 1.2 or later, the peer's certificate must lead to a known CA. The
/// CAs are those of `ca_file` (PEM) and nothing else, or when empty those the system knows.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_client_context(
    const std::string& ca_file
);

}  // namespace bide::runtime
