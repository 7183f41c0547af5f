#pragma once

#include "runtime/http_client.hpp"

namespace bide::clients {

struct LimitedResult {
    runtime::HttpResult result;
    bool expired = false;  ///< the time was over; the result is a failure of kind stopped then
};

/// Sends with a limit on the time of the whole exchange, which the HTTP client does not have for
/// one request. `http` outlives the call.
runtime::Task<LimitedResult> send_within(
    runtime::HttpClient& http, runtime::HttpRequest request, Duration time_max
);

}  // namespace bide::clients
