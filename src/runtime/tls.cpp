#include "runtime/tls.hpp"

// The compiled half of Asio's TLS, here so that only programs that use it link OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>

#include <openssl/ssl.h>

namespace bide::runtime {

namespace ssl = boost::asio::ssl;

Result<std::shared_ptr<ssl::context>> make_tls_client_context(const std::string& ca_file) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    boost::system::error_code error;
    ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(ssl::verify_peer, error);
    if (!error && ca_file.empty()) context->set_default_verify_paths(error);
    if (!error && !ca_file.empty()) context->load_verify_file(ca_file, error);
    if (error) {
        return Error{
            Code::bad_request,
            Retry::never,
            "cannot read CA certificates from " + (ca_file.empty() ? "the system" : ca_file) +
                ": " + error.message()};
    }
    return context;
}

}  // namespace bide::runtime
