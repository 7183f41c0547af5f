#include "runtime/tls.hpp"

#include "base/environment.hpp"

// The compiled half of Asio's TLS, here so that only programs that use it link OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>

#include <filesystem>
#include <new>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

namespace bide::runtime {
namespace {

namespace ssl = boost::asio::ssl;
namespace fs = std::filesystem;

using Where = SystemRoots::Where;

constexpr const char* kFiles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Amazon Linux, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // the same, newer
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine, BSD
};

/// There are such directories without such files.
bool has_hashes(const fs::path& directory) {
    std::error_code error;
    for (fs::directory_iterator file(directory, error), end; !error && file != end;
         file.increment(error))
        if (file->path().extension() == ".0") return true;
    return false;
}

bool readable(const std::string& file) {
    std::error_code error;
    return fs::is_regular_file(file, error);
}

bool is_for_another(long verified) {
    return verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
}

/// What expect_host() was told.
std::string expected_host(SSL* tls) {
    X509_VERIFY_PARAM* const expected = ::SSL_get0_param(tls);
    if (const char* name = ::X509_VERIFY_PARAM_get0_host(expected, 0)) return name;
    char* const address = ::X509_VERIFY_PARAM_get1_ip_asc(expected);
    std::string text = address == nullptr ? "" : address;
    ::OPENSSL_free(address);
    return text;
}

/// Neither of a file given for them nor of the system.
bool knows_no_roots(SSL* tls) {
    const auto* store = ::SSL_CTX_get_cert_store(::SSL_get_SSL_CTX(tls));
    if (::sk_X509_OBJECT_num(::X509_STORE_get0_objects(store)) > 0) return false;
    return find_system_roots().where == Where::nowhere;
}

}  // namespace

SystemRoots find_system_roots() {
    if (!environment(::X509_get_default_cert_file_env()).empty() ||
        !environment(::X509_get_default_cert_dir_env()).empty())
        return {Where::environment, "the environment's SSL_CERT_FILE, SSL_CERT_DIR"};
    const std::string task = environment("LAMBDA_TASK_ROOT");
    if (!task.empty() && has_hashes(task + "/certs")) return {Where::directory, task + "/certs"};
    for (const char* directory : {::X509_get_default_cert_dir(), "/etc/ssl/certs"})
        if (has_hashes(directory)) return {Where::directory, directory};
    if (const char* file = ::X509_get_default_cert_file(); readable(file))
        return {Where::file, file};
    for (const char* file : kFiles)
        if (readable(file)) return {Where::file, file};
    return {Where::nowhere, ""};
}

Result<std::shared_ptr<ssl::context>> make_tls_client_context(const std::string& ca_file) {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    boost::system::error_code error;
    ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
    context->set_verify_mode(ssl::verify_peer, error);
    const SystemRoots roots =
        ca_file.empty() ? find_system_roots() : SystemRoots{Where::file, ca_file};
    if (!error && roots.where == Where::environment) context->set_default_verify_paths(error);
    if (!error && roots.where == Where::directory) context->add_verify_path(roots.path, error);
    if (!error && roots.where == Where::file) context->load_verify_file(roots.path, error);
    if (error) {
        return Error{
            Code::bad_request,
            Retry::never,
            "cannot read CA certificates from " + roots.path + ": " + error.message()};
    }
    return context;
}

void expect_host(SSL* tls, const std::string& host) {
    if (::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(tls), host.c_str()) == 1) return;
    ::SSL_set_tlsext_host_name(tls, host.c_str());
    // Without a name any certificate would do.
    if (host.empty() || ::SSL_set1_host(tls, host.c_str()) != 1) throw std::bad_alloc();
}

std::string why_handshake_failed(const boost::system::error_code& error, SSL* tls) {
    std::string text = "TLS handshake: " + error.message();
    const auto reason = ERR_GET_REASON(static_cast<unsigned long>(error.value()));
    if (error.category() == boost::asio::error::get_ssl_category() &&
        reason == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL)
        return text + "; the peer does not offer HTTP/2";
    const long verified = ::SSL_get_verify_result(tls);
    if (verified == X509_V_OK) return text;
    text += std::string(", ") + ::X509_verify_cert_error_string(verified);
    if (is_for_another(verified))
        return text + ": the certificate is not for " + expected_host(tls);
    if (knows_no_roots(tls)) {
        text += "; this system has no CA certificates: install ca-certificates, or name a file of ";
        text += "them in SSL_CERT_FILE";
    }
    return text;
}

}  // namespace bide::runtime
