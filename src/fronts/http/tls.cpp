#include "fronts/http/tls.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <limits>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace bide::fronts::http {

using boost::system::error_code;
using runtime::kTuple;
using runtime::Task;

namespace {

/// TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK";

/// The protocols in the order of preference, as ALPN writes them: their length, then their name.
constexpr std::string_view kProtocols = "\x02h2\x08http/1.1";
constexpr std::string_view kHttp1 = kProtocols.substr(3);

/// So many operations a connection with a fast peer does before it lets others run.
constexpr unsigned kInARowMax = 16;

std::string last_error() {
    const unsigned long code = ERR_get_error();
    ERR_clear_error();
    // OpenSSL has no words of its own for what the system says, as of a file that is not there.
    if (ERR_SYSTEM_ERROR(code)) return std::generic_category().message(ERR_GET_REASON(code));
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    return reason == nullptr ? "unknown error" : reason;
}

int select_protocol(
    SSL*,
    const unsigned char** chosen,
    unsigned char* length,
    const unsigned char* offered,
    unsigned offered_length,
    void* http2
) {
    const std::string_view protocols = http2 != nullptr ? kProtocols : kHttp1;
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(
        &found,
        length,
        reinterpret_cast<const unsigned char*>(protocols.data()),
        static_cast<unsigned>(protocols.size()),
        offered,
        offered_length
    );
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// There is nobody to ask for a pass phrase.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

Error cannot_use(const std::string& path, const std::string& why) {
    return {Code::bad_request, Retry::never, "cannot use " + path + " for TLS: " + why};
}

Result<TlsIdentity::Context> make_context(const TlsFiles& files) {
    ERR_clear_error();
    const TlsIdentity::Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    SSL_CTX* const raw = context.get();
    if (raw == nullptr) return Error{Code::internal, Retry::never, "no TLS: " + last_error()};
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_options(
        raw,
        SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
            SSL_OP_IGNORE_UNEXPECTED_EOF
    );
    SSL_CTX_set_mode(
        raw,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
            SSL_MODE_RELEASE_BUFFERS
    );
    // Tickets resume sessions; a cache would be memory that clients can fill.
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cipher_list(raw, kCiphers);
    static int yes = 1;  // any pointer that is not null
    SSL_CTX_set_alpn_select_cb(raw, select_protocol, files.http2 ? &yes : nullptr);
    SSL_CTX_set_default_passwd_cb(raw, no_pass_phrase);
    if (SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1)
        return cannot_use(files.certificate, last_error());
    if (SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
        return cannot_use(files.key, last_error());
    if (SSL_CTX_check_private_key(raw) != 1)
        return cannot_use(files.key, "it is not the key of " + files.certificate);
    return context;
}

}  // namespace

// --- the identity -----------------------------------------------------------------------------

Result<std::unique_ptr<TlsIdentity>> TlsIdentity::load(TlsFiles files) {
    auto identity = std::unique_ptr<TlsIdentity>(new TlsIdentity(std::move(files)));
    identity->seen_ = identity->stamps();
    BIDE_TRY(identity->context_, make_context(identity->files_));
    return identity;
}

TlsIdentity::Context TlsIdentity::context() const {
    const std::lock_guard lock(mutex_);
    return context_;
}

TlsIdentity::Stamp TlsIdentity::stamp_of(const std::string& path) {
    struct stat facts {};
    if (::stat(path.c_str(), &facts) != 0) return {};
    return {facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
}

void TlsIdentity::reload(const std::function<void(const std::string&)>& log_error) {
    // Before the files are read: a change in the meantime is seen the next time.
    const Stamps now = stamps();
    if (now == seen_) return;
    seen_ = now;
    Result<Context> fresh = make_context(files_);
    if (fresh.has_error()) {
        if (log_error) log_error(fresh.error().detail + "; the one before stays in use");
        return;
    }
    const std::lock_guard lock(mutex_);
    context_ = std::move(fresh.value());
}

// --- a connection -----------------------------------------------------------------------------

Tls::Tls(const TlsIdentity::Context& context, runtime::Socket& socket)
    : socket_(socket), ssl_(SSL_new(context.get())) {
    error_code ignored;
    socket_.native_non_blocking(true, ignored);
    if (ssl_ == nullptr || SSL_set_fd(ssl_, socket_.native_handle()) != 1) broken_ = true;
}

Tls::~Tls() {
    SSL_free(ssl_);
}

Tls::Need Tls::need_after(int result) {
    if (result > 0) return ++in_a_row_ > kInARowMax ? Need::breath : Need::nothing;
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ: return Need::readable;
        case SSL_ERROR_WANT_WRITE: return Need::writable;
        case SSL_ERROR_ZERO_RETURN: return Need::eof;
        default: break;
    }
    broken_ = true;
    ERR_clear_error();
    return Need::broken;
}

Task<error_code> Tls::wait_for(Need need) {
    in_a_row_ = 0;
    switch (need) {
        case Need::readable: {
            auto [error] = co_await socket_.async_wait(runtime::Socket::wait_read, kTuple);
            co_return error;
        }
        case Need::writable: {
            auto [error] = co_await socket_.async_wait(runtime::Socket::wait_write, kTuple);
            co_return error;
        }
        case Need::breath:
            co_await net::post(socket_.get_executor(), net::use_awaitable_t<runtime::Executor>{});
            co_return error_code{};
        case Need::eof: co_return net::error::eof;
        case Need::broken: co_return net::error::connection_reset;
        case Need::nothing: break;
    }
    co_return error_code{};
}

Task<error_code> Tls::handshake() {
    while (usable()) {
        ERR_clear_error();
        const int result = SSL_accept(ssl_);
        if (result == 1) co_return error_code{};
        const error_code error = co_await wait_for(need_after(result));
        if (error) co_return error;
    }
    co_return net::error::connection_reset;
}

Task<Tls::Transfer> Tls::read_some(net::mutable_buffer room) {
    for (;;) {
        const Transfer read = read_now(room);
        if (read_need_ != Need::nothing) {
            const error_code error = co_await wait_for(read_need_);
            if (error) co_return Transfer{error, 0};
        }
        if (read.size > 0) co_return read;
    }
}

Tls::Transfer Tls::read_now(net::mutable_buffer room) {
    read_need_ = Need::broken;
    if (!usable()) return {net::error::would_block, 0};
    const int most =
        static_cast<int>(std::min<std::size_t>(room.size(), std::numeric_limits<int>::max()));
    ERR_clear_error();
    const int result = SSL_read(ssl_, room.data(), most);
    read_need_ = need_after(result);
    if (result > 0) return {{}, static_cast<std::size_t>(result)};
    return {net::error::would_block, 0};
}

bool Tls::speaks_http2() const {
    const unsigned char* name = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &name, &length);
    return length == 2;
}

Task<error_code> Tls::write(net::const_buffer bytes) {
    while (bytes.size() > 0) {
        if (!usable()) co_return net::error::connection_reset;
        ERR_clear_error();
        const int most =
            static_cast<int>(std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max()));
        const int result = SSL_write(ssl_, bytes.data(), most);
        if (result > 0) bytes += static_cast<std::size_t>(result);
        const Need need = need_after(result);
        if (need == Need::nothing) continue;
        const error_code error = co_await wait_for(need);
        if (error) co_return error;
    }
    co_return error_code{};
}

void Tls::say_goodbye() {
    // After an error OpenSSL must not be asked to.
    if (!usable() || SSL_is_init_finished(ssl_) == 0) return;
    ERR_clear_error();
    SSL_shutdown(ssl_);
    ERR_clear_error();
}

bool Tls::peer_is_gone() {
    if (!usable()) return true;
    char byte = 0;
    ERR_clear_error();
    const Need need = need_after(SSL_peek(ssl_, &byte, 1));
    return need == Need::eof || need == Need::broken;
}

}  // namespace bide::fronts::http
