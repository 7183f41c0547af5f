#pragma once

#include "base/body.hpp"
#include "base/time.hpp"
#include "runtime/asio.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/http_fields.hpp"
#include "runtime/http_url.hpp"
#include "runtime/spool.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/outcome/basic_result.hpp>
#include <boost/outcome/policy/terminate.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace bide::runtime {

/// As a limit on time: none.
constexpr Duration kNoLimit = Duration::max();

/// What a host's name stands for, or why that is not known.
struct HttpAddresses {
    std::vector<net::ip::address> addresses;
    boost::system::error_code error;
};

/// Looks a host's name up, on a thread that it may block.
using HttpResolve = std::function<HttpAddresses(const std::string& host)>;

struct HttpClientOptions {
    std::size_t connections_max = 64;                 ///< to one origin; more requests wait for one
    std::size_t waiting_max = 100'000;                ///< requests that wait so; more are refused
    Duration idle_max = std::chrono::seconds(30);     ///< of a connection kept for the next request
    Duration connect_max = std::chrono::seconds(10);  ///< looking the name up, and connecting
    Duration handshake_max = std::chrono::seconds(10);
    Duration head_max = kNoLimit;   ///< from the whole request sent to the answer's head
    Duration pause_max = kNoLimit;  ///< between two pieces of a body, either way
    std::uint32_t head_bytes_max = 64U << 10;
    /// All requests to an origin at once on one connection over HTTP/2, which the peer must speak:
    /// by ALPN with https, without asking ("prior knowledge") with http. How many there may be is
    /// for who sends to bound: connections_max is for HTTP/1.1, waiting_max for those that wait
    /// while the connection is opened.
    bool http2 = false;
    /// For https (runtime/tls.hpp); without one such requests fail.
    std::shared_ptr<net::ssl::context> tls;
    HttpResolve resolve;  ///< for tests; empty: the system's
};

struct HttpRequest {
    std::shared_ptr<const HttpUrl> url;  ///< never null
    std::string method = "GET";
    /// Whole lines with CR LF, values already made safe. Host, Content-Length and Connection are
    /// the client's own.
    std::string header_lines;
    /// More of them: those that are the same in every request. Null: none.
    std::shared_ptr<const std::string> fixed_lines;
    std::shared_ptr<const Body> body;  ///< null: none
    /// Sending it twice does no harm beyond what the caller lives with anyway.
    bool idempotent = false;
    std::stop_token stop;
    /// Where an answer's body goes when it is larger than the spool's threshold. Null: it stays in
    /// memory.
    Spool* spool = nullptr;
    std::uint64_t response_bytes_max = 16U << 20;
    /// For each interim answer (1xx), on the client's executor.
    std::function<void(std::uint16_t status, const HttpFields& fields)> on_interim;
};

struct HttpResponse {
    std::uint16_t status = 0;  ///< 200-599
    HttpFields fields;
    Body body;
    /// Of an error (a status from 400 up) whose body is a file, or was too large: its first bytes,
    /// up to kBeginning.
    std::string beginning;
    /// An error whose body was larger than response_bytes_max, and was not read on: there is none.
    bool cut = false;

    static constexpr std::size_t kBeginning = 1000;
    bool is_error() const { return status >= 400; }
    /// When the body's first bytes are about to go.
    void keep_beginning(std::string_view of);
};

struct HttpFailure {
    enum class Kind : std::uint8_t {
        stopped,      ///< by the stop token, or because the client was closed
        overloaded,   ///< too many requests wait for a connection
        unreachable,  ///< no connection: name, address, refusal
        tls,          ///< the handshake failed; the peer is not who it should be
        timeout,
        broken,     ///< the connection ended before the answer did
        malformed,  ///< the peer does not speak HTTP
        too_large,  ///< the body of an answer that is no error
        storage,    ///< a file of ours could not be read or written
    };
    Kind kind = Kind::broken;
    std::string detail;  ///< for a person; names the origin
    bool sent = false;   ///< the peer may have had all of the request, or some
};

using HttpResult = BOOST_OUTCOME_V2_NAMESPACE::
    basic_result<HttpResponse, HttpFailure, BOOST_OUTCOME_V2_NAMESPACE::policy::terminate>;

/// Sends requests over HTTP/1.1 or, if told to, HTTP/2, http and https, keeping connections for the
/// next request. With HTTP/1.1 one request is on a connection at a time; further ones wait in their
/// order. With HTTP/2 there is one connection, whose peer says how many may be on it; when nothing
/// has come for 30 s while requests are under way it is asked for a sign of life. Redirects are not
/// followed and proxies not used: an answer is what the named origin said. A host with several
/// addresses is tried address by address.
///
/// A kept connection may have been closed by the peer unseen. When it ends before a byte of the
/// answer came, the request is sent once more, on a fresh one, if it is idempotent or nothing of it
/// was taken by the kernel. Over HTTP/2 also when the peer refused it without looking at it.
///
/// A request whose body is large is answered while it is still being sent, if the peer likes to;
/// the rest is then not sent. Bodies that are files go in pieces through the pool; memory stays
/// flat.
///
/// All of it, making and destroying included, on the executor's one thread. When close() was called
/// and every send() has returned it may be destroyed. `pool` and `clock` outlive it.
class HttpClient {
  public:
    HttpClient(
        Executor executor, BlockingPool& pool, const Clock& clock, HttpClientOptions options
    );
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    Task<HttpResult> send(HttpRequest request);

    /// Closes what idles and stops what is under way; further requests end as stopped.
    void close();

    /// Closes what idles only: the peers may have gone without a word.
    void close_idle();

    std::size_t idle_connections() const;

    struct Shared;

  private:
    std::shared_ptr<Shared> shared_;
};

}  // namespace bide::runtime
