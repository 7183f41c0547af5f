#pragma once

#include "base/result.hpp"
#include "runtime/asio.hpp"

#include <boost/asio/buffer.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

// OpenSSL's names for them, so that its headers stay in tls.cpp.
struct ssl_st;
struct ssl_ctx_st;

namespace bide::fronts::http {

namespace net = runtime::net;

/// Where certificate chain and private key are, as PEM.
struct TlsFiles {
    std::string certificate;
    std::string key;
    bool http2 = true;  ///< offered, besides HTTP/1.1
};

/// The server's side of all TLS connections: certificate, key, protocol. Loaded again when the
/// files change; connections that are there keep what they began with. Any thread.
class TlsIdentity {
  public:
    using Context = std::shared_ptr<ssl_ctx_st>;

    static Result<std::unique_ptr<TlsIdentity>> load(TlsFiles files);

    Context context() const;
    /// Looks at the files, and when they have changed, takes the new pair, or keeps the old one and
    /// tells `log_error` why. One thread at a time.
    void reload(const std::function<void(const std::string&)>& log_error);

  private:
    /// What tells one version of a file from another.
    struct Stamp {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        std::int64_t size = 0;
        std::int64_t seconds = 0;
        std::int64_t nanoseconds = 0;
        bool operator==(const Stamp&) const = default;
    };
    using Stamps = std::array<Stamp, 2>;

    explicit TlsIdentity(TlsFiles files) : files_(std::move(files)) {}
    static Stamp stamp_of(const std::string& path);
    Stamps stamps() const { return {stamp_of(files_.certificate), stamp_of(files_.key)}; }

    TlsFiles files_;
    Stamps seen_{};
    mutable std::mutex mutex_;
    Context context_;
};

/// The TLS of one connection, directly on its socket: OpenSSL reads and writes the descriptor, and
/// the coroutine waits only until it is ready. Against asio::ssl::stream there is neither a pair of
/// BIOs nor a buffer of its own, and an idle connection gives its record buffers back, which is
/// most of what a waiting caller would cost. Belongs to the socket's thread; one read and one write
/// may be under way at once. Cancelling the socket's operations ends them, and so does closing it.
class Tls {
  public:
    struct Transfer {
        boost::system::error_code error;
        std::size_t size = 0;
    };

    Tls(const TlsIdentity::Context& context, runtime::Socket& socket);
    ~Tls();
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    runtime::Task<boost::system::error_code> handshake();
    /// At least a byte, or an error; the orderly end is net::error::eof.
    runtime::Task<Transfer> read_some(net::mutable_buffer room);
    /// For who must not hold a buffer while nothing comes: what is there now, or would_block; then
    /// wait_to_read(), and again.
    Transfer read_now(net::mutable_buffer room);
    runtime::Task<boost::system::error_code> wait_to_read() { return wait_for(read_need_); }
    /// After the handshake: whether HTTP/2 was agreed on.
    bool speaks_http2() const;
    runtime::Task<boost::system::error_code> write(net::const_buffer bytes);
    /// Tells the peer that nothing more comes; does not wait for it.
    void say_goodbye();
    /// Whether the peer has ended its side. Does not block, and takes no byte of its requests.
    bool peer_is_gone();

  private:
    enum class Need : unsigned char { nothing, readable, writable, breath, eof, broken };
    /// Asked before each call of OpenSSL: it knows the descriptor by its number, and when the shard
    /// has closed the socket, while the coroutine slept, the number may be somebody else's.
    bool usable() const { return !broken_ && socket_.is_open(); }
    Need need_after(int result);
    runtime::Task<boost::system::error_code> wait_for(Need need);

    runtime::Socket& socket_;
    ssl_st* ssl_;
    bool broken_ = false;
    Need read_need_ = Need::nothing;  ///< of the last read_now()
    unsigned in_a_row_ = 0;           ///< operations since the last that gave others a turn
};

}  // namespace bide::fronts::http
