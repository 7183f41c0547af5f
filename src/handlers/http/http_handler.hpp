#pragma once

#include "base/time.hpp"
#include "ports/handler.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/http_client.hpp"
#include "runtime/spool.hpp"
#include "runtime/work_thread.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bide::http {

/// Where a queue's jobs go.
struct Options {
    std::string queue_name;
    runtime::HttpUrl url;
    std::vector<std::string> headers;  ///< "Name: value", checked (check_header)
    std::size_t connections_max = 64;  ///< to the target; further attempts wait for one
    bool http2 = false;                ///< all on one connection, over HTTP/2
    Duration connect_max = std::chrono::seconds(10);  ///< and as long again for TLS
    std::uint64_t output_bytes_max = 1ULL << 30;
    std::shared_ptr<runtime::net::ssl::context> tls;  ///< for https
};

/// Whether "Name: value" can be sent with every request; the fields that frame the message and
/// those that say which job it is are not for a configuration.
Result<void> check_header(std::string_view line);

/// Forwards each job to a URL, by POST: the body as it is, its Content-Type, and Bide-Job-Id,
/// Bide-Queue, Bide-Attempt, Bide-Attempts-Max, Bide-Deadline, Idempotency-Key and traceparent.
/// What the answer means: handlers/http/mapping.hpp. An attempt has no time limit of its own but
/// that for connecting: it ends with its lease, by the stop, which closes the connection.
///
/// A kept connection that ends before the answer began counts for nothing: the request is sent
/// again, under the same key, within the attempt. Handlers run at least once (G6).
///
/// `thread`, `spool` and `clock` outlive the handler, which may be destroyed when its attempts have
/// ended; `pool` runs until `thread` is joined.
std::unique_ptr<ports::Handler> make_http_handler(
    runtime::WorkThread& thread,
    runtime::Spool& spool,
    runtime::BlockingPool& pool,
    const Clock& clock,
    Options options
);

}  // namespace bide::http
