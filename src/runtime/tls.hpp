#pragma once

#include "base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <string>

namespace bide::runtime {

/// Where the CAs that the system knows were found.
struct SystemRoots {
    enum class Where {
        nowhere,
        environment,  ///< where SSL_CERT_FILE and SSL_CERT_DIR say, which OpenSSL reads itself
        directory,    ///< a file for each, named by a hash for OpenSSL; read when it is needed
        file,         ///< PEM, all of them; reading it takes some 20 ms
    };
    Where where;
    std::string path;
};

/// The first that is there: what SSL_CERT_FILE and SSL_CERT_DIR say; $LAMBDA_TASK_ROOT/certs, which
/// the zip of a Lambda function brings; where OpenSSL and the distributions have them.
SystemRoots find_system_roots();

/// What TLS clients share: TLS 1.2 or later, the peer's certificate must lead to a known CA. The
/// CAs are those of `ca_file` (PEM) and nothing else, or when empty those the system knows.
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_client_context(
    const std::string& ca_file
);

/// The peer's certificate must be for this name or address; a name is told to it, too, so that it
/// can choose its certificate.
void expect_host(SSL* tls, const std::string& host);

/// What a client says when `tls` could not be set up, whose handshake ended with `error`.
std::string why_handshake_failed(const boost::system::error_code& error, SSL* tls);

}  // namespace bide::runtime
